// The loop that brings one gate to where the world, the record and the policy say it should be. It does not care what woke it, or how often.
import { type EvaluatedImage, evaluateImages, type NextBlockers, nextBlockers } from '../gate/blockers.ts';
import { isInForce, stepOf } from '../gate/override.ts';
import { activeBlockers, type Gate, type GateRecord, gateKey, newRecord } from '../gate/record.ts';
import { earlier, findingKey, type Instant } from '../policy/finding.ts';
import { expiredExceptions } from '../policy/policy.ts';
import { isPlain } from '../policy/verdict.ts';
import { type Decision, type ImageDecision, isByCommand, type Trigger } from '../report/decision.ts';
import { noticeOf } from '../report/notice.ts';
import { apply } from './apply.ts';
import type { ImageObservation, Ports, Reading, Registry, Scope } from './ports.ts';
import type { Rules } from './rules.ts';

/** What woke the loop for a gate. It says where to look, never what is true. */
export interface ReconcileRequest {
  readonly gate: Gate;
  readonly scope: Scope;
  readonly triggers: readonly Trigger[];
  /** Findings that events reported as active: the provider must know them, or the events were faster than it. */
  readonly activeFindings: readonly ReportedFinding[];
}

/** A finding as an event named it. */
export interface ReportedFinding {
  readonly id: string;
  readonly digest: string;
  /** What the provider has said since then is what the event was about. Default: whatever it says. */
  readonly since?: Instant | undefined;
}

const MAX_TRIES = 12;
/** A provider's answer may be so old: where it contradicts an event of so little ago, it may be from before it. */
const ANSWER_LAG_MILLISECONDS = 2 * 60_000;
/** Up to so many blockers are observed with every push and delete. */
const MAX_BLOCKERS_WITH_PUSH = 100;

/**
 * Brings one gate to where it should be, and logs the decision.
 *
 * @returns what was decided and done; where it says `refused`, a retry is of no use
 * @throws Error where a retry may help: a cloud that does not answer, or other workers that are always faster. Where the scanner does not answer and
 *   an order to keep the gate open is over, it is closed first, on what its record says.
 */
export async function reconcile<Snapshot>(
  request: ReconcileRequest,
  rules: Rules,
  ports: Ports<Snapshot>,
): Promise<Decision> {
  // Where another worker was faster, the record does not say any more that we have closed the gate.
  let hasClosed = false;
  const write: Registry<Snapshot>['write'] = async (gate, from, desired) => {
    const written = await ports.registry.write(gate, from, desired);
    hasClosed = written.kind === 'written' && desired === 'closed';
    return written;
  };
  const watched = { ...ports, registry: { ...ports.registry, write } };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const decision = await attempt(request, rules, watched, { isWide: tries > 0, hasClosed });
    if (decision === 'conflict') continue;
    ports.log(decision);
    if (decision.unseen !== undefined) throw decision.unseen;
    return decision;
  }
  throw new Error(
    `${gateKey(request.gate)}: somebody else changed its record or its policy first, ${MAX_TRIES} times; the message comes back`,
  );
}

/** What the attempts before have come to. */
interface Before {
  /** Observes every blocker with the images of the request, since somebody else was at work here. */
  readonly isWide: boolean;
  /** This very worker has closed the gate, and came too late to confirm it. */
  readonly hasClosed: boolean;
}

async function attempt<Snapshot>(
  request: ReconcileRequest,
  rules: Rules,
  ports: Ports<Snapshot>,
  { isWide, hasClosed }: Before,
): Promise<Decision | 'conflict'> {
  const { gate } = request;
  const { value, version } = await ports.records.load(gate);
  const record = value ?? newRecord(gate, ports.now());
  const byFunction = !isByCommand(request.triggers);
  const seen = await observe(scopeOf(request, record, isWide), record, rules, ports).catch((unseen: unknown) => {
    if (!(byFunction && mustCloseUnobserved(record, ports.now()))) throw unseen;
    return { observations: [], evaluated: [], next: nextBlockers(record, []), now: ports.now(), unseen };
  });
  const { next, evaluated, now } = seen;
  const reading = value === undefined && next.active.length === 0 ? undefined : await ports.registry.read(gate);
  const givesUp = request.triggers.includes('pause') || request.triggers.includes('release');
  const override = stepOf(record.override, now, { byFunction, givesUp });
  const unconfirmed = await unconfirmedFindings(request, seen.observations, ports);
  const settled = await apply(
    {
      stored: { value: record, version },
      next,
      reading: reading === undefined ? undefined : attributed(reading, hasClosed || record.claimed === true),
      now,
      override,
      noticeOf: (kind, state) => noticeOf(kind, state, record, next, evaluated, now, override),
      somethingHolds: async () => {
        // A command observes nothing, and of what is gone nothing holds anything.
        if (!byFunction && reading === undefined) return false;
        const again = await observe(scopeOf(request, record, true), record, rules, ports);
        return again.next.active.length > 0;
      },
    },
    rules,
    ports,
  );
  if (settled === 'conflict') return 'conflict';
  const images = evaluated.flatMap((one) => worthAWord(one, next));
  return {
    gate,
    triggers: request.triggers,
    mode: rules.mode,
    images,
    allowed: evaluated.length - images.length,
    from: record.state,
    unconfirmed,
    outdated: outdatedFindings(request, seen.observations),
    isUnsettled: evaluated.some(({ evaluation }) => evaluation.kind === 'holds' && evaluation.why.kind === 'unsettled'),
    expiredExceptions: expiredExceptions(rules.policy, now),
    override: override === undefined ? undefined : { step: override.step, order: override.order },
    unseen: 'unseen' in seen ? seen.unseen : undefined,
    secondsSinceFinding:
      settled.action === 'closed' ? secondsSince(oldestViolation(evaluated), ports.now()) : undefined,
    ...settled,
  };
}

