// Reconciles one gate: brings it to the state that registry, scanner, record and policy require, whatever triggered it
// and however often.
import { type EvaluatedImage, isInScope, type NextBlockers, nextBlockers } from '../gate/blockers.ts';
import { type Gate, gateKey } from '../gate/gate.ts';
import { isInForce, type OverrideStep, stepOverride } from '../gate/override.ts';
import { activeBlockers, type GateRecord, newRecord } from '../gate/record.ts';
import { expiredExceptions } from '../policy/exceptions.ts';
import { earlier, findingKey, type Instant } from '../policy/finding.ts';
import { isPlain } from '../policy/verdict.ts';
import type { Decision, ImageDecision } from '../report/decision.ts';
import { type Applied, apply, type Conflict } from './apply.ts';
import { shouldBeLocked } from './locks.ts';
import { type Evaluated, observeAndEvaluate, scopeOf } from './observe.ts';
import { hasOurs, withOwner } from './owner.ts';
import type { Ports } from './ports.ts';
import { findAwaited, findStale, type ReconcileRequest } from './request.ts';
import { notListed, type Result, type UnconfirmedReport } from './result.ts';
import type { GateRules, Rules } from './rules.ts';
import { isAboutLock, isByCommand } from './trigger.ts';
import { unexplainedSince } from './unexplained.ts';

const MAX_TRIES = 12;

/**
 * Brings one gate to its desired state and logs the decision.
 *
 * @returns the decision, and what happens to the messages of the request
 * @throws Error if a retry may help: a cloud does not answer, or other workers save first in every attempt. If the
 *   scanner does not answer after an override that kept the gate open has ended, the gate is closed first, based on its
 *   record.
 */
export async function reconcile<Snapshot>(
  request: ReconcileRequest,
  rules: Rules,
  ports: Ports<Snapshot>,
): Promise<Result> {
  const ofGate = rules.of(request.gate);
  let before: PriorAttempts = { isWide: false, hasClosed: false };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const attempted = await attempt(request, ofGate, ports, before);
    if (attempted.kind === 'conflict') {
      before = { isWide: true, hasClosed: attempted.hasClosed };
      continue;
    }
    const { result, observeError } = attempted;
    ports.log(result.decision);
    if (observeError !== undefined) throw observeError;
    return result;
  }
  throw new Error(
    `${gateKey(request.gate)}: other workers changed its record or lock first in all ${MAX_TRIES} attempts; the message is retried`,
  );
}

/** The outcome of the earlier attempts. */
interface PriorAttempts {
  /** Observe every blocker in addition to the images of the request, because another worker changed the record. */
  readonly isWide: boolean;
  /** This worker closed the gate, but was too late to confirm it. */
  readonly hasClosed: boolean;
}

/** The outcome of one attempt. */
interface Attempted {
  readonly kind: 'applied';
  readonly result: Result;
  /** The error if the images could not be observed. */
  readonly observeError: unknown;
}

async function attempt<Snapshot>(
  request: ReconcileRequest,
  rules: GateRules,
  ports: Ports<Snapshot>,
  before: PriorAttempts,
): Promise<Attempted | Conflict> {
  const { gate, triggers } = request;
  const { value, version } = await ports.records.load(gate);
  const record = value ?? newRecord(gate, ports.now());
  const isLockDue = before.hasClosed || !isAboutLock(triggers) || (await hasLock(record, ports));
  if (!isLockDue) return untouched(request, record, rules);
  const byFunction = !isByCommand(triggers);
  const seen = await observeOrRemember({ request, record, isWide: before.isWide }, rules, ports);
  const { evaluated, next, now } = seen;
  // Only a search finds the lock of a gate without a record. Events and sweeps do without the call.
  const needsNoLock = value === undefined && next.active.length === 0 && !triggers.includes('lock');
  const read = needsNoLock ? undefined : await ports.registry.read(gate, record.lockIds);
  const reading = read && withOwner(read, { claimed: before.hasClosed || record.claimed });
  const givesUp = triggers.includes('pause') || triggers.includes('release');
  const override = stepOverride(record.override, now, { byFunction, givesUp });
  const awaited = await findAwaited(request, seen.observations, ports);
  const applied = await apply(
    {
      request,
      stored: { value: record, version },
      scope: seen.scope,
      evaluated,
      next,
      reading,
      unexplainedSince: unexplainedSince(record, reading, { hasClosed: before.hasClosed, now }),
      override,
      hasClosed: before.hasClosed,
      now,
    },
    rules,
    ports,
  );
  if (applied.kind === 'conflict') return applied;
  const decision = decisionOf({ request, record, rules, seen, awaited, override, applied, doneAt: ports.now() });
  const result = resultOf(decision, seen, findStale(request, seen.observations));
  return { kind: 'applied', result, observeError: seen.observeError };
}

/** Should the gate have a lock, or does it have one? A refused closing may succeed now. */
async function hasLock<Snapshot>(record: GateRecord, { registry }: Ports<Snapshot>): Promise<boolean> {
  const { state } = record;
  if (shouldBeLocked(record) || (state.kind === 'waiting' && state.for === 'refused')) return true;
  const reading = await registry.read(record.gate, record.lockIds);
  return reading !== undefined && hasOurs(withOwner(reading, record));
}

/**
 * A change of a lock does not matter to a gate that needs none. Above all it does not undo a release, which is such a
 * change itself.
 */
function untouched({ gate, triggers }: ReconcileRequest, { state }: GateRecord, { rule, mode }: GateRules): Attempted {
  const nothing = { images: [], allowed: 0, awaited: [], expiredExceptions: [], action: 'nothing' } as const;
  const decision: Decision = { gate, triggers, rule, mode, from: state, to: state, ...nothing };
  return { kind: 'applied', result: { kind: 'done', decision, observations: [] }, observeError: undefined };
}

