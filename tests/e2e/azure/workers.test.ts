// Two workers on one gate at the same time: messages that arrive together in one instance, and two instances in every
// interleaving of their calls.
import { TableClient } from '@azure/data-tables';
import { describe, expect, test } from 'vitest';
import { createAdapters } from '../../../azure/function/adapters.ts';
import { createClients } from '../../../azure/function/clients.ts';
import { parseStackSettings, type Settings } from '../../../azure/function/settings.ts';
import type { Call } from '../../../local/azure/calls.ts';
import { readResources } from '../../../local/azure/resources.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import { createRules } from '../../../shared/reconcile/rules.ts';
import { everyInterleaving, type Step, type Turn } from '../../interleavings.ts';
import { EVENT_WAIT, REGISTRY, REPOSITORY, type Stage, stage } from './stage.ts';

const WHOLE: Gate = { registry: REGISTRY, repository: REPOSITORY };
const SUBSCRIPTION = '/subscriptions/00000000-1111-2222-3333-444444444444';

/** The settings of the deployed function. */
function settingsOf({ graph }: Stage): Settings {
  const { app } = readResources(graph);
  const setting = (name: string) => app.appSettings[name] ?? '';
  return {
    queueUrl: setting('PULLGATE_QUEUE_URL'),
    poisonQueueUrl: setting('PULLGATE_POISON_QUEUE_URL'),
    tableUrl: setting('PULLGATE_TABLE_URL'),
    tableName: setting('PULLGATE_TABLE'),
    workspaceId: setting('PULLGATE_WORKSPACE_ID'),
    mail: { endpoint: setting('PULLGATE_MAIL_ENDPOINT'), sender: setting('PULLGATE_MAIL_SENDER') },
    findingsQuery: app.files['findings.kql'] ?? '',
    ...parseStackSettings(app.files['settings.json'] ?? ''),
  };
}

/**
 * The step of a call that changes something that the other worker can notice. Reads are not steps: a worker reads right
 * after its last change, so it acts on data that may be stale by then.
 */
function stepOf({ service, operation, input }: Call): Step | undefined {
  const isRecord = String(input['partitionKey'] ?? '').startsWith('gate|') && operation !== 'Get';
  if (service === 'table' && (isRecord || operation === 'Insert')) return { thing: 'record', writes: true };
  return service === 'acr' && operation === 'UpdateRepository' ? { thing: 'lock', writes: true } : undefined;
}

/** Another instance, with a separate principal, whose calls wait for their turn. */
function workerOn(s: Stage, name: string, digest: string) {
  const { cloud } = s;
  const credential = cloud.principals.add(name, [
    ...['Contributor', 'AcrPush', 'Storage Table Data Contributor', 'Storage Queue Data Contributor'].map((role) => ({
      role,
      scope: SUBSCRIPTION,
    })),
  ]);
  const settings = settingsOf(s);
  const clients = createClients(settings, credential, cloud.clientOptions);
  const now = () => cloud.clock.now().toISOString();
  const adapters = createAdapters({ settings, clients, now });
  return async (turn: Turn) => {
    const release = cloud.calls.before(async (call: Call) => {
      const step = stepOf(call);
      if (call.principal.id === credential.principal.id && step !== undefined) await turn(step);
    });
    try {
      const registry = await adapters.registryOfStack({
        subscription: '00000000-1111-2222-3333-444444444444',
        resourceGroup: 'images',
        name: 'acmeimages',
      });
      if (registry === undefined) throw new Error('expected the registry in the stack');
      const request = { gate: WHOLE, scope: [digest], triggers: ['finding'] as const, namedReports: [] };
      await reconcile(
        request,
        createRules(settings),
        adapters.portsFrom(now(), registry, () => {}),
      );
    } finally {
      release();
    }
  };
}

const BY_REPOSITORY = { azure: { granularity: 'repository' } };

/** The row of the repository's record, to restore it later. */
function rowsOf({ cloud }: Stage) {
  const judge = cloud.principals.add('keeper', [{ role: 'Storage Table Data Contributor', scope: cloud.table.id }]);
  const table = new TableClient(cloud.table.url, cloud.table.name, judge, cloud.clientOptions);
  const key = ['gate|acmeimages|team|app', 'repository'] as const;
  return {
    load: () => table.getEntity<Record<string, unknown>>(...key),
    put: (row: Awaited<ReturnType<typeof table.getEntity>>) =>
      table.upsertEntity({ ...row, partitionKey: key[0], rowKey: key[1] }, 'Replace'),
    remove: () => table.deleteEntity(...key).then(undefined, () => undefined),
  };
}

