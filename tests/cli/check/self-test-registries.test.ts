// The self-test of `check --live`: for each line about a registry a world in which it is not ok.
import { describe, expect, it } from 'vitest';
import { needsAction, testLines } from '../../../cli/check/self-test.ts';
import type { RegistryOptions } from '../../../local/azure/acr.ts';
import type { Grant } from '../../../local/azure/grant.ts';
import type { Graph } from '../../../local/graph.ts';
import { type Config, REGISTRY, registryId, stage, without } from '../../e2e/azure/stage.ts';
import { leastToTestOnAzure } from '../command-observing.ts';
import { ABAC, ENABLED, IN_ABAC, line, notOk, SUBSCRIPTION, selfTest, UNPLACED, withFinding } from './self-testing.ts';

const SUBNET = `${SUBSCRIPTION}/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/hub/subnets/functions`;
const OTHER = registryId('otherimages');

/** A custom role of the subscription, which may also do everything with data. */
function customRole(
  name: string,
  actions: readonly string[],
  notActions: readonly string[],
): Graph['resources'][number] {
  const id = `${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/${name.replaceAll(' ', '-')}`;
  const permissions = [{ actions, notActions, dataActions: ['*'], notDataActions: [] }];
  const inputs = { roleName: name, permissions };
  return {
    type: 'azure-native:authorization:RoleDefinition',
    name,
    id,
    urn: id,
    parent: undefined,
    inputs,
    outputs: {},
  };
}

describe('a registry that is closed to the Internet', () => {
  const images = 'unknown: images of the stack: could not be checked: the registry does not admit your network';
  const withUnplaced = async (config: Config, network: RegistryOptions) => {
    const s = await stage(config, { registries: { [REGISTRY]: network } });
    await s.report(s.push('v1'), UNPLACED);
    return s;
  };

  it.each([
    [{ onlyFrom: SUBNET }, 'public network access is disabled'],
    [{ onlyFrom: SUBNET, hasFirewall: true }, 'its firewall denies addresses that no rule allows'],
  ])('fails without a subnet, and is a warning with one: %o', async (network, obstacle) => {
    const without = await selfTest(await withUnplaced(ENABLED, network));
    expect(notOk(without)).toEqual([
      images,
      `failed: acmeimages: network: ${obstacle}, and the function is in no subnet`,
    ]);
    expect(line(without, 'acmeimages: network')?.toDo).toContain('set pullgate:azure.subnetId');
    const config = { azure: { enableDefender: true, subnetId: SUBNET } };
    const within = await selfTest(await withUnplaced(config, network));
    expect(notOk(within)).toEqual([
      images,
      `warning: acmeimages: network: ${obstacle}: the function must reach it from its subnet`,
    ]);
    expect(line(within, 'acmeimages: network')?.toDo).toContain(`the subnet ${SUBNET} has a route`);
  });
});

it('names each registry', async () => {
  const config = { azure: { enableDefender: true, registries: [REGISTRY, OTHER] } };
  const s = await withFinding(config, { registries: { [OTHER]: { onlyFrom: SUBNET } } });
  const reader = { role: 'Reader', scope: OTHER };
  const lines = await selfTest(s, [...leastToTestOnAzure(s.graph), reader]);
  expect(notOk(lines)).toEqual([
    'failed: otherimages: network: public network access is disabled, and the function is in no subnet',
  ]);
  expect(lines.slice(6).map(({ what }) => what)).toEqual(
    ['acmeimages', 'otherimages'].flatMap((name) =>
      ['network', 'role mode', 'who may undo a lock'].map((what) => `${name}: ${what}`),
    ),
  );
});

describe('the role mode of a registry', () => {
  it('fails if it is not the one of the stack', async () => {
    const s = await withFinding(ENABLED, IN_ABAC);
    const lines = await selfTest(s, leastToTestOnAzure(s.graph, 'abac'));
    expect(notOk(lines)).toEqual([
      'failed: acmeimages: role mode: abac, but the stack is configured for rbac',
      "failed: acmeimages: who may undo a lock: pullgate's own role is not assigned",
    ]);
    expect(line(lines, 'acmeimages: role mode')?.toDo).toBe(
      'Set pullgate:azure.registryRoles to abac and run pulumi up. Registries with different role modes need separate stacks.',
    );
  });

  it('fails if pullgate does not know it', async () => {
    const s = await withFinding();
    Object.assign(s.registry, { roleMode: 'NewPermissions' });
    expect(notOk(await selfTest(s))).toEqual([
      'failed: acmeimages: role mode: NewPermissions, but the stack is configured for rbac',
      'unknown: acmeimages: who may undo a lock: could not be checked: pullgate does not know the role mode NewPermissions',
    ]);
  });
});

