// Tells people of a state change, by mail.
import type { EmailClient } from '@azure/communication-email';
import type { LogLine } from '../../shared/log-line.ts';
import type { Gate, Notice } from '../../shared/record.ts';
import { tell } from '../../shared/sentences.ts';
import type { Settings } from './settings.ts';

/** Sends notices to the stack's `notifyEmails`; where there are none, the log says what they would have said. */
export function notifierOf(
  client: EmailClient | undefined,
  { mail, notifyEmails }: Pick<Settings, 'mail' | 'notifyEmails'>,
  log: (line: LogLine) => void,
): (gate: Gate, notice: Notice) => Promise<void> {
  return async (gate, notice) => {
    const { subject, text } = tell(gate, notice);
    if (client === undefined || mail === undefined) {
      log({ kind: 'notice', change: notice.kind, ...gate, subject, text });
      return;
    }
    // Accepted is told: whether each mailbox takes it is for the service to see to.
    await client.beginSend({
      senderAddress: mail.sender,
      recipients: { to: notifyEmails.map((address) => ({ address })) },
      content: { subject, plainText: text },
    });
  };
}
