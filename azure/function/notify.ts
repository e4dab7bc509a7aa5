// Notifies people of state changes by mail: one for a change that is sent at once, and one for all others of a tick.
import type { Gate } from '../../shared/gate/gate.ts';
import type { Notice } from '../../shared/gate/record.ts';
import type { DeliveryPorts } from '../../shared/reconcile/deliver.ts';
import { type ImagesOf, imagesChooser, type RuleSettings } from '../../shared/reconcile/rules.ts';
import type { NoticeMessage } from '../../shared/report/delivery-text.ts';
import { type Message, type NoticeContext, renderNotice } from '../../shared/report/notice-text.ts';
import type { Mailer } from './clients.ts';
import type { Log } from './log.ts';
import type { Settings } from './settings.ts';

/** What notices say on this cloud. The attribute `readEnabled: false` applies to every principal. */
const WORDING = {
  effectOfClosing: 'Pulls are blocked for everyone.',
  whereToLook:
    "If someone changed it, the registry's diagnostic logs show who used the registry at that time, if you collect them: https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-containerregistry-registries-logs",
  // Nothing here tells what runs. The log has the digest and the time of each pull:
  // https://learn.microsoft.com/azure/azure-monitor/reference/tables/containerregistryrepositoryevents
  whereItRuns:
    "To find out, look for the digest in your clusters, and for pulls of it in the registry's diagnostic log ContainerRegistryRepositoryEvents.",
  users: { one: 'workload', many: 'workloads' },
} as const;

/** Who gets the mails, and what their text depends on. */
export interface Recipients {
  readonly addresses: readonly string[];
  readonly imagesOf: ImagesOf;
}

export function recipientsOf(settings: Pick<Settings, 'notifyEmails'> & RuleSettings): Recipients {
  return { addresses: settings.notifyEmails, imagesOf: imagesChooser(settings) };
}

/** Sends notices to the recipients. Without recipients, it logs the notices. */
export function createNotifier(
  mailer: Mailer | undefined,
  recipients: Recipients,
  log: Log,
): (gate: Gate, notice: Notice) => Promise<void> {
  const { send } = createSender(mailer, recipients, log);
  const context = contextOf(recipients);
  return (gate, notice) =>
    send([{ kind: notice.kind, about: [{ gate, notice }], ...renderNotice(gate, notice, context) }]);
}

/** Sends messages in one mail, because the service accepts few mails per hour. Without recipients, it logs them. */
export function createSender(
  mailer: Mailer | undefined,
  recipients: Recipients,
  log: Log,
): Pick<DeliveryPorts, 'context' | 'sendsTogether' | 'send'> {
  return {
    context: contextOf(recipients),
    sendsTogether: true,
    async send(messages) {
      if (mailer !== undefined) return sendMail(mailer, recipients, together(messages));
      for (const { kind: change, about, subject, text } of messages) {
        const gate = about.length === 1 ? about[0]?.gate : { gates: about.length };
        log({ kind: 'notice', change, ...gate, subject, text });
      }
    },
  };
}

function contextOf({ imagesOf }: Recipients): NoticeContext {
  return { ...WORDING, imagesOf };
}

async function sendMail({ client, sender }: Mailer, { addresses }: Recipients, message: Message): Promise<void> {
  // A mail counts as sent once the service accepts it. Delivery to the mailboxes is up to the service.
  await client.beginSend({
    senderAddress: sender,
    recipients: { to: addresses.map((address) => ({ address })) },
    content: { subject: message.subject, plainText: message.text },
  });
}

/** One message as it is; several with their subjects as headings. */
function together(messages: readonly NoticeMessage[]): Message {
  const [first, ...others] = messages;
  if (first !== undefined && others.length === 0) return first;
  const changes = messages.reduce((sum, { about }) => sum + about.length, 0);
  return {
    subject: `[pullgate] ${changes} state changes`,
    text: messages.map(({ subject, text }) => `${subject}\n\n${text}`).join('\n----\n\n'),
  };
}
