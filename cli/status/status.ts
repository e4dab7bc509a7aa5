// How a stack is: its gates, its sweep, what waits for a person, and which exceptions end soon.

import { isPlainlyAllowed } from '../../shared/gate/blockers.ts';
import { lastHour, NO_CLOSINGS, roomLeft } from '../../shared/gate/brake.ts';
import { type HandOrder, isInForce } from '../../shared/gate/override.ts';
import { activeBlockers, type Gate, type GateRecord, type GateState } from '../../shared/gate/record.ts';
import { type Finding, type Instant, worstFirst } from '../../shared/policy/finding.ts';
import type { Exception } from '../../shared/policy/policy.ts';
import { isNonEmpty } from '../../shared/policy/verdict.ts';
import { type Rules, rulesOf } from '../../shared/reconcile/rules.ts';
import type { PauseState, SweepState } from '../../shared/reconcile/schedule.ts';
import type { Mode } from '../../shared/report/decision.ts';
import { lookEverywhere, recordsOf } from '../stack/overview.ts';
import type { FoundImage, Obstacle, Side } from '../stack/side.ts';
import { sentenceOf } from '../terminal/ending.ts';
import { exceptionName, minute, nearEnd } from '../terminal/words.ts';

/** A gate that is not simply open. */
export interface GateStatus {
  readonly cloud: Side['cloud'];
  readonly gate: Gate;
  readonly state: GateState;
  readonly since: Instant;
  readonly closedSince: Instant | undefined;
  /** How many images hold it. */
  readonly images: number;
  /** The worst finding of theirs. */
  readonly worst: Finding | undefined;
  /** An order by hand that counts now. */
  readonly byHand: Pick<HandOrder, 'kind' | 'until' | 'reason' | 'approvedBy' | 'by'> | undefined;
  /** State changes that nobody has been told of. */
  readonly untold: number;
}

/** Something that a look found, which no record says. */
export interface LookStatus {
  /** Images whose severity nobody knows: they close nothing. */
  readonly undetermined: readonly ImageStatus[];
  /** Images that violate, and whose gate no record knows: an event is on its way, or was lost until the next sweep. */
  readonly missed: readonly ImageStatus[];
  /** Repositories that somebody else has closed, as far as they were looked at. On Azure the records say so. */
  readonly closedByOthers: readonly { readonly repository: string; readonly obstacles: readonly Obstacle[] }[];
  /** Why the scanner sees nothing, or not everything. */
  readonly blindness: string | undefined;
  readonly unsure: readonly string[];
}

export interface ImageStatus {
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** The advisories that make it so. */
  readonly vulnerabilities: readonly string[];
}

export interface SideStatus {
  readonly cloud: Side['cloud'];
  readonly mode: Mode;
  readonly pause: PauseState | undefined;
  readonly sweep: SweepState | undefined;
  readonly sweepAgeHours: number | undefined;
  readonly sweepHours: number;
  /** Undefined where they could not be counted; then `deadLettersProblem` says why. */
  readonly deadLetters: number | undefined;
  readonly deadLettersProblem: string | undefined;
  readonly brake: { readonly maxClosesPerHour: number; readonly closedThisHour: number; readonly left: number };
  readonly gates: readonly GateStatus[];
  /** Only with a look. */
  readonly look: LookStatus | undefined;
}

export interface ExceptionStatus {
  readonly exception: Exception;
  /** `expired`, or the least of 1, 3 and 14 days within which it ends. */
  readonly end: 'expired' | number;
}

export interface Status {
  readonly stack: string;
  readonly at: Instant;
  readonly sides: readonly SideStatus[];
  /** Those of the policy that have ended, or end within 14 days; the first to end first. */
  readonly exceptions: readonly ExceptionStatus[];
  /** What a person has to see to: empty where all is well. */
  readonly concerns: readonly string[];
}

export interface StatusQuestion {
  readonly stack: string;
  readonly sides: readonly Side[];
  readonly now: () => Instant;
  /** Look at each repository, too: slower, and it sees what no record says. */
  readonly isLooking: boolean;
}

const HOUR_MILLISECONDS = 3_600_000;
/** A step that was begun is finished within minutes, and people are told: after so long nobody is at it any more. */
const STUCK_MILLISECONDS = HOUR_MILLISECONDS;

