// Tests the permissions: each role of each identity with its scope, and no others.
import { describe, expect, it } from 'vitest';
import { MAIL_ACTIONS } from '../../../azure/component/mail.ts';
import { type Deployment, deploy, IN_SUBSCRIPTION, one, registryId } from './deployment.ts';

const IDENTITY = ['azure-native:managedidentity:UserAssignedIdentity', 'pullgate-identity'] as const;

/**
 * The function's role assignments by name, each with its role and scope. Scopes in the stack's resource group are
 * relative to the group.
 */
function rolesOf(deployment: Deployment): Record<string, [role: string, scope: string]> {
  const definitions = `${IN_SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/`;
  const group = one(deployment, 'azure-native:resources:ResourceGroup', 'pullgate-group').id;
  const assignments = deployment.registered.filter(
    ({ type, name }) => type === 'azure-native:authorization:RoleAssignment' && name !== 'pullgate-events-role',
  );
  return Object.fromEntries(
    assignments.map(({ name, inputs }) => [
      name,
      [
        String(inputs['roleDefinitionId']).replace(definitions, ''),
        String(inputs['scope']).replace(`${group}/providers/`, ''),
      ],
    ]),
  );
}

const ACCOUNT = expect.stringMatching(/^Microsoft\.Storage\/storageAccounts\/pullgate[0-9a-f]{12}$/);
const inAccount = (path: string) =>
  expect.stringMatching(new RegExp(`^Microsoft\\.Storage/storageAccounts/pullgate[0-9a-f]{12}/${path}$`));
const BESIDE_REGISTRIES = {
  // Log Analytics Reader
  'pullgate-findings-role': [
    '73c42c96-874c-492b-b04d-ab87d138a893',
    expect.stringMatching(/^Microsoft\.OperationalInsights\/workspaces\/pullgate-/),
  ],
  // Storage Blob Data Owner
  'pullgate-host-role': ['b7e6dc6d-f1e8-4753-8033-0f276bb0955b', ACCOUNT],
  // Storage Queue Data Contributor
  'pullgate-queue-role': ['974c5e8b-45b9-4653-ba55-5f855dd0fb88', inAccount('queueServices/default/queues/pullgate')],
  'pullgate-poison-role': [
    '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
    inAccount('queueServices/default/queues/pullgate-poison'),
  ],
  // Storage Table Data Contributor
  'pullgate-records-role': ['0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3', inAccount('tableServices/default/tables/records')],
  // Monitoring Metrics Publisher
  'pullgate-log-role': [
    '3913510d-42f4-4e42-8a64-420c390055eb',
    expect.stringMatching(/^Microsoft\.Insights\/components\/pullgate-log/),
  ],
};
const GATEKEEPER = ['azure-native:authorization:RoleDefinition', 'pullgate-gatekeeper'] as const;