describe('who may undo a lock', () => {
  it('fails if pullgate has no role, even if others have one', async () => {
    const isRole = ({ type, inputs }: Graph['resources'][number]) =>
      type.endsWith(':RoleAssignment') && inputs['scope'] === REGISTRY;
    const s = await withFinding(ENABLED, { change: without(isRole) });
    const owner = s.cloud.principals.add('owner', [{ role: 'Owner', scope: SUBSCRIPTION }]).principal.id;
    const lines = await selfTest(s);
    const unlock = line(lines, 'acmeimages: who may undo a lock');
    expect(unlock).toMatchObject({ state: 'failed', found: "pullgate's own role is not assigned" });
    expect(unlock?.toDo).toMatch(/^Run pulumi up, /);
    expect(unlock?.principals?.map(({ id }) => id)).toEqual([owner]);
  });

  it('counts a person with the role of pullgate as another', async () => {
    const s = await withFinding();
    const [role] = s.graph.resources.filter(({ type }) => type === 'azure-native:authorization:RoleDefinition');
    const person = s.cloud.principals.add('person', [{ role: role?.id ?? '', scope: REGISTRY, principalType: 'User' }]);
    const unlock = line(await selfTest(s), 'acmeimages: who may undo a lock');
    expect(unlock).toMatchObject({ state: 'warning', found: '1 principal besides pullgate' });
    expect(unlock?.principals?.map(({ id, kind }) => [id, kind])).toEqual([
      [s.cloud.identity.id, 'pullgate'],
      [person.principal.id, 'other'],
    ]);
  });

  it('in the role mode abac: every repository writer and contributor, but no owner', async () => {
    const s = await withFinding(ABAC, IN_ABAC);
    const add = (name: string, grant: Grant) => s.cloud.principals.add(name, [grant]).principal.id;
    const writer = add('ci', {
      role: 'Container Registry Repository Writer',
      scope: REGISTRY,
      principalType: 'ServicePrincipal',
      condition: 'only team/app',
    });
    const contributors = add('team', {
      role: 'Container Registry Repository Contributor',
      scope: SUBSCRIPTION,
      principalType: 'Group',
    });
    add('owner', { role: 'Owner', scope: SUBSCRIPTION });
    add('elsewhere', { role: 'Container Registry Repository Writer', scope: OTHER });
    const lines = await selfTest(s, leastToTestOnAzure(s.graph, 'abac'));
    expect(notOk(lines)).toEqual(['warning: acmeimages: who may undo a lock: 2 principals besides pullgate']);
    expect(needsAction(lines)).toBe(false);
    const role = { kind: 'other' } as const;
    expect(line(lines, 'acmeimages: who may undo a lock')?.principals).toEqual([
      expect.objectContaining({ kind: 'pullgate', type: 'ServicePrincipal', id: s.cloud.identity.id }),
      {
        ...{ ...role, type: 'ServicePrincipal', id: writer, scope: REGISTRY, condition: 'only team/app' },
        role: 'Container Registry Repository Writer',
      },
      {
        ...{ ...role, type: 'Group', id: contributors, scope: SUBSCRIPTION },
        role: 'Container Registry Repository Contributor',
      },
    ]);
    expect(testLines(lines).slice(-4)).toEqual([
      '  warning  acmeimages: who may undo a lock  2 principals besides pullgate',
      `      ServicePrincipal ${writer}  Container Registry Repository Writer on the registry, limited by a condition`,
      `      Group ${contributors}             Container Registry Repository Contributor on the subscription`,
      '      To do: Each of them can open what pullgate closed, until the next tick closes it again. Take the role from those that do not need it.',
    ]);
  });

  it('in the role mode rbac: administrators, who are ok, and not who may push', async () => {
    const s = await withFinding();
    const group = REGISTRY.split('/').slice(0, 5).join('/');
    for (const number of [...Array(25).keys()])
      s.cloud.principals.add(`owner ${number}`, [{ role: 'Owner', scope: group }]);
    s.cloud.principals.add('ci', [{ role: 'AcrPush', scope: REGISTRY }]);
    const lines = await selfTest(s);
    expect(line(lines, 'acmeimages: who may undo a lock')).toMatchObject({
      state: 'ok',
      found: 'only pullgate and 25 administrators',
    });
    expect(testLines(lines).slice(-2)).toEqual([
      expect.stringMatching(/^ {6}User [0-9a-f-]{36} {2}Owner on the resource group images$/),
      '      and 5 more, which --json shows',
    ]);
  });

  it('in the role mode rbac: holders of a custom role that may write metadata', async () => {
    const registries = 'Microsoft.ContainerRegistry/registries';
    const roles = [
      customRole('locker', [`${registries}/METADATA/*`], []),
      customRole('all but locks', ['*'], [`${registries}/metadata/write`]),
    ];
    const change = (graph: Graph) => ({ ...graph, resources: [...graph.resources, ...roles] });
    const s = await withFinding(ENABLED, { change });
    for (const { name, id } of roles) s.cloud.principals.add(name, [{ role: id, scope: REGISTRY }]);
    const found = line(await selfTest(s), 'acmeimages: who may undo a lock');
    expect(found).toMatchObject({ state: 'warning', found: '1 principal besides pullgate' });
    expect(found?.principals?.map(({ role, kind }) => [role.split(' ')[0], kind])).toEqual([
      ['pullgate', 'pullgate'],
      ['locker', 'other'],
    ]);
  });
});

it('says of a single check that it is ok', () => {
  const one = { check: 'network', what: 'acmeimages: network', state: 'ok', found: 'open' } as const;
  expect(testLines([one])[0]).toBe('Self-test on Azure: the only check is ok.');
});

it('names the scopes of the principals in the terminal', () => {
  const scopes = [REGISTRY, SUBSCRIPTION, '/providers/Microsoft.Management/managementGroups/platform', '/'];
  const principals = scopes.map((scope) => ({ type: 'User', id: 'u', role: 'Owner', scope, kind: 'other' as const }));
  const shared = { check: 'unlock', what: 'acmeimages: who may undo a lock' } as const;
  expect(testLines([{ ...shared, state: 'warning', found: '1 principal besides pullgate', principals }])).toEqual([
    'Self-test on Azure: 1 warning.',
    '  warning  acmeimages: who may undo a lock  1 principal besides pullgate',
    '      User u  Owner on the registry',
    '      User u  Owner on the subscription',
    '      User u  Owner on the management group platform',
    '      User u  Owner on the tenant',
  ]);
});
