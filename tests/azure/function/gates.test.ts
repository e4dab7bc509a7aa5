// Reconciles a single gate and whole repositories, over the wire of the registry, the table and the workspace.
import { ContainerRegistryClient } from '@azure/container-registry';
import { RestError } from '@azure/core-rest-pipeline';
import { TableClient } from '@azure/data-tables';
import { LogsQueryClient } from '@azure/monitor-query';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createAdapters } from '../../../azure/function/adapters.ts';
import type { Clients } from '../../../azure/function/clients.ts';
import type { JobResult } from '../../../azure/function/coalesce.ts';
import { createReconcilers } from '../../../azure/function/gates.ts';
import type { Settings } from '../../../azure/function/settings.ts';
import type { RunningWorkspace } from '../../../local/azure/workspace.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { NamedReport } from '../../../shared/reconcile/request.ts';
import type { Rules } from '../../../shared/reconcile/rules.ts';
import type { LogLine } from '../../../shared/report/log-line.ts';
import { REGISTRY_ID, type Stage, startStage, TABLE_ID } from '../../local/azure/stage.ts';
import { anOverride, record, ruleSettings, rules } from '../../shared/samples.ts';
import { AT, imageProperties, individualTableRow } from './samples.ts';
import { QUERY, serveWorkspace, WORKSPACE_ID } from './scanner.ts';

const GROUP = '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/rg';
const REPOSITORY: Gate = { registry: REGISTRY_ID, repository: 'team/app' };
const POISON = 'https://store.queue.core.windows.net/work-poison';

let stage: Stage;
let workspace: RunningWorkspace;
let clients: Clients;
/** The messages sent to the stack's queue or to the poison queue. */
const sent: { readonly queue: 'own' | 'poison'; readonly message: unknown }[] = [];
let mail: Error | undefined;
beforeAll(async () => {
  stage = await startStage();
  workspace = serveWorkspace(stage, GROUP);
  const credential = stage.addPrincipal(
    { role: 'Owner', scope: REGISTRY_ID },
    { role: 'Storage Table Data Contributor', scope: TABLE_ID },
    { role: 'Log Analytics Reader', scope: GROUP },
  );
  const registry = new ContainerRegistryClient('https://contoso.azurecr.io', credential, stage.options);
  clients = {
    table: new TableClient(stage.table.url, 'records', credential, stage.options),
    logs: new LogsQueryClient(credential, stage.options),
    registry: () => registry,
    queryGraph: () => Promise.reject(new Error('no details are configured')),
    describeRegistry: async () => ({ location: 'westeurope', loginServer: 'contoso.azurecr.io' }) as never,
    queues: {
      async send(_method, url, body = '') {
        const [, text = ''] = /<MessageText>(.*)<\/MessageText>/.exec(body) ?? [];
        const message: unknown = JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
        sent.push({ queue: url.startsWith(POISON) ? 'poison' : 'own', message });
        return {} as never;
      },
    },
    mail: {
      sender: 'pullgate@example.com',
      client: {
        beginSend: async () => {
          if (mail !== undefined) throw mail;
        },
      } as never,
    },
  };
});
afterAll(() => stage.wire.stop());
beforeEach(() => {
  stage.faults.clear();
  stage.table.clear();
  workspace.forgetRows();
  for (const name of [...stage.registry.repositories.keys()]) stage.registry.deleteRepository(name);
  sent.splice(0);
  mail = undefined;
  stage.calls.reset();
});

/** The function in a new process, with this granularity. */
async function start(granularity: Settings['granularity'] = 'image', byRules: Rules = rules()) {
  const settings = {
    registries: [REGISTRY_ID],
    registryRoles: 'rbac',
    granularity,
    ...ruleSettings(),
    workspaceId: WORKSPACE_ID,
    findingsQuery: QUERY,
    queueUrl: 'https://store.queue.core.windows.net/work',
    poisonQueueUrl: POISON,
    notifyEmails: ['ops@example.com'],
  } as unknown as Settings;
  const dependencies = { settings, clients, now: () => stage.clock.now().toISOString() };
  const adapters = createAdapters(dependencies);
  const [resolved] = await adapters.registries.usable();
  if (resolved === undefined) throw new Error('expected the registry to be resolved');
  const { reconcileGate, reconcileRepository } = createReconcilers(dependencies, adapters);
  const lines: LogLine[] = [];
  const job = {
    registry: adapters.registryAt(resolved),
    rules: byRules,
    log: (line: LogLine) => void lines.push(line),
  };
  stage.calls.reset();
  return {
    adapters,
    linesOf: (kind: LogLine['kind']) => lines.filter((line) => line.kind === kind),
    one: (gate: Gate, namedReports: readonly NamedReport[] = []): Promise<JobResult> =>
      reconcileGate({
        ...job,
        rules: async () => byRules,
        request: { gate, scope: 'all', triggers: ['finding'], namedReports },
      }),
    repository: () => reconcileRepository({ ...job, repository: 'team/app', trigger: 'sweep' }),
  };
}

