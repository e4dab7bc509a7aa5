// Tests observing a registry whose role assignment mode is AbacRepositoryPermissions, with the roles that
// docs/permissions.md names for it and with the roles of the other mode.
import { expect, test } from 'vitest';
import type { Grant } from '../../../local/azure/grant.ts';
import { REGISTRY, REPOSITORY, stage } from '../../e2e/azure/stage.ts';
import { outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { leastToObserveOnAzure } from '../command-observing.ts';

test('why and status --live work with the roles in docs/permissions.md, and name a missing role', async () => {
  const registries = { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } as const;
  const s = await stage({ azure: { registryRoles: 'abac' } }, { registries });
  const { digest } = await s.close('v1');
  const outputs = outputsOf(s.graph);
  const ask = (words: readonly string[], name: string, grants: readonly Grant[]) =>
    pullgate([...words, '--json', '--outputs', outputs], asAzureOperator(s.cloud, grants, name));
  const why = ['why', `acmeimages.azurecr.io/${REPOSITORY}:v1`];
  const live = ['status', '--live'];
  const least = leastToObserveOnAzure(s.graph, 'abac');
  const roles = Object.values(least);

  const answer = await ask(why, 'operator', roles);
  expect([answer.code, answer.stderr]).toEqual([1, '']);
  expect(JSON.parse(answer.stdout)).toMatchObject({ digest, pullable: false, closedBy: 'pullgate' });
  const observed = await ask(live, 'operator', roles);
  expect(observed.stderr).toBe('');
  expect(JSON.parse(observed.stdout).clouds).toMatchObject([
    {
      cloud: 'azure',
      gates: [{ gate: { digest }, state: { kind: 'closed' } }],
      live: { undetermined: [], unsure: [] },
    },
  ]);

  const ofTheOtherMode = Object.values(leastToObserveOnAzure(s.graph, 'rbac'));
  const sentence = (host: string, status: number, role: string) =>
    new RegExp(
      `^pullgate: the request to Azure failed[.] ${host} returned ${status}: you need ${role}; a new role assignment takes a few minutes to take effect\ndocs[/]permissions[.]md lists .+\n$`,
    );
  const images = 'AcrPull on the registry [(]in the role assignment mode abac, Container Registry Repository Reader[)]';
  for (const words of [why, live]) {
    const { code, stdout, stderr } = await ask(words, 'operator of the other mode', ofTheOtherMode);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(sentence('acmeimages[.]azurecr[.]io', 401, images));
  }
  const lacking = async (role: Grant) => {
    const others = roles.filter((one) => one !== role);
    return (await ask(live, `operator without ${role.role}`, others)).stderr;
  };
  expect(await lacking(least.registry)).toMatch(sentence('management[.]azure[.]com', 403, 'Reader on the registry'));
  expect(await lacking(least.records)).toMatch(
    sentence('\\w+[.]table[.]core[.]windows[.]net', 403, 'Storage Table Data Reader on the table of the stack'),
  );
});
