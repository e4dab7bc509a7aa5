// Checks of single gates after each observation: closed and opened for the right reasons and in time.
import type { Observation } from './cloud.ts';
import type { History, Hold } from './history.ts';
import type { TrueImage } from './truth.ts';

const MINUTE = 60_000;
/** The longest interval between two observations (`run.ts`). */
const OBSERVED_MILLISECONDS = 15 * MINUTE;
/** The gates whose lock one tick reads (shared/reconcile/locks.ts). */
const LOCKS_PER_TICK = 1_000;

/** An image that holds an open gate, although the specification wants it closed. */
interface OpenGate {
  readonly gate: string;
  readonly image: TrueImage;
  readonly hold: Hold;
}

/** The gates that are open and should be closed, sooner or later. */
function openGates(history: History, observation: Observation): readonly OpenGate[] {
  const { at, closed, records, dead } = observation;
  return [...history.gates].flatMap(([gate, images]) => {
    if (closed.has(gate) || history.orders.isUncertain(gate, at)) return [];
    const record = records.find((one) => one.gate === gate);
    if (history.desired(gate, observation, record) !== 'closed') return [];
    return images.flatMap((image) => {
      const hold = history.holdings.get(image.name);
      const isExcused = hold === undefined || dead.some((text) => text.includes(image.repository));
      return isExcused ? [] : [{ gate, image, hold }];
    });
  });
}

/** The extra time that messages which stayed hidden since then allow. */
function grace({ bounds }: History, { setbacks }: Observation, since: number): number {
  return setbacks.filter((at) => at >= since).length * bounds.setback;
}

/** Invariant 2: a gate is closed within the bounds of docs/reliability.md. */
export function notClosedInTime(history: History, observation: Observation): readonly string[] {
  const { at } = observation;
  return openGates(history, observation).flatMap(({ gate, image, hold }) => {
    const counted = countedFrom(history, gate, hold, at);
    if (at <= deadline(history, observation, counted) && !isOverlooked(history, observation, counted)) return [];
    const minutes = Math.round((at - counted.since) / MINUTE);
    const heard = counted.heardAt === undefined ? ', of which no event notified' : '';
    return [`${gate} is open though ${image.name} has had to hold it for ${minutes} minutes${heard}`];
  });
}

/**
 * Once something outside kept the gate open, only a tick or the next sweep must find that it is over, even if an event
 * was heard before.
 */
function countedFrom(history: History, gate: string, hold: Hold, at: number): Hold {
  const kept = history.orders.keptOpenUntil(gate, at);
  const stripped = strippedAt(history, gate);
  const last = Math.max(kept ?? 0, stripped ?? 0);
  return last < hold.since ? hold : { since: last, heardAt: undefined };
}

function strippedAt({ strippedAt: at }: History, gate: string): number | undefined {
  return at.get(gate.split('@')[0] ?? '');
}

/** The time by which a gate must be closed. */
function deadline(history: History, observation: Observation, { since, heardAt }: Hold): number {
  const { bounds } = history;
  const bySweep = since + bounds.sweep + 2 * bounds.tick + bounds.event;
  const byEvent = heardAt === undefined ? Number.POSITIVE_INFINITY : heardAt + bounds.event;
  return Math.min(bySweep, byEvent) + grace(history, observation, since);
}

/**
 * On AWS, once the event has arrived and the queue is empty, nothing else closes the gate before the next sweep. The
 * gate must be closed by then. On Azure, rows may arrive after the message is done.
 */
function isOverlooked({ cloud }: History, { at, waiting }: Observation, { heardAt }: Hold): boolean {
  return cloud === 'aws' && waiting === 0 && heardAt !== undefined && heardAt <= at;
}

/** Invariant 2: when no message is left, the record of a closed gate does not say that it is open. */
export function recordsThatDisagree(
  history: History,
  { at, closed, records, waiting }: Observation,
): readonly string[] {
  if (history.cloud !== 'aws' || waiting > 0) return [];
  return [...closed].flatMap((gate) => {
    if (history.unexplained.has(gate) || history.orders.isUncertain(gate, at)) return [];
    const state = records.find((record) => record.gate === gate)?.state ?? 'open';
    return ['closed', 'closing', 'opening'].includes(state) ? [] : [`${gate} is closed, and its record says ${state}`];
  });
}