/** Pushes an image with a tag, and with a finding if a severity is given. */
function push(tag: string, severity?: 'High' | 'Low'): Gate & { readonly digest: string } {
  const digest = stage.registry.push('team/app', { tag });
  if (severity !== undefined) {
    workspace.ingest(
      'SecurityRecommendation',
      individualTableRow({
        TimeGenerated: AT,
        RecommendationId: `${REGISTRY_ID}/providers/Microsoft.Security/assessments/of-${tag}`,
        AssessedResourceId: REGISTRY_ID,
        RecommendationSeverity: severity,
        Properties: imageProperties('team/app', digest),
        RecommendationAdditionalData: { SoftwareName: 'openssl', CvesDetails: [{ CveId: 'CVE-2026-0001' }] },
      }),
    );
  }
  return { ...REPOSITORY, digest };
}

const isLocked = ({ digest }: Gate) =>
  !stage.registry.attributes('team/app', digest === undefined ? {} : { digest }).readEnabled;
const refusing = (operation: string) =>
  ({ kind: 'error', code: 'DENIED', message: 'no', status: 403, operation, times: 9 }) as const;

describe('one gate', () => {
  it('is closed for its finding, and sends no message', async () => {
    const image = push('v1', 'High');
    const { one, linesOf } = await start();
    expect(await one(image)).toMatchObject({ kind: 'done', decision: { action: 'closed' } });
    expect([isLocked(image), sent]).toEqual([true, []]);
    expect(linesOf('decision')).toMatchObject([{ ...image, action: 'closed', triggers: ['finding'] }]);
    expect(linesOf('failed')).toEqual([]);
  });

  it('that the registry refuses to close waits, and no message moves to the poison queue', async () => {
    const image = push('v1', 'High');
    stage.faults.add(refusing('UpdateManifest'));
    const { one, linesOf } = await start();
    expect(await one(image)).toMatchObject({ kind: 'done', decision: { to: { kind: 'waiting', for: 'refused' } } });
    expect([sent, linesOf('refused')]).toEqual([[], []]);
    expect(linesOf('decision')).toMatchObject([
      { ...image, action: 'refused', problem: expect.stringContaining('the registry refused to change team/app@') },
    ]);
  });

  it('that the registry refuses to open is logged with the reason, and its message moves to the poison queue', async () => {
    const image = push('v1', 'High');
    await (await start()).one(image);
    const { one, linesOf } = await start('image', rules({ mode: 'audit' }));
    stage.faults.add(refusing('UpdateManifest'));
    expect(await one(image)).toMatchObject({ kind: 'deadLetter' });
    expect(sent).toEqual([{ queue: 'poison', message: { pullgate: 'reconcile', ...image, trigger: 'finding' } }]);
    expect(linesOf('refused')).toEqual([
      { kind: 'refused', ...image, problem: expect.stringContaining('the registry refused to change team/app@') },
    ]);
  });

  it('is closed although its notice cannot be sent, and the failure is logged', async () => {
    const image = push('v1', 'High');
    mail = new RestError('too many mails', { statusCode: 429 });
    const { one, linesOf, adapters } = await start();
    expect(await one(image)).toMatchObject({ kind: 'done', decision: { action: 'closed' } });
    expect(linesOf('failed')).toEqual([
      { kind: 'failed', ...image, error: expect.stringMatching(/^a notice could not be sent: .*too many mails/) },
    ]);
    expect([isLocked(image), sent]).toEqual([true, []]);
    expect(await Array.fromAsync(adapters.table.pending())).toEqual([[image]]);
  });

  it('is not observed again for a report that it has shown, and is for a newer one', async () => {
    const image = push('v1', 'High');
    const { one } = await start();
    const report = (at: number) => [{ id: 'of-v1', digest: image.digest, at: new Date(at).toISOString() }];
    expect(await one(image, report(AT))).toMatchObject({ kind: 'done', decision: { action: 'closed' } });
    stage.calls.reset();
    expect(await one(image, report(AT))).toBe(undefined);
    expect(stage.calls.count()).toEqual({});
    expect(await one(image, report(AT + 1))).toMatchObject({ kind: 'done', decision: { action: 'nothing' } });
    expect(stage.calls.count()).toMatchObject({ 'logs:Query': 1 });
  });

  it('is observed again for a report that it has shown if no event asked for that', async () => {
    const image = push('v1', 'High');
    const { one } = await start();
    await one(image);
    const report = [{ id: 'of-v1', digest: image.digest, at: new Date(AT).toISOString() }];
    expect(await one(image, report)).toMatchObject({ kind: 'done', decision: { action: 'nothing' } });
  });

  it('is observed again for a report that a failed reconciliation has shown', async () => {
    const image = push('v1', 'High');
    const { one } = await start();
    const report = [{ id: 'of-v1', digest: image.digest, at: new Date(AT).toISOString() }];
    stage.faults.add({ ...refusing('Insert'), times: 1 });
    await expect(one(image, report)).rejects.toMatchObject({ statusCode: 403 });
    expect(await one(image, report)).toMatchObject({ kind: 'done', decision: { action: 'closed' } });
  });

  it.each([
    ['registry', 'GetManifest'],
    ['table', 'Get'],
    ['workspace', 'Query'],
  ])('fails and stays unchanged if the %s denies the observation', async (_service, operation) => {
    const image = push('v1', 'High');
    const { one } = await start();
    stage.faults.add(refusing(operation));
    await expect(one(image)).rejects.toMatchObject({ statusCode: 403 });
    expect([isLocked(image), sent]).toEqual([false, []]);
  });
});

