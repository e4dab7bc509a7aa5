// Tests what AcrPullGate registers: the number of each resource, their location and order, and what it registers only
// on request.
import * as pulumi from '@pulumi/pulumi';
import { describe, expect, it } from 'vitest';
import { parseArmId, refuseStrangers, strangers, toId } from '../../../azure/component/placement.ts';
import { AcrPullGate, type AcrPullGateArgs } from '../../../azure/component/pull-gate.ts';
import { checkWorkspaceId } from '../../../config/settings.ts';
import {
  ARGS,
  counts,
  deploy,
  deployAnew,
  deployFailing,
  IN_SUBSCRIPTION,
  one,
  outputOf,
  registryId,
  SUBSCRIPTION,
} from './deployment.ts';

const WORKSPACE = `${IN_SUBSCRIPTION}/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/our-logs`;
const EMAILS = ['a@example.com', 'b@example.com'];

const BASE = {
  'azure-native:applicationinsights:Component': 1,
  'azure-native:applicationinsights:Workbook': 1,
  'azure-native:authorization:RoleAssignment': 8,
  'azure-native:authorization:RoleDefinition': 1,
  'azure-native:logic:Workflow': 1,
  'azure-native:managedidentity:UserAssignedIdentity': 1,
  'azure-native:monitor:ScheduledQueryRule': 14,
  'azure-native:operationalinsights:Workspace': 1,
  'azure-native:operationsmanagement:Solution': 1,
  'azure-native:resources:Deployment': 1,
  'azure-native:resources:ResourceGroup': 1,
  'azure-native:security:Automation': 2,
  'azure-native:storage:Blob': 1,
  'azure-native:storage:BlobContainer': 2,
  'azure-native:storage:Queue': 2,
  'azure-native:storage:StorageAccount': 2,
  'azure-native:storage:Table': 1,
  'azure-native:web:AppServicePlan': 1,
  'azure-native:web:WebApp': 1,
  'pullgate:index:AcrPullGate': 1,
};

/** The id of a component whose state is `dev`. */
const ID = '64065c0acd0f';

describe('AcrPullGate', () => {
  it('registers these resources, no mail service, and nothing of Defender', async () => {
    expect(counts(await deploy())).toEqual(BASE);
  });

  it('registers one more role assignment per registry', async () => {
    const deployment = await deploy({ registries: [registryId('contoso'), registryId('fabrikam')] });
    expect(counts(deployment)).toEqual({ ...BASE, 'azure-native:authorization:RoleAssignment': 9 });
  });

  it('registers one mail service with its domain and role, and one action group, for any number of addresses', async () => {
    expect(counts(await deploy({ notifyEmails: EMAILS }))).toEqual({
      ...BASE,
      'azure-native:authorization:RoleAssignment': 9,
      'azure-native:authorization:RoleDefinition': 2,
      'azure-native:communication:CommunicationService': 1,
      'azure-native:communication:Domain': 1,
      'azure-native:communication:EmailService': 1,
      'azure-native:monitor:ActionGroup': 1,
    });
  });

  it('registers no workspace and no solution if a workspace is given', async () => {
    const {
      'azure-native:operationalinsights:Workspace': _workspace,
      'azure-native:operationsmanagement:Solution': _solution,
      ...others
    } = BASE;
    expect(counts(await deploy({ workspaceId: WORKSPACE }))).toEqual(others);
  });

  it('enables the plans of Defender on request', async () => {
    const type = 'azure-native:resources:DeploymentAtSubscriptionScope';
    const deployment = await deploy({ enableDefender: true });
    expect(counts(deployment)).toEqual({ ...BASE, [type]: 1 });
  });

  it('is the parent of every resource, and every name begins with its own', async () => {
    const { registered } = await deploy({ notifyEmails: EMAILS, enableDefender: true });
    const [component, ...others] = registered.filter(({ urn }) => urn.endsWith('::pullgate'));
    expect(component?.type).toBe('pullgate:index:AcrPullGate');
    expect(others).toEqual([]);
    for (const { urn } of registered.filter((resource) => resource !== component))
      expect(urn).toMatch(/^urn:pulumi:dev::pullgate::pullgate:index:AcrPullGate[$]azure-native:.*::pullgate-/);
  });

  it('creates everything in one resource group and location, except global resources', async () => {
    const { outputs, registered } = await deploy({ notifyEmails: EMAILS });
    const group = await outputOf(outputs.resourceGroup);
    const elsewhere = registered.filter(({ inputs }) => inputs['resourceGroupName'] !== group);
    expect(new Set(elsewhere.map(({ type }) => type))).toEqual(
      new Set([
        'pullgate:index:AcrPullGate',
        'azure-native:resources:ResourceGroup',
        'azure-native:authorization:RoleAssignment',
        'azure-native:authorization:RoleDefinition',
      ]),
    );
    const places = registered.flatMap(({ name, inputs }) =>
      inputs['location'] === undefined || inputs['location'] === 'westeurope' ? [] : [[name, inputs['location']]],
    );
    expect(Object.fromEntries(places)).toEqual({
      'pullgate-alarms': 'Global',
      'pullgate-domain': 'global',
      'pullgate-emails': 'global',
      'pullgate-mail': 'global',
    });
  });
});

