// Records in Table storage: saved and loaded, written only over the version that was read, and never too large for a
// row.
import { TableClient } from '@azure/data-tables';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createTable, type Table } from '../../../azure/function/records.ts';
import { digestOf } from '../../../local/manifest.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { Blocker, GateRecord } from '../../../shared/gate/record.ts';
import type { Version } from '../../../shared/reconcile/ports.ts';
import type { SweepState } from '../../../shared/reconcile/schedule.ts';
import { breakBody, REGISTRY_ID, type Stage, startStage, TABLE_ID } from '../../local/azure/stage.ts';
import { anOverride, blocker, digest, finding, hoursLater, NOW, notice, record } from '../../shared/samples.ts';

const WHOLE: Gate = { registry: REGISTRY_ID, repository: 'team/app' };
const IMAGE: Gate = { ...WHOLE, digest: digest(1) };

let stage: Stage;
let table: Table;
beforeAll(async () => {
  stage = await startStage();
  const credential = stage.addPrincipal({ role: 'Storage Table Data Contributor', scope: TABLE_ID });
  table = createTable(new TableClient(stage.table.url, 'records', credential, stage.options));
});
afterAll(() => stage.wire.stop());
beforeEach(() => {
  stage.faults.clear();
  stage.table.clear();
});

const save = (changes: Partial<GateRecord>) => table.records.save(record(changes), 0);
const saveAll = async (records: readonly Partial<GateRecord>[]) => {
  for (const one of records) await save(one);
};
const image = (number: number, repository = 'team/app'): Gate => ({ ...WHOLE, repository, digest: digest(number) });
const rows = () => stage.table.entities();

describe('a record', () => {
  it.each([
    ['an image', IMAGE],
    ['a repository', WHOLE],
    ['a repository with a long name', { ...WHOLE, repository: `${'a/'.repeat(127)}b` }],
  ])('of %s is loaded as it was saved', async (_what, gate) => {
    const saved = record({ gate, override: anOverride(), pending: [notice()] });
    const version = await table.records.save(saved, 0);
    expect(version).toBeDefined();
    expect(await table.records.load(gate)).toEqual({ value: saved, version });
  });

  it('does not exist before it is saved, nor after it is removed', async () => {
    expect(await table.records.load(IMAGE)).toEqual({ value: undefined, version: 0 });
    const version = await save({ gate: IMAGE });
    if (version === undefined) throw new Error('expected the first save to succeed');
    const old = await table.records.save(record({ gate: IMAGE }), version);
    expect([await table.records.remove(IMAGE, version), await table.records.remove(IMAGE, old ?? 0)]).toEqual([
      false,
      true,
    ]);
    expect(await table.records.remove(IMAGE, old ?? 0)).toBe(false);
    expect(await table.records.load(IMAGE)).toEqual({ value: undefined, version: 0 });
  });

  it('is saved only over the version that was read', async () => {
    const one = record({ gate: IMAGE });
    const first = await table.records.save(one, 0);
    expect(await table.records.save(one, 0)).toBeUndefined();
    const second = await table.records.save(one, first ?? 0);
    expect(second).not.toBe(first);
    expect(await table.records.save(one, first ?? 0)).toBeUndefined();
    expect((await table.records.load(IMAGE)).version).toBe(second);
  });

  it('is not saved over its old version if another worker has removed it', async () => {
    const version = await save({ gate: IMAGE });
    await table.records.remove(IMAGE, version ?? 0);
    expect(await table.records.save(record({ gate: IMAGE }), version ?? 0)).toBeUndefined();
    expect(rows()).toEqual([]);
  });

  it('is the same if the case of the registry differs, and another one for another repository', async () => {
    await save({ gate: IMAGE, since: NOW });
    const inCapitals = { ...IMAGE, registry: REGISTRY_ID.toUpperCase() };
    expect((await table.records.load(inCapitals)).value?.since).toBe(NOW);
    for (const repository of ['team', 'team/app/x', 'app', 'team_app'])
      expect((await table.records.load({ ...IMAGE, repository })).value).toBeUndefined();
    expect((await table.records.load(WHOLE)).value).toBeUndefined();
  });

  it('that cannot be read is an error that names its row', async () => {
    await save({ gate: IMAGE });
    breakBody(rows()[0]);
    await expect(table.records.load(IMAGE)).rejects.toThrow(
      `the row gate|contoso|team|app ${IMAGE.digest} in records cannot be read (Error: incorrect header check)`,
    );
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['loaded', () => table.records.load(IMAGE), 'Get'],
    ['saved', () => save({ gate: IMAGE }), 'Insert'],
  ])('that may not be %s is an error, and does not count as absent', async (_what, work, operation) => {
    const denied = { kind: 'error', code: 'AuthorizationFailure', message: 'no', status: 403 } as const;
    stage.faults.add({ ...denied, service: 'table', operation });
    await expect(work()).rejects.toMatchObject({ statusCode: 403 });
  });
});

describe('a record that is too large for one property', () => {
  /** A blocker with unique findings, which compress badly. */
  const blockerOf = (number: number, findings: number): Blocker => {
    const of = (place: number) => finding({ vulnerability: `CVE-${digestOf(`${number} ${place}`).repeat(4)}` });
    const others = Array.from({ length: findings - 1 }, (_, place) => of(place + 1));
    return blocker({ digest: digest(number), findings: [of(0), ...others] });
  };

  it('is split into several properties, and loaded in full', async () => {
    const large = record({ gate: WHOLE, blockers: Array.from({ length: 60 }, (_, number) => blockerOf(number, 40)) });
    await table.records.save(large, 0);
    const [row] = rows();
    expect(row?.properties.get('parts')?.value).toBeGreaterThan(1);
    expect((await table.records.load(WHOLE)).value).toEqual(large);
  });

  it('leaves no part behind once it is small again', async () => {
    const large = record({ gate: WHOLE, blockers: Array.from({ length: 60 }, (_, number) => blockerOf(number, 40)) });
    const version = await table.records.save(large, 0);
    await table.records.save(record({ gate: WHOLE }), version ?? 0);
    expect([...(rows()[0]?.properties.keys() ?? [])].filter((name) => name.startsWith('body'))).toEqual(['body0']);
    expect((await table.records.load(WHOLE)).value).toEqual(record({ gate: WHOLE }));
  });
});

