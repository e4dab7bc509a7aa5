// Reads the state of a stack: its gates, its last sweep, what requires action, and which exceptions expire soon.

import type { Cloud } from '../../config/config.ts';
import { type BlockedFix, fixOf } from '../../shared/gate/blocked-fix.ts';
import { type BrakeCounts, brakeCounts, IDLE_BRAKE } from '../../shared/gate/brake.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import { isInForce, type Override } from '../../shared/gate/override.ts';
import { activeBlockers, type GateRecord, type GateState } from '../../shared/gate/record.ts';
import type { UsageSum } from '../../shared/gate/usage.ts';
import { type Finding, type Instant, worstFirst } from '../../shared/policy/finding.ts';
import { isNonEmpty } from '../../shared/policy/verdict.ts';
import type { ConfiguredMode, EffectiveMode } from '../../shared/reconcile/mode.ts';
import { createRules, type Rules } from '../../shared/reconcile/rules.ts';
import { isPaused, type PauseState, type SweepState } from '../../shared/reconcile/schedule.ts';
import { counted, shortName } from '../../shared/report/sentences.ts';
import { endOf, minute } from '../../shared/report/times.ts';
import { HOUR_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Client } from '../stack/client.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { loadRecords, type UnreadableGate } from '../stack/overview.ts';
import { endingOf, isOfCloud, sentenceOf } from '../terminal/ending.ts';
import { countInherited, type InheritedShare } from './evidence.ts';
import { concernOfException, type ExceptionStatus, endingExceptions } from './exceptions.ts';
import { type LiveStatus, observeLive } from './live.ts';
import { remedyConcerns } from './remedy.ts';
import { createUsages } from './usage.ts';

/** A gate that is not open, or that has an override or pending notices. */
export interface GateStatus {
  readonly cloud: Cloud;
  readonly gate: Gate;
  /** The label of the rule that applies. Null: the stack's defaults apply. */
  readonly rule: string | null;
  readonly state: GateState;
  readonly since: Instant;
  readonly closedSince: Instant | undefined;
  /** How many blockers it has. */
  readonly blockers: number;
  /** The worst finding of its blockers. */
  readonly worst: Finding | undefined;
  /** The use of its blockers: as observed now with `--live`, else as recorded when the gate last changed. */
  readonly usage: UsageSum | undefined;
  /** The override in force. */
  readonly override: Pick<Override, 'kind' | 'until' | 'reason' | 'approvedBy' | 'by'> | undefined;
  /** The fix that the closed repository blocks. Undefined: none is known. */
  readonly blockedFix: BlockedFix | undefined;
  /** How many notices have not been sent. The next tick sends them. */
  readonly pendingNotices: number;
  /** Since when the oldest of them has been pending. */
  readonly pendingSince: Instant | undefined;
}

/** The approximate number of messages that could not be processed, or why they could not be counted. */
type DeadLetters =
  | { readonly deadLetters: number; readonly deadLettersProblem?: undefined }
  | { readonly deadLetters?: undefined; readonly deadLettersProblem: string };

/** A rule of the stack. */
export interface RuleStatus {
  /** Its label. */
  readonly rule: string;
  readonly mode: ConfiguredMode;
}

export type CloudStatus = DeadLetters & {
  readonly cloud: Cloud;
  /** The stack's own. A rule may say otherwise. */
  readonly mode: EffectiveMode;
  readonly rules: readonly RuleStatus[];
  readonly pause: PauseState | undefined;
  readonly sweep: SweepState | undefined;
  readonly sweepAgeHours: number | undefined;
  readonly sweepHours: number;
  readonly brake: BrakeCounts;
  readonly gates: readonly GateStatus[];
  /** How many of the closed image gates have an image without a tag. It may no longer be needed. */
  readonly untaggedImages: number;
  /** The closed gates, and those that rest only on severities inherited from reports. */
  readonly inherited: InheritedShare;
  /** Why the last pulls of the blockers could not be read, if that failed. */
  readonly unreadPulls: string | undefined;
  /** The gates whose records cannot be read. */
  readonly unreadable: readonly UnreadableGate[];
  /** Only with `--live`. */
  readonly live: LiveStatus | undefined;
};

/** A cloud that could not be read, because of its credentials, a permission or a failed request. */
export interface UnseenCloud {
  readonly cloud: Cloud;
  readonly problem: string;
}