describe('the defaults', () => {
  it('suffice in addition to a threshold and the registries', async () => {
    const { severityThreshold, registries } = ARGS;
    const { outputs, registered } = await deployAnew({ severityThreshold, registries });
    expect(outputs.settings).toEqual({
      severityThreshold: 'high',
      policy: {},
      rules: [],
      mode: 'audit',
      sweepHours: 6,
      maxClosesPerHour: 250,
      maxClosesPerDay: 1000,
      brakeExempt: 'never',
      registries,
      repositories: { include: ['**'], exclude: [] },
      granularity: 'image',
      registryRoles: 'rbac',
      notifyEmails: [],
    });
    const same = await deploy({ policy: {}, mode: 'audit' });
    expect(registered.map(({ urn }) => urn).sort()).toEqual(same.registered.map(({ urn }) => urn).sort());
  });
});

describe('the order', () => {
  it.each(['azure-native:web:WebApp', 'azure-native:resources:Deployment'])(
    'creates every role of the function before its %s',
    async (type) => {
      const { registered } = await deploy({ notifyEmails: EMAILS });
      const roles = registered.filter(({ type, name }) => type.endsWith(':RoleAssignment') && !/events/.test(name));
      expect(roles).toHaveLength(8);
      const [resource] = registered.filter((candidate) => candidate.type === type);
      expect(resource?.dependencies).toEqual(expect.arrayContaining(roles.map(({ urn }) => urn)));
    },
  );

  it('creates the solution before the export, and the permission to send before the first event', async () => {
    const deployment = await deploy();
    const dependencies = (name: string) => one(deployment, 'azure-native:security:Automation', name).dependencies;
    const solution = one(deployment, 'azure-native:operationsmanagement:Solution', 'pullgate-security-solution');
    const sender = one(deployment, 'azure-native:authorization:RoleAssignment', 'pullgate-events-role');
    expect(dependencies('pullgate-export')).toContain(solution.urn);
    expect(dependencies('pullgate-trigger')).toContain(sender.urn);
  });

  it('uploads the package before the deployment runs it', async () => {
    const { registered } = await deploy();
    const [blob] = registered.filter(({ type }) => type.endsWith(':Blob'));
    const [deployment] = registered.filter(({ type }) => type.endsWith(':Deployment'));
    expect(deployment?.dependencies).toContain(blob?.urn);
  });
});

