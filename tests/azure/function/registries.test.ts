// The stack's registries as Resource Manager describes them: which are usable, and what a person must do about the
// others.
import type { Registry } from '@azure/arm-containerregistry';
import { RestError } from '@azure/core-rest-pipeline';
import { describe, expect, it } from 'vitest';
import { createRegistries } from '../../../azure/function/registries.ts';
import type { RegistryId } from '../../../azure/function/registry-id.ts';
import { NOW } from '../../shared/samples.ts';
import { REGISTRY, REGISTRY_ID, SUBSCRIPTION } from './samples.ts';

const OTHER_ID = REGISTRY_ID.replace('myacr', 'otheracr');
const LEGACY = 'LegacyRegistryPermissions';
const ABAC = 'AbacRepositoryPermissions';
const resolved = {
  kind: 'resolved',
  id: REGISTRY_ID,
  name: 'myacr',
  loginServer: 'myacr.azurecr.io',
  problem: undefined,
};

type Answers = Readonly<Record<string, Partial<Registry> | Error>>;

/** The registries of a stack, and the names of those that were requested from Resource Manager. */
function stage(answers: Answers, { ids = [REGISTRY_ID, OTHER_ID], roles = 'rbac' as 'rbac' | 'abac' } = {}) {
  const asked: string[] = [];
  const clock = { now: Date.parse(NOW) };
  const describeRegistry = async ({ name }: RegistryId): Promise<Registry> => {
    asked.push(name);
    const answer = answers[name] ?? { loginServer: `${name}.azurecr.io`, roleAssignmentMode: LEGACY };
    if (answer instanceof Error) throw answer;
    return answer as Registry;
  };
  const settings = { registries: ids, registryRoles: roles };
  const registries = createRegistries({ describeRegistry }, settings, () => new Date(clock.now).toISOString());
  return { registries, asked, clock };
}

const only = (answer: Partial<Registry> | Error, roles: 'rbac' | 'abac' = 'rbac') =>
  stage({ myacr: answer }, { ids: [REGISTRY_ID], roles });

describe('a registry', () => {
  it('has the login server that Resource Manager returns, which may differ from its name', async () => {
    const { registries } = only({ loginServer: 'myacr-h4k9bs.azurecr.io', roleAssignmentMode: LEGACY });
    expect(await registries.all()).toEqual([{ ...resolved, loginServer: 'myacr-h4k9bs.azurecr.io' }]);
  });

  it.each([
    ['no mode, which means roles on the registry', undefined, 'rbac'],
    ['the mode for roles on the registry, and such roles', LEGACY, 'rbac'],
    ['the mode for roles on repositories, and such roles', ABAC, 'abac'],
  ] as const)('is usable with %s', async (_what, roleAssignmentMode, roles) => {
    const { registries } = only(
      { loginServer: 'myacr.azurecr.io', ...(roleAssignmentMode && { roleAssignmentMode }) },
      roles,
    );
    expect(await registries.usable()).toEqual([resolved]);
  });

  it.each([
    [
      ABAC,
      'rbac',
      `the registry ${REGISTRY_ID} has the role mode ${ABAC}, so the function's identity needs the role pullgate gatekeeper (registries/read, and as data actions repositories/metadata/read and write), which this stack does not assign. Set pullgate:azure.registryRoles to abac, and run pulumi up. Registries with different role modes need separate stacks`,
    ],
    [
      LEGACY,
      'abac',
      `the registry ${REGISTRY_ID} has the role mode ${LEGACY}, so the function's identity needs the role pullgate gatekeeper (registries/read, pull/read, metadata/read, metadata/write), which this stack does not assign. Set pullgate:azure.registryRoles to rbac, and run pulumi up. Registries with different role modes need separate stacks`,
    ],
    ['Novel', 'rbac', `the registry ${REGISTRY_ID} has the role mode Novel, which pullgate does not support`],
  ] as const)(
    'with the mode %s and the roles %s has a problem that says what to do',
    async (roleAssignmentMode, roles, problem) => {
      const { registries } = only({ loginServer: 'myacr.azurecr.io', roleAssignmentMode }, roles);
      expect(await registries.all()).toEqual([{ ...resolved, problem }]);
      expect(await registries.find(REGISTRY)).toEqual({ ...resolved, problem });
      expect(await registries.usable()).toEqual([]);
    },
  );
});

