// Compares two configs on a snapshot: what each makes of every gate, and what changes. Pure, apart from the core's
// promises; the core decides each state.
import type { BrakeLimits } from '../../shared/gate/brake.ts';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { activeBlockers, type GateRecord, isClosed, newRecord, type StableState } from '../../shared/gate/record.ts';
import { sumUsage, type UsageSum } from '../../shared/gate/usage.ts';
import { type Finding, findingKey, type Instant, worstFirst } from '../../shared/policy/finding.ts';
import type { EffectiveMode } from '../../shared/reconcile/mode.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import { hasOurs } from '../../shared/reconcile/owner.ts';
import { createRules, type Rules, withNothingIncluded } from '../../shared/reconcile/rules.ts';
import { type Judged, judgeGate, lockOf } from './judge.ts';
import { isCovered, type StackSettings } from './settings.ts';
import type { KnownGate, Repository, Target } from './snapshot.ts';

/**
 * What changes for a gate. `staysClosed`: by the deployed config it would open. `waits`: it should be closed, and
 * something prevents that. `clears`: it waited, or was about to close, and no longer has to. `mode`: only its mode.
 */
export const CHANGES = ['closes', 'opens', 'staysClosed', 'waits', 'clears', 'mode'] as const;
export type Change = (typeof CHANGES)[number];

/** One side of the comparison. */
export interface Side {
  readonly state: StableState;
  /** Undefined: the config has no such gate, because it leaves the repository out or has the other granularity. */
  readonly mode: EffectiveMode | undefined;
  /** The label of the rule that applies. Undefined: the stack's defaults apply. */
  readonly rule: string | undefined;
}

export interface GateChange {
  readonly gate: Gate;
  readonly change: Change;
  readonly before: Side;
  readonly after: Side;
  /** The findings that decide, worst first: those that violate or, if none does now, those that did before. */
  readonly findings: readonly Finding[];
  /** The use of the images with these findings. */
  readonly use: UsageSum;
}

export interface TargetComparison {
  /** The most important change first. */
  readonly changes: readonly GateChange[];
  readonly unchanged: number;
  /** The gates that both configs close, and that are not closed yet. */
  readonly pending: number;
  /** The gates that close only if the brake admits them, and how many of these are pending. */
  readonly braked: number;
  readonly brakedPending: number;
  /** How many gates in registries that the new config leaves out are closed. They stay so. */
  readonly left: { readonly closed: number };
  readonly limits: BrakeLimits;
}

/** Compares the deployed settings of a target with new ones. */
export async function compareTarget(
  { settings, repositories }: Pick<Target, 'settings' | 'repositories'>,
  next: StackSettings,
  now: Instant,
): Promise<TargetComparison> {
  const changes: GateChange[] = [];
  let [unchanged, pending, braked, brakedPending] = [0, 0, 0, 0];
  const left = { closed: 0 };
  for (const repository of repositories) {
    if (!isCovered(repository.registry, next)) {
      left.closed += countClosed(repository);
      continue;
    }
    const before = viewOf(repository, settings, now);
    for (const compared of await compareGates(repository, before, viewOf(repository, next, now), now)) {
      if (compared.asksBrake) braked += 1;
      if (compared.isPending) pending += 1;
      if (compared.asksBrake && compared.isPending) brakedPending += 1;
      if (compared.change === undefined) unchanged += 1;
      else changes.push(compared.change);
    }
  }
  const { maxClosesPerHour, maxClosesPerDay } = next;
  const limits = { maxClosesPerHour, maxClosesPerDay };
  return { changes: changes.toSorted(mostImportantFirst), unchanged, pending, braked, brakedPending, left, limits };
}

/** How many gates of a repository have a lock of ours. */
export function countClosed({ gates }: Pick<Repository, 'gates'>): number {
  return gates.filter(isLocked).length;
}

function isLocked(known: KnownGate): boolean {
  const lock = lockOf(known);
  return lock !== undefined && hasOurs(lock);
}

/** A repository as one config sees it. */
interface View {
  readonly settings: StackSettings;
  readonly rules: Rules;
  /** Nothing is in the scope of a gate of the other granularity. */
  readonly obsolete: Rules;
  /** The gates that the config has, and those of the other granularity that are still closed or waiting. */
  readonly gates: ReadonlyMap<string, KnownGate>;
}

function viewOf(repository: Repository, settings: StackSettings, now: Instant): View {
  const { registry, repository: name, images } = repository;
  const isByImage = settings.granularity === 'image';
  const gates = new Map<string, KnownGate>();
  const own = isByImage
    ? images
        .filter((image) => findingsIn(image).length > 0)
        .map(({ digest }) => ({ registry, repository: name, digest }))
    : [{ registry, repository: name }];
  for (const gate of own) gates.set(gateKey(gate), { gate });
  for (const known of repository.gates) {
    if (isOf(known.gate, settings) || isInUse(known.record)) gates.set(gateKey(known.gate), known);
  }
  for (const { record } of repository.gates) {
    if (record !== undefined && !isOf(record.gate, settings)) handOver(record, isByImage, gates, now);
  }
  const rules = createRules(settings);
  return { settings, rules, obsolete: withNothingIncluded(rules), gates };
}

