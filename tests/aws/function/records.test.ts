// Records in the table: saved and loaded, written only over the version that was read, and never too large for a row.
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTable, type Table, withLockIds } from '../../../aws/function/records.ts';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { digestOf } from '../../../local/manifest.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { OverrideDelivery } from '../../../shared/gate/override.ts';
import { type Blocker, type GateRecord, newRecord } from '../../../shared/gate/record.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import type { Version } from '../../../shared/reconcile/ports.ts';
import { startStage } from '../../local/aws/stage.ts';
import { notice } from '../../shared/samples.ts';
import { ACCOUNT_ID } from './samples.ts';

const NOW = '2026-03-02T09:00:00.000Z';
/** Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html */
const MAX_ROW_BYTES = 409_600;

let cloud: LocalAws;
let client: DynamoDBClient;
let table: Table;
beforeAll(async () => {
  const stage = await startStage();
  cloud = stage.cloud;
  client = new DynamoDBClient(cloud.clientConfig(stage.admin));
  table = createTable(client, 'fixture');
});
afterAll(() => cloud.stop());

/** A unique finding for this number. The first in a list is the most severe. */
function findingOf(number: number, place: number): Finding {
  const id = digestOf(String(number)).slice(-12);
  return {
    vulnerability: `CVE-2026-${id}`,
    aliases: [],
    package: { name: `package-${id}`, version: '1.0.0', fixedVersion: '1.0.1' },
    severity: { kind: 'known', severity: place === 0 ? 'critical' : 'high' },
    score: 9.8,
    fix: 'available',
    exploited: false,
    disclosedAt: NOW,
    state: 'active',
    link: `https://nvd.nist.gov/vuln/detail/CVE-2026-${id}`,
  };
}

/** A blocker with findings that no other blocker has. */
function blockerOf(number: number, findings: number): Blocker {
  const others = Array.from({ length: findings - 1 }, (_, index) =>
    findingOf(number * findings + index + 1, index + 1),
  );
  return {
    digest: digestOf(`image ${number}`),
    tags: [`1.${number}.0`],
    since: NOW,
    violatedAt: NOW,
    findings: [findingOf(number * findings, 0), ...others],
    omittedFindings: 0,
  };
}

function recordOf(repository: string, blockers: number, findings: number): GateRecord {
  return {
    ...newRecord({ registry: ACCOUNT_ID, repository }, NOW),
    state: { kind: 'closed' },
    blockers: Array.from({ length: blockers }, (_, number) => blockerOf(number, findings)),
  };
}

async function storedBytes(repository: string): Promise<number> {
  const Key = { id: { S: `gate#${ACCOUNT_ID}/${repository}` } };
  const { Item: item } = await client.send(new GetItemCommand({ TableName: 'fixture', Key, ConsistentRead: true }));
  return item?.['body']?.B?.length ?? 0;
}

describe('a record', () => {
  it('is loaded as it was saved', async () => {
    const record = recordOf('team/small', 3, 200);
    expect(await table.records.save(record, 0)).toBe(1);
    expect(await table.records.load(record.gate)).toEqual({ value: record, version: 1 });
  });

  it('does not exist before it is saved and after it is removed', async () => {
    const { gate } = recordOf('team/absent', 1, 1);
    expect(await table.records.load(gate)).toEqual({ value: undefined, version: 0 });
    await table.records.save(recordOf('team/absent', 1, 1), 0);
    expect([await table.records.remove(gate, 2), await table.records.remove(gate, 1)]).toEqual([false, true]);
    expect(await table.records.load(gate)).toEqual({ value: undefined, version: 0 });
  });

  it('is saved only over the version that was read', async () => {
    const record = recordOf('team/versions', 1, 1);
    const versions = [0, 0, 1, 1, 7, 2];
    const saved: (Version | undefined)[] = [];
    for (const version of versions) saved.push(await table.records.save(record, version));
    expect(saved).toEqual([1, undefined, 2, undefined, undefined, 3]);
  });
});

describe('the ids of a lock', () => {
  it('are kept with every record, and a loaded record names all but the current one', async () => {
    const record = recordOf('team/ids', 1, 1);
    const [first, second] = ['Pullgate0123abcd4567', 'Pullgate4567abcd0123'].map((id) =>
      withLockIds(table.records, id),
    );
    await first?.save(record, 0);
    const own = await first?.load(record.gate);
    expect(own?.value).toEqual(record);
    const older = await second?.load(record.gate);
    expect(older?.value).toEqual({ ...record, lockIds: ['Pullgate0123abcd4567'] });
    await second?.save(older?.value ?? record, 1);
    expect((await second?.load(record.gate))?.value?.lockIds).toEqual(['Pullgate0123abcd4567']);
    expect((await first?.load(record.gate))?.value?.lockIds).toEqual(['Pullgate4567abcd0123']);
    expect(await second?.load(recordOf('team/none', 1, 1).gate)).toEqual({ value: undefined, version: 0 });
  });
});

