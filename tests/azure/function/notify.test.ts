// Mails about state changes, with the SDK's own clients on the wire: one mail per change, and one for those that
// failed.
import { EmailClient } from '@azure/communication-email';
import { TableClient } from '@azure/data-tables';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Mailer } from '../../../azure/function/clients.ts';
import { createNotifier, createSender } from '../../../azure/function/notify.ts';
import { createTable, type Table } from '../../../azure/function/records.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { Notice } from '../../../shared/gate/record.ts';
import { deliverPending } from '../../../shared/reconcile/deliver.ts';
import {
  breakBody,
  MAIL_HOST,
  MAIL_ID,
  REGISTRY_ID,
  SENDER,
  type Stage,
  startStage,
  TABLE_ID,
} from '../../local/azure/stage.ts';
import { digest, hoursLater, NOW, notice, record } from '../../shared/samples.ts';

const GATE: Gate = { registry: REGISTRY_ID, repository: 'team/app' };
const TO = { addresses: ['ops@example.com', 'dev@example.com'], imagesOf: () => 'tagged' as const };
const OLD = hoursLater(-1);

let stage: Stage;
let mailer: Mailer;
let table: Table;
beforeAll(async () => {
  stage = await startStage();
  const owner = stage.addPrincipal({ role: 'Communication and Email Service Owner', scope: MAIL_ID });
  mailer = { client: new EmailClient(`https://${MAIL_HOST}`, owner, stage.options), sender: SENDER };
  const writer = stage.addPrincipal({ role: 'Storage Table Data Contributor', scope: TABLE_ID });
  table = createTable(new TableClient(stage.table.url, 'records', writer, stage.options));
});
afterAll(() => stage.wire.stop());
beforeEach(() => {
  stage.faults.clear();
  stage.table.clear();
  stage.mails.sent.splice(0);
  stage.calls.reset();
});

const subjects = () => stage.mails.sent.map(({ subject }) => subject);

describe('a notice', () => {
  const notifying = async (by: Mailer | undefined) => {
    const lines: unknown[] = [];
    await createNotifier(by, TO, (line) => void lines.push(line))(GATE, notice({ kind: 'cleared' }));
    return lines;
  };

  it('is one mail to all recipients, and is not logged', async () => {
    expect(await notifying(mailer)).toEqual([]);
    expect(stage.mails.sent).toMatchObject([
      {
        sender: SENDER,
        to: TO.addresses,
        subject: '[pullgate] clear: team/app',
        plainText: expect.stringContaining('team/app'),
      },
    ]);
    expect(stage.calls.count()['mail:Send']).toBe(1);
  });

  it('says that a closed gate blocks all pulls', async () => {
    await createNotifier(mailer, TO, () => {})(GATE, notice({ kind: 'closed' }));
    expect(stage.mails.sent).toMatchObject([
      { plainText: expect.stringContaining('Pulls are blocked for everyone.\n') },
    ]);
  });

  it('of a restored lock says that the diagnostic logs show who used the registry', async () => {
    await createNotifier(mailer, TO, () => {})(GATE, notice({ kind: 'restored' }));
    expect(stage.mails.sent).toMatchObject([
      { plainText: expect.stringContaining("\nIf someone changed it, the registry's diagnostic logs show who used") },
    ]);
  });

  it('is logged if there are no recipients', async () => {
    expect(await notifying(undefined)).toEqual([
      {
        kind: 'notice',
        change: 'cleared',
        ...GATE,
        subject: '[pullgate] clear: team/app',
        text: expect.stringContaining('team/app'),
      },
    ]);
    expect(stage.mails.sent).toEqual([]);
  });

  it.each([
    ['is throttled', { kind: 'throttle' }, 429],
    ['is denied', { kind: 'error', code: 'Denied', message: 'no', status: 403 }, 403],
  ] as const)('throws and stays pending if its mail %s', async (_how, fault, statusCode) => {
    stage.faults.add({ ...fault, service: 'mail' });
    await expect(notifying(mailer)).rejects.toMatchObject({ statusCode });
    expect(stage.mails.sent).toEqual([]);
  });
});

it('the notice about an image that is gone says that it may run, and where to look', async () => {
  await createNotifier(mailer, TO, () => {})(
    GATE,
    notice({ kind: 'opened', clearances: [{ digest: digest(1), how: 'gone' }], stillPullable: [] }),
  );
  const [{ plainText = '' } = {}] = stage.mails.sent;
  expect(plainText).toContain(
    `  ${digest(1)}: it is no longer in the registry (deleted or archived). Whether it runs is not known.\nTo find out, look for the digest in your clusters, and for pulls of it in the registry's diagnostic log ContainerRegistryRepositoryEvents.\n`,
  );
});