describe('a repository whose gates are its images', () => {
  it('closes each violating image with one query to the workspace, and observes no image that is plainly allowed', async () => {
    const [bad, worse, good] = [push('v1', 'High'), push('v2', 'High'), push('v3', 'Low')];
    push('v4');
    const { repository, linesOf } = await start();
    await repository();
    expect([bad, worse, good].map(isLocked)).toEqual([true, true, false]);
    expect(linesOf('reconcile')).toEqual([
      { kind: 'reconcile', ...REPOSITORY, images: 3, allowed: 1, judgedImages: 3, undeterminedImages: 0 },
    ]);
    expect(linesOf('decision')).toHaveLength(2);
    expect(stage.calls.count()['logs:Query']).toBe(1);
  });

  it('observes each image that has a record, even if it is no longer reported', async () => {
    const image = push('v1', 'High');
    const { one, repository, linesOf } = await start();
    await one(image);
    workspace.forgetRows();
    await repository();
    expect(linesOf('reconcile')).toMatchObject([{ images: 1, allowed: 0 }]);
    expect(linesOf('decision')).toMatchObject([{ action: 'closed' }, { ...image, action: 'nothing', to: 'closed' }]);
    expect(isLocked(image)).toBe(true);
  });

  const tooMuch = (status: number) => () =>
    void stage.faults.add({ kind: 'error', code: 'TooMuch', message: 'too much', status, service: 'logs' });
  it.each([
    ['too large (413)', tooMuch(413)],
    ['too slow (504)', tooMuch(504)],
    ['not complete', () => workspace.failPartially(1)],
  ])('sends a message for each image if the answer is %s', async (_why, disturb) => {
    const [bad, good] = [push('v1', 'High'), push('v2', 'Low')];
    push('v3');
    const { repository, linesOf } = await start();
    disturb();
    await repository();
    const messages = [bad, good].map((image) => ({ pullgate: 'reconcile', ...image, trigger: 'sweep' }));
    expect(sent).toHaveLength(2);
    expect(sent).toEqual(expect.arrayContaining(messages.map((message) => ({ queue: 'own', message }))));
    expect(linesOf('reconcile')).toEqual([{ kind: 'reconcile', ...REPOSITORY, images: 2, each: 'alone' }]);
    expect([linesOf('decision'), isLocked(bad)]).toEqual([[], false]);
  });

  it('fails if the workspace throttles every query', async () => {
    push('v1', 'High');
    const { repository } = await start();
    stage.faults.add({ kind: 'throttle', service: 'logs' });
    await expect(repository()).rejects.toMatchObject({ statusCode: 429 });
    expect(sent).toEqual([]);
  });

  it('waits if twelve others are being reconciled', async () => {
    const { repository } = await start();
    const held: (() => void)[] = [];
    const end = stage.calls.before(() => new Promise<void>((go) => void held.push(go)));
    const all = Array.from({ length: 14 }, repository);
    await vi.waitFor(() => expect(held.length).toBeGreaterThanOrEqual(12));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const atOnce = held.length;
    end();
    for (const go of held) go();
    expect(await Promise.all(all)).toHaveLength(14);
    expect(atOnce).toBe(12);
  });

  it('does nothing if it does not exist and has no record', async () => {
    const { repository, linesOf } = await start();
    await repository();
    expect(linesOf('reconcile')).toEqual([
      { kind: 'reconcile', ...REPOSITORY, images: 0, allowed: 0, judgedImages: 0, undeterminedImages: 0 },
    ]);
    expect([linesOf('decision'), sent, stage.table.entities()]).toEqual([[], [], []]);
  });
});

