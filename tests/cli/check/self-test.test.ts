// The self-test of `check --live`: a world in which every line is ok, and for each line a world in which it is not.
import { describe, expect, it, test } from 'vitest';
import { testAzure } from '../../../cli/check/azure-self-test.ts';
import { needsAction, type TestLine, testLines } from '../../../cli/check/self-test.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import type { RegistryOptions } from '../../../local/azure/acr.ts';
import type { Grant } from '../../../local/azure/grant.ts';
import type { Graph } from '../../../local/graph.ts';
import { type Config, CRITICAL, DAY, REGISTRY, registryId, type Stage, stage } from '../../e2e/azure/stage.ts';
import { outputsOf } from '../command.ts';
import { leastToTestOnAzure } from '../command-observing.ts';

const SUBSCRIPTION = '/subscriptions/00000000-1111-2222-3333-444444444444';
const SUBNET = `${SUBSCRIPTION}/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/hub/subnets/functions`;
const ENABLED = { azure: { enableDefender: true } };
const ABAC = { azure: { enableDefender: true, registryRoles: 'abac' } };
/** A finding whose image only the registry can place. */
const UNPLACED = { naming: 'dashed', additionalAs: 'missing' } as const;
const IN_ABAC = { registries: { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } } as const;
const OTHER = registryId('otherimages');

/** Runs the self-test as a person with these roles. */
async function selfTest(
  s: Stage,
  grants: readonly Grant[] = leastToTestOnAzure(s.graph),
): Promise<readonly TestLine[]> {
  const { azure } = await findStack({ outputs: outputsOf(s.graph) });
  if (azure === undefined) throw new Error('the stack is on Azure');
  const operator = s.cloud.principals.add('operator of the self-test', grants);
  return testAzure(azure, () => s.cloud.clock.now().toISOString(), operator, s.cloud.clientOptions);
}

/** A stack whose registry has an image with a finding. */
async function withFinding(config: Config = ENABLED, options: Parameters<typeof stage>[1] = {}): Promise<Stage> {
  const s = await stage(config, options);
  await s.report(s.push('v1'));
  return s;
}

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

function line(lines: readonly TestLine[], what: string): TestLine | undefined {
  return lines.find((one) => one.what === what);
}

/** The lines that are not ok. */
function notOk(lines: readonly TestLine[]): readonly string[] {
  return lines.filter(({ state }) => state !== 'ok').map(({ state, what, found }) => `${state}: ${what}: ${found}`);
}

test('every line is ok', async () => {
  const s = await withFinding();
  const lines = await selfTest(s);
  expect(lines.map(({ state, what, found }) => [state, what, found])).toEqual([
    ['ok', 'plan Containers', 'on'],
    ['ok', 'plan FoundationalCspm', 'on'],
    ['ok', 'findings in Log Analytics', '1 row of the last 9 days'],
    ['ok', 'images of the stack', '1 of 1 image'],
    ['ok', 'findings with a severity', '1 of 1 row'],
    ['ok', 'findings with CVEs', '1 of 1 row'],
    ['ok', 'acmeimages: network', 'open to the Internet, so the function reaches it'],
    ['ok', 'acmeimages: role mode', 'rbac, as configured'],
    ['ok', 'acmeimages: who may undo a lock', 'only pullgate'],
  ]);
  expect(needsAction(lines)).toBe(false);
  expect(testLines(lines)[0]).toBe('Self-test on Azure: all 9 checks are ok.');
  expect(lines.some(({ toDo }) => toDo !== undefined)).toBe(false);
});

describe('a plan', () => {
  it('that is off fails', async () => {
    const lines = await selfTest(await withFinding({}));
    expect(notOk(lines)).toEqual([
      'failed: plan Containers: off (the tier is Free)',
      'failed: plan FoundationalCspm: off (the tier is Free)',
    ]);
    expect(needsAction(lines)).toBe(true);
    expect(line(lines, 'plan FoundationalCspm')?.toDo).toBe(
      'Set pullgate:azure.enableDefender and run pulumi up, or run: az security pricing create --name FoundationalCspm --tier Standard',
    );
  });

  it('that does not scan registries fails', async () => {
    const s = await withFinding();
    const extensions = [{ name: 'ContainerRegistriesVulnerabilityAssessments', isEnabled: 'False' }] as const;
    s.cloud.plans.set('Containers', { pricingTier: 'Standard', extensions });
    expect(notOk(await selfTest(s))).toEqual([
      'failed: plan Containers: on, but its extension ContainerRegistriesVulnerabilityAssessments is off',
    ]);
  });
});

