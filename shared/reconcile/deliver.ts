// Delivers the pending notices of many gates together: those that wait for the tick, and those that could not be sent.
import type { Gate } from '../gate/gate.ts';
import type { GateRecord, Notice } from '../gate/record.ts';
import type { Instant } from '../policy/finding.ts';
import { type GateNotice, type NoticeMessage, renderDelivery, singleNotices } from '../report/delivery-text.ts';
import type { LogLine } from '../report/log-line.ts';
import type { NoticeContext } from '../report/notice-text.ts';
import type { LastPull } from '../report/notice-usage.ts';
import { mapConcurrently } from '../runtime/concurrency.ts';
import { describeError } from '../runtime/errors.ts';
import { MINUTE_MILLISECONDS } from '../runtime/time.ts';
import type { Records, Versioned } from './ports.ts';

export interface DeliveryPorts {
  /** The gates that may have pending notices, some at a time. */
  pendingGates(): AsyncIterable<readonly Gate[]>;
  readonly records: Pick<Records, 'load' | 'save'>;
  /** What the texts depend on besides the notices. */
  readonly context: NoticeContext;
  /** Reads the last pulls of the images that these notices name. Not given if pulls are not logged. It never throws. */
  lastPulls?(notices: readonly GateNotice[]): Promise<LastPull>;
  /** Does one call of `send` take all messages? Otherwise, each message is a call of its own. */
  readonly sendsTogether: boolean;
  /** Sends messages, at least one. If it throws, their notices stay pending. */
  send(messages: readonly NoticeMessage[]): Promise<void>;
  now(): Instant;
}

/** What became of the pending notices. */
export interface Delivered {
  /** The number of gates whose notices were sent. */
  readonly gates: number;
  readonly failures: readonly DeliveryFailure[];
}

export interface DeliveryFailure {
  /** The gates whose notices stay pending. */
  readonly gates: readonly Gate[];
  readonly error: unknown;
}

/**
 * The most gates of one delivery. Gates whose record cannot be read, or whose notices are left to a worker, do not
 * count, so that they never keep others from being delivered.
 */
export const MAX_GATES = 500;
/** How long the worker that changed a gate has to send a notice that does not wait for the tick. */
const PATIENCE_MILLISECONDS = 2 * MINUTE_MILLISECONDS;
/** After so many failed calls, the others are left to the next delivery. */
const MAX_FAILURES = 3;
const RECORDS_AT_ONCE = 8;

type Late = Versioned<GateRecord>;

/** Delivers what is pending, at least once. Errors are part of the answer. */
export async function deliverPending(ports: DeliveryPorts): Promise<Delivered> {
  const failures: DeliveryFailure[] = [];
  const late = await loadLate(ports, failures);
  const notices = late.flatMap(({ value: { gate, pending } }) =>
    pending.map((notice): GateNotice => ({ gate, notice })),
  );
  const unsent = await sendAll(renderDelivery(notices, await contextFor(notices, ports)), ports, failures);
  const saved = await mapConcurrently(late, RECORDS_AT_ONCE, async ({ value, version }) => {
    const pending = value.pending.filter((notice) => unsent.has(notice));
    if (pending.length === value.pending.length) return 0;
    // If a worker has changed a record meanwhile, its notices are sent twice.
    await ports.records.save({ ...value, pending }, version).catch((error: unknown) => {
      failures.push({ gates: [value.gate], error });
    });
    return 1;
  });
  return { gates: saved.filter((one) => one === 1).length, failures };
}

/** The pulls are read once for all notices. A summary does not name images, so nothing is read for it. */
async function contextFor(notices: readonly GateNotice[], ports: DeliveryPorts): Promise<NoticeContext> {
  const single = singleNotices(notices);
  if (ports.lastPulls === undefined || single.length === 0) return ports.context;
  return { ...ports.context, lastPull: await ports.lastPulls(single) };
}

/** The records with notices to deliver. */
async function loadLate({ pendingGates, records, now }: DeliveryPorts, failures: DeliveryFailure[]) {
  const late: Late[] = [];
  try {
    for await (const gates of pendingGates()) {
      const loaded = await mapConcurrently(gates, RECORDS_AT_ONCE, async (gate) => {
        const { value, version } = await records.load(gate).catch((error: unknown) => {
          failures.push({ gates: [gate], error });
          return { value: undefined, version: 0 };
        });
        return value !== undefined && isLate(value.pending, now()) ? [{ value, version }] : [];
      });
      late.push(...loaded.flat());
      if (late.length >= MAX_GATES) break;
    }
  } catch (error) {
    failures.push({ gates: [], error });
  }
  return late.slice(0, MAX_GATES);
}

/** A worker that is about to send one notice of a gate sends all of them. */
function isLate(pending: readonly Notice[], now: Instant): boolean {
  const isLeft = ({ leftToTick, at }: Notice) =>
    leftToTick === true || Date.parse(now) - Date.parse(at) >= PATIENCE_MILLISECONDS;
  return pending.length > 0 && pending.every(isLeft);
}

/** Sends the messages. Returns the notices of those that could not be sent. */
async function sendAll(
  messages: readonly NoticeMessage[],
  { sendsTogether, send }: Pick<DeliveryPorts, 'sendsTogether' | 'send'>,
  failures: DeliveryFailure[],
): Promise<ReadonlySet<Notice>> {
  const unsent = new Set<Notice>();
  const calls = sendsTogether && messages.length > 0 ? [messages] : messages.map((one) => [one]);
  let failed = 0;
  for (const [place, call] of calls.entries()) {
    try {
      await send(call);
    } catch (error) {
      failed++;
      const given = failed < MAX_FAILURES ? [call] : calls.slice(place);
      const about = given.flat().flatMap((one) => one.about);
      failures.push({ gates: about.map(({ gate }) => gate), error });
      for (const { notice } of about) unsent.add(notice);
      if (failed === MAX_FAILURES) break;
    }
  }
  return unsent;
}

/**
 * Delivers in a tick, and logs what became of it.
 *
 * @param describe describes an error for the log
 */
export async function deliverInTick(
  ports: DeliveryPorts,
  log: (line: LogLine) => void,
  describe: (error: unknown) => string = describeError,
): Promise<void> {
  const { gates, failures } = await deliverPending(ports);
  for (const error of new Set(failures.map((one) => describe(one.error))))
    log({ kind: 'failed', error: `notices could not be sent: ${error}` });
  if (gates > 0) log({ kind: 'notified', gates });
}