describe('the storage', () => {
  it.each<[what: string, name: string, wanted: Record<string, unknown>]>([
    [
      'of the queues, the records and the host accepts no keys',
      'pullgate-storage',
      { allowSharedKeyAccess: false, defaultToOAuthAuthentication: true },
    ],
    [
      'that delivers the code accepts its keys, which upload and sign the package',
      'pullgate-packages',
      { allowSharedKeyAccess: true },
    ],
  ])('%s', async (_what, name, wanted) => {
    const { resourceGroupName: _group, ...inputs } = one(
      await deploy(),
      'azure-native:storage:StorageAccount',
      name,
    ).inputs;
    expect(inputs).toEqual({
      location: 'westeurope',
      accountName: name === 'pullgate-storage' ? `pullgate${ID}` : `pullgate${ID}pkg`,
      kind: 'StorageV2',
      sku: { name: 'Standard_LRS' },
      enableHttpsTrafficOnly: true,
      minimumTlsVersion: 'TLS1_2',
      allowBlobPublicAccess: false,
      allowCrossTenantReplication: false,
      ...wanted,
    });
  });

  it('keeps the records and the queues in three zones on request, and the package in one', async () => {
    const deployment = await deploy({ storageRedundancy: 'zrs' });
    const skuOf = (name: string) => one(deployment, 'azure-native:storage:StorageAccount', name).inputs['sku'];
    expect(skuOf('pullgate-storage')).toEqual({ name: 'Standard_ZRS' });
    expect(skuOf('pullgate-packages')).toEqual({ name: 'Standard_LRS' });
  });

  it.each<[name: string, args: Partial<AcrPullGateArgs>, kept: readonly string[]]>([
    ['in the mode enforce', {}, ['pullgate-records', 'pullgate-storage']],
    [
      'in the mode audit if asked to',
      { mode: 'audit', deletionProtection: true },
      ['pullgate-records', 'pullgate-storage'],
    ],
    ['not in the mode audit', { mode: 'audit' }, []],
    ['not in the mode enforce if asked not to', { deletionProtection: false }, []],
  ])('is protected from deletion by Pulumi with its records: %s', async (_name, args, kept) => {
    const { registered } = await deploy(args);
    expect(
      registered
        .filter(({ protect }) => protect)
        .map(({ name }) => name)
        .sort(),
    ).toEqual(kept);
  });

  it('contains the queue, the poison queue under the name that the host uses, the table and two private containers', async () => {
    const { outputs, registered } = await deploy();
    const account = `pullgate${ID}`;
    const names = registered.flatMap(({ type, inputs }) =>
      ['queueName', 'tableName', 'containerName']
        .filter((key) => key in inputs && !type.endsWith(':Blob'))
        .map((key) => [inputs['accountName'], inputs[key], inputs['publicAccess']]),
    );
    expect(names).toHaveLength(5);
    expect(names).toEqual(
      expect.arrayContaining([
        [account, 'pullgate', undefined],
        [account, 'pullgate-poison', undefined],
        [account, 'records', undefined],
        [account, 'deployments', 'None'],
        [`${account}pkg`, 'packages', 'None'],
      ]),
    );
    expect(await outputOf(outputs.queueUrl)).toBe(`https://${account}.queue.core.windows.net/pullgate`);
    expect(await outputOf(outputs.poisonQueueUrl)).toBe(`https://${account}.queue.core.windows.net/pullgate-poison`);
    expect(await outputOf(outputs.tableUrl)).toBe(`https://${account}.table.core.windows.net`);
    expect(await outputOf(outputs.tableName)).toBe('records');
  });

  it('has names that Azure accepts, and that differ by resource group and subscription', async () => {
    const group = one(await deploy(), 'azure-native:resources:ResourceGroup', 'pullgate-group').id;
    const others = [`${group}0`, group.replace(SUBSCRIPTION, SUBSCRIPTION.replace('4', '5'))];
    const ids = [group, ...others].map(toId);
    expect([ids[0], toId(group.toUpperCase())]).toEqual([ID, ID]);
    expect(new Set(ids).size).toBe(3);
    for (const id of ids) expect(`pullgate${id}pkg`).toMatch(/^[a-z0-9]{3,24}$/);
  });
});

