// Looking at a registry whose role mode is AbacRepositoryPermissions: with the roles that the README names for it, and with those of the other mode.
import { expect, test } from 'vitest';
import type { Grant } from '../../../local/azure/principals.ts';
import { REGISTRY, REPOSITORY, stage } from '../../e2e/azure/stage.ts';
import { outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { leastToLookOnAzure } from '../command-looks.ts';

test('why and status --look answer who has the roles for it, and name to others the one that is missing', async () => {
  const registries = { [REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } as const;
  const s = await stage({ azure: { registryRoles: 'abac' } }, { registries });
  const { digest } = await s.close('v1');
  const outputs = outputsOf(s.graph);
  const ask = (words: readonly string[], name: string, grants: readonly Grant[]) =>
    pullgate([...words, '--json', '--outputs', outputs], asAzureOperator(s.cloud, grants, name));
  const why = ['why', `acmeimages.azurecr.io/${REPOSITORY}:v1`];
  const look = ['status', '--look'];
  const least = leastToLookOnAzure(s.graph, 'abac');
  const roles = Object.values(least);

  const answer = await ask(why, 'operator', roles);
  expect([answer.code, answer.stderr]).toEqual([1, '']);
  expect(JSON.parse(answer.stdout)).toMatchObject({ digest, pullable: false, closedBy: 'pullgate' });
  const looked = await ask(look, 'operator', roles);
  expect(looked.stderr).toBe('');
  expect(JSON.parse(looked.stdout).sides).toMatchObject([
    {
      cloud: 'azure',
      gates: [{ gate: { digest }, state: { kind: 'closed' } }],
      look: { undetermined: [], unsure: [] },
    },
  ]);

  const ofTheOtherMode = Object.values(leastToLookOnAzure(s.graph, 'rbac'));
  const sentence = (host: string, status: number, role: string) =>
    new RegExp(
      `^pullgate: Azure did not do what was asked[.] ${host} answers ${status}: whoever runs this command needs ${role}; a new assignment takes some minutes to count\n$`,
    );
  const images = 'AcrPull on the registry, or in the role mode abac Container Registry Repository Reader';
  for (const words of [why, look]) {
    const { code, stdout, stderr } = await ask(words, 'operator of the other mode', ofTheOtherMode);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(sentence('acmeimages[.]azurecr[.]io', 401, images));
  }
  const lacking = async (role: Grant) => {
    const others = roles.filter((one) => one !== role);
    return (await ask(look, `operator without ${role.role}`, others)).stderr;
  };
  expect(await lacking(least.registry)).toMatch(sentence('management[.]azure[.]com', 403, 'Reader on the registry'));
  expect(await lacking(least.records)).toMatch(
    sentence('\\w+[.]table[.]core[.]windows[.]net', 403, 'Storage Table Data Reader on the table of the stack'),
  );
});