export async function statusOf({ stack, sides, now, isLooking }: StatusQuestion): Promise<Status> {
  const found = await Promise.all(sides.map((side) => statusOfSide(side, now, isLooking)));
  const at = now();
  const exceptions = endingExceptions(sides, at);
  return {
    stack,
    at,
    sides: found,
    exceptions,
    concerns: [...found.flatMap((side) => concernsOf(side, at)), ...exceptions.flatMap(concernOfException)],
  };
}

async function statusOfSide(side: Side, now: () => Instant, isLooking: boolean): Promise<SideStatus> {
  const { cloud, settings } = side;
  const [pause, sweep, brake, dead, records] = await Promise.all([
    side.pause.load(),
    side.sweep.load(),
    side.brake.load(),
    countDeadLetters(side),
    recordsOf(side),
  ]);
  const mode = pause.value?.paused === true ? 'pause' : settings.mode;
  const look = isLooking ? await lookAtAll(side, records, rulesOf(settings, mode), now) : undefined;
  const at = now();
  const closings = brake.value ?? NO_CLOSINGS;
  return {
    cloud,
    mode,
    pause: pause.value?.paused === true ? pause.value : undefined,
    sweep: sweep.value,
    sweepAgeHours:
      sweep.value === undefined ? undefined : (Date.parse(at) - Date.parse(sweep.value.sweptAt)) / HOUR_MILLISECONDS,
    sweepHours: settings.sweepHours,
    ...dead,
    brake: {
      maxClosesPerHour: settings.maxClosesPerHour,
      closedThisHour: lastHour(closings, at).closings.length,
      left: roomLeft(closings, at, settings.maxClosesPerHour),
    },
    gates: records.filter((record) => isWorthARow(record, at)).map((record) => gateStatus(cloud, record, at)),
    look,
  };
}

/** What is known of the rest is worth telling without it. */
async function countDeadLetters(side: Side): Promise<Pick<SideStatus, 'deadLetters' | 'deadLettersProblem'>> {
  try {
    return { deadLetters: await side.deadLetters(), deadLettersProblem: undefined };
  } catch (error) {
    return { deadLetters: undefined, deadLettersProblem: sentenceOf(error) };
  }
}

function isWorthARow({ state, untold, byHand }: GateRecord, now: Instant): boolean {
  return state.kind !== 'open' || untold.length > 0 || (byHand !== undefined && isInForce(byHand, now));
}

function gateStatus(cloud: Side['cloud'], record: GateRecord, now: Instant): GateStatus {
  const { gate, state, since, closedSince, untold, omittedBlockers, byHand } = record;
  const held = activeBlockers(record);
  const findings = held.flatMap((blocker) => blocker.findings);
  return {
    cloud,
    gate,
    state,
    since,
    closedSince,
    images: held.length + omittedBlockers,
    worst: isNonEmpty(findings) ? worstFirst(findings)[0] : undefined,
    byHand: byHand !== undefined && isInForce(byHand, now) ? byHand : undefined,
    untold: untold.length,
  };
}

async function lookAtAll(
  side: Side,
  records: readonly GateRecord[],
  rules: Rules,
  now: () => Instant,
): Promise<LookStatus> {
  const held = new Set(
    records.flatMap((record) => record.blockers.map(({ digest }) => `${record.gate.repository}@${digest}`)),
  );
  const undetermined: ImageStatus[] = [];
  const missed: ImageStatus[] = [];
  const closedByOthers: { repository: string; obstacles: readonly Obstacle[] }[] = [];
  const unsure = new Set<string>();
  await lookEverywhere(side, records, async ({ gate, looks, unsure: why }) => {
    if (why !== undefined) unsure.add(`${gate.repository}: ${why}`);
    for (const image of looks) {
      if (image.presence === 'gone' || isPlainlyAllowed(image, gate.repository, rules, now())) continue;
      const verdict = rules.judge({ repository: gate.repository, digest: image.digest }, image.findings, now());
      const { registry, repository } = gate;
      const status = { registry, repository, digest: image.digest, tags: image.tags };
      if (verdict.kind === 'undetermined')
        undetermined.push({ ...status, vulnerabilities: namesOf(verdict.undetermined) });
      else if (verdict.kind === 'block' && !held.has(`${repository}@${image.digest}`))
        missed.push({ ...status, vulnerabilities: namesOf(verdict.reasons.map(({ finding }) => finding)) });
    }
    if (side.cloud === 'azure') return;
    const obstacles = (await side.obstacles(wholeOf(gate))).filter(({ by }) => by !== 'pullgate');
    if (obstacles.length > 0) closedByOthers.push({ repository: gate.repository, obstacles });
  });
  return {
    undetermined: undetermined.toSorted(byName),
    missed: missed.toSorted(byName),
    closedByOthers: closedByOthers.toSorted((a, b) => (a.repository < b.repository ? -1 : 1)),
    blindness: await side.blindness(),
    unsure: [...unsure],
  };
}

