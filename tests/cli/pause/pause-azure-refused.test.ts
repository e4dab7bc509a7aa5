// Tests what prevents a pause on Azure from opening gates, and that one sentence names it: a missing role, no login, or
// a registry that was removed from the stack.
import { describe, expect, test } from 'vitest';
import { graphFor, REGISTRY, REPOSITORY, registryId, type Stage, stage } from '../../e2e/azure/stage.ts';
import { FOLDER, outputsOf, pullgate } from '../command.ts';
import { asAzureOperator, runOn } from '../command-azure.ts';

const ABAC = { registries: { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } } as const;
const OPENED = { locked: [], records: { 'team/app:v1': 'waiting: pause' } };
const NEW = 'a new role assignment takes a few minutes to take effect';

/** Deploys a stack that keeps one image closed. */
async function oneClosed(registryRoles: 'rbac' | 'abac' = 'rbac') {
  const s = await stage({ azure: { registryRoles } }, registryRoles === 'abac' ? ABAC : {});
  const { repository, digest } = await s.close('v1');
  return { s, name: `${repository}@${digest}`, ...runOn(s) };
}

async function tellsAndOpens(s: Stage): Promise<void> {
  const { notified, ...world } = await s.world();
  expect(world).toMatchObject(OPENED);
  expect(notified).toEqual(['closed team/app:v1', 'opened team/app:v1']);
}

describe('roles', () => {
  test.each(['rbac', 'abac'] as const)(
    'the operator needs only the three roles for a registry with %s',
    async (mode) => {
      const { s, run } = await oneClosed(mode);
      const { code, stdout, stderr } = await run('pause --yes');
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain('[1/1]  opened    team/app@');
      await tellsAndOpens(s);
    },
  );

  test('without a role on the table, one sentence names the role, nothing changes, and the exit code is 1', async () => {
    const { s, run } = await oneClosed();
    const before = await s.world();
    const { code, stdout, stderr } = await run('pause --yes', 'records');
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^pullgate: the request to Azure failed[.] \w+[.]table[.]core[.]windows[.]net returned 403: you need Storage Table Data Contributor on the table of the stack; a new role assignment takes a few minutes to take effect\ndocs[/]permissions[.]md lists .+\n$/,
    );
    expect(await s.world()).toEqual(before);
    expect((await run('resume', 'records')).code).toBe(1);
  });

  const LOCKS = "the stack's role 'pullgate gatekeeper' on the registry";
  const READER = [{ role: 'Reader', scope: REGISTRY }];
  const rows: readonly (readonly ['Reader' | 'nothing', 'rbac' | 'abac', string, string])[] = [
    ['Reader', 'rbac', 'REFUSED', `the registry returned 401: you need ${LOCKS}; ${NEW}`],
    ['Reader', 'abac', 'FAILED', `acmeimages.azurecr.io returned 401: you need ${LOCKS}; ${NEW}`],
    ['nothing', 'rbac', 'FAILED', `management.azure.com returned 403: you need ${LOCKS}; ${NEW}`],
  ];
  test.each(rows)(
    'with %s on the registry (%s), the result is %s and the exit code is 1',
    async (has, mode, word, sentence) => {
      const { s, name, run } = await oneClosed(mode);
      const { code, stdout, stderr } = await run('pause --yes', 'locks', has === 'Reader' ? READER : []);
      expect([code, stderr]).toEqual([1, '']);
      expect(stdout).toContain(`\n  [1/1]  ${word.padEnd(8)}  ${name}\n      ${sentence}\n`);
      expect(stdout).toMatch(
        /\n1 image could not be opened: fix the cause \(see above\), and run this command again[.]\n$/,
      );
      expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled']);
      expect((await run('pause --yes')).code).toBe(0);
      await tellsAndOpens(s);
    },
  );

  test('without a role for mail, the image opens, the notice is reported as not sent, and the next run sends it', async () => {
    const { s, name, run } = await oneClosed();
    const { code, stdout, stderr } = await run('pause --yes', 'mail');
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toContain(`\n  [1/1]  opened    ${name}\n  1 gate: the notice could not be sent: `);
    expect(stdout).toMatch(
      /: \S+[.]communication[.]azure[.]com returned 40[13]: you need the stack's role 'pullgate mail sender' on its Communication Service; a new /,
    );
    expect(stdout).toMatch(
      /\n1 image is open, but the notice could not be sent: fix the cause \(see above\), and run this command again[.]\n$/,
    );
    expect(stdout.match(/\[1\/1\]/g)).toHaveLength(1);
    expect(await s.world()).toMatchObject({ ...OPENED, notified: ['closed team/app:v1'] });
    const again = await run('pause --yes');
    expect([again.code, again.stdout.includes('open, notice pending since')]).toEqual([0, true]);
    await tellsAndOpens(s);
  });

  test('`resume` needs only the role on the table', async () => {
    const { s, run, least } = await oneClosed();
    await run('pause --yes');
    const environment = asAzureOperator(s.cloud, [least.records], 'operator of the table');
    const { code, stdout } = await pullgate(['resume', '--outputs', outputsOf(s.graph)], environment);
    expect([code, stdout.startsWith('Ended the pause of the stack dev')]).toEqual([0, true]);
  });
});

