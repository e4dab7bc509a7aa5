// The delivery of pending notices: of which gates, in which messages, and what stays pending.
import { describe, expect, it } from 'vitest';
import { type Gate, gateKey } from '../../../shared/gate/gate.ts';
import type { GateRecord, Notice } from '../../../shared/gate/record.ts';
import { type DeliveryPorts, deliverInTick, deliverPending, MAX_GATES } from '../../../shared/reconcile/deliver.ts';
import type { NoticeMessage } from '../../../shared/report/delivery-text.ts';
import type { LogLine } from '../../../shared/report/log-line.ts';
import { minute } from '../../../shared/report/times.ts';
import { CONTEXT, digest, finding, GATE, hoursLater, NOW, notice, record } from '../samples.ts';

const OLD = hoursLater(-1);
const ofTick = (changes: Partial<Notice> = {}) => notice({ leftToTick: true, ...changes });
const gateOf = (number: number): Gate => ({ ...GATE, repository: `team/app-${number}` });

/** Records in memory, and the messages that were sent. */
function table(records: readonly GateRecord[], sendsTogether = false) {
  const rows = new Map(records.map((one) => [gateKey(one.gate), { value: one, version: 1 }]));
  const sent: NoticeMessage[][] = [];
  const unreadable = new Set<string>();
  const refused = new Set<string>();
  const fails: { list?: Error; save?: Error } = {};
  const ports: DeliveryPorts = {
    async *pendingGates() {
      const gates = records.map(({ gate }) => gate);
      for (let place = 0; place < gates.length; place += 100) yield gates.slice(place, place + 100);
      if (fails.list !== undefined) throw fails.list;
    },
    records: {
      async load(gate) {
        if (unreadable.has(gate.repository)) throw new Error(`the row ${gate.repository} cannot be read`);
        return rows.get(gateKey(gate)) ?? { value: undefined, version: 0 };
      },
      async save(value, version) {
        if (fails.save !== undefined) throw fails.save;
        if (rows.get(gateKey(value.gate))?.version !== version) return undefined;
        rows.set(gateKey(value.gate), { value, version: version + 1 });
        return version + 1;
      },
    },
    context: CONTEXT,
    sendsTogether,
    async send(messages) {
      if (messages.some(({ subject }) => [...refused].some((one) => subject.includes(one)))) throw new Error('refused');
      sent.push([...messages]);
    },
    now: () => NOW,
  };
  return {
    ports,
    sent,
    rows,
    unreadable,
    refused,
    fails,
    subjects: () =>
      sent.map((messages) => messages.map(({ subject }) => subject.replace('[pullgate] ', '')).join(' + ')),
    pendingOf: (gate: Gate) => rows.get(gateKey(gate))?.value.pending.length,
  };
}

const withPending = (number: number, ...pending: readonly Notice[]) => record({ gate: gateOf(number), pending });
const many = (count: number, ...pending: readonly Notice[]) =>
  Array.from({ length: count }, (_, number) => withPending(number, ...pending));