describe('two instances on one gate', () => {
  test('one closes and one opens, in every interleaving of their calls: ends closed', {
    timeout: 300_000,
  }, async () => {
    const s = await stage(BY_REPOSITORY);
    const rows = rowsOf(s);
    const deleted = await s.close('v1');
    const closedRow = await rows.load();
    s.cloud.faults.addToBus({ kind: 'lose' });
    s.registry.delete(REPOSITORY, deleted.digest);
    const found = s.push('v2');
    s.registry.setAttributes(REPOSITORY, { readEnabled: false });
    await s.report(found);
    const opening = workerOn(s, 'opening', deleted.digest);
    const closing = workerOn(s, 'closing', found.digest);

    const ends = new Set<string>();
    const interleavings = await everyInterleaving(async () => {
      s.registry.setAttributes(REPOSITORY, { readEnabled: false });
      await rows.put(closedRow);
      return {
        workers: [opening, closing],
        async check() {
          const { readEnabled } = s.registry.attributes(REPOSITORY);
          ends.add(`${(await s.record(WHOLE))?.state.kind}, ${readEnabled ? 'open' : 'locked'}`);
        },
      };
    });
    expect([...ends]).toEqual(['closed, locked']);
    expect(interleavings).toBeGreaterThan(10);
  });

  test('both close, in every interleaving of their calls: one lock, and notified at least once', {
    timeout: 300_000,
  }, async () => {
    const s = await stage(BY_REPOSITORY);
    const rows = rowsOf(s);
    s.cloud.faults.addToBus({ kind: 'lose' });
    const [one, other] = [s.push('v1'), s.push('v2')];
    for (const image of [one, other]) await s.report(image);
    const workers = [workerOn(s, 'one', one.digest), workerOn(s, 'other', other.digest)] as const;

    const ends = new Set<string>();
    const notified = new Set<number>();
    const interleavings = await everyInterleaving(async () => {
      s.registry.setAttributes(REPOSITORY, { readEnabled: true });
      await rows.remove();
      const before = s.cloud.mails.length;
      return {
        workers,
        async check() {
          const record = await s.record(WHOLE);
          const { readEnabled } = s.registry.attributes(REPOSITORY);
          ends.add(
            `${record?.state.kind}, ${readEnabled ? 'open' : 'locked'}, ${record?.blockers.length} blockers, ${record?.pending.length} pending`,
          );
          notified.add(s.cloud.mails.length - before);
        },
      };
    });
    expect([...ends]).toEqual(['closed, locked, 2 blockers, 0 pending']);
    // A worker that finds a change not yet marked as notified also sends a notice.
    expect(Math.min(...notified)).toBe(1);
    expect(Math.max(...notified)).toBeLessThanOrEqual(3);
    expect(interleavings).toBeGreaterThan(10);
  });
});

describe('messages that arrive together', () => {
  test('12 messages about one image at once, in one instance: one observation, one lock, one mail', async () => {
    const s = await stage();
    const image = s.push('v1');
    for (let number = 0; number < 12; number++) await s.report(image, { package: `package-${number}` });
    await s.runUntilIdle();
    expect(s.cloud.mails).toHaveLength(1);
    expect(s.calls('acr:UpdateManifest')).toBe(1);
    expect(s.decisions(image).map(({ action }) => action)).toEqual(['closed']);
  });

  test('a burst of 5 images with 40 events each over a minute, in one instance: one query, one lock and one mail each', async () => {
    const s = await stage();
    const images = ['v1', 'v2', 'v3', 'v4', 'v5'].map((tag) => s.push(tag));
    for (let number = 0; number < 40; number++) {
      for (const image of images) await s.report(image, { package: `package-${number}` });
      s.cloud.clock.advance(1_500);
    }
    await s.runUntilIdle();
    expect([s.calls('logs:Query'), s.calls('acr:UpdateManifest'), s.cloud.mails.length]).toEqual([5, 5, 5]);
    for (const image of images) expect(s.decisions(image).map(({ action }) => action)).toEqual(['closed']);
    expect((await s.world()).locked).toHaveLength(5);
  });

  test('a burst whose process is killed in its middle: the next process observes each image that still has events', async () => {
    const s = await stage();
    const image = s.push('v1');
    for (const number of [1, 2]) await s.report(image, { package: `package-${number}` });
    await s.deliver();
    expect(s.decisions(image)).toHaveLength(1);
    await s.report(image, { package: 'package-3' });
    await s.cloud.host.kill();
    await s.deliver();
    expect(s.decisions(image).map(({ action }) => action)).toEqual(['closed', 'nothing']);
    expect(s.calls('acr:UpdateManifest')).toBe(1);
  });

  test('an event after the observation of a burst is observed, although its assessment was shown before', async () => {
    const s = await stage();
    const image = s.push('v1');
    const [first] = await Promise.all([s.report(image), s.report(image, { package: 'zlib' })]);
    await s.deliver();
    s.cloud.clock.advance(1);
    await s.cloud.defender.setStatus(first, 'Healthy');
    await s.deliver();
    expect(s.decisions(image).map(({ action }) => action)).toEqual(['closed', 'nothing']);
    expect((await s.record(image))?.blockers[0]?.findings.map((finding) => finding.package.name)).toEqual(['zlib']);
  });

  test('an event and a sweep about one image at once: one lock, one mail', async () => {
    const s = await stage();
    const image = s.push('v1');
    await s.report(image);
    s.cloud.clock.advance(EVENT_WAIT);
    s.send({ pullgate: 'reconcile', registry: REGISTRY, repository: REPOSITORY, trigger: 'sweep' });
    s.send({ pullgate: 'reconcile', ...image, trigger: 'tick' });
    await s.runUntilIdle();
    // Whichever reconciles first decides whether the mail waits for the tick.
    await s.tick();
    expect(s.cloud.mails).toHaveLength(1);
    expect(s.calls('acr:UpdateManifest')).toBe(1);
  });
});