export interface Status {
  readonly stack: string;
  readonly at: Instant;
  readonly clouds: readonly CloudStatus[];
  /** If not empty, the status is incomplete. */
  readonly unseen: readonly UnseenCloud[];
  /** The policy's exceptions that have expired or expire within 14 days, in the order of their end. */
  readonly exceptions: readonly ExceptionStatus[];
  /** What requires action; empty if nothing does. */
  readonly concerns: readonly string[];
}

export interface StatusQuestion {
  readonly stack: string;
  readonly clients: readonly Client[];
  readonly now: () => Instant;
  /** Also observe every repository. This is slower and finds what is not on record. */
  readonly isLive: boolean;
}

/** A change and its notice take minutes. After an hour, the change is stuck. */
const STUCK_MILLISECONDS = HOUR_MILLISECONDS;

/** Reads the status of the clouds that can be read. @throws the error of the first cloud if none can be read */
export async function readStatus({ stack, clients, now, isLive }: StatusQuestion): Promise<Status> {
  const read = await Promise.allSettled(clients.map((client) => readCloud(client, now, isLive)));
  const clouds = read.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = read.flatMap((one, index) =>
    one.status === 'rejected' ? [{ error: one.reason as unknown, cloud: clients[index]?.cloud }] : [],
  );
  const unseen = failed.flatMap(({ error, cloud }): readonly UnseenCloud[] => {
    if (clouds.length === 0 || cloud === undefined || !isOfCloud(error)) throw error;
    return [{ cloud, problem: endingOf(error, 'reads').text }];
  });
  const at = now();
  const exceptions = endingExceptions(clients, at);
  return {
    stack,
    at,
    clouds,
    unseen,
    exceptions,
    concerns: [
      ...clouds.flatMap((cloud) => concernsOf(cloud, at)),
      ...clients.flatMap((client) =>
        remedyConcerns(client, clouds.find(({ cloud }) => cloud === client.cloud)?.gates ?? []),
      ),
      ...exceptions.flatMap(concernOfException),
    ],
  };
}

async function readCloud(client: Client, now: () => Instant, isLive: boolean): Promise<CloudStatus> {
  const { cloud, settings } = client;
  const [{ value: pause }, sweep, brake, dead, loaded] = await Promise.all([
    client.pause.load(),
    client.sweep.load(),
    client.brake.load(),
    countDeadLetters(client),
    loadRecords(client),
  ]);
  const begun = now();
  const rules = createRules(settings, isPaused(pause, begun) ? 'pause' : undefined);
  const observed = createUsages();
  const live = isLive ? await observeLive(client, loaded, rules, now, observed.see) : undefined;
  const shown = loaded.records.filter((record) => isWorthARow(record, now()));
  const lastPull = await client.lastPulls?.(shown.flatMap(activeBlockers).map(({ digest }) => digest));
  const at = now();
  return {
    cloud,
    mode: rules.suspended ?? settings.mode,
    rules: settings.rules.map(({ label, mode = settings.mode }) => ({ rule: label, mode })),
    pause: isPaused(pause, begun) ? pause : undefined,
    sweep: sweep.value,
    sweepAgeHours:
      sweep.value === undefined ? undefined : (Date.parse(at) - Date.parse(sweep.value.sweptAt)) / HOUR_MILLISECONDS,
    sweepHours: settings.sweepHours,
    ...dead,
    brake: brakeCounts(brake.value ?? IDLE_BRAKE, at, settings),
    gates: shown.map((record) => ({ ...gateStatus(cloud, record, rules, at), usage: observed.of(record, lastPull) })),
    unreadPulls: client.unreadPulls?.(),
    untaggedImages: loaded.records.filter(isClosedUntagged).length,
    inherited: countInherited(loaded.records),
    unreadable: loaded.unreadable,
    live,
  };
}

/** An error is part of the answer, so that the rest of the status is still shown. */
async function countDeadLetters(client: Client): Promise<DeadLetters> {
  try {
    return { deadLetters: await client.deadLetters() };
  } catch (error) {
    return { deadLettersProblem: sentenceOf(error) };
  }
}

function isWorthARow(record: GateRecord, now: Instant): boolean {
  return record.state.kind !== 'open' || record.pending.length > 0 || overrideOf(record, now) !== undefined;
}