describe('the workspace', () => {
  it('of the stack keeps logs for the configured time, and has the solution that creates the tables', async () => {
    const deployment = await deploy({ logRetentionDays: 30 });
    const workspace = one(deployment, 'azure-native:operationalinsights:Workspace', 'pullgate-workspace');
    expect(workspace.inputs).toMatchObject({ retentionInDays: 30, sku: { name: 'PerGB2018' } });
    const solution = one(deployment, 'azure-native:operationsmanagement:Solution', 'pullgate-security-solution');
    const solutionName = `SecurityCenterFree(${workspace.id.split('/').at(-1)})`;
    expect(solution.inputs).toMatchObject({
      solutionName,
      plan: {
        name: solutionName,
        publisher: 'Microsoft',
        product: 'OMSGallery/SecurityCenterFree',
        promotionCode: '',
      },
      properties: { workspaceResourceId: workspace.id },
    });
  });

  it('that is given is used by every resource', async () => {
    const deployment = await deploy({ workspaceId: WORKSPACE });
    const log = one(deployment, 'azure-native:applicationinsights:Component', 'pullgate-log');
    const exported = one(deployment, 'azure-native:security:Automation', 'pullgate-export');
    const reader = one(deployment, 'azure-native:authorization:RoleAssignment', 'pullgate-findings-role');
    const alarm = one(deployment, 'azure-native:monitor:ScheduledQueryRule', 'pullgate-failures-alarm');
    expect(log.inputs['workspaceResourceId']).toBe(WORKSPACE);
    expect(exported.inputs['actions']).toEqual([{ actionType: 'Workspace', workspaceResourceId: WORKSPACE }]);
    expect(reader.inputs['scope']).toBe(WORKSPACE);
    expect(alarm.inputs['scopes']).toEqual([WORKSPACE]);
    expect(await outputOf(deployment.outputs.workspaceId)).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('a component that cannot work', () => {
  const other = '99999999-0000-0000-0000-000000000000';

  it('is refused if a registry or the workspace is in another subscription, with each id', () => {
    const ids = [registryId('contoso'), registryId('fabrikam', other), WORKSPACE.replace(SUBSCRIPTION, other)];
    const refuse = () => refuseStrangers(SUBSCRIPTION, ids);
    expect(refuse).toThrow(pulumi.RunError);
    expect(refuse).toThrow(
      [
        `${registryId('fabrikam', other)} is in subscription ${other}, but this stack is in ${SUBSCRIPTION}`,
        `${WORKSPACE.replace(SUBSCRIPTION, other)} is in subscription ${other}, but this stack is in ${SUBSCRIPTION}`,
        'Defender sends events only within one subscription. Use one stack per subscription, each with its own azure-native:subscriptionId and registries.',
      ].join('\n'),
    );
  });

  it('creates nothing outside the subscription of its registries', async () => {
    const { registered, failures } = await deployFailing({ ...ARGS, registries: [registryId('fabrikam', other)] });
    expect(registered.map(({ type }) => type)).toEqual(['pullgate:index:AcrPullGate']);
    expect(failures[0]).toContain(`${registryId('fabrikam', other)} is in subscription ${other}, but this stack is in`);
  });

  it('is refused with every problem of its arguments, including the policy', async () => {
    const wrong = { registries: [], policy: { unfixable: 'no', images: 'none' } } as unknown as AcrPullGateArgs;
    await expect(deploy(wrong)).rejects.toThrow(
      'The arguments of the component pullgate are wrong:\nregistries is []: expected a list with at least one of: the ARM id of a container registry, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.ContainerRegistry/registries/NAME (az acr show --name NAME --query id)\npolicy.unfixable is "no": expected one of informational, low, medium, high, critical, never\npolicy.images is "none": expected one of tagged, all',
    );
    const { registries: _none, ...missing } = ARGS;
    expect(() => new AcrPullGate('pullgate', missing as AcrPullGateArgs)).toThrow('registries is missing: expected');
  });

  it('is refused if the id of its workspace is invalid', () => {
    expect(checkWorkspaceId(registryId('contoso'))).toMatchObject({
      ok: false,
      problems: [{ key: 'workspaceId', given: registryId('contoso') }],
    });
  });

  it('compares subscriptions without regard to case, and parses ARM ids of any depth', () => {
    expect(strangers(SUBSCRIPTION.toUpperCase(), ARGS.registries)).toEqual([]);
    expect(parseArmId(registryId('contoso'))).toEqual({
      subscriptionId: SUBSCRIPTION,
      resourceGroup: 'registries',
      name: 'contoso',
    });
    expect(() => parseArmId('contoso.azurecr.io')).toThrow(
      'expected an ARM id (/subscriptions/GUID/resourceGroups/RG/providers/...), got "contoso.azurecr.io"',
    );
  });
});
