// Tests the recovery on Azure after a `pulumi destroy` without a pause: the real command, without a table or outputs.
import { describe, expect, test } from 'vitest';
import type { RoleMode } from '../../../local/azure/acr.ts';
import { REGISTRY, type Stage, stage } from '../../e2e/azure/stage.ts';
import { fileOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';

const HOST = 'acmeimages.azurecr.io';
const ROLES = {
  LegacyRegistryPermissions: ['Contributor'],
  AbacRepositoryPermissions: [
    'Container Registry Repository Contributor',
    'Container Registry Repository Catalog Lister',
  ],
} as const;

/** pullgate closed `team/app:v1`, and a person `team/other:v1`. */
async function destroyedTooEarly(roleMode: RoleMode = 'LegacyRegistryPermissions', granularity = 'image') {
  const registryRoles = roleMode === 'LegacyRegistryPermissions' ? 'rbac' : 'abac';
  const s = await stage({ azure: { registryRoles, granularity } }, { registries: { [REGISTRY]: { roleMode } } });
  const ours = await s.close('v1');
  const other = s.push('v1', 'team/other');
  s.registry.setAttributes(other.repository, { readEnabled: false }, { digest: other.digest });
  s.push('open', 'team/open');
  const log = fileOf(
    s
      .lines('decision')
      .map((line) => JSON.stringify(line))
      .join('\n'),
  );
  const run = (words: readonly string[], roles: readonly string[] = ROLES[roleMode]) => {
    const grants = roles.map((role) => ({ role, scope: REGISTRY }));
    return pullgate(['release', ...words], asAzureOperator(s.cloud, grants, `operator with ${roles}`));
  };
  return { s, ours, other, log, run };
}

const locked = async (s: Stage) => (await s.world()).locked;
const BOTH = ['team/app:v1 readEnabled', 'team/other:v1 readEnabled'];

describe('release --orphans on Azure', () => {
  test('lists everything that cannot be pulled, says how to choose, and changes nothing', async () => {
    const { s, ours, other, run } = await destroyedTooEarly();
    expect(await run(['--orphans', HOST])).toEqual({
      code: 0,
      stdout: `2 images cannot be pulled, because readEnabled is false:

  team/app@${ours.digest}
  team/other@${other.digest}

Nothing was changed. To choose what to open, give --log FILE, a file with the log of the function, or a repository, a glob or an image: \`pullgate release GATE --orphans REGISTRY\`.
`,
      stderr: '',
    });
    expect(await locked(s)).toEqual(BOTH);
  });

  test.each(['LegacyRegistryPermissions', 'AbacRepositoryPermissions'] as const)(
    'opens what the log says that pullgate closed, and nothing else, in the mode %s',
    async (roleMode) => {
      const { s, ours, other, log, run } = await destroyedTooEarly(roleMode);
      const dry = await run(['--orphans', HOST, '--log', log, '--dry-run', '--json']);
      expect([dry.code, JSON.parse(dry.stdout)]).toEqual([
        0,
        {
          dryRun: true,
          locked: [
            { registry: 'acmeimages', repository: 'team/app', digest: ours.digest, inLog: true, chosen: true },
            { registry: 'acmeimages', repository: 'team/other', digest: other.digest, inLog: false, chosen: false },
          ],
        },
      ]);
      expect((await run(['--orphans', HOST, '--log', log])).code).toBe(2);
      expect(await locked(s)).toEqual(BOTH);
      const { code, stdout, stderr } = await run(['--orphans', HOST, '--log', log, '--yes']);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toBe(`2 images cannot be pulled, because readEnabled is false:

  team/app@${ours.digest}    closed by pullgate, according to the log
  team/other@${other.digest}  not in the log

  [1/1]  opened  team/app@${ours.digest}
`);
      expect(await locked(s)).toEqual(['team/other:v1 readEnabled']);
    },
  );

  test('opens what the user names, in registries that are given by their Resource Manager ids', async () => {
    const { s, log, run } = await destroyedTooEarly();
    const none = await run(['team/other', '--orphans', REGISTRY, '--log', log, '--yes']);
    expect([none.code, await locked(s)]).toEqual([0, BOTH]);
    const { code, stdout } = await run(['team/other', '--orphans', REGISTRY, '--yes']);
    expect([code, stdout.includes('[1/1]  opened  team/other@')]).toEqual([0, true]);
    expect(await locked(s)).toEqual(['team/app:v1 readEnabled']);
  });

  test('opens a repository that pullgate closed as a whole', async () => {
    const { s, log, run } = await destroyedTooEarly('LegacyRegistryPermissions', 'repository');
    expect(await locked(s)).toEqual(['team/app readEnabled', 'team/other:v1 readEnabled']);
    const { code, stdout } = await run(['--orphans', HOST, '--log', log, '--yes']);
    expect([code, stdout.includes('  [1/1]  opened  team/app\n')]).toEqual([0, true]);
    expect(await locked(s)).toEqual(['team/other:v1 readEnabled']);
  });

  test('names the missing role: to list before anything changes, to open for each gate', async () => {
    const { s, log, run } = await destroyedTooEarly('AbacRepositoryPermissions');
    const role = `the registry returned 401: you need Contributor on the registry (in the role assignment mode abac, ${ROLES.AbacRepositoryPermissions.join(' and ')}); a new role assignment takes a few minutes to take effect\n`;
    const [contributor, lister] = ROLES.AbacRepositoryPermissions;
    const unlisted = await run(['--orphans', HOST, '--log', log, '--yes'], [contributor]);
    expect(unlisted).toEqual({ code: 2, stdout: '', stderr: `pullgate: ${role}` });
    const reader = 'Container Registry Repository Reader';
    const { code, stdout } = await run(['--orphans', HOST, '--log', log, '--yes'], [reader, lister]);
    expect([code, stdout.endsWith(`      ${role}`)]).toEqual([1, true]);
    expect(await locked(s)).toEqual(BOTH);
  });
});

test.each([
  [['--orphans', 'acme.example.com'], '--orphans acme.example.com: expected the login server (NAME.azurecr.io)'],
  [['--orphans', 'Pullgate0123abcd4567', '--azure'], '--orphans Pullgate0123abcd4567: expected the login server'],
  [['--orphans', HOST, '--log', '/nowhere.json'], '--log /nowhere.json cannot be read ('],
  [['team/app', '--log', 'traces.csv'], 'give what to release: '],
])('%j is wrong usage', async (words, sentence) => {
  const { code, stdout, stderr } = await pullgate(['release', ...words]);
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toContain(`pullgate: ${sentence}`);
});
