// A second, simple implementation of the rules for the final state. The judge compares the function with it.
import type { PlainPolicy, TrueImage, Truth, Vulnerability, Word } from './truth.ts';

/** An image's blocker, as the gate's record last showed it. */
export interface Memory {
  readonly image: string;
  /** Vulnerability ids. */
  readonly findings: ReadonlySet<string>;
  /** When the image was last seen in violation or inactive, in milliseconds since the epoch. */
  readonly dangerousAt: number;
  /** The image's own gate was closed while the image held it. It then holds the gate without a tag, too. */
  readonly needsNoTag: boolean;
}

const RANK: Readonly<Record<Word, number>> = { low: 1, medium: 2, high: 3, critical: 4 };

/** Whether the vulnerability closes a gate while the scanner reports it as active. */
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

/** Whether the image holds its gate closed. */
export function holds(image: TrueImage, memory: Memory | undefined, truth: Truth, cloud: 'aws' | 'azure'): boolean {
  const isIncluded = truth.repositories.get(image.repository)?.included === true;
  if (!image.present || !isIncluded) return false;
  if (truth.policy.images === 'tagged' && image.tags.size === 0 && memory?.needsNoTag !== true) return false;
  for (const { vulnerability, status } of image.findings.values())
    if (status === 'active' && violates(vulnerability, truth.policy)) return true;
  return memory !== undefined && !isCleared(image, memory, truth.policy, cloud);
}

/** Whether every finding that once held the gate has a reason to release it. */
export function isCleared(image: TrueImage, memory: Memory, policy: PlainPolicy, cloud: 'aws' | 'azure'): boolean {
  if (cloud === 'aws' && image.cleanAt !== undefined && image.cleanAt > memory.dangerousAt) return true;
  for (const id of memory.findings) {
    const finding = image.findings.get(id);
    if (finding === undefined) return false;
    const { vulnerability, status } = finding;
    if (!violates(vulnerability, policy)) continue;
    if (status === 'suppressed') continue;
    // Defender marks each assessment as healthy. With Inspector, only a finished scan is proof, as above.
    if (cloud === 'azure' && status === 'clean') continue;
    return false;
  }
  return true;
}