describe('a repository gate', () => {
  it('is closed as a whole', async () => {
    const image = push('v1', 'High');
    const { repository, linesOf } = await start('repository');
    await repository();
    expect([isLocked(REPOSITORY), isLocked(image)]).toEqual([true, false]);
    expect(linesOf('decision')).toMatchObject([{ ...REPOSITORY, action: 'closed', triggers: ['sweep'] }]);
  });
});

describe('after a change of the granularity', () => {
  const cases = [
    ['image', 'repository', ['UpdateRepository', 'UpdateManifest']],
    ['repository', 'image', ['UpdateManifest', 'UpdateRepository']],
  ] as const;
  const gateUnder = (granularity: Settings['granularity'], image: Gate) =>
    granularity === 'image' ? image : REPOSITORY;

  it.each(cases)('from %s to %s, the new gate closes before the old one opens', async (from, to, order) => {
    const image = push('v1', 'High');
    await (await start(from)).repository();
    const updates: string[] = [];
    const remove = stage.calls.after(({ service, operation }) => {
      if (service === 'acr' && operation.startsWith('Update')) updates.push(operation);
    });
    await (await start(to)).repository();
    remove();
    expect([updates, isLocked(gateUnder(from, image)), isLocked(gateUnder(to, image))]).toEqual([order, false, true]);
  });

  it.each(cases)(
    'from %s to %s, a finding that is no longer reported is handed over, because absence opens nothing',
    async (from, to) => {
      const image = push('v1', 'High');
      await (await start(from)).repository();
      workspace.forgetRows();
      await (await start(to)).repository();
      expect([isLocked(gateUnder(from, image)), isLocked(gateUnder(to, image))]).toEqual([false, true]);
    },
  );

  it.each(cases)(
    'from %s to %s, the old gate stays closed if the registry refuses to close the new one',
    async (from, to, [operation]) => {
      const image = push('v1', 'High');
      await (await start(from)).repository();
      stage.faults.add(refusing(operation));
      const second = await start(to);
      await second.repository();
      expect([isLocked(gateUnder(from, image)), isLocked(gateUnder(to, image))]).toEqual([true, false]);
      expect(sent).toEqual([]);
      stage.faults.clear();
      await second.repository();
      expect([isLocked(gateUnder(from, image)), isLocked(gateUnder(to, image))]).toEqual([false, true]);
    },
  );

  it('an open old gate is left unchanged, and one with an override is reconciled', async () => {
    const [open, overridden] = [push('v1'), push('v2')];
    const { adapters, repository, linesOf } = await start('repository');
    const openRecord = { state: { kind: 'open' }, blockers: [] } as const;
    await adapters.table.records.save(record({ ...openRecord, gate: open }), 0);
    await adapters.table.records.save(record({ ...openRecord, gate: overridden, override: anOverride() }), 0);
    await repository();
    const gates = linesOf('decision').map((line) => ('digest' in line ? line['digest'] : 'whole'));
    expect(gates).toContain(overridden.digest);
    expect(gates).not.toContain(open.digest);
  });
});