describe('pending notices', () => {
  const image = (number: number): Gate => ({ ...GATE, digest: digest(number) });
  const savePending = (gate: Gate, ...pending: readonly Notice[]) => table.records.save(record({ gate, pending }), 0);
  const deliverBy = (by: Mailer | undefined, lines: unknown[] = []) =>
    deliverPending({
      ...createSender(by, TO, (line) => void lines.push(line)),
      pendingGates: table.pending,
      records: table.records,
      now: () => NOW,
    });
  const deliver = async () => {
    const { gates, failures } = await deliverBy(mailer);
    expect(failures).toEqual([]);
    return gates;
  };
  const pendingOf = async (gate: Gate) => (await table.records.load(gate)).value?.pending.length;

  it('send no mail if there are none', async () => {
    await savePending(GATE);
    expect([await deliver(), subjects()]).toEqual([0, []]);
  });

  it('send the usual mail if there is only one', async () => {
    await savePending(GATE, notice({ at: OLD }));
    expect(await deliver()).toBe(1);
    expect(subjects()).toEqual(['[pullgate] closed: team/app']);
    expect(await pendingOf(GATE)).toBe(0);
    expect([await deliver(), subjects()]).toEqual([0, ['[pullgate] closed: team/app']]);
  });

  it('of several gates share one mail, ordered by gate', async () => {
    await savePending(image(1), notice({ at: OLD }), notice({ at: OLD, kind: 'opened' }));
    await savePending(image(2), notice({ at: OLD, kind: 'cleared' }));
    expect(await deliver()).toBe(2);
    expect(subjects()).toEqual(['[pullgate] 3 state changes']);
    const [{ plainText = '' } = {}] = stage.mails.sent;
    const name = (number: number) => `team/app@${digest(number).slice(0, 19)}`;
    expect(plainText.split('\n').filter((line) => line.startsWith('[pullgate] '))).toEqual([
      `[pullgate] closed: ${name(1)}`,
      `[pullgate] opened: ${name(1)}`,
      `[pullgate] clear: ${name(2)}`,
    ]);
    expect(plainText.match(/^----$/gm)).toHaveLength(2);
    expect([await pendingOf(image(1)), await pendingOf(image(2))]).toEqual([0, 0]);
  });

  it('are left to the worker that changed the gate for two minutes', async () => {
    const ago = (milliseconds: number) => new Date(Date.parse(NOW) - milliseconds).toISOString();
    await savePending(image(1), notice({ at: ago(119_999) }));
    expect([await deliver(), subjects()]).toEqual([0, []]);
    await savePending(image(2), notice({ at: ago(120_000) }));
    expect(await deliver()).toBe(1);
    expect([await pendingOf(image(1)), await pendingOf(image(2))]).toEqual([1, 0]);
  });

  it('of more than 20 gates are one summary in one mail, with those of other kinds', async () => {
    const numbers = Array.from({ length: 101 }, (_, number) => number);
    await Promise.all(numbers.map((number) => savePending(image(number), notice({ at: OLD }))));
    await savePending(GATE, notice({ at: OLD, kind: 'opened' }));
    expect([await deliver(), await deliver()]).toEqual([102, 0]);
    expect(subjects()).toEqual(['[pullgate] 102 state changes']);
    expect(stage.mails.sent[0]?.plainText?.match(/^\[pullgate\] .+$/gm)?.toSorted()).toEqual([
      '[pullgate] 101 closed',
      '[pullgate] opened: team/app',
    ]);
  });

  it('that are one summary have its subject', async () => {
    const numbers = Array.from({ length: 21 }, (_, number) => number);
    await Promise.all(numbers.map((number) => savePending(image(number), notice({ at: OLD }))));
    expect([await deliver(), subjects()]).toEqual([21, ['[pullgate] 21 closed']]);
  });

  it('that cannot be sent stay pending', async () => {
    await savePending(GATE, notice({ at: OLD }));
    stage.faults.add({ kind: 'throttle', service: 'mail' });
    expect(await deliverBy(mailer)).toMatchObject({ gates: 0, failures: [{ error: { statusCode: 429 } }] });
    expect(await pendingOf(GATE)).toBe(1);
    expect(await deliver()).toBe(1);
  });

  it('are sent twice, and never lost, if a worker changes the record while they are sent', async () => {
    await savePending(GATE, notice({ at: OLD }));
    const remove = stage.calls.after(async ({ service }) => {
      if (service !== 'mail') return;
      const { value, version } = await table.records.load(GATE);
      if (value !== undefined) await table.records.save({ ...value, since: NOW }, version);
    });
    expect(await deliver()).toBe(1);
    remove();
    expect(await table.records.load(GATE)).toMatchObject({ value: { since: NOW, pending: [{ at: OLD }] } });
    await deliver();
    expect(subjects()).toEqual(['[pullgate] closed: team/app', '[pullgate] closed: team/app']);
  });

  it('of other gates are sent if a record cannot be read', async () => {
    await savePending(image(1), notice({ at: OLD }));
    await savePending(image(2), notice({ at: OLD }));
    breakBody(stage.table.entities()[0]);
    expect(await deliverBy(mailer)).toMatchObject({
      gates: 1,
      failures: [{ error: { message: expect.stringContaining(`${digest(1)} in records cannot be`) } }],
    });
    expect([subjects().length, await pendingOf(image(2))]).toEqual([1, 0]);
  });

  it('are logged if there are no recipients, and are no longer pending', async () => {
    const lines: unknown[] = [];
    await savePending(GATE, notice({ at: OLD }));
    expect(await deliverBy(undefined, lines)).toEqual({ gates: 1, failures: [] });
    expect(lines).toMatchObject([
      { kind: 'notice', change: 'closed', ...GATE, subject: '[pullgate] closed: team/app' },
    ]);
    expect([await pendingOf(GATE), subjects()]).toEqual([0, []]);
  });

  it('are logged as one line with the number of gates if they are a summary', async () => {
    const lines: unknown[] = [];
    const numbers = Array.from({ length: 21 }, (_, number) => number);
    await Promise.all(numbers.map((number) => savePending(image(number), notice({ at: OLD }))));
    await deliverBy(undefined, lines);
    expect(lines).toMatchObject([{ kind: 'notice', change: 'closed', gates: 21, subject: '[pullgate] 21 closed' }]);
  });
});
