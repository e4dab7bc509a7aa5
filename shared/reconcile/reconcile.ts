// The loop that brings one gate to where the world, the record and the policy say it should be. It does not care what woke it, or how often.
import { type Accounted, accountForAll, type NextBlockers, nextBlockers } from '../gate/blockers.ts';
import { isInForce, stepOf } from '../gate/override.ts';
import { activeBlockers, type Gate, type GateRecord, gateKey, newRecord } from '../gate/record.ts';
import { earlier, findingKey, type Instant } from '../policy/finding.ts';
import { expiredExceptions } from '../policy/policy.ts';
import { isPlain } from '../policy/verdict.ts';
import { type Decision, type ImageDecision, isByCommand, type Trigger } from '../report/decision.ts';
import { noticeOf } from '../report/notice.ts';
import { settle } from './apply.ts';
import type { ImageObservation, Ports, Reading, Registry, Scope } from './ports.ts';
import type { Rules } from './rules.ts';

/** What woke the loop for a gate. It says where to look, never what is true. */
export interface Hint {
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
export async function reconcile<Snapshot>(hint: Hint, rules: Rules, ports: Ports<Snapshot>): Promise<Decision> {
  // Where another worker was faster, the record does not say any more that we have closed the gate.
  let hasClosed = false;
  const write: Registry<Snapshot>['write'] = async (gate, from, wanted) => {
    const written = await ports.registry.write(gate, from, wanted);
    hasClosed = written.kind === 'written' && wanted === 'closed';
    return written;
  };
  const watched = { ...ports, registry: { ...ports.registry, write } };
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const decision = await attempt(hint, rules, watched, { isWide: tries > 0, hasClosed });
    if (decision === 'conflict') continue;
    ports.log(decision);
    if (decision.unseen !== undefined) throw decision.unseen;
    return decision;
  }
  throw new Error(
    `${gateKey(hint.gate)}: somebody else changed its record or its policy first, ${MAX_TRIES} times; the message comes back`,
  );
}

/** What the attempts before have come to. */
interface Before {
  /** Observes every blocker with the images of the hint, since somebody else was at work here. */
  readonly isWide: boolean;
  /** This very worker has closed the gate, and came too late to confirm it. */
  readonly hasClosed: boolean;
}

async function attempt<Snapshot>(
  hint: Hint,
  rules: Rules,
  ports: Ports<Snapshot>,
  { isWide, hasClosed }: Before,
): Promise<Decision | 'conflict'> {
  const { gate } = hint;
  const { value, version } = await ports.records.load(gate);
  const record = value ?? newRecord(gate, ports.now());
  const byFunction = !isByCommand(hint.triggers);
  const seen = await observe(scopeOf(hint, record, isWide), record, rules, ports).catch((unseen: unknown) => {
    if (!(byFunction && isOverBlindly(record, ports.now()))) throw unseen;
    return { observations: [], accounted: [], next: nextBlockers(record, []), now: ports.now(), unseen };
  });
  const { next, accounted, now } = seen;
  const reading = value === undefined && next.active.length === 0 ? undefined : await ports.registry.read(gate);
  const givesUp = hint.triggers.includes('pause') || hint.triggers.includes('release');
  const hand = stepOf(record.byHand, now, { byFunction, givesUp });
  const unconfirmed = await unconfirmedFindings(hint, seen.observations, ports);
  const settled = await settle(
    {
      stored: { value: record, version },
      next,
      reading: reading === undefined ? undefined : attributed(reading, hasClosed || record.claimed === true),
      now,
      hand,
      noticeOf: (kind, state) => noticeOf(kind, state, record, next, accounted, now, hand),
      somethingHolds: async () => {
        // A command observes nothing, and of what is gone nothing holds anything.
        if (!byFunction && reading === undefined) return false;
        const again = await observe(scopeOf(hint, record, true), record, rules, ports);
        return again.next.active.length > 0;
      },
    },
    rules,
    ports,
  );
  if (settled === 'conflict') return 'conflict';
  const images = accounted.flatMap((one) => worthAWord(one, next));
  return {
    gate,
    triggers: hint.triggers,
    mode: rules.mode,
    images,
    allowed: accounted.length - images.length,
    from: record.state,
    unconfirmed,
    outdated: outdatedFindings(hint, seen.observations),
    isUnsettled: accounted.some(({ accounting }) => accounting.kind === 'holds' && accounting.why.kind === 'unsettled'),
    expiredExceptions: expiredExceptions(rules.policy, now),
    byHand: hand === undefined ? undefined : { step: hand.step, order: hand.order },
    unseen: 'unseen' in seen ? seen.unseen : undefined,
    secondsSinceFinding: settled.done === 'closed' ? secondsSince(oldestViolation(accounted), ports.now()) : undefined,
    ...settled,
  };
}