describe('a registry that Resource Manager does not describe', () => {
  it.each<[string, Partial<Registry> | Error, string]>([
    ['does not exist (404)', new RestError('not found', { statusCode: 404 }), 'not found'],
    ['may not be read (403)', new RestError('x'.repeat(300), { statusCode: 403 }), 'x'.repeat(200)],
    ['has no login server', {}, `Resource Manager returned no login server for ${REGISTRY_ID}`],
  ])('because it %s leaves the others resolved', async (_why, answer, words) => {
    const { registries } = stage({ myacr: answer });
    const other = { ...resolved, id: OTHER_ID, name: 'otheracr', loginServer: 'otheracr.azurecr.io' };
    const problem = `Resource Manager did not describe the registry ${REGISTRY_ID} (${words}). Check that the registry exists, and that the function's identity has the role 'pullgate gatekeeper' on it. If it was deleted, remove it from pullgate:azure.registries; otherwise run pulumi up`;
    expect(await registries.all()).toEqual([{ kind: 'unresolved', id: REGISTRY_ID, name: 'myacr', problem }, other]);
    expect(await registries.usable()).toEqual([other]);
  });

  it('throws if it is requested alone, so that its message is retried', async () => {
    const { registries } = only(new RestError('slow down', { statusCode: 429 }));
    await expect(registries.find(REGISTRY)).rejects.toMatchObject({ statusCode: 429 });
  });

  it('is requested again the next time', async () => {
    const answers: Record<string, Error> = { myacr: new Error('not now') };
    const { registries, asked } = stage(answers, { ids: [REGISTRY_ID] });
    expect(await registries.usable()).toEqual([]);
    delete answers['myacr'];
    expect(await registries.usable()).toEqual([resolved]);
    expect(asked).toEqual(['myacr', 'myacr']);
  });

  it('because its id in the settings is invalid is named', async () => {
    const { registries, asked } = stage({}, { ids: ['/subscriptions/none', REGISTRY_ID] });
    const [broken, ...others] = await registries.all();
    expect(broken?.problem).toContain('settings.json contains an invalid registry id: /subscriptions/none');
    expect([others, asked]).toEqual([[resolved], ['myacr']]);
  });
});

describe('a registry is found', () => {
  it('by its id in any case, under the id of the config', async () => {
    const { registries } = stage({});
    const wanted = { subscription: SUBSCRIPTION, resourceGroup: 'RG', name: 'MyACR' };
    expect(await registries.find(wanted)).toEqual(resolved);
  });

  it.each([
    ['of another name', { name: 'thirdacr' }],
    ['of another group', { resourceGroup: 'other' }],
    ['of another subscription', { subscription: SUBSCRIPTION.replace('0', '1') }],
  ])('only among those of the stack: not if it is %s', async (_what, changes) => {
    const { registries, asked } = stage({});
    expect(await registries.find({ ...REGISTRY, ...changes })).toBeUndefined();
    expect(asked).toEqual([]);
  });
});

it('a registry stays known for ten minutes, and then a change of its role mode is noticed', async () => {
  const { registries, asked, clock } = only({ loginServer: 'myacr.azurecr.io' });
  const [first] = await registries.all();
  clock.now += 10 * 60_000 - 1;
  expect(await registries.find(REGISTRY)).toBe(first);
  expect(asked).toEqual(['myacr']);
  clock.now += 1;
  expect(await registries.find(REGISTRY)).not.toBe(first);
  expect(asked).toEqual(['myacr', 'myacr']);
});
