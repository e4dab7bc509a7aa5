// The login servers of registries, their role modes, and the effect of a missing role. The case table's rows about
// registries.
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../local/graph.ts';
import { withoutAction } from '../../security/azure-actions.ts';
import { graphFor, MINUTE, REGISTRY, registryId, stage, UNTOUCHED, type World, without } from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};
const ABAC = { registries: { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } } as const;

const SUBNET =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/hub/subnets/functions';
const PRIVATE = { registries: { [REGISTRY]: { onlyFrom: SUBNET } } };

describe('a registry behind a private endpoint', () => {
  test('from its subnet: closed, and opened once the image is healthy', async () => {
    const s = await stage({ azure: { subnetId: SUBNET } }, PRIVATE);
    const { ids } = await s.close('v1');
    expect(await s.world()).toEqual(CLOSED);
    await s.setStatus(ids, 'Healthy');
    expect(await s.world()).toMatchObject({ locked: [], records: { 'team/app:v1': 'open' } });
  });

  test.each([
    ['without a subnet', {}],
    ['from another subnet', { azure: { subnetId: `${SUBNET}-2` } }],
  ])('%s: nothing is read, and the log names the network', async (_name, config) => {
    const s = await stage(config, PRIVATE);
    await s.report(s.push('v1'));
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual([]);
    expect(s.calls('acr:GetManifest')).toBe(0);
    const [failed] = s.lines('failed');
    expect(failed?.['error']).toContain("client with IP '203.0.113.5' is not allowed access");
    expect(failed?.['error']).toContain('or the registry does not admit its network');
    expect(failed?.['error']).toContain('or set azure.subnetId');
  });
});

describe('repositories that the config excludes', () => {
  const EXCLUDING = { azure: { repositories: { include: ['**'], exclude: ['team/scratch/*'] } } };

  test('no event and no sweep closes their images', async () => {
    const s = await stage(EXCLUDING);
    await s.close('v1');
    await s.close('v2', 'team/scratch/app');
    await s.sweep();
    expect(await s.world()).toEqual(CLOSED);
  });

  test.each([
    ['path', 'object'],
    ['nameless', 'object'],
    ['dashed', 'missing'],
  ] as const)(
    'an event about one of their images is done without an observation and a line (%s)',
    async (naming, additionalAs) => {
      const s = await stage(EXCLUDING);
      await s.report(s.push('v1', 'team/scratch/app'), { naming, additionalAs });
      await s.runUntilIdle();
      expect(await s.world()).toEqual(UNTOUCHED);
      expect([s.calls('logs:Query'), s.lines('decision')]).toEqual([0, []]);
    },
  );

  test('an event with a dashed name in a registry with a problem is refused, because nothing tells its repository', async () => {
    const s = await stage({ azure: { repositories: { include: ['team/*'], exclude: [] } } }, ABAC);
    await s.report(s.push('v1'), { naming: 'dashed', additionalAs: 'missing' });
    await s.runUntilIdle();
    expect(s.lines('refused')).toMatchObject([{ repository: 'team-app' }]);
    expect((await s.world()).poison).toHaveLength(1);
  });

  test('an image in a repository that is newly excluded opens', async () => {
    const s = await stage();
    await s.close('v1', 'team/scratch/app');
    expect((await s.world()).locked).toEqual(['team/scratch/app:v1 readEnabled']);
    await s.redeploy(EXCLUDING);
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual([]);
  });
});