/** On AWS what refuses a pull refuses it for the whole repository. */
function wholeOf({ registry, repository }: Gate): FoundImage {
  const gates = [{ registry, repository }];
  return { kind: 'found', registry, repository, digest: '', tags: [], tag: undefined, children: [], gates };
}

function namesOf(findings: readonly Finding[]): readonly string[] {
  return [...new Set(findings.map(({ vulnerability }) => vulnerability))];
}

function byName(a: ImageStatus, b: ImageStatus): number {
  return `${a.repository}@${a.digest}` < `${b.repository}@${b.digest}` ? -1 : 1;
}

/** Both sides of a stack have one policy. */
function endingExceptions(sides: readonly Side[], now: Instant): readonly ExceptionStatus[] {
  const all = sides.flatMap(({ settings }) => settings.policy.exceptions);
  const unique = [...new Map(all.map((exception) => [JSON.stringify(exception), exception])).values()];
  return unique
    .flatMap((exception) => {
      const end = nearEnd(exception.expiresAt, now);
      return end === undefined ? [] : [{ exception, end }];
    })
    .toSorted((a, b) => (a.exception.expiresAt < b.exception.expiresAt ? -1 : 1));
}

function concernOfException({ exception, end }: ExceptionStatus): readonly string[] {
  return end === 'expired'
    ? [
        `the exception for ${exceptionName(exception)} ended at ${minute(exception.expiresAt)}: renew it, or take it out`,
      ]
    : [];
}

function concernsOf(side: SideStatus, now: Instant): readonly string[] {
  const { cloud, sweep, sweepAgeHours, sweepHours, deadLetters, deadLettersProblem, gates, look } = side;
  const where = cloud === 'aws' ? 'AWS' : 'Azure';
  const stuck = gates.filter(({ state, since }) => isIntent(state) && isLongAgo(since, now));
  const untold = gates.filter((gate) => gate.untold > 0 && isLongAgo(gate.since, now));
  const queue = cloud === 'aws' ? 'dead-letter queue' : 'poison queue';
  return [
    ...(sweep === undefined || sweepAgeHours === undefined
      ? [
          `${where}: there was no sweep yet; the first comes within five minutes of \`pulumi up\`: is the function running?`,
        ]
      : sweepAgeHours > 2 * sweepHours
        ? [
            `${where}: the last sweep is ${Math.floor(sweepAgeHours)} hours old (sweepHours is ${sweepHours}): is the function running?`,
          ]
        : []),
    ...(deadLetters === undefined ? [`${where}: the ${queue} could not be counted: ${deadLettersProblem}`] : []),
    ...(deadLetters === undefined || deadLetters === 0
      ? []
      : [`${where}: ${deadLetters} in the ${queue}: what is in there was not done`]),
    ...stuck.map(
      ({ gate, state, since }) =>
        `${where}: ${nameOf(gate)} is ${state.kind} since ${minute(since)}, and nobody finishes it`,
    ),
    ...untold.map(({ gate }) => `${where}: nobody could be told of ${nameOf(gate)}: look at the function's log`),
    ...(look?.blindness === undefined ? [] : [`${where}: the scanner does not see: ${look.blindness}`]),
  ];
}

function isIntent({ kind }: GateState): boolean {
  return kind === 'closing' || kind === 'opening';
}

function isLongAgo(at: Instant, now: Instant): boolean {
  return Date.parse(now) - Date.parse(at) > STUCK_MILLISECONDS;
}

function nameOf({ repository, digest }: Gate): string {
  return digest === undefined ? repository : `${repository}@${digest.slice(0, 'sha256:'.length + 12)}`;
}
