// Notifies people of state changes by mail: one mail per change at first, and one mail for all that failed.
import type { Gate } from '../../shared/gate/gate.ts';
import type { GateRecord, Notice } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import type { Versioned } from '../../shared/reconcile/ports.ts';
import { type Message, renderNotice } from '../../shared/report/notice-text.ts';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Mailer } from './clients.ts';
import type { Log } from './log.ts';
import type { Table } from './records.ts';
import type { Settings } from './settings.ts';

/** The attribute `readEnabled: false` applies to every principal. */
const EFFECT_OF_CLOSING = 'Pulls are blocked for everyone.';
/**
 * Nothing here tells what runs. The log has the digest and the time of each pull.
 * Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/containerregistryrepositoryevents
 */
const WHERE_IT_RUNS =
  "To find out, look for the digest in your clusters, and for pulls of it in the registry's diagnostic log ContainerRegistryRepositoryEvents.";
const USERS = { one: 'workload', many: 'workloads' };

/** Who gets the mails, and what their text depends on. */
export interface Recipients {
  readonly addresses: readonly string[];
  /** The policy's `images`. */
  readonly images: Policy['images'];
}

export function recipientsOf({ notifyEmails, policy }: Pick<Settings, 'notifyEmails' | 'policy'>): Recipients {
  return { addresses: notifyEmails, images: policy.images };
}

/** Sends notices to the recipients. Without recipients, it logs the notices. */
export function createNotifier(
  mailer: Mailer | undefined,
  recipients: Recipients,
  log: Log,
): (gate: Gate, notice: Notice) => Promise<void> {
  return async (gate, notice) => {
    const message = render(gate, notice, recipients);
    if (mailer === undefined) log({ kind: 'notice', change: notice.kind, ...gate, ...message });
    else await send(mailer, recipients, message);
  };
}

function render(gate: Gate, notice: Notice, { images }: Recipients): Message {
  const context = { effectOfClosing: EFFECT_OF_CLOSING, images, users: USERS, whereItRuns: WHERE_IT_RUNS };
  return renderNotice(gate, notice, context);
}

async function send({ client, sender }: Mailer, { addresses }: Recipients, message: Message): Promise<void> {
  // A mail counts as sent once the service accepts it. Delivery to the mailboxes is up to the service.
  await client.beginSend({
    senderAddress: sender,
    recipients: { to: addresses.map((address) => ({ address })) },
    content: { subject: message.subject, plainText: message.text },
  });
}

/** The most gates in one mail. */
const GATES_PER_MAIL = 100;
/** How long the worker that changed a gate has to send the notice, before the tick sends it. */
const PATIENCE_MILLISECONDS = 2 * MINUTE_MILLISECONDS;

/** What became of the pending notices. */
export interface Delivered {
  /** The number of gates whose notices were sent. */
  readonly gates: number;
  /** The errors of the gates whose records could not be read. Their notices stay pending. */
  readonly failures: readonly unknown[];
}

/**
 * Sends the pending notices in one mail, because the service accepts few mails per hour, and one new vulnerability may
 * close many gates.
 */
export async function deliverPending(
  mailer: Mailer | undefined,
  recipients: Recipients,
  { records, pending }: Pick<Table, 'records' | 'pending'>,
  now: Instant,
): Promise<Delivered> {
  const late: Versioned<GateRecord>[] = [];
  const failures: unknown[] = [];
  for (const gate of mailer === undefined ? [] : await pending(GATES_PER_MAIL)) {
    try {
      const { value, version } = await records.load(gate);
      if (value?.pending.some(({ at }) => Date.parse(now) - Date.parse(at) >= PATIENCE_MILLISECONDS) === true)
        late.push({ value, version });
    } catch (error) {
      failures.push(error);
    }
  }
  const messages = late.flatMap(({ value: record }) =>
    record.pending.map((notice) => render(record.gate, notice, recipients)),
  );
  const [first, ...others] = messages;
  if (mailer === undefined || first === undefined) return { gates: 0, failures };
  await send(mailer, recipients, others.length === 0 ? first : together(messages));
  // If a worker has changed a record meanwhile, its notices are sent twice.
  for (const { value, version } of late) await records.save({ ...value, pending: [] }, version);
  return { gates: late.length, failures };
}

function together(messages: readonly Message[]): Message {
  return {
    subject: `[pullgate] ${messages.length} state changes`,
    text: messages.map(({ subject, text }) => `${subject}\n\n${text}`).join('\n----\n\n'),
  };
}