describe('a record that is too large for a row', () => {
  it('keeps every blocker and its most severe findings, and counts the omitted ones: 1,000 blockers with 50 findings each', async () => {
    const record = recordOf('team/large', 1_000, 50);
    expect(await table.records.save(record, 0)).toBe(1);
    expect(await storedBytes('team/large')).toBeLessThan(MAX_ROW_BYTES);
    const { value, version } = await table.records.load(record.gate);
    expect([version, value?.blockers.length]).toEqual([1, 1_000]);
    const kept = value?.blockers[0]?.findings.length ?? 0;
    expect(kept).toBeGreaterThan(1);
    expect(kept).toBeLessThan(50);
    expect(value).toEqual({
      ...record,
      blockers: record.blockers.map((blocker) => ({
        ...blocker,
        findings: blocker.findings.slice(0, kept),
        omittedFindings: 50 - kept,
      })),
    });
  });

  it('counts no omitted finding twice when it is loaded and saved again', async () => {
    const gate = { registry: ACCOUNT_ID, repository: 'team/large' };
    const { value, version } = await table.records.load(gate);
    if (value === undefined) throw new Error('the previous test saves this record');
    expect(await table.records.save(value, version)).toBe(Number(version) + 1);
    expect((await table.records.load(gate)).value).toEqual(value);
  });

  it('keeps every finding if the images share them: 1,000 blockers with the same 50 findings', async () => {
    const record = recordOf('team/shared', 1_000, 50);
    const [first] = record.blockers;
    if (first === undefined) throw new Error('the record has blockers');
    const shared = {
      ...record,
      blockers: record.blockers.map((blocker) => ({ ...blocker, findings: first.findings })),
    };
    await table.records.save(shared, 0);
    expect((await table.records.load(record.gate)).value).toEqual(shared);
  });

  it('that cannot be read is an error that names its row', async () => {
    const id = { S: `gate#${ACCOUNT_ID}/team/edited` };
    const item = { id, body: { B: Buffer.from('not compressed') }, version: { N: '1' } };
    await client.send(new PutItemCommand({ TableName: 'fixture', Item: item }));
    await expect(table.records.load({ registry: ACCOUNT_ID, repository: 'team/edited' })).rejects.toThrow(
      `the row ${id.S} in fixture cannot be read (Error: incorrect header check)`,
    );
  });

  it('is rejected if not even one finding per blocker fits', async () => {
    const record = recordOf('team/hopeless', 1_000, 1);
    const tags = (number: number) => Array.from({ length: 10 }, (_, index) => digestOf(`${number} ${index}`).repeat(2));
    const blockers = record.blockers.map((blocker, number) => ({ ...blocker, tags: tags(number) }));
    await expect(async () => table.records.save({ ...record, blockers }, 0)).rejects.toThrow(
      'the record of 123456789012/team/hopeless does not fit into a row, even with one finding for each of its 1000 images',
    );
  });
});