/** Where the registry cannot say whose a closing is, the record can: what pullgate has not begun is somebody else's. */
function attributed<Snapshot>(reading: Reading<Snapshot>, isClaimed: boolean): Reading<Snapshot> {
  return reading.ours === 'unmarked' && isClaimed ? { ...reading, ours: 'current' } : reading;
}

/** An order to keep it open is over, and something held the gate when it was last observed: a scanner that does not answer is no reason to leave it open. */
function mustCloseUnobserved({ override, blockers, omittedBlockers }: GateRecord, now: Instant): boolean {
  if (override?.kind !== 'open' || isInForce(override, now)) return false;
  return omittedBlockers > 0 || activeBlockers({ blockers }).length > 0;
}

/** One observation, and what it means for the gate. */
async function observe<Snapshot>(scope: Scope, record: GateRecord, rules: Rules, ports: Ports<Snapshot>) {
  const observedAt = ports.now();
  const known = record.blockers.map((blocker) => blocker.digest);
  const observations = await ports.registry.observe(record.gate, scope, known);
  const now = ports.now();
  const evaluated = await evaluateImages(observations, record, rules, ports.registry, observedAt, now);
  return { observations, evaluated, next: nextBlockers(record, evaluated), now };
}

/** A push may have moved a tag to or from a blocker, and a delete may have taken one away: they are observed with it, the remembered ones too. */
function scopeOf({ scope, triggers }: ReconcileRequest, { blockers }: GateRecord, isWide: boolean): Scope {
  const moved = triggers.includes('push') || triggers.includes('delete');
  // A command does what it says whatever is in there: it need not be allowed to look.
  if (scope === 'all' || isByCommand(triggers) || !(moved || isWide)) return scope;
  if (blockers.length > MAX_BLOCKERS_WITH_PUSH) return isWide ? 'all' : scope;
  return [...new Set([...scope, ...blockers.map((blocker) => blocker.digest)])];
}

/** Findings that an event named as active, and that an observation does not show so: the provider knows them in no state, or its answer may be from before the event. */
async function unconfirmedFindings(
  { activeFindings }: ReconcileRequest,
  observations: readonly ImageObservation[],
  { registry, now }: Pick<Ports<unknown>, 'registry' | 'now'>,
): Promise<readonly string[]> {
  const shown = new Map(observations.map((observation) => [observation.digest, observation.findingIds]));
  const doubtful = activeFindings.filter(({ id, digest }) => shown.get(digest)?.has(id) === false);
  const young = Date.parse(now()) - ANSWER_LAG_MILLISECONDS;
  const { soon = [], later = [] } = Object.groupBy(doubtful, ({ since }) =>
    since !== undefined && Date.parse(since) > young ? 'soon' : 'later',
  );
  const unknown = later.length === 0 ? [] : await registry.unknownFindings(later.map(({ id }) => id));
  return [...new Set([...soon.map(({ id }) => id), ...unknown])];
}

/** Findings that the provider shows only as they were before the event: what it was about is still on its way. */
function outdatedFindings(
  { activeFindings }: ReconcileRequest,
  observations: readonly ImageObservation[],
): readonly string[] {
  const reported = new Map(observations.map((observation) => [observation.digest, observation.reportedAt]));
  return activeFindings.flatMap(({ id, digest, since }) => {
    const at = reported.get(digest)?.get(id);
    return since !== undefined && at !== undefined && at < since ? [id] : [];
  });
}

/** When the provider last spoke of what violates now: of the oldest of it, so that nothing looks faster than it was. */
function oldestViolation(evaluated: readonly EvaluatedImage[]): Instant | undefined {
  let oldest: Instant | undefined;
  for (const { image, evaluation } of evaluated) {
    if (image.presence === 'gone' || evaluation.kind !== 'holds' || evaluation.verdict.kind !== 'block') continue;
    for (const { finding } of evaluation.verdict.reasons) {
      const at = image.saidAt?.get(findingKey(finding));
      if (at !== undefined) oldest = earlier(oldest, at);
    }
  }
  return oldest;
}

/** Never below zero: clocks differ, and a metric with a negative value has no percentiles. */
function secondsSince(at: Instant | undefined, now: Instant): number | undefined {
  return at === undefined ? undefined : Math.max(0, (Date.parse(now) - Date.parse(at)) / 1_000);
}

/** Everything but an image that is plainly allowed, and the memory of one that went away before. */
function worthAWord(
  { image: { digest }, evaluation }: EvaluatedImage,
  { clearances }: NextBlockers,
): readonly ImageDecision[] {
  if (evaluation.kind === 'holds') return [{ digest, kind: 'holds', why: evaluation.why, verdict: evaluation.verdict }];
  const account = clearances.find((one) => one.digest === digest);
  if (account !== undefined) return [{ ...account, kind: 'released' }];
  if (evaluation.kind === 'forgotten') return [];
  const { verdict } = evaluation;
  return isPlain(verdict) ? [] : [{ digest, kind: 'none', verdict }];
}