test('without credentials, the command prints one sentence and exits with 2', async () => {
  const environment = { HOME: FOLDER, PATH: FOLDER, AZURE_TOKEN_CREDENTIALS: 'dev' };
  const { code, stdout, stderr } = await pullgate(['pause', '--outputs', outputsOf(await graphFor())], environment);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toBe(
    'pullgate: no Azure credentials found: log in (az login), or set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET\n',
  );
});

describe('several registries', () => {
  const OTHER = registryId('otherimages');
  const both = { azure: { registries: [REGISTRY, OTHER] } };

  /** Closes an image of the same repository in both registries. */
  async function closedInBoth() {
    const s = await stage(both, { registries: { [OTHER]: {} } });
    const here = await s.close('v1');
    const digest = s.cloud.acr.registry(OTHER).push(REPOSITORY, { content: 'of the other', tag: 'v1' });
    await s.report({ registry: OTHER, repository: REPOSITORY, digest });
    await s.runUntilIdle();
    const areReadable = () =>
      [here, { registry: OTHER, digest }].map(
        (image) => s.cloud.acr.registry(image.registry).attributes(REPOSITORY, { digest: image.digest }).readEnabled,
      );
    expect(areReadable()).toEqual([false, false]);
    const { least } = runOn(s);
    const grants = [...Object.values(least), { ...least.locks, scope: OTHER }];
    return { s, areReadable, environment: asAzureOperator(s.cloud, grants) };
  }

  test('gates are named with their registry', async () => {
    const { s, areReadable, environment } = await closedInBoth();
    const { code, stdout } = await pullgate(['pause', '--yes', '--outputs', outputsOf(s.graph)], environment);
    expect(code).toBe(0);
    for (const registry of ['acmeimages', 'otherimages'])
      expect(stdout).toMatch(new RegExp(`\\] {2}opened {4}${registry}/team/app@sha256:`));
    expect(areReadable()).toEqual([true, true]);
  });

  test('if a registry was removed from the stack, its gate is named with a remedy, the others open, and the exit code is 1', async () => {
    const { s, areReadable, environment } = await closedInBoth();
    await s.redeploy({});
    const now = outputsOf(await graphFor({}));
    const { code, stdout } = await pullgate(['pause', '--yes', '--outputs', now], environment);
    expect(code).toBe(1);
    expect(stdout).toMatch(/\] {2}opened {4}acmeimages\/team\/app@/);
    expect(stdout).toMatch(/\] {2}FAILED {4}otherimages\/team\/app@\S+\n/);
    expect(stdout).toContain(
      `      the registry ${OTHER} is no longer part of the stack: add it to pullgate:azure.registries, run \`pulumi up\`, then run this command again\n`,
    );
    expect(stdout).toMatch(
      /\n1 image could not be opened: fix the cause \(see above\), and run this command again[.]\n$/,
    );
    expect(areReadable()).toEqual([true, false]);
    const before = await pullgate(['pause', '--yes', '--outputs', outputsOf(s.graph)], environment);
    expect([before.code, areReadable()]).toEqual([0, [true, true]]);
  });
});