/**
 * Invariant 3: after a pause, an override, a lost row, or a deletion and another push, a gate that was closed does not
 * wait for a sweep.
 */
export function notClosedAgain(history: History, observation: Observation): readonly string[] {
  const { bounds, orders } = history;
  const { at } = observation;
  return openGates(history, observation).flatMap(({ gate, image, hold }) => {
    const backSince = history.backSince.get(gate) ?? 0;
    const kept = Math.max(orders.keptOpenUntil(gate, at) ?? 0, backSince);
    // An image that is back holds its gate from the next observation on.
    const latest = kept === backSince ? kept + OBSERVED_MILLISECONDS : kept;
    if (!history.wasClosed(gate) || kept === 0 || hold.since > latest) return [];
    // It has closed again, and was opened later.
    if ((history.closedAt.get(gate) ?? 0) > kept) return [];
    const isLate = at > kept + 2 * bounds.tick + bounds.event + grace(history, observation, kept);
    return isLate ? [`${gate} is open though ${image.name} had closed it and nothing keeps it open`] : [];
  });
}

/** Invariant 8: enough ticks read every lock, and one more may pass before. */
export function notRestored(history: History, observation: Observation): readonly string[] {
  const { bounds } = history;
  const { at, closed } = observation;
  const ticks = Math.ceil(Math.max(1, closed.size) / LOCKS_PER_TICK) + 1;
  return openGates(history, observation).flatMap(({ gate, hold }) => {
    const removed = history.toRestore.get(gate);
    const kept = history.orders.keptOpenUntil(gate, at) ?? 0;
    if (removed === undefined || hold.since > removed.seenAt || kept >= removed.at) return [];
    const isLate = at > removed.at + ticks * bounds.tick + bounds.event + grace(history, observation, removed.at);
    return isLate ? [`${gate} is open though its lock was removed ${ticks} ticks ago`] : [];
  });
}

/** Invariant 1: a gate that an image holds opens only if someone orders it. */
export function openedWithoutReason(history: History, observation: Observation): readonly string[] {
  const found = openGates(history, observation);
  const second = [...history.dangerousAfterIntent()].flatMap((image) => {
    const gate = history.gateOf(image);
    const isOpen = found.some((one) => one.gate === gate);
    return isOpen ? [`${gate} is open though ${image.name} was dangerous again before it was opened`] : [];
  });
  const opened = history.opened().filter((gate) => {
    const kept = history.orders.keptOpenUntil(gate, observation.at) ?? 0;
    const isOrdered = Math.max(kept, strippedAt(history, gate) ?? 0) >= history.beforeAt();
    return !isOrdered && history.isHeldForLong(gate) && found.some((one) => one.gate === gate);
  });
  return [...second, ...opened.map((gate) => `${gate} was opened though an image holds it`)];
}

/** Invariant 6: at a quiet moment, a gate is as the override in force says. */
export function wrongUnderOverride(history: History, observation: Observation): readonly string[] {
  const { orders, bounds } = history;
  const { at, closed, waiting } = observation;
  if (waiting > 0 || orders.isPaused(at)) return [];
  return [...history.gates.keys()].flatMap((gate) => {
    const found = orders.overrideOf(gate, at);
    if (found === undefined || found.from >= at || orders.isUncertain(gate, at)) return [];
    if (found.order === 'open') return closed.has(gate) ? [`${gate} is closed though an override keeps it open`] : [];
    // Someone else may have removed the lock at once.
    const removed = Math.max(strippedAt(history, gate) ?? 0, found.from);
    const isDue = at > removed + 2 * bounds.tick + bounds.event;
    return isDue && !closed.has(gate) ? [`${gate} is open though an override keeps it closed`] : [];
  });
}

/** Invariant 12: from the longest invocation after its begin on. A lock whose record is lost is unknown to a pause. */
export function lockedDuringPause(history: History, { at, closed }: Observation): readonly string[] {
  const pause = history.orders.pauseAt(at);
  if (pause === undefined || at < pause.from + history.bounds.invocation) return [];
  const ours = [...closed].filter((gate) => !history.isForeign(gate) && !history.unexplained.has(gate));
  return ours.map((gate) => `${gate} is locked`);
}
