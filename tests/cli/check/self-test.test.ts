// The self-test of `check --live`: a world in which every line is ok, and worlds in which a line about the plans or the
// findings is not.
import { describe, expect, it, test } from 'vitest';
import type { AzureTest } from '../../../cli/check/azure-check.ts';
import { checkPlans } from '../../../cli/check/azure-plans.ts';
import { testAzure } from '../../../cli/check/azure-self-test.ts';
import { needsAction, testLines } from '../../../cli/check/self-test.ts';
import type { ReadArm } from '../../../cli/stack/azure-arm.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import { CRITICAL, DAY, REGISTRY, registryId, type Stage, stage } from '../../e2e/azure/stage.ts';
import { outputsOf } from '../command.ts';
import { leastToTestOnAzure } from '../command-observing.ts';
import { ABAC, ENABLED, IN_ABAC, line, notOk, SUBSCRIPTION, selfTest, UNPLACED, withFinding } from './self-testing.ts';

const OTHER = registryId('otherimages');

test('every line is ok', async () => {
  const s = await withFinding();
  const lines = await selfTest(s);
  expect(lines.map(({ state, what, found }) => [state, what, found])).toEqual([
    ['ok', 'plan Containers', 'on'],
    ['ok', 'plan FoundationalCspm', 'on'],
    ['ok', 'findings in Log Analytics', '1 row of the last 9 days, the newest at 2026-03-02 09:00 UTC'],
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
      'Set pullgate:azure.enableDefender and run pulumi up, or run: az security pricing create --name FoundationalCspm --tier Standard --subscription 00000000-1111-2222-3333-444444444444',
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

describe('the extension that scans registries', () => {
  const plans = async (extensions: unknown, registries: readonly string[] = [REGISTRY]) => {
    const readArm: ReadArm = async (path) => ({
      properties: { pricingTier: 'Standard', ...(path.includes('/Containers?') ? { extensions } : {}) },
    });
    return checkPlans({ stack: { registries }, readArm } as unknown as AzureTest);
  };
  const scans = (isEnabled: string) => [{ name: 'ContainerRegistriesVulnerabilityAssessments', isEnabled }];

  it.each([
    [[], 'unknown'],
    [undefined, 'unknown'],
    [scans('true'), 'ok'],
    [scans('False'), 'failed'],
  ])('as %j is %s', async (extensions, state) => {
    expect((await plans(extensions)).map((one) => one.state)).toEqual([state, 'ok']);
  });

  it('is named with its subscription if there are several', async () => {
    const other = REGISTRY.replace('00000000', '99999999');
    expect((await plans(scans('True'), [REGISTRY, other])).map(({ what }) => what)).toEqual(
      ['00000000', '99999999'].flatMap((start) =>
        ['Containers', 'FoundationalCspm'].map(
          (plan) => `plan ${plan} of the subscription ${start}-1111-2222-3333-444444444444`,
        ),
      ),
    );
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
    const lines = await selfTest(s);
    expect(notOk(lines)).toEqual([
      'warning: findings in Log Analytics: none in the last 9 days, but other recommendations arrive',
      ...['images of the stack', 'findings with a severity', 'findings with CVEs'].map(
        (what) => `warning: ${what}: nothing to check yet: there are no rows`,
      ),
    ]);
    // A registry without vulnerable images needs no action.
    expect(needsAction(lines)).toBe(false);
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
    expect(line(lines, 'findings in Log Analytics')?.found).toBe(
      'the newest 1000 rows of the last 9 days, the newest at 2026-03-02 09:00 UTC',
    );
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

  it('do not count an image that is no longer in its repository', async () => {
    const s = await stage(ENABLED);
    await s.report(s.push('v1'), UNPLACED);
    await s.report(kept, UNPLACED);
    const lines = await selfTest(s);
    expect(line(lines, 'images of the stack')).toMatchObject({
      state: 'ok',
      found: '1 of 1 image, without 1 no longer in the registry',
    });
  });

  it('do not count a deleted image if rows place others', async () => {
    const s = await withFinding();
    await s.report(kept, UNPLACED);
    expect(line(await selfTest(s), 'images of the stack')).toMatchObject({
      state: 'ok',
      found: '1 of 1 image, without 1 no longer in the registry',
    });
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
    expect(line(lines, what)?.toDo).toMatch(/^A finding with(out a| neither a) /);
    await s.report(s.push('v2'));
    expect(notOk(await selfTest(s))).toEqual([`warning: ${what}: 1 of 2 rows`]);
  });

  it('is a severity if the recommendation has one, and none if one of its CVEs has none', async () => {
    const s = await stage(ENABLED);
    await s.report(s.push('v1'), { severity: 'High', cves: [{ id: CRITICAL.id }] });
    expect(notOk(await selfTest(s))).toEqual([]);
    await s.report(s.push('v2'), { severity: '', cves: [CRITICAL, { id: 'CVE-2026-1002' }] });
    const lines = await selfTest(s);
    expect(notOk(lines)).toEqual(['warning: findings with a severity: 1 of 2 rows']);
    expect(line(lines, 'findings with a severity')?.toDo).toMatch(
      /^A finding with neither a severity, nor a score, nor a recommendation with a severity leaves /,
    );
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
