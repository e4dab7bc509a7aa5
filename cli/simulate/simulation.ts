// What a policy would do to images, and what would change compared with another policy: pure, by the judgement of the
// core.
import { isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { type Finding, type Instant, rankOf } from '../../shared/policy/finding.ts';
import {
  type ExemptedFinding,
  type Exemption,
  isPlain,
  type Reason,
  type Verdict,
} from '../../shared/policy/verdict.ts';
import { findingsIn, type ImageObservation } from '../../shared/reconcile/observation.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import { NO_FINDINGS, SEVERITY_WORDS, type SeverityCounts, severityWord } from '../reports/counts.ts';

/** An image that is present, as observed. */
export type PresentImage = Extract<ImageObservation, { presence: 'present' }>;

/** An image, and the gate that it would close. */
export interface Subject {
  readonly gate: Gate;
  /** What people call the gate: two gates of one repository that have no digest differ by it. */
  readonly name: string;
  readonly tags: readonly string[];
  /**
   * The image with its findings, made when it is judged.
   *
   * @param known the findings of the gate's other images by their text: the same finding is the same object
   */
  observe(known: Map<string, Finding>): PresentImage;
  /** It has no tag, and whether a tagged index contains it is unknown: it is assumed to count. */
  readonly mayNotCount: boolean;
}

/** What a policy does to a gate. `undetermined`: it stays open, and a severity that may matter is unknown. */
export type Outcome = 'closes' | 'undetermined' | 'open';

/** What changes compared with the other policy. */
export type Change = 'closes' | 'opens' | 'staysClosed' | 'staysOpen';

/** A finding, and in how many of the gate's images it is. */
export type InImages<T> = T & { readonly images: number };

/** The first of a list, the worst first, and how many more there are. */
export interface Worst<T> {
  readonly first: readonly T[];
  readonly more: number;
}

export interface GateOutcome {
  readonly gate: Gate;
  readonly name: string;
  /** Of all its images, for people. */
  readonly tags: readonly string[];
  readonly images: number;
  readonly outcome: Outcome;
  /** The policy would close it, but the function does not, because Lambda functions run from it. */
  readonly waitingFor?: 'inUse';
  /** Undefined if there is nothing to compare with. */
  readonly change?: Change | undefined;
  /** What violates. */
  readonly reasons: Worst<InImages<Reason>>;
  /** What violates the other policy and not this one. */
  readonly formerReasons: Worst<InImages<Reason>>;
  /** Findings of unknown severity. */
  readonly undetermined: Worst<InImages<{ readonly finding: Finding }>>;
  /** What would violate the policy without an exemption. */
  readonly exempted: Worst<InImages<ExemptedFinding>>;
  /** How many findings violate, each counted for each image that it is in, by the severity that the scanner gave. */
  readonly violating: SeverityCounts;
  /**
   * No image that closes it has a tag: they count only if a tagged index contains them, which the report does not say.
   */
  readonly mayNotCount: boolean;
}

export interface Simulation {
  /** Every gate with something to say, the worst first. */
  readonly gates: readonly GateOutcome[];
  /** Gates with nothing to say. */
  readonly plain: number;
  readonly images: number;
  /** The sum of what violates in all gates. */
  readonly violating: SeverityCounts;
}

export interface SimulationInput {
  readonly subjects: Iterable<Subject>;
  readonly rules: Rules;
  /** The policy to compare with: the one in force. */
  readonly against?: Rules | undefined;
  readonly now: Instant;
  /** The most findings that a gate names of each kind. */
  readonly most: number;
}

/** What the policy would do to each gate. */
export function simulate({ subjects, rules, against, now, most }: SimulationInput): Simulation {
  const byGate = Map.groupBy(subjects, ({ gate, name }) => `${gateKey(gate)} ${name}`);
  const gates: GateOutcome[] = [];
  let images = 0;
  for (const ofGate of byGate.values()) {
    images += ofGate.length;
    const outcome = outcomeOf(ofGate, { rules, against, now, most });
    if (outcome !== undefined) gates.push(outcome);
  }
  const violating = sumOf(gates.map((gate) => gate.violating));
  return { gates: gates.toSorted(worstGateFirst), plain: byGate.size - gates.length, images, violating };
}

type Terms = Omit<SimulationInput, 'subjects'>;

/** What both policies say of one image. */
interface Judged {
  readonly subject: Subject;
  readonly verdict: Verdict;
  readonly before: Verdict | undefined;
}

const NOTHING: Verdict = { kind: 'allow', exempted: [] };

/** Undefined if neither policy has anything to say. */
function outcomeOf(subjects: readonly Subject[], { rules, against, now, most }: Terms): GateOutcome | undefined {
  const [subject] = subjects;
  if (subject === undefined) return undefined;
  const known = new Map<string, Finding>();
  const judged = subjects.map((one): Judged => {
    const image = one.observe(known);
    const before = against === undefined ? undefined : judge(one, image, against, now);
    return { subject: one, verdict: judge(one, image, rules, now), before };
  });
  if (judged.every(({ verdict, before = NOTHING }) => isPlain(verdict) && isPlain(before))) return undefined;
  const verdicts = judged.map(({ verdict }) => verdict);
  const blockers = judged.filter(({ verdict }) => verdict.kind === 'block');
  const reasons = blockers.flatMap(({ verdict }) => (verdict.kind === 'block' ? verdict.reasons : []));
  const violating = new Set(reasons.map(({ finding }) => finding));
  const former = judged.flatMap(({ before }) => (before?.kind === 'block' ? before.reasons : []));
  return {
    gate: subject.gate,
    name: subject.name,
    tags: [...new Set(subjects.flatMap(({ tags }) => tags))].toSorted(),
    images: subjects.length,
    outcome: outcomeFrom(verdicts),
    change: against === undefined ? undefined : changeOf(judged),
    reasons: worstOf(reasons, most),
    formerReasons: worstOf(
      former.filter(({ finding }) => !violating.has(finding)),
      most,
    ),
    undetermined: worstOf(
      verdicts.flatMap((verdict) =>
        'undetermined' in verdict ? verdict.undetermined.map((finding) => ({ finding })) : [],
      ),
      most,
    ),
    exempted: worstOf(
      verdicts.flatMap((verdict) => verdict.exempted),
      most,
    ),
    violating: countsOf(reasons),
    mayNotCount: blockers.length > 0 && blockers.every((one) => one.subject.mayNotCount),
  };
}

function countsOf(reasons: readonly Reason[]): SeverityCounts {
  const counts = { ...NO_FINDINGS };
  for (const { finding } of reasons) counts[severityWord(finding)] += 1;
  return counts;
}

function sumOf(all: readonly SeverityCounts[]): SeverityCounts {
  const sum = { ...NO_FINDINGS };
  for (const counts of all) for (const word of SEVERITY_WORDS) sum[word] += counts[word];
  return sum;
}

/** The core decides whether the image counts at all, and then what the policy says about it. */
function judge({ gate }: Subject, image: PresentImage, rules: Rules, now: Instant): Verdict {
  const { repository } = gate;
  if (isPlainlyAllowed(image, repository, rules, now)) return NOTHING;
  return rules.judge({ repository, digest: image.digest }, findingsIn(image), now);
}

function outcomeFrom(verdicts: readonly Verdict[]): Outcome {
  if (verdicts.some(({ kind }) => kind === 'block')) return 'closes';
  return verdicts.some(({ kind }) => kind === 'undetermined') ? 'undetermined' : 'open';
}

/** Unknown severities close nothing, and they are no proof that a closed gate may open. */
function changeOf(judged: readonly Judged[]): Change {
  const wasClosed = judged.some(({ before }) => before?.kind === 'block');
  const isClosed = judged.some(
    ({ verdict, before }) => verdict.kind === 'block' || (verdict.kind === 'undetermined' && before?.kind === 'block'),
  );
  if (isClosed) return wasClosed ? 'staysClosed' : 'closes';
  return wasClosed ? 'opens' : 'staysOpen';
}

/** Findings of several images as one each, the worst first; a finding that is exempted in two ways appears twice. */
function worstOf<T extends { readonly finding: Finding; readonly exemption?: Exemption }>(
  found: readonly T[],
  most: number,
): Worst<InImages<T>> {
  const byFinding = new Map<Finding, { one: T; images: number }[]>();
  let count = 0;
  for (const one of found) {
    const known = byFinding.get(one.finding);
    const same = known?.find((other) => exceptionOf(other.one) === exceptionOf(one));
    if (same !== undefined) same.images += 1;
    else {
      count += 1;
      if (known === undefined) byFinding.set(one.finding, [{ one, images: 1 }]);
      else known.push({ one, images: 1 });
    }
  }
  const all = [...byFinding.values()].flat().toSorted((a, b) => compareFindings(a.one.finding, b.one.finding));
  return { first: all.slice(0, most).map(({ one, images }) => ({ ...one, images })), more: Math.max(0, count - most) };
}

/** Only exceptions may differ between images of one gate; other exemptions are the same if their kind is. */
function exceptionOf({ exemption }: { readonly exemption?: Exemption }): unknown {
  return exemption?.kind === 'exception' ? exemption.exception : undefined;
}

/** Known exploits first, then by severity, then by score: and by name, so that two runs say the same. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    Number(b.exploited) - Number(a.exploited) ||
    rankOf(b) - rankOf(a) ||
    (b.score ?? 0) - (a.score ?? 0) ||
    compareTexts(a.vulnerability, b.vulnerability) ||
    compareTexts(a.package.name, b.package.name)
  );
}

export function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

const CHANGE_ORDER: readonly (Change | undefined)[] = ['closes', 'opens', 'staysClosed', 'staysOpen', undefined];
const OUTCOME_ORDER: readonly Outcome[] = ['closes', 'undetermined', 'open'];

/** What changes first, then what closes; among those the worst finding, and then the most. */
export function worstGateFirst(a: GateOutcome, b: GateOutcome): number {
  return (
    CHANGE_ORDER.indexOf(a.change) - CHANGE_ORDER.indexOf(b.change) ||
    OUTCOME_ORDER.indexOf(a.outcome) - OUTCOME_ORDER.indexOf(b.outcome) ||
    compareWorst(a, b) ||
    countOf(b) - countOf(a) ||
    compareTexts(a.name, b.name) ||
    compareTexts(gateKey(a.gate), gateKey(b.gate))
  );
}

function compareWorst(a: GateOutcome, b: GateOutcome): number {
  const [first, second] = [worstFinding(a), worstFinding(b)];
  if (first === undefined || second === undefined) return Number(first === undefined) - Number(second === undefined);
  return Number(second.exploited) - Number(first.exploited) || rankOf(second) - rankOf(first);
}

/** The worst finding that violates; else of those that did, are unknown, or are exempted. */
export function worstFinding(gate: GateOutcome): Finding | undefined {
  const lists = [gate.reasons, gate.formerReasons, gate.undetermined, gate.exempted];
  return lists.find(({ first }) => first.length > 0)?.first[0]?.finding;
}

function countOf({ reasons }: GateOutcome): number {
  return reasons.first.length + reasons.more;
}