describe('a delivery', () => {
  it('sends the notices in the order of gates and changes, and removes them', async () => {
    const { ports, subjects, pendingOf } = table([
      withPending(1, ofTick(), ofTick({ kind: 'opened' })),
      withPending(2, ofTick({ kind: 'cleared' })),
    ]);
    expect(await deliverPending(ports)).toEqual({ gates: 2, failures: [] });
    expect(subjects()).toEqual(['closed: team/app-1', 'opened: team/app-1', 'clear: team/app-2']);
    expect([pendingOf(gateOf(1)), pendingOf(gateOf(2))]).toEqual([0, 0]);
  });

  it('sends all in one call if the service takes them together', async () => {
    const { ports, subjects } = table([withPending(1, ofTick()), withPending(2, ofTick())], true);
    expect(await deliverPending(ports)).toEqual({ gates: 2, failures: [] });
    expect(subjects()).toEqual(['closed: team/app-1 + closed: team/app-2']);
  });

  it.each([false, true])('sends nothing if nothing is pending (together: %s)', async (sendsTogether) => {
    const { ports, subjects } = table([withPending(1)], sendsTogether);
    expect(await deliverPending(ports)).toEqual({ gates: 0, failures: [] });
    expect(subjects()).toEqual([]);
  });

  it('leaves a notice to the worker that changed the gate for two minutes', async () => {
    const ago = (milliseconds: number) => notice({ at: new Date(Date.parse(NOW) - milliseconds).toISOString() });
    const { ports, subjects } = table([
      withPending(1, ago(119_999)),
      withPending(2, ago(120_000)),
      withPending(3, ofTick(), ago(1)),
    ]);
    expect(await deliverPending(ports)).toEqual({ gates: 1, failures: [] });
    expect(subjects()).toEqual(['closed: team/app-2']);
  });

  it('of more than 20 notices of a kind is one summary of this kind', async () => {
    const { ports, subjects, pendingOf } = table([
      ...many(300, ofTick({ kind: 'opened' })),
      withPending(300, ofTick({ kind: 'cleared' })),
    ]);
    expect(await deliverPending(ports)).toEqual({ gates: 301, failures: [] });
    expect(subjects()).toEqual(['300 opened', 'clear: team/app-300']);
    expect(pendingOf(gateOf(299))).toBe(0);
  });

  it('reads the last pulls once, for the notices that name images', async () => {
    const image = { digest: digest(1), tags: [], findings: [finding()], moreFindings: 0 };
    const { ports, sent } = table([
      ...many(21, ofTick({ kind: 'opened' })),
      withPending(31, ofTick({ images: [image] })),
      withPending(32, ofTick({ images: [image] })),
    ]);
    const asked: (readonly string[])[] = [];
    const lastPulls: DeliveryPorts['lastPulls'] = async (notices) => {
      asked.push(notices.map(({ gate }) => gate.repository));
      return (gate, one) => (gate.repository === 'team/app-31' && one === digest(1) ? OLD : undefined);
    };
    await deliverPending({ ...ports, lastPulls });
    expect(asked).toEqual([['team/app-31', 'team/app-32']]);
    const uses = sent.flat().map(({ text }) => text.split('\n').find((line) => line.includes('runs')));
    expect(uses).toEqual([
      undefined,
      `    Whether it runs is not known; last pull recorded at ${minute(OLD)}.`,
      '    Whether it runs is not known.',
    ]);
  });

  it('reads no pulls for a summary', async () => {
    const { ports, subjects } = table(many(21, ofTick()));
    const lastPulls = () => Promise.reject(new Error('a summary names no image'));
    expect(await deliverPending({ ...ports, lastPulls })).toEqual({ gates: 21, failures: [] });
    expect(subjects()).toEqual(['21 closed']);
  });

  it(`serves ${MAX_GATES} gates, and the next one the others`, async () => {
    const { ports, subjects } = table(many(MAX_GATES + 150, ofTick()));
    expect(await deliverPending(ports)).toMatchObject({ gates: MAX_GATES });
    expect(await deliverPending(ports)).toMatchObject({ gates: 150 });
    expect(subjects()).toEqual([`${MAX_GATES} closed`, '150 closed']);
  });

  it('serves the gates behind 600 whose records cannot be read', async () => {
    const { ports, subjects, unreadable } = table([...many(600, ofTick()), withPending(600, ofTick())]);
    for (let number = 0; number < 600; number++) unreadable.add(`team/app-${number}`);
    const { gates, failures } = await deliverPending(ports);
    expect([gates, failures.length, subjects()]).toEqual([1, 600, ['closed: team/app-600']]);
  });

  it('keeps pending what could not be sent, and sends the rest', async () => {
    const { ports, subjects, refused, pendingOf } = table([withPending(1, ofTick()), withPending(2, ofTick())]);
    refused.add('app-1');
    expect(await deliverPending(ports)).toMatchObject({ gates: 1, failures: [{ gates: [gateOf(1)] }] });
    expect([subjects(), pendingOf(gateOf(1)), pendingOf(gateOf(2))]).toEqual([['closed: team/app-2'], 1, 0]);
  });

  it('stops after three messages that could not be sent, and nothing is lost', async () => {
    const { ports, subjects, refused, pendingOf } = table(many(20, ofTick()));
    refused.add('closed');
    const { gates, failures } = await deliverPending(ports);
    expect([gates, failures.map((one) => one.gates.length), subjects()]).toEqual([0, [1, 1, 18], []]);
    expect(pendingOf(gateOf(19))).toBe(1);
    refused.clear();
    expect(await deliverPending(ports)).toEqual({ gates: 20, failures: [] });
  });

  it('sends again what a worker changed meanwhile', async () => {
    const { ports, rows, subjects } = table([withPending(1, ofTick())]);
    const row = { value: withPending(1, ofTick()), version: 7 };
    const send: DeliveryPorts['send'] = async (messages) => {
      rows.set(gateKey(gateOf(1)), row);
      await ports.send(messages);
    };
    expect(await deliverPending({ ...ports, send })).toEqual({ gates: 1, failures: [] });
    await deliverPending(ports);
    expect(subjects()).toEqual(['closed: team/app-1', 'closed: team/app-1']);
  });

  it('reports a list or a record that fails, after it has sent what it could', async () => {
    const { ports, subjects, fails } = table([withPending(1, ofTick())]);
    Object.assign(fails, { list: new Error('no list'), save: new Error('no save') });
    expect(await deliverPending(ports)).toEqual({
      gates: 1,
      failures: [
        { gates: [], error: fails.list },
        { gates: [gateOf(1)], error: fails.save },
      ],
    });
    expect(subjects()).toEqual(['closed: team/app-1']);
  });

  it('sends nothing for a gate whose record was deleted', async () => {
    const { ports, rows, subjects } = table([withPending(1, ofTick())]);
    rows.clear();
    expect([await deliverPending(ports), subjects()]).toEqual([{ gates: 0, failures: [] }, []]);
  });
});

describe('in a tick', () => {
  const logged = async (ports: DeliveryPorts, describe?: (error: unknown) => string) => {
    const lines: LogLine[] = [];
    await deliverInTick(ports, (line) => void lines.push(line), describe);
    return lines;
  };

  it('a delivery logs how many gates it was about, and nothing if there were none', async () => {
    expect(await logged(table([withPending(1, notice({ at: OLD }))]).ports)).toEqual([{ kind: 'notified', gates: 1 }]);
    expect(await logged(table([]).ports)).toEqual([]);
  });

  it('it logs each error once, in the words of the cloud if it has its own', async () => {
    const { ports, refused } = table(many(3, ofTick()));
    refused.add('closed');
    expect(await logged(ports)).toEqual([{ kind: 'failed', error: 'notices could not be sent: Error: refused' }]);
    expect(await logged(ports, () => 'no mail')).toEqual([
      { kind: 'failed', error: 'notices could not be sent: no mail' },
    ]);
  });
});