/** The inputs and results of the steps of an attempt. */
interface AttemptSteps {
  readonly request: ReconcileRequest;
  readonly record: GateRecord;
  readonly rules: GateRules;
  readonly seen: Evaluated;
  readonly awaited: readonly string[];
  readonly override: OverrideStep | undefined;
  readonly applied: Applied;
  readonly doneAt: Instant;
}

function decisionOf({ request, record, rules, seen, awaited, override, applied, doneAt }: AttemptSteps): Decision {
  const { evaluated, next, now } = seen;
  const { kind: _kind, found, ...outcome } = applied;
  const images = evaluated.flatMap((one) => imageDecision(one, next));
  return {
    gate: request.gate,
    triggers: request.triggers,
    rule: rules.rule,
    mode: rules.mode,
    images,
    allowed: evaluated.length - images.length,
    judged:
      seen.scope === 'all' && request.gate.digest === undefined ? countInScope(seen, request.gate, rules) : undefined,
    from: record.state,
    awaited,
    expiredExceptions: expiredExceptions(rules.policy, now),
    override: override === undefined ? undefined : { step: override.step, order: override.order },
    secondsSinceFinding: outcome.action === 'closed' ? secondsSince(oldestViolation(evaluated), doneAt) : undefined,
    blockedFix: found?.remedy?.blocked,
    remedyError: found?.error,
    ...outcome,
  };
}

function countInScope({ observations }: Evaluated, { repository }: Gate, rules: GateRules): number {
  return observations.filter((image) => isInScope(image, repository, rules)).length;
}

/** What happens to the messages of a request. The first case that applies decides. */
function resultOf(
  decision: Decision,
  { evaluated, observations }: Pick<Evaluated, 'evaluated' | 'observations'>,
  stale: readonly string[],
): Result {
  const based = { decision, observations };
  // A gate that cannot be closed waits in its record, with a notice. Nothing else says that one cannot be opened.
  if (decision.action === 'refused' && decision.to.kind !== 'waiting')
    return { kind: 'deadLetter', why: decision.problem, ...based };
  const [recentScan] = evaluated.flatMap(({ evaluation }) =>
    evaluation.kind === 'holds' && evaluation.why.kind === 'recentScan' ? [evaluation.why.detail] : [],
  );
  if (recentScan !== undefined) return { kind: 'retry', why: recentScan, reports: 'all', ...based };
  const reports = [
    ...decision.awaited.map(notListed),
    ...stale.map(
      (id): UnconfirmedReport => ({
        id,
        why: `the scanner still shows ${id} as it was before the event`,
        whenUsedUp: 'done',
      }),
    ),
  ];
  const why = reports.map((report) => report.why).join('; ');
  return reports.length === 0 ? { kind: 'done', ...based } : { kind: 'retry', why, reports, ...based };
}

/** Observes and evaluates. If that fails after an override that kept the gate open has ended, uses the record alone. */
async function observeOrRemember<Snapshot>(
  { request, record, isWide }: Pick<AttemptSteps, 'request' | 'record'> & { readonly isWide: boolean },
  rules: GateRules,
  ports: Ports<Snapshot>,
): Promise<Evaluated & { readonly observeError?: unknown }> {
  try {
    return await observeAndEvaluate(scopeOf(request, record, isWide), record, rules, ports);
  } catch (observeError) {
    if (isByCommand(request.triggers) || !mustCloseUnobserved(record, ports.now())) throw observeError;
    return {
      scope: [],
      observations: [],
      evaluated: [],
      next: nextBlockers(record, []),
      now: ports.now(),
      observeError,
    };
  }
}

/** Has an override that kept the gate open ended, and does the record have blockers? */
function mustCloseUnobserved({ override, blockers, omittedBlockers }: GateRecord, now: Instant): boolean {
  if (override?.order.kind !== 'open' || isInForce(override, now)) return false;
  return omittedBlockers > 0 || activeBlockers({ blockers }).length > 0;
}

/** The earliest update of a violating report, so that the measured delay is never too short. */
function oldestViolation(evaluated: readonly EvaluatedImage[]): Instant | undefined {
  let oldest: Instant | undefined;
  for (const { image, evaluation } of evaluated) {
    if (image.presence === 'gone' || evaluation.kind !== 'holds' || evaluation.verdict.kind !== 'block') continue;
    const violating = new Set(evaluation.verdict.reasons.map(({ finding }) => findingKey(finding)));
    for (const { reportedAt, findings } of image.reports) {
      const isViolating = findings.some((finding) => violating.has(findingKey(finding)));
      if (reportedAt !== undefined && isViolating) oldest = earlier(oldest, reportedAt);
    }
  }
  return oldest;
}

/** The seconds between two moments, never below zero: clocks differ, and negative values break percentiles. */
function secondsSince(at: Instant | undefined, now: Instant): number | undefined {
  return at === undefined ? undefined : Math.max(0, (Date.parse(now) - Date.parse(at)) / 1_000);
}

/** The decision to report about an image; none if it is plainly allowed or was dropped from the record. */
function imageDecision(
  { image: { digest }, evaluation }: EvaluatedImage,
  { clearances }: NextBlockers,
): readonly ImageDecision[] {
  if (evaluation.kind === 'holds') return [{ digest, kind: 'holds', why: evaluation.why, verdict: evaluation.verdict }];
  const clearance = clearances.find((one) => one.digest === digest);
  if (clearance !== undefined) return [{ ...clearance, kind: 'cleared' }];
  if (evaluation.kind === 'forgotten') return [];
  const { verdict } = evaluation;
  return isPlain(verdict) ? [] : [{ digest, kind: 'none', verdict }];
}
