// A second implementation of what the final state should be, as plainly as it can be written: it judges the first.
import type { PlainPolicy, TrueImage, Truth, Vulnerability, Word } from './truth.ts';

/** What is known to have held a gate because of one image: what its record said when it was last seen. */
export interface Memory {
  readonly image: string;
  /** Ids of the vulnerabilities. */
  readonly findings: ReadonlySet<string>;
  /** When it was last seen to violate, or to be away, in milliseconds since the epoch. */
  readonly dangerousAt: number;
}

const RANK: Readonly<Record<Word, number>> = { low: 1, medium: 2, high: 3, critical: 4 };

/** Would it close a gate, if the scanner reported it as active? */
export function violates({ id, severity, score, fixable, exploited }: Vulnerability, policy: PlainPolicy): boolean {
  if (policy.excepted.includes(id)) return false;
  const rank = RANK[severity ?? bandOf(score)];
  if (exploited && policy.exploited !== 'never' && rank >= RANK[policy.exploited]) return true;
  const threshold = fixable ? policy.threshold : policy.unfixable;
  return threshold !== 'never' && rank >= RANK[threshold];
}

/** Source: https://www.first.org/cvss/v3.1/specification-document#Qualitative-Severity-Rating-Scale */
function bandOf(score: number): Word {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  return score >= 4 ? 'medium' : 'low';
}

/** Does the image hold its gate closed? */
export function holds(image: TrueImage, memory: Memory | undefined, truth: Truth, cloud: 'aws' | 'azure'): boolean {
  const isIncluded = truth.repositories.get(image.repository)?.included === true;
  if (!image.present || !isIncluded) return false;
  if (truth.policy.images === 'tagged' && image.tags.size === 0) return false;
  for (const { vulnerability, status } of image.findings.values())
    if (status === 'active' && violates(vulnerability, truth.policy)) return true;
  return memory !== undefined && !isCleared(image, memory, truth.policy, cloud);
}

/** Is there a reason for each finding that once held the gate not to hold it any more? */
export function isCleared(image: TrueImage, memory: Memory, policy: PlainPolicy, cloud: 'aws' | 'azure'): boolean {
  if (cloud === 'aws' && image.cleanAt !== undefined && image.cleanAt > memory.dangerousAt) return true;
  for (const id of memory.findings) {
    const finding = image.findings.get(id);
    if (finding === undefined) return false;
    const { vulnerability, status } = finding;
    if (!violates(vulnerability, policy)) continue;
    if (status === 'suppressed') continue;
    // Defender says of an assessment that it is healthy; Inspector's word is its scan, as above.
    if (cloud === 'azure' && status === 'clean') continue;
    return false;
  }
  return true;
}