describe('the gates', () => {
  it('that wait for the brake are listed by severity, without other gates', async () => {
    const waiting = (repository: string, severity: 'high' | 'critical', since: string): GateRecord => {
      const record = recordOf(repository, 1, 1);
      const blockers = record.blockers.map((blocker): Blocker => {
        return { ...blocker, findings: [{ ...blocker.findings[0], severity: { kind: 'known', severity } }] };
      });
      return { ...record, blockers, state: { kind: 'waiting', for: 'brake' }, since };
    };
    await table.records.save(waiting('team/new', 'high', '2026-03-02T08:00:00.000Z'), 0);
    await table.records.save(waiting('team/old', 'high', '2026-03-01T08:00:00.000Z'), 0);
    await table.records.save(waiting('team/worst', 'critical', '2026-03-02T09:00:00.000Z'), 0);
    const { gate } = recordOf('team/worst', 1, 1);
    // No read of an index is consistent.
    cloud.clock.advance(1_000);
    expect((await table.waiting(ACCOUNT_ID, 10)).map(({ gate: { repository } }) => repository)).toEqual([
      'team/worst',
      'team/old',
      'team/new',
    ]);
    expect((await table.waiting(ACCOUNT_ID, 1)).map(({ gate: { repository } }) => repository)).toEqual(['team/worst']);
    await table.records.save(recordOf('team/worst', 1, 1), 1);
    cloud.clock.advance(1_000);
    expect((await table.waiting(ACCOUNT_ID, 10)).map((waits) => waits.gate)).not.toContainEqual(gate);
  });

  it('with pending notices are listed in parts, as long as they have some', async () => {
    const records = Array.from({ length: 120 }, (_, number): GateRecord => {
      const name = `team/pending-${String(number).padStart(3, '0')}`;
      return { ...newRecord({ registry: ACCOUNT_ID, repository: name }, NOW), pending: [notice()] };
    });
    for (const record of records) await table.records.save(record, 0);
    cloud.clock.advance(1_000);
    const pages = await Array.fromAsync(table.pending(ACCOUNT_ID));
    expect([pages.map((page) => page.length), pages.flat()]).toEqual([[100, 20], records.map(({ gate }) => gate)]);
    for (const record of records) await table.records.save({ ...record, pending: [] }, 1);
    cloud.clock.advance(1_000);
    expect((await Array.fromAsync(table.pending(ACCOUNT_ID))).flat()).toEqual([]);
  });

  it('that should have a lock are listed in parts, and with an override or a fix to look for once that is due', async () => {
    const locked = (repository: string, until?: string): GateRecord => {
      const order = {
        kind: 'closed',
        at: NOW,
        until: until ?? '',
        reason: 'why',
        approvedBy: 'who',
        by: 'ada',
      } as const;
      const delivery = { notified: 'begin', logged: true } as const;
      const override = until === undefined ? {} : { override: { order, delivery } };
      return { ...recordOf(repository, 1, 1), state: { kind: 'closed' }, ...override };
    };
    const names = Array.from({ length: 120 }, (_, number) => `locked/app-${1_000 + number}`);
    for (const name of names) await table.records.save(locked(name), 0);
    await table.records.save(locked('locked/ordered', '2026-03-03T12:00:00.000Z'), 0);
    const remedy = { blocked: undefined, announced: undefined, lookAgainAt: '2026-03-03T12:05:00.000Z' };
    await table.records.save({ ...locked('locked/fix'), remedy }, 0);
    cloud.clock.advance(1_000);
    const ours = (gates: readonly Gate[]) =>
      gates.map(({ repository }) => repository).filter((name) => name.startsWith('locked/'));
    const found: string[] = [];
    let after: string | undefined;
    do {
      const { gates, next } = await table.locked(ACCOUNT_ID, after);
      expect(gates.length).toBeLessThanOrEqual(100);
      found.push(...ours(gates));
      after = next;
    } while (after !== undefined);
    expect(found).toEqual(['locked/ordered', 'locked/fix', ...names]);
    expect(ours(await table.due(ACCOUNT_ID, '2026-03-03T11:59:59.999Z', 10))).toEqual([]);
    expect(ours(await table.due(ACCOUNT_ID, '2026-03-03T12:00:00.000Z', 10))).toEqual(['locked/ordered']);
    const both = ['locked/ordered', 'locked/fix'];
    expect(ours(await table.due(ACCOUNT_ID, '2026-03-03T12:05:00.000Z', 10))).toEqual(both);
  });

  it('with an override are listed once they are due, in order of their due time', async () => {
    const ordered = (repository: string, until: string, changes: Partial<OverrideDelivery> = {}): GateRecord => {
      const order = { kind: 'open', at: NOW, until, reason: 'why', approvedBy: 'who', by: 'ada' } as const;
      return {
        ...recordOf(repository, 1, 1),
        override: { order, delivery: { notified: 'begin', logged: true, ...changes } },
        state: { kind: 'waiting', for: 'override' },
      };
    };
    await table.records.save(ordered('team/late', '2026-03-02T12:00:00.000Z'), 0);
    await table.records.save(ordered('team/over', '2026-03-02T11:00:00.000Z'), 0);
    await table.records.save(ordered('team/unseen', '2026-03-02T23:00:00.000Z', { logged: false }), 0);
    await table.records.save(ordered('team/refused', '2026-03-02T10:00:00.000Z', { refused: true }), 0);
    cloud.clock.advance(1_000);
    const due = async (now: string, limit = 10) =>
      (await table.due(ACCOUNT_ID, now, limit)).map(({ repository }) => repository);
    // The clock of the person who set the override may be ahead.
    expect(await due('2026-03-02T08:59:59.999Z')).toEqual(['team/unseen']);
    expect(await due('2026-03-02T11:00:00.000Z')).toEqual(['team/unseen', 'team/over']);
    expect(await due('2026-03-02T12:00:00.000Z')).toEqual(['team/unseen', 'team/over', 'team/late']);
    expect(await due('2026-03-02T12:00:00.000Z', 1)).toEqual(['team/unseen']);
    expect((await table.waiting(ACCOUNT_ID, 10)).map(({ gate: { repository } }) => repository)).not.toContain(
      'team/over',
    );
    await table.records.save(recordOf('team/over', 1, 1), 1);
    cloud.clock.advance(1_000);
    expect(await due('2026-03-02T11:00:00.000Z')).toEqual(['team/unseen']);
  });
});