function isOf({ digest }: Gate, { granularity }: StackSettings): boolean {
  return (digest !== undefined) === (granularity === 'image');
}

function isInUse(record: GateRecord | undefined): boolean {
  return record !== undefined && (record.state.kind !== 'open' || record.override !== undefined);
}

/** A gate of the other granularity hands over its blockers, as azure/function/handover.ts does. */
function handOver(obsolete: GateRecord, isByImage: boolean, gates: Map<string, KnownGate>, now: Instant): void {
  if (!isInUse(obsolete)) return;
  for (const blocker of activeBlockers(obsolete)) {
    const { registry, repository } = obsolete.gate;
    const gate = isByImage ? { registry, repository, digest: blocker.digest } : { registry, repository };
    const known = gates.get(gateKey(gate)) ?? { gate };
    const record = known.record ?? newRecord(gate, now);
    if (record.blockers.some(({ digest }) => digest === blocker.digest)) continue;
    gates.set(gateKey(gate), { ...known, record: { ...record, blockers: [...record.blockers, blocker] } });
  }
}

interface Compared {
  readonly change: GateChange | undefined;
  readonly isPending: boolean;
  readonly asksBrake: boolean;
}

async function compareGates(
  repository: Repository,
  before: View,
  after: View,
  now: Instant,
): Promise<readonly Compared[]> {
  const compared: Compared[] = [];
  for (const key of new Set([...before.gates.keys(), ...after.gates.keys()])) {
    const known = after.gates.get(key) ?? before.gates.get(key);
    if (known === undefined) continue;
    const sides = [
      await judgeFor(before, before.gates.get(key) ?? { gate: known.gate }, repository, now),
      await judgeFor(after, known, repository, now),
    ] as const;
    const isOfBoth = isOf(known.gate, before.settings) && isOf(known.gate, after.settings);
    compared.push(compareSides(known, sides, isOfBoth));
  }
  return compared;
}

interface JudgedSide extends Judged, Side {}

async function judgeFor(view: View, known: KnownGate, repository: Repository, now: Instant): Promise<JudgedSide> {
  const stackRules = isOf(known.gate, view.settings) ? view.rules : view.obsolete;
  const rules = stackRules.of(known.gate);
  const mode = rules.includes(repository.repository) ? rules.mode : undefined;
  return { ...(await judgeGate(known, repository, rules, now)), mode, rule: rules.rule };
}

function compareSides(
  known: KnownGate,
  [before, after]: readonly [JudgedSide, JudgedSide],
  isOfBoth: boolean,
): Compared {
  const isLockedNow = isLocked(known);
  const found = changeOf(before, after, isLockedNow);
  // With another granularity, each gate changes its mode. Only those whose state changes matter.
  const change = found === 'mode' && !isOfBoth ? undefined : found;
  const isPending = isClosed(before.state) && isClosed(after.state) && !isLockedNow;
  const asksBrake = after.asksBrake && isClosed(after.state);
  if (change === undefined) return { change, isPending, asksBrake };
  const deciding = after.next.active.length > 0 ? after : before;
  const usages = deciding.next.active.map(({ usage }) => usage);
  const sides = { before: sideOf(before), after: sideOf(after) };
  return {
    change: { gate: known.gate, change, ...sides, findings: decidingFindings(deciding), use: sumUsage(usages) },
    isPending,
    asksBrake,
  };
}

function sideOf({ state, mode, rule }: JudgedSide): Side {
  return { state, mode, rule };
}

function changeOf(before: Side, after: Side, isLockedNow: boolean): Change | undefined {
  if (isClosed(after.state)) {
    if (isClosed(before.state)) return undefined;
    return isLockedNow ? 'staysClosed' : 'closes';
  }
  if (isClosed(before.state) && isLockedNow) return 'opens';
  if (after.state.kind === 'waiting') {
    const isSame = before.state.kind === 'waiting' && before.state.for === after.state.for;
    if (!isSame) return 'waits';
  } else if (before.state.kind !== 'open') return 'clears';
  return before.mode === after.mode ? undefined : 'mode';
}

/** Each finding once, worst first. A blocker whose findings are not seen now counts with its recorded ones. */
function decidingFindings({ reasons, next }: Judged): readonly Finding[] {
  const violating = reasons.map(({ finding }) => finding);
  const all = violating.length > 0 ? violating : next.active.flatMap(({ findings }) => findings);
  const unique = new Map(all.map((finding) => [findingKey(finding), finding]));
  const [first, ...others] = unique.values();
  return first === undefined ? [] : worstFirst([first, ...others]);
}

function mostImportantFirst(a: GateChange, b: GateChange): number {
  return CHANGES.indexOf(a.change) - CHANGES.indexOf(b.change) || (gateKey(a.gate) < gateKey(b.gate) ? -1 : 1);
}