describe('the findings in Log Analytics', () => {
  const withoutRows = ['images of the stack', 'findings with a severity', 'findings with CVEs'].map(
    (what) => `unknown: ${what}: could not be checked: there are no rows`,
  );

  it('fail if no recommendation arrives', async () => {
    const lines = await selfTest(await stage(ENABLED));
    expect(notOk(lines)).toEqual(['failed: findings in Log Analytics: none in the last 9 days', ...withoutRows]);
    expect(line(lines, 'findings in Log Analytics')?.toDo).toMatch(
      /^no recommendation has reached the workspace .+: check that Defender for Containers and Foundational CSPM are enabled/,
    );
  });

  it('are a warning if only others arrive', async () => {
    const s = await stage(ENABLED);
    await s.report(s.push('v1'), { status: 'Healthy' });
    expect(notOk(await selfTest(s))).toEqual([
      'warning: findings in Log Analytics: none in the last 9 days, but other recommendations arrive',
      ...withoutRows,
    ]);
  });

  it('fail if they are older than the window', async () => {
    const s = await withFinding();
    s.cloud.clock.advance(9 * DAY);
    expect(line(await selfTest(s), 'findings in Log Analytics')?.state).toBe('failed');
  });

  it('are counted once a thousand have arrived', async () => {
    const s = await withFinding();
    s.cloud.clock.advance(1000);
    const image = s.push('v2');
    for (let number = 0; number < 1000; number++) await s.report(image, { package: `package-${number}` });
    const lines = await selfTest(s);
    expect(line(lines, 'findings in Log Analytics')?.found).toBe('the newest 1000 rows of the last 9 days');
    expect(line(lines, 'images of the stack')?.found).toBe('1 of 1 image');
  });
});

describe('the images of the stack', () => {
  const lost = { registry: REGISTRY, repository: 'team/lost', digest: `sha256:${'0'.repeat(64)}` };
  const kept = { registry: REGISTRY, repository: 'team/app', digest: lost.digest };

  it('fail if none of the findings belongs to an image of a registry, and warn if some do', async () => {
    const s = await stage(ENABLED);
    await s.report(lost, UNPLACED);
    const lines = await selfTest(s);
    expect(notOk(lines)).toEqual(['failed: images of the stack: 0 of 1 image']);
    expect(line(lines, 'images of the stack')?.toDo).toMatch(/^Look at these assessments in the workspace: .+[.] See /);
    await s.report(s.push('v1'), { naming: 'path' });
    await s.report(s.push('v2'), UNPLACED);
    expect(notOk(await selfTest(s))).toEqual(['warning: images of the stack: 2 of 3 images']);
  });

  it('warn if an image is no longer in its repository', async () => {
    const s = await stage(ENABLED);
    await s.report(s.push('v1'), UNPLACED);
    await s.report(kept, UNPLACED);
    const lines = await selfTest(s);
    expect(notOk(lines)).toEqual(['warning: images of the stack: 1 of 2 images']);
    expect(line(lines, 'images of the stack')?.toDo).toContain('those of images that are gone');
  });

  it('fail if the findings are about other registries', async () => {
    const s = await stage(ENABLED);
    const digest = s.cloud.acr.addRegistry(OTHER).push('team/app', { tag: 'v1' });
    await s.report({ registry: OTHER, repository: 'team/app', digest });
    await s.report({ registry: OTHER, repository: 'team/app', digest }, { naming: 'path', package: 'zlib' });
    expect(notOk(await selfTest(s))).toEqual([
      'failed: images of the stack: none: the rows are about other registries',
    ]);
  });
});