describe("the function's identity", () => {
  it.each(['rbac', 'abac'] as const)('has exactly these roles if the registries are %s', async (registryRoles) => {
    const registries = [registryId('contoso'), registryId('fabrikam')];
    const deployment = await deploy({ registries, registryRoles });
    const role = one(deployment, ...GATEKEEPER)
      .id.split('/')
      .at(-1);
    expect(rolesOf(deployment)).toEqual({
      'pullgate-registry-contoso-role': [role, registryId('contoso')],
      'pullgate-registry-fabrikam-role': [role, registryId('fabrikam')],
      ...BESIDE_REGISTRIES,
    });
  });

  it('reads details of CVEs as Security Reader on the management group, unless the role is assigned elsewhere', async () => {
    const managementGroupId = 'platform';
    const roles = rolesOf(await deploy({ cveDetails: { managementGroupId } }));
    expect(roles['pullgate-details-role']).toEqual([
      '/providers/Microsoft.Authorization/roleDefinitions/39bc4728-0917-49c7-9d2c-d95423bc2eb4',
      '/providers/Microsoft.Management/managementGroups/platform',
    ]);
    const { 'pullgate-details-role': _ours, ...others } = roles;
    const deployment = await deploy({ cveDetails: { managementGroupId, assignRole: false } });
    expect(Object.keys(rolesOf(deployment))).toEqual(Object.keys(others));
  });

  it('may read and change attributes with a custom role that is assignable in the groups of all registries', async () => {
    const inGroup = (group: string) =>
      registryId('contoso').replace(/resourceGroups\/[^/]+/, `resourceGroups/${group}`);
    const again = [inGroup('shop'), inGroup('Shop')].map((id, place) => id.replace('contoso', `northwind${place}`));
    const registries = [inGroup('shop'), registryId('fabrikam'), ...again];
    const { inputs } = one(await deploy({ registries }), ...GATEKEEPER);
    const groups = [inGroup('Shop'), registryId('fabrikam')].map((id) => id.split('/').slice(0, 5).join('/'));
    expect(inputs).toEqual({
      roleName: expect.stringMatching(/^pullgate gatekeeper \([0-9a-f]{12}\)$/),
      description: 'pullgate: closes and opens images of container registries, cannot push',
      scope: IN_SUBSCRIPTION,
      assignableScopes: groups,
      permissions: expect.any(Array),
    });
  });

  it.each([
    ['rbac', 'cannot push or delete', ['read', 'pull/read', 'metadata/read', 'metadata/write'], []],
    ['abac', 'cannot even pull', ['read'], ['repositories/metadata/read', 'repositories/metadata/write']],
  ] as const)('has, for %s registries, a custom role that %s', async (registryRoles, _what, actions, dataActions) => {
    const { inputs } = one(await deploy({ registryRoles }), ...GATEKEEPER);
    const onRegistries = (end: string) => `Microsoft.ContainerRegistry/registries/${end}`;
    expect(inputs['permissions']).toEqual([
      {
        actions: actions.map(onRegistries),
        notActions: [],
        dataActions: dataActions.map(onRegistries),
        notDataActions: [],
      },
    ]);
  });

  it('gets every role by its principal id, as a service principal', async () => {
    const deployment = await deploy({ notifyEmails: ['a@example.com'] });
    const assignments = deployment.registered.filter(
      ({ type, name }) => type.endsWith(':RoleAssignment') && name !== 'pullgate-events-role',
    );
    const [first] = assignments;
    const sender = one(deployment, 'azure-native:authorization:RoleAssignment', 'pullgate-events-role');
    expect(first?.inputs['principalId']).toMatch(/^[0-9a-f-]{36}$/);
    expect(first?.inputs['principalId']).not.toBe(sender.inputs['principalId']);
    expect(one(deployment, ...IDENTITY).inputs['resourceGroupName']).toMatch(/^pullgate-group/);
    for (const { inputs } of assignments)
      expect(inputs).toMatchObject({ principalId: first?.inputs['principalId'], principalType: 'ServicePrincipal' });
  });

  it('may only send mail, with a custom role on the one service', async () => {
    const deployment = await deploy({ notifyEmails: ['a@example.com'] });
    const definition = one(deployment, 'azure-native:authorization:RoleDefinition', 'pullgate-mail-sender');
    const service = one(deployment, 'azure-native:communication:CommunicationService', 'pullgate-mail');
    const group = one(deployment, 'azure-native:resources:ResourceGroup', 'pullgate-group');
    expect(definition.inputs).toEqual({
      roleName: `pullgate mail sender (${service.id.split('/').at(-1)})`,
      description: 'pullgate: sends mail, and nothing else',
      scope: group.id,
      assignableScopes: [group.id],
      permissions: [{ actions: [...MAIL_ACTIONS], notActions: [], dataActions: [], notDataActions: [] }],
    });
    const assignment = one(deployment, 'azure-native:authorization:RoleAssignment', 'pullgate-mail-role');
    expect(assignment.inputs).toMatchObject({ roleDefinitionId: definition.id, scope: service.id });
  });
});

describe("the Logic App's identity", () => {
  it('may only put messages on the one queue', async () => {
    const deployment = await deploy();
    const { inputs } = one(deployment, 'azure-native:authorization:RoleAssignment', 'pullgate-events-role');
    const queue = one(deployment, 'azure-native:storage:Queue', 'pullgate-queue');
    expect(inputs).toMatchObject({
      principalType: 'ServicePrincipal',
      roleDefinitionId: `${IN_SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/c6a89b2d-59bc-44d0-9896-0f6e12d7b80a`,
      scope: queue.id,
    });
    const same = deployment.registered.filter(
      ({ type, inputs: { principalId } }) => type.endsWith(':RoleAssignment') && principalId === inputs['principalId'],
    );
    expect(same).toHaveLength(1);
  });
});