/** Where the registry cannot say whose a closing is, the record can: what pullgate has not begun is somebody else's. */
function attributed<Snapshot>(reading: Reading<Snapshot>, isClaimed: boolean): Reading<Snapshot> {
  return reading.ours === 'unmarked' && isClaimed ? { ...reading, ours: 'current' } : reading;
}

/** An order to keep it open is over, and something held the gate when it was last observed: a scanner that does not answer is no reason to leave it open. */
function isOverBlindly({ byHand, blockers, omittedBlockers }: GateRecord, now: Instant): boolean {
  if (byHand?.kind !== 'open' || isInForce(byHand, now)) return false;
  return omittedBlockers > 0 || activeBlockers({ blockers }).length > 0;
}

/** One observation, and what it means for the gate. */
async function observe<Snapshot>(scope: Scope, record: GateRecord, rules: Rules, ports: Ports<Snapshot>) {
  const observedAt = ports.now();
  const known = record.blockers.map((blocker) => blocker.digest);
  const observations = await ports.registry.observe(record.gate, scope, known);
  const now = ports.now();
  const accounted = await accountForAll(observations, record, rules, ports.registry, observedAt, now);
  return { observations, accounted, next: nextBlockers(record, accounted), now };
}

/** A push may have moved a tag to or from a blocker, and a delete may have taken one away: they are observed with it, the remembered ones too. */
function scopeOf({ scope, triggers }: Hint, { blockers }: GateRecord, isWide: boolean): Scope {
  const moved = triggers.includes('push') || triggers.includes('delete');
  // A command does what it says whatever is in there: it need not be allowed to look.
  if (scope === 'all' || isByCommand(triggers) || !(moved || isWide)) return scope;
  if (blockers.length > MAX_BLOCKERS_WITH_PUSH) return isWide ? 'all' : scope;
  return [...new Set([...scope, ...blockers.map((blocker) => blocker.digest)])];
}

/** Findings that an event named as active, and that an observation does not show so: the provider knows them in no state, or its answer may be from before the event. */
async function unconfirmedFindings(
  { activeFindings }: Hint,
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
function outdatedFindings({ activeFindings }: Hint, observations: readonly ImageObservation[]): readonly string[] {
  const reported = new Map(observations.map((observation) => [observation.digest, observation.reportedAt]));
  return activeFindings.flatMap(({ id, digest, since }) => {
    const at = reported.get(digest)?.get(id);
    return since !== undefined && at !== undefined && at < since ? [id] : [];
  });
}

/** When the provider last spoke of what violates now: of the oldest of it, so that nothing looks faster than it was. */
function oldestViolation(accounted: readonly Accounted[]): Instant | undefined {
  let oldest: Instant | undefined;
  for (const { image, accounting } of accounted) {
    if (image.presence === 'gone' || accounting.kind !== 'holds' || accounting.verdict.kind !== 'block') continue;
    for (const { finding } of accounting.verdict.reasons) {
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
  { image: { digest }, accounting }: Accounted,
  { accounts }: NextBlockers,
): readonly ImageDecision[] {
  if (accounting.kind === 'holds') return [{ digest, kind: 'holds', why: accounting.why, verdict: accounting.verdict }];
  const account = accounts.find((one) => one.digest === digest);
  if (account !== undefined) return [{ ...account, kind: 'released' }];
  if (accounting.kind === 'forgotten') return [];
  const { verdict } = accounting;
  return isPlain(verdict) ? [] : [{ digest, kind: 'none', verdict }];
}