describe('a row', () => {
  it('that is not a gate is stored by its name, and saved only over the version that was read', async () => {
    const sweep = table.row('sweep');
    expect(await sweep.load()).toEqual({ value: undefined, version: 0 });
    const state: SweepState = { sweptAt: NOW, fingerprint: 'a', gates: 1 };
    const versions: (Version | undefined)[] = [await sweep.save(state, 0), await sweep.save(state, 0)];
    expect(versions).toEqual([expect.any(String), undefined]);
    expect(await sweep.load()).toEqual({ value: state, version: versions[0] });
    expect(await table.row('brake').load()).toEqual({ value: undefined, version: 0 });
    expect(await Array.fromAsync(table.gates())).toEqual([]);
  });
});

describe('the gates', () => {
  const listed = async (of?: Gate) => Array.fromAsync(table.gates(of));

  it('are listed for the whole stack, or for one repository and its images', async () => {
    const other = REGISTRY_ID.replace('contoso', 'other');
    await saveAll([
      { gate: WHOLE, state: { kind: 'open' } },
      { gate: image(1) },
      { gate: image(2), override: anOverride() },
      { gate: image(1, 'team/app-2') },
      { gate: { ...image(1), registry: other } },
    ]);
    const closed = { state: 'closed', hasOverride: false };
    const ofRepository = [
      { ...WHOLE, state: 'open', hasOverride: false },
      { ...image(1), ...closed },
      { ...image(2), ...closed, hasOverride: true },
    ];
    expect(await listed(WHOLE)).toEqual(ofRepository);
    expect(await listed(image(7))).toEqual(ofRepository);
    expect(await listed({ ...WHOLE, repository: 'team/none' })).toEqual([]);
    expect(await listed()).toHaveLength(5);
    expect(await listed()).toEqual(
      expect.arrayContaining([
        ...ofRepository,
        { ...image(1, 'team/app-2'), ...closed },
        { ...image(1), registry: other, ...closed },
      ]),
    );
  });

  it('that wait for the brake are found, the most severe first, and then the longest waiting', async () => {
    const waiting = (number: number, severity: string, since: string) => ({
      gate: image(number),
      state: { kind: 'waiting', for: 'brake' } as const,
      blockers: [blocker({ findings: [finding({ severity })] })],
      since,
    });
    await saveAll([
      waiting(1, 'high', hoursLater(-1)),
      waiting(2, 'high', hoursLater(-2)),
      waiting(3, 'critical', NOW),
      { gate: image(4), state: { kind: 'waiting', for: 'audit' } },
      { gate: image(5) },
    ]);
    expect(await table.waiting()).toEqual([image(3), image(2), image(1)]);
    const { value, version } = await table.records.load(image(3));
    if (value === undefined) throw new Error('expected the record to be saved');
    await table.records.save({ ...value, state: { kind: 'closed' } }, version);
    expect(await table.waiting()).toEqual([image(2), image(1)]);
  });

  it('with an override are found once the override is due', async () => {
    await saveAll([
      { gate: image(1), override: anOverride({ until: hoursLater(1) }) },
      { gate: WHOLE, override: anOverride({ until: hoursLater(2) }) },
      { gate: image(2), override: anOverride({ refused: true }) },
      { gate: image(3) },
    ]);
    expect(await table.due(NOW)).toEqual([]);
    expect(await table.due(hoursLater(1))).toEqual([image(1)]);
    expect(await table.due(hoursLater(2))).toEqual([WHOLE, image(1)]);
  });

  it('that should have a lock are listed in parts', async () => {
    const numbers = Array.from({ length: 120 }, (_, number) => number + 1);
    await saveAll(numbers.map((number) => ({ gate: image(number) })));
    await saveAll([
      { gate: WHOLE, state: { kind: 'waiting', for: 'foreignLock' } },
      { gate: image(1, 'team/open'), state: { kind: 'open' } },
      { gate: image(2, 'team/open'), state: { kind: 'waiting', for: 'brake' } },
    ]);
    const first = await table.locked(undefined);
    const second = await table.locked(first.next);
    expect([first.gates.length, second.gates.length, second.next]).toEqual([100, 21, undefined]);
    expect([...first.gates, ...second.gates]).toEqual([WHOLE, ...numbers.map((number) => image(number))]);
  });

  it('with pending notices are found', async () => {
    await saveAll([
      { gate: image(1), pending: [notice()] },
      { gate: image(2), pending: [] },
      { gate: image(3), pending: [notice(), notice({ kind: 'opened' })] },
      { gate: WHOLE, pending: [notice()] },
    ]);
    expect(await Array.fromAsync(table.pending())).toEqual([[WHOLE, image(1), image(3)]]);
  });

  it('with pending notices are listed in parts', async () => {
    const numbers = Array.from({ length: 120 }, (_, number) => number);
    await saveAll(numbers.map((number) => ({ gate: image(number), pending: [notice()] })));
    const pages = await Array.fromAsync(table.pending());
    expect([pages.map((page) => page.length), pages.flat()]).toEqual([
      [100, 20],
      numbers.map((number) => image(number)),
    ]);
  });
});
