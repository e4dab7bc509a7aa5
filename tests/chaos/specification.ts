// The specification: a second, simple implementation of the state of a gate. The judge compares the function with it.
import type { Order, PlainPolicy, PlainRule, TrueImage, Truth, Vulnerability, Word } from './truth.ts';

/** An image's blocker, as the gate's record last showed it. */
export interface Memory {
  readonly image: string;
  /** Vulnerability ids. */
  readonly findings: ReadonlySet<string>;
  /** When the image was last seen in violation or inactive, in milliseconds since the epoch. */
  readonly dangerousAt: number;
  /** The gate was closed while the image held it. It then closes again without asking the brake. */
  readonly wasClosed: boolean;
  /** The image's own gate was closed while the image held it. It then holds the gate without a tag, too. */
  readonly needsNoTag: boolean;
}

/** What decides the state of a gate. */
export interface GateView {
  /** The image of an image gate is not in the registry. */
  readonly isGone: boolean;
  readonly isPaused: boolean;
  /** The override in force. */
  readonly override: Order | undefined;
  /** The registry shows a lock of ours that no record explains, because the record was lost. */
  readonly isUnexplained: boolean;
  /** An image holds the gate. */
  readonly isHeld: boolean;
  readonly isAudit: boolean;
  /** Someone else has locked the gate. */
  readonly isForeign: boolean;
  /** The registry shows a lock of ours. */
  readonly isLocked: boolean;
  /** The gate was closed while one of its images held it that still does. */
  readonly wasClosed: boolean;
  readonly servesLambda: boolean;
  /** The brake has no room for the gate. */
  readonly isBraked: boolean;
}

export type Desired = 'open' | 'closed' | 'unexplained' | `waiting: ${string}`;

interface Row {
  /** Its number in the design's table. These worlds have no lock in another form (10) and no reactivation (11). */
  readonly row: number;
  readonly applies: (gate: GateView) => boolean;
  readonly desired: Desired;
}

/** The first row that applies is the desired state (docs/adr/0029-the-state-of-a-gate.md). */
export const ROWS: readonly Row[] = [
  { row: 1, applies: ({ isGone }) => isGone, desired: 'open' },
  { row: 2, applies: (gate) => gate.isPaused && isWanted(gate), desired: 'waiting: pause' },
  { row: 3, applies: ({ override, isForeign }) => override === 'closed' && !isForeign, desired: 'closed' },
  { row: 4, applies: ({ isUnexplained }) => isUnexplained, desired: 'unexplained' },
  { row: 5, applies: ({ isHeld }) => !isHeld, desired: 'open' },
  { row: 6, applies: ({ isAudit }) => isAudit, desired: 'waiting: audit' },
  { row: 7, applies: ({ isForeign }) => isForeign, desired: 'waiting: foreignLock' },
  { row: 8, applies: ({ override }) => override === 'open', desired: 'waiting: override' },
  { row: 9, applies: ({ isLocked }) => isLocked, desired: 'closed' },
  { row: 12, applies: ({ wasClosed }) => wasClosed, desired: 'closed' },
  { row: 13, applies: ({ servesLambda }) => servesLambda, desired: 'waiting: inUse' },
  { row: 14, applies: ({ isBraked }) => isBraked, desired: 'waiting: brake' },
  { row: 15, applies: () => true, desired: 'closed' },
];

export function desiredState(gate: GateView): Desired {
  const first = ROWS.find(({ applies }) => applies(gate));
  if (first === undefined) throw new Error('the last row always applies');
  return first.desired;
}

/** Without an override and without an image that holds it, a gate is open and not waiting. */
function isWanted({ isHeld, override }: GateView): boolean {
  return isHeld || override === 'closed';
}

/** How urgent a vulnerability is, to compare gates that wait for the brake. */
export function rankOf({ severity, score }: Vulnerability): number {
  return RANK[severity ?? bandOf(score)];
}

const RANK: Readonly<Record<Word, number>> = { low: 1, medium: 2, high: 3, critical: 4 };

/** The first rule that matches the repository. */
export function ruleOf({ rules }: Pick<Truth, 'rules'>, repository: string): PlainRule | undefined {
  return rules.find(({ repositories }) =>
    repositories.some((one) => (one.endsWith('**') ? repository.startsWith(one.slice(0, -2)) : repository === one)),
  );
}

/** The policy for a repository. */
export function policyOf(truth: Pick<Truth, 'policy' | 'rules'>, repository: string): PlainPolicy {
  return { ...truth.policy, ...ruleOf(truth, repository)?.policy };
}

/** Whether the vulnerability closes a gate while the scanner reports it as active. */
export function violates(vulnerability: Vulnerability, policy: PlainPolicy): boolean {
  const { id, fixable } = vulnerability;
  if (policy.excepted.includes(id)) return false;
  const rank = rankOf(vulnerability);
  const isLikely = policy.epss !== 'never' && (vulnerability.epss ?? -1) >= policy.epss;
  const exploited = vulnerability.exploited || isLikely;
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
  const policy = policyOf(truth, image.repository);
  if (policy.images === 'tagged' && image.tags.size === 0 && memory?.needsNoTag !== true) return false;
  for (const { vulnerability, status } of image.findings.values())
    if (status === 'active' && violates(vulnerability, policy)) return true;
  return memory !== undefined && !isCleared(image, memory, policy, cloud);
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