describe('what a finding tells', () => {
  it.each<[string, Parameters<Stage['report']>[1], string]>([
    ['severity', { severity: '', cves: [{ id: CRITICAL.id }] }, 'findings with a severity'],
    ['CVE', { severity: 'High', cves: [] }, 'findings with CVEs'],
  ])('without a %s is a warning, and fails if no finding has one', async (_name, report, what) => {
    const s = await stage(ENABLED);
    await s.report(s.push('v1'), report);
    const lines = await selfTest(s);
    expect(notOk(lines)).toEqual([`failed: ${what}: 0 of 1 row`]);
    expect(line(lines, what)?.toDo).toMatch(/^A finding without a /);
    await s.report(s.push('v2'));
    expect(notOk(await selfTest(s))).toEqual([`warning: ${what}: 1 of 2 rows`]);
  });

  it('cannot be checked if no finding names an image', async () => {
    const s = await stage(ENABLED);
    await s.report({ registry: REGISTRY, repository: 'Team_', digest: 'sha256:1' });
    expect(notOk(await selfTest(s))).toEqual([
      'failed: images of the stack: 0 of 1 image',
      'unknown: findings with a severity: could not be checked: no row names an image',
      'unknown: findings with CVEs: could not be checked: no row names an image',
    ]);
  });
});

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

describe('the role mode of a registry', () => {
  it('fails if it is not the one of the stack', async () => {
    const s = await withFinding(ENABLED, IN_ABAC);
    const lines = await selfTest(s, leastToTestOnAzure(s.graph, 'abac'));
    expect(notOk(lines)).toEqual(['failed: acmeimages: role mode: abac, but the stack is configured for rbac']);
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

describe('what cannot be read', () => {
  const needs = (what: string, role: string) => `unknown: ${what}: could not be checked: needs the role ${role}`;
  const LOGS = "Log Analytics Reader on the stack's workspace";
  const READER = 'Reader on the registry';

  const plans = ['plan Containers', 'plan FoundationalCspm'].map((what) =>
    needs(what, `Security Reader on the subscription ${SUBSCRIPTION.split('/')[2]}`),
  );
  const rest = ['images of the stack', 'findings with a severity', 'findings with CVEs'].map(
    (what) => `unknown: ${what}: could not be checked: there are no rows`,
  );

  it.each<[string, readonly string[]]>([
    ['Security Reader', plans],
    // Security Reader of a subscription may query the workspaces in it.
    ['Security Reader, Log Analytics Reader', [...plans, needs('findings in Log Analytics', LOGS), ...rest]],
    [
      'Container Registry Repository Reader',
      [
        needs(
          'images of the stack',
          'AcrPull on the registries (in the role mode abac, Container Registry Repository Reader)',
        ),
      ],
    ],
    [
      'Reader',
      [
        'unknown: images of the stack: could not be checked: the registry acmeimages could not be read',
        ...['network', 'role mode', 'who may undo a lock'].map((what) => needs(`acmeimages: ${what}`, READER)),
      ],
    ],
  ])('for want of the role %s is unknown, names the role and needs action', async (missing, expected) => {
    const s = await stage(ABAC, IN_ABAC);
    await s.report(s.push('v1'), UNPLACED);
    const roles = leastToTestOnAzure(s.graph, 'abac').filter(({ role }) => !missing.split(', ').includes(role));
    const lines = await selfTest(s, roles);
    expect(notOk(lines)).toEqual(expected);
    expect(needsAction(lines)).toBe(true);
    expect(lines.filter(({ toDo }) => toDo?.startsWith('Assign the role to yourself')).length).toBe(
      expected.filter((one) => one.includes('needs the role')).length,
    );
  });

  it('for another reason is unknown, and names the reason', async () => {
    const s = await withFinding();
    const fault = { kind: 'error', status: 404, code: 'NotFound', message: 'it is gone' } as const;
    s.cloud.faults.add({ ...fault, service: 'arm', operation: 'ListRoleAssignments' });
    expect(notOk(await selfTest(s))).toEqual([
      'unknown: acmeimages: who may undo a lock: could not be checked: RestError NotFound: it is gone',
    ]);
  });

  it('because of a bug ends the command', async () => {
    const s = await withFinding();
    const bug = Object.assign(s.cloud.principals.add('bug', []), {
      getToken: () => Promise.reject(new TypeError('x')),
    });
    const { azure } = await findStack({ outputs: outputsOf(s.graph) });
    if (azure === undefined) throw new Error('the stack is on Azure');
    const now = () => s.cloud.clock.now().toISOString();
    await expect(testAzure(azure, now, bug, s.cloud.clientOptions)).rejects.toThrow(TypeError);
  });
});