describe('registries', () => {
  test('a registry outside the stack: ignored', async () => {
    const s = await stage();
    const other = registryId('otherimages');
    const digest = s.cloud.acr.addRegistry(other).push('team/app', { tag: 'v1' });
    await s.report({ registry: other, repository: 'team/app', digest });
    s.send({ pullgate: 'reconcile', registry: other, repository: 'team/app', trigger: 'sweep' });
    await s.runUntilIdle();
    expect(await s.world()).toEqual(UNTOUCHED);
    expect(s.cloud.acr.registry(other).attributes('team/app', { digest }).readEnabled).toBe(true);
    const why = "the registry otherimages is not one of the stack's";
    expect(s.lines('ignored')).toEqual([
      { kind: 'ignored', why },
      { kind: 'ignored', why },
    ]);
    expect([s.calls('arm:GetRegistry'), s.calls('acr:Exchange'), s.calls('logs:Query')]).toEqual([0, 0, 0]);
  });

  test('an image with the same name and digest in two registries: only the reported one is closed', async () => {
    const others = registryId('acmeimages2');
    const s = await stage({ azure: { registries: [REGISTRY, others] } }, { registries: { [others]: {} } });
    const [here, there] = [s.registry, s.cloud.acr.registry(others)].map((registry) =>
      registry.push('team/app', { tag: 'v1', content: 'the same' }),
    );
    expect(here).toBe(there);
    await s.report({ registry: others, repository: 'team/app', digest: there ?? '' });
    await s.runUntilIdle();
    await s.sweep();
    expect(s.registry.attributes('team/app', { digest: here ?? '' }).readEnabled).toBe(true);
    expect(s.cloud.acr.registry(others).attributes('team/app', { digest: there ?? '' }).readEnabled).toBe(false);
    expect(s.cloud.mails).toHaveLength(1);
  });

  test('an image in two registries that both fail: each error is logged, and one retry closes both', async () => {
    const others = registryId('acmeimages2');
    const s = await stage({ azure: { registries: [REGISTRY, others] } }, { registries: { [others]: {} } });
    const registries = [s.registry, s.cloud.acr.registry(others)];
    const [digest = ''] = registries.map((one) => one.push('team/app', { tag: 'v1', content: 'the same' }));
    // The first two calls locate the image, the next two observe it.
    for (const nth of [3, 4]) {
      const fault = { kind: 'error', service: 'acr', operation: 'GetManifest', status: 403, code: 'DENIED' } as const;
      s.cloud.faults.add({ ...fault, message: `no ${nth}`, nth });
    }
    await s.report({ registry: REGISTRY, repository: 'team/app', digest }, { naming: 'nameless' });
    await s.deliver();
    expect(s.lines('failed')).toMatchObject([
      { error: expect.stringContaining('no 4') },
      { error: expect.stringContaining('no 3'), tries: 0, minutes: 1 },
    ]);
    await s.runUntilIdle();
    expect(registries.map((one) => one.attributes('team/app', { digest }).readEnabled)).toEqual([false, false]);
  });

  test.each([['individual'], ['grouped']] as const)(
    'a login server that is not NAME.azurecr.io: read from Resource Manager (%s)',
    async (shape) => {
      const s = await stage({}, { registries: { [REGISTRY]: { loginServer: 'acmeimages-h4k9bs.azurecr.io' } } });
      await s.report(s.push('v1'), { shape });
      await s.runUntilIdle();
      expect(await s.world()).toEqual(CLOSED);
      expect(await s.pull('v1')).toBe('refused');
      await s.sweep();
      expect(await s.world()).toEqual(CLOSED);
    },
  );

  test('an ABAC registry with `registryRoles: rbac`: an error that names the required role', async () => {
    const s = await stage({}, ABAC);
    const image = s.push('v1');
    await s.report(image);
    await s.runUntilIdle();
    expect(await s.world()).toEqual({
      ...UNTOUCHED,
      poison: [{ pullgate: 'reconcile', ...image, trigger: 'finding' }],
    });
    const problem = `the registry ${REGISTRY} has the role mode AbacRepositoryPermissions, so the function's identity needs the role pullgate gatekeeper (registries/read, and as data actions repositories/metadata/read and write), which this stack does not assign. Set pullgate:azure.registryRoles to abac, and run pulumi up. Registries with different role modes need separate stacks`;
    expect(s.lines('refused')).toEqual([{ kind: 'refused', repository: 'team/app', problem }]);
    await s.tick();
    expect(s.lines('scanner')).toEqual([{ kind: 'scanner', healthy: false, why: problem }]);
  });

  test('an ABAC registry with `registryRoles: abac`: closes and opens', async () => {
    const s = await stage({ azure: { registryRoles: 'abac' } }, ABAC);
    const { ids } = await s.close('v1');
    expect(await s.world()).toEqual(CLOSED);
    expect(await s.pull('v1')).toBe('refused');
    await s.setStatus(ids, 'Healthy');
    expect(await s.pull('v1')).toBe('pulled');
  });
});

