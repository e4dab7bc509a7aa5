// The local Communication Services as the real SDK client sees it.
import { EmailClient } from '@azure/communication-email';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { MAIL_HOST, MAIL_ID, QUEUE_ID, SENDER, type Stage, startStage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.wire.stop());

describe('mail', () => {
  const role = 'Communication and Email Service Owner';
  const clientOf = (scope = MAIL_ID) =>
    new EmailClient(`https://${MAIL_HOST}`, stage.addPrincipal({ role, scope }), stage.options);
  const mail = (changes: object = {}) => ({
    senderAddress: SENDER,
    content: { subject: 'pullgate closed team/app', plainText: 'why' },
    recipients: { to: [{ address: 'ops@example.com' }, { address: 'dev@example.com' }] },
    ...changes,
  });
  beforeEach(() => void stage.mails.sent.splice(0));

  it('is accepted and kept', async () => {
    const poller = await clientOf().beginSend(mail());
    expect(await poller.pollUntilDone()).toMatchObject({ status: 'Succeeded' });
    expect(stage.mails.sent).toEqual([
      {
        id: expect.any(String),
        sender: SENDER,
        to: ['ops@example.com', 'dev@example.com'],
        subject: 'pullgate closed team/app',
        plainText: 'why',
        html: undefined,
        at: stage.clock.now(),
      },
    ]);
    expect(stage.calls.count()['mail:Send']).toBe(1);
  });

  it.each([
    ['a sender of another domain', mail({ senderAddress: 'me@example.com' }), MAIL_ID, 404],
    ['no recipient', mail({ recipients: { to: [] } }), MAIL_ID, 400],
    ['an invalid address', mail({ recipients: { to: [{ address: 'ops' }] } }), MAIL_ID, 400],
    ['no text', mail({ content: { subject: 'x' } }), MAIL_ID, 400],
    ['a role elsewhere', mail(), QUEUE_ID, 403],
  ])('is rejected with %s', async (_what, message, scope, statusCode) => {
    await expect(clientOf(scope).beginSend(message as Parameters<EmailClient['beginSend']>[0])).rejects.toMatchObject({
      statusCode,
    });
    expect(stage.mails.sent).toEqual([]);
  });
});
