// What a policy would do to images, and what would change against another one: pure, by the same judgement as in the cloud.
import { isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import { type Gate, gateKey } from '../../shared/gate/record.ts';
import { type Finding, findingKey, type Instant, rankOf } from '../../shared/policy/finding.ts';
import type { ExemptedFinding, Exemption, Reason, Verdict } from '../../shared/policy/verdict.ts';
import type { ImageObservation } from '../../shared/reconcile/ports.ts';
import type { Rules } from '../../shared/reconcile/rules.ts';
import { NO_FINDINGS, SEVERITY_WORDS, type SeverityCounts, severityWord } from '../reports/counts.ts';

/** An image that is there, as a look shows it. */
export type Look = Extract<ImageObservation, { presence: 'present' }>;

/** An image, and the gate that it would close. */
export interface Subject {
  readonly gate: Gate;
  /** What people call the gate: two gates of one repository that have no digest differ by it. */
  readonly name: string;
  readonly tags: readonly string[];
  /**
   * What there is to see of it, made when it is judged.
   *
   * @param known the findings of the gate's other images by their text: the same finding is the same object
   */
  look(known: Map<string, Finding>): Look;
  /** It has no tag, and nobody knows whether a tagged index leads to it: it is taken to count. */
  readonly mayNotCount: boolean;
}

/** What a policy makes of a gate: it is closed; it stays open, and nobody knows a severity that may matter; it stays open. */
export type Outcome = 'closes' | 'undetermined' | 'open';

/** What the policy changes against the other one. */
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
  /** The policy would close it, and the function does not, since functions of Lambda run from it. */
  readonly waitingFor?: 'lambda';
  /** Undefined where there is nothing to compare with. */
  readonly change?: Change | undefined;
  /** What violates. */
  readonly reasons: Worst<InImages<Reason>>;
  /** What violates by the other policy, and does not by this one. */
  readonly formerReasons: Worst<InImages<Reason>>;
  /** Findings whose severity nobody knows. */
  readonly undetermined: Worst<InImages<{ readonly finding: Finding }>>;
  /** What would violate, but for a rule. */
  readonly exempted: Worst<InImages<ExemptedFinding>>;
  /** How many findings violate, each counted for each image that it is in, by the severity that the scanner gave. */
  readonly violating: SeverityCounts;
  /** Every image that closes it has no tag, and counts only where a tagged index leads to it, which the report does not say. */
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

/** Undefined where neither policy has anything to say. */
function outcomeOf(subjects: readonly Subject[], { rules, against, now, most }: Terms): GateOutcome | undefined {
  const [subject] = subjects;
  if (subject === undefined) return undefined;
  const known = new Map<string, Finding>();
  const judged = subjects.map((one): Judged => {
    const look = one.look(known);
    const before = against === undefined ? undefined : judge(one, look, against, now);
    return { subject: one, verdict: judge(one, look, rules, now), before };
  });
  if (judged.every(({ verdict, before = NOTHING }) => isNothing(verdict) && isNothing(before))) return undefined;
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
      verdicts.flatMap(({ exempted }) => exempted),
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

/** The core says whether the image counts at all, and then what the policy says of it. */
function judge({ gate }: Subject, look: Look, rules: Rules, now: Instant): Verdict {
  const { repository } = gate;
  if (isPlainlyAllowed(look, repository, rules, now)) return NOTHING;
  return rules.judge({ repository, digest: look.digest }, look.findings, now);
}

function isNothing(verdict: Verdict): boolean {
  return verdict.kind === 'allow' && verdict.exempted.length === 0;
}

function outcomeFrom(verdicts: readonly Verdict[]): Outcome {
  if (verdicts.some(({ kind }) => kind === 'block')) return 'closes';
  return verdicts.some(({ kind }) => kind === 'undetermined') ? 'undetermined' : 'open';
}

/** What is not known closes nothing, and releases no image that has closed a gate before. */
function changeOf(judged: readonly Judged[]): Change {
  const wasClosed = judged.some(({ before }) => before?.kind === 'block');
  const isClosed = judged.some(
    ({ verdict, before }) => verdict.kind === 'block' || (verdict.kind === 'undetermined' && before?.kind === 'block'),
  );
  if (isClosed) return wasClosed ? 'staysClosed' : 'closes';
  return wasClosed ? 'opens' : 'staysOpen';
}

/** Findings of several images as one each, the worst first; a finding that is exempted in two ways is there twice. */
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

/** Two rules are the same where their words are: only exceptions may differ between images of one gate. */
function exceptionOf({ exemption }: { readonly exemption?: Exemption }): unknown {
  return exemption?.kind === 'exception' ? exemption.exception : undefined;
}

/** Known exploits first, then by severity, then by score: and by name, so that two runs say the same. */
function compareFindings(a: Finding, b: Finding): number {
  return (
    Number(b.exploited) - Number(a.exploited) ||
    rankOf(b) - rankOf(a) ||
    (b.score ?? 0) - (a.score ?? 0) ||
    compareTexts(a.vulnerability, b.vulnerability) ||
    compareTexts(a.package.name, b.package.name)
  );
}

function compareTexts(a: string, b: string): number {
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

/** What a gate is known for: what violates, or did, or is not known, or is exempted. */
export function worstFinding(gate: GateOutcome): Finding | undefined {
  const lists = [gate.reasons, gate.formerReasons, gate.undetermined, gate.exempted];
  return lists.find(({ first }) => first.length > 0)?.first[0]?.finding;
}

function countOf({ reasons }: GateOutcome): number {
  return reasons.first.length + reasons.more;
}

/** A finding that a rule exempts, and in which gates. */
export interface ExemptedInGates extends ExemptedFinding {
  /** When the rule ends; undefined where it has no end. */
  readonly until: Instant | undefined;
  readonly gates: readonly GateOutcome[];
}

/** What is exempted, once for all gates: what ends first comes first. `more`: what the gates only count. */
export function exemptedBy({ gates }: Simulation): {
  readonly exempted: readonly ExemptedInGates[];
  readonly more: number;
} {
  const found = new Map<string, ExemptedInGates & { readonly gates: GateOutcome[] }>();
  for (const gate of gates) {
    for (const { finding, exemption } of gate.exempted.first) {
      const key = JSON.stringify([findingKey(finding), exemption]);
      const before = found.get(key);
      if (before === undefined) found.set(key, { finding, exemption, until: endOf(exemption), gates: [gate] });
      else before.gates.push(gate);
    }
  }
  const exempted = [...found.values()].toSorted(
    (a, b) => compareTexts(a.until ?? NEVER, b.until ?? NEVER) || compareFindings(a.finding, b.finding),
  );
  for (const { gates: inGates } of exempted) inGates.sort((a, b) => compareTexts(a.name, b.name));
  return { exempted, more: gates.reduce((sum, gate) => sum + gate.exempted.more, 0) };
}

/** Text after every moment. */
const NEVER = '~';

/** When a exemption ends; undefined where it has no end. */
export function endOf(exemption: Exemption): Instant | undefined {
  if (exemption.kind === 'exception') return exemption.exception.expiresAt;
  return exemption.kind === 'grace' ? exemption.until : undefined;
}