const roleNamed =
  (end: string) =>
  ({ type, name }: Graph['resources'][number]) =>
    type === 'azure-native:authorization:RoleAssignment' && name.endsWith(`-${end}-role`);

describe('a missing role', () => {
  test.each([
    ['host', 'Storage Blob Data Owner'],
    ['queue', 'Storage Queue Data Contributor'],
    ['poison', 'Storage Queue Data Contributor'],
  ])('%s: the host cannot run the function', async (end, role) => {
    await expect(stage({}, { change: without(roleNamed(end)) })).rejects.toThrow(role);
  });

  test('log: the function cannot write its log', async () => {
    await expect(stage({}, { change: without(roleNamed('log')) })).rejects.toThrow('its log goes nowhere');
  });

  test('permission to write attributes: the gate waits, and people are notified with advice; once granted, the next sweep closes', async () => {
    const write = 'Microsoft.ContainerRegistry/registries/metadata/write';
    const s = await stage({}, { change: withoutAction('pullgate-gatekeeper', write) });
    const image = s.push('v1');
    await s.report(image);
    await s.runUntilIdle();
    await s.tick();
    expect(await s.world()).toEqual({
      ...UNTOUCHED,
      records: { 'team/app:v1': 'waiting: refused' },
      notified: ['NOT closed team/app:v1'],
    });
    const { problem } = s.lastDecision(image);
    expect(problem).toContain("the function's identity needs its role");
    expect(problem).toContain('Run pulumi up; pullgate retries with the next sweep');
    await s.cloud.deploy(await graphFor());
    await s.sweep();
    expect(await s.world()).toEqual({ ...CLOSED, notified: ['NOT closed team/app:v1', 'closed team/app:v1'] });
  });

  const failing: readonly (readonly [string, string])[] = [
    ['registry-acmeimages', "action 'Microsoft.ContainerRegistry/registries/read' over scope"],
    ['findings', 'api.loganalytics.io answers 403'],
    ['records', "action 'Microsoft.Storage/storageAccounts/tableServices/tables/entities/read' over scope"],
  ];

  test.each(failing)(
    '%s: nothing is closed, the error names the service, and the message moves to the poison queue after two hours of retries; once granted, the next sweep closes',
    async (end, words) => {
      const s = await stage({}, { change: without(roleNamed(end)) });
      await s.report(s.push('v1'));
      await s.runUntilIdle();
      const { poison, ...rest } = await s.world();
      expect({ ...rest, poison: [] }).toEqual(UNTOUCHED);
      expect(poison).toMatchObject([{ resourceAdditionalData: expect.stringContaining('team/app'), tries: 0 }]);
      expect(s.lines('failed')).toHaveLength(8);
      expect(s.lines('failed')[0]?.['error']).toContain(words);
      expect(s.lines('failed')[0]?.['error']).toContain(
        "the function's identity lacks a role there; run pulumi up, which assigns its roles",
      );
      await s.cloud.deploy(await graphFor());
      await s.sweep();
      expect({ ...(await s.world()), poison: [] }).toEqual(CLOSED);
    },
  );

  test('mail: closed all the same, and notified once the role is assigned', async () => {
    const s = await stage({}, { change: without(roleNamed('mail')) });
    const image = s.push('v1');
    await s.report(image);
    await s.deliver();
    expect(await s.world()).toMatchObject({ ...CLOSED, notified: [] });
    expect(await s.pull('v1')).toBe('refused');
    expect((await s.record(image))?.pending).toHaveLength(1);
    expect(s.lines('failed')[0]?.['error']).toContain(
      "action 'Microsoft.Communication/CommunicationServices/Read' over scope",
    );
    await s.cloud.deploy(await graphFor());
    await s.cloud.advance(5 * MINUTE);
    expect(await s.world()).toEqual(CLOSED);
    expect((await s.record(image))?.pending).toEqual([]);
  });
});
