// Simulates what a policy would do to images, and what would change compared with another policy. Pure; the core
// decides each verdict.
import { isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { UsageSum } from '../../shared/gate/usage.ts';
import { type Finding, type Instant, rankOf } from '../../shared/policy/finding.ts';
import {
  type ExemptedFinding,
  type Exemption,
  isPlain,
  type Reason,
  type Verdict,
} from '../../shared/policy/verdict.ts';
import { findingsIn, type ImageObservation, type Usage } from '../../shared/reconcile/observation.ts';
import type { GateRules, Rules } from '../../shared/reconcile/rules.ts';
import { NO_FINDINGS, SEVERITY_WORDS, type SeverityCounts, severityWord } from '../reports/counts.ts';
import { sumObserved } from './usage.ts';

/** An observed image that is present. */
export type PresentImage = Extract<ImageObservation, { presence: 'present' }>;

/** An image, and the gate that it would close. */
export interface Subject {
  readonly gate: Gate;
  /** The region of a registry on AWS, if it is known. One repository in two regions is two gates. */
  readonly region?: string | undefined;
  /** The display name of the gate. It distinguishes two gates of one repository that have no digest. */
  readonly name: string;
  readonly tags: readonly string[];
  /**
   * Creates the image with its findings when it is evaluated.
   *
   * @param known the findings of the gate's other images by their text, so that equal findings share one object
   */
  observe(known: Map<string, Finding>): PresentImage;
  /** The image is untagged, and it is unknown whether a tagged index contains it. It is assumed to be in scope. */
  readonly mayNotCount: boolean;
  /** What was observed of its use; empty if nothing is known. Not given: the image is that of a report. */
  readonly usage?: Usage;
}

/** What a policy does to a gate. `undetermined`: the gate stays open, but a severity that may matter is unknown. */
export type Outcome = 'closes' | 'undetermined' | 'open';

/** The change compared with the other policy. */
export type Change = 'closes' | 'opens' | 'staysClosed' | 'staysOpen';

/** A finding, and how many of the gate's images have it. */
export type InImages<T> = T & { readonly images: number };

/** The beginning of a list that is sorted worst first, and how many more items the list has. */
export interface Worst<T> {
  readonly first: readonly T[];
  readonly more: number;
}

export interface GateOutcome {
  readonly gate: Gate;
  readonly region?: string | undefined;
  readonly name: string;
  /** The tags of all its images, for display. */
  readonly tags: readonly string[];
  readonly images: number;
  /** The label of the rule that applies. Null: the stack's defaults apply. */
  readonly rule: string | null;
  readonly outcome: Outcome;
  /** The policy would close the gate, but the function does not, because Lambda functions use it. */
  readonly waitingFor?: 'inUse';
  /** Undefined if there is no policy to compare with. */
  readonly change?: Change | undefined;
  /** The findings that violate. */
  readonly reasons: Worst<InImages<Reason>>;
  /** The findings that violate only the other policy. */
  readonly formerReasons: Worst<InImages<Reason>>;
  /** Findings of unknown severity. */
  readonly undetermined: Worst<InImages<{ readonly finding: Finding }>>;
  /** The findings that would violate the policy without an exemption. */
  readonly exempted: Worst<InImages<ExemptedFinding>>;
  /** How many findings violate, by the scanner's severity. A finding is counted once for each image that has it. */
  readonly violating: SeverityCounts;
  /**
   * All images that close it are untagged. They are in scope only if a tagged index contains them, which the report
   * does not show.
   */
  readonly mayNotCount: boolean;
  /** The use of the images that close it. Undefined if there are none, or if they are those of a report. */
  readonly usage?: UsageSum | undefined;
}

export interface Simulation {
  /** Every gate with something to report, the worst first. */
  readonly gates: readonly GateOutcome[];
  /** How many gates have nothing to report. */
  readonly plain: number;
  readonly images: number;
  /** The violating findings of all gates, by severity. */
  readonly violating: SeverityCounts;
}

export interface SimulationInput {
  readonly subjects: Iterable<Subject>;
  readonly rules: Rules;
  /** The policy to compare with. */
  readonly against?: Rules | undefined;
  readonly now: Instant;
  /** The most findings of each kind that a gate lists. */
  readonly most: number;
}

/** Simulates what the policy would do to each gate. */
export function simulate({ subjects, rules, against, now, most }: SimulationInput): Simulation {
  const byGate = Map.groupBy(subjects, ({ gate, region, name }) => `${gateKey(gate)} ${name} ${region}`);
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

/** The verdicts of both policies for one image. */
interface Judged {
  readonly subject: Subject;
  readonly verdict: Verdict;
  readonly before: Verdict | undefined;
}

const NOTHING: Verdict = { kind: 'allow', exempted: [] };

/** The outcome for one gate; undefined if neither policy has anything to report. */
function outcomeOf(subjects: readonly Subject[], { rules, against, now, most }: Terms): GateOutcome | undefined {
  const [subject] = subjects;
  if (subject === undefined) return undefined;
  const known = new Map<string, Finding>();
  const judged = subjects.map((one): Judged => {
    const image = one.observe(known);
    const before = against === undefined ? undefined : judge(one, image, against.of(one.gate), now);
    return { subject: one, verdict: judge(one, image, rules.of(one.gate), now), before };
  });
  if (judged.every(({ verdict, before = NOTHING }) => isPlain(verdict) && isPlain(before))) return undefined;
  const verdicts = judged.map(({ verdict }) => verdict);
  const blockers = judged.filter(({ verdict }) => verdict.kind === 'block');
  const reasons = blockers.flatMap(({ verdict }) => (verdict.kind === 'block' ? verdict.reasons : []));
  const violating = new Set(reasons.map(({ finding }) => finding));
  const former = judged.flatMap(({ before }) => (before?.kind === 'block' ? before.reasons : []));
  return {
    gate: subject.gate,
    region: subject.region,
    name: subject.name,
    tags: [...new Set(subjects.flatMap(({ tags }) => tags))].toSorted(),
    images: subjects.length,
    rule: rules.of(subject.gate).rule ?? null,
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
    usage: sumObserved(blockers.map((one) => one.subject.usage)),
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

/** The core decides whether the image is in scope, and then its verdict. */
function judge({ gate }: Subject, image: PresentImage, rules: GateRules, now: Instant): Verdict {
  const { repository } = gate;
  if (isPlainlyAllowed(image, repository, rules, now)) return NOTHING;
  return rules.judge({ repository, digest: image.digest }, findingsIn(image), now);
}

function outcomeFrom(verdicts: readonly Verdict[]): Outcome {
  if (verdicts.some(({ kind }) => kind === 'block')) return 'closes';
  return verdicts.some(({ kind }) => kind === 'undetermined') ? 'undetermined' : 'open';
}

/** An unknown severity does not close a gate, but it is also no proof that opens one. */
function changeOf(judged: readonly Judged[]): Change {
  const wasClosed = judged.some(({ before }) => before?.kind === 'block');
  const isClosed = judged.some(
    ({ verdict, before }) => verdict.kind === 'block' || (verdict.kind === 'undetermined' && before?.kind === 'block'),
  );
  if (isClosed) return wasClosed ? 'staysClosed' : 'closes';
  return wasClosed ? 'opens' : 'staysOpen';
}

/** Merges equal findings of several images, worst first. A finding that is exempted in two ways appears twice. */
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

/** Only exceptions can differ between images of one gate. Other exemptions are equal if their kind is equal. */
function exceptionOf({ exemption }: { readonly exemption?: Exemption }): unknown {
  return exemption?.kind === 'exception' ? exemption.exception : undefined;
}

/** Orders by known exploit, severity and score, and then by name, so that the output is deterministic. */
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

/** Orders gates by change, outcome, worst finding, and number of findings. */
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

/** The worst violating finding. If there is none, the worst former, undetermined or exempted finding, in this order. */
export function worstFinding(gate: GateOutcome): Finding | undefined {
  const lists = [gate.reasons, gate.formerReasons, gate.undetermined, gate.exempted];
  return lists.find(({ first }) => first.length > 0)?.first[0]?.finding;
}

function countOf({ reasons }: GateOutcome): number {
  return reasons.first.length + reasons.more;
}