/** It stays closed although its tag moved, because what runs may name its digest. */
function isClosedUntagged({ gate, state, blockers }: GateRecord): boolean {
  return gate.digest !== undefined && state.kind === 'closed' && blockers.some(({ untagged }) => untagged);
}

/** The override in force, if any. */
function overrideOf(record: GateRecord, now: Instant): Override | undefined {
  return record.override !== undefined && isInForce(record.override, now) ? record.override.order : undefined;
}

function gateStatus(cloud: Cloud, record: GateRecord, rules: Rules, now: Instant): Omit<GateStatus, 'usage'> {
  const { gate, state, since, closedSince } = record;
  const blockers = activeBlockers(record);
  const findings = blockers.flatMap((blocker) => blocker.findings);
  return {
    cloud,
    gate,
    rule: rules.of(gate).rule ?? null,
    state,
    since,
    closedSince,
    blockers: blockers.length + record.omittedBlockers,
    worst: isNonEmpty(findings) ? worstFirst(findings)[0] : undefined,
    override: overrideOf(record, now),
    blockedFix: fixOf(record),
    pendingNotices: record.pending.length,
    pendingSince: record.pending[0]?.at,
  };
}

function concernsOf(status: CloudStatus, now: Instant): readonly string[] {
  const { cloud, pause, sweep, sweepAgeHours, sweepHours, brake, deadLetters, deadLettersProblem } = status;
  const { gates, unreadable, live } = status;
  const where = CLOUD_NAMES[cloud];
  const stuck = gates.filter(({ state, since }) => isIntent(state) && isLongAgo(since, now));
  const unsent = gates.filter(({ pendingSince }) => pendingSince !== undefined && isLongAgo(pendingSince, now));
  const queue = cloud === 'aws' ? 'dead-letter queue' : 'poison queue';
  return [
    ...(pause === undefined
      ? []
      : [
          `${where}: paused since ${minute(pause.at)} by ${pause.by}: no gate closes until ${pause.until === undefined ? '`pullgate resume`' : endOf(pause.until, now)}`,
        ]),
    ...(sweep === undefined || sweepAgeHours === undefined
      ? [
          `${where}: no sweep has run yet; the first one runs within five minutes of \`pulumi up\`: check that the function is running`,
        ]
      : sweepAgeHours > 2 * sweepHours
        ? [
            `${where}: the last sweep ran ${counted(Math.floor(sweepAgeHours), 'hour')} ago (sweepHours is ${sweepHours}): check that the function is running`,
          ]
        : []),
    ...(brake.leftThisDay > 0
      ? []
      : [
          `${where}: ${counted(brake.closedThisDay, 'gate')} closed within 24 hours, and the day limit (${brake.maxClosesPerDay}) lets no more close: \`pullgate limit\` allows another number`,
        ]),
    ...(deadLetters === undefined
      ? [`${where}: the messages in the ${queue} could not be counted: ${deadLettersProblem}`]
      : []),
    ...(deadLetters === undefined || deadLetters === 0
      ? []
      : [`${where}: the ${queue} has ${counted(deadLetters, 'message')} that pullgate could not process`]),
    ...stuck.map(
      ({ gate, state, since }) =>
        `${where}: ${shortName(gate)} has been ${state.kind} since ${minute(since)} and is stuck`,
    ),
    ...gates
      .filter(({ state }) => state.kind === 'unexplained')
      .map(
        ({ gate }) =>
          `${where}: ${shortName(gate)} is closed, and its record does not say why: it may have been lost. It opens on proof for all images, or by \`pullgate override open\``,
      ),
    ...unreadable.map(
      ({ gate, problem }) =>
        `${where}: the record of ${shortName(gate)} cannot be read, so the function cannot reconcile it: ${problem}`,
    ),
    ...unsent.map(
      ({ gate }) => `${where}: the notice for ${shortName(gate)} could not be sent: see the function's log`,
    ),
    ...(live?.scannerProblem === undefined
      ? []
      : [`${where}: the scanner does not see the whole registry: ${live.scannerProblem}`]),
  ];
}

function isIntent({ kind }: GateState): boolean {
  return kind === 'closing' || kind === 'opening';
}

function isLongAgo(at: Instant, now: Instant): boolean {
  return Date.parse(now) - Date.parse(at) > STUCK_MILLISECONDS;
}
