// Resource Manager on the wire: the plans of Defender, role assignments and role definitions, and a registry's network.
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { createRegistryClients } from '../../../azure/function/clients.ts';
import { registryIn } from '../../../azure/function/registry-id.ts';
import { createReadArm, listArm } from '../../../cli/stack/azure-arm.ts';
import type { Grant } from '../../../local/azure/grant.ts';
import { graphFor, stage as startStack } from '../../e2e/azure/stage.ts';
import { REGISTRY_ID, type Stage, startStage } from './stage.ts';

const SUBSCRIPTION = '/subscriptions/00000000-1111-2222-3333-444444444444';
const PLAN = `${SUBSCRIPTION}/providers/Microsoft.Security/pricings/Containers`;
const ASSIGNMENTS = `${REGISTRY_ID}/providers/Microsoft.Authorization/roleAssignments`;
const definitionAt = (role: string) =>
  `${REGISTRY_ID}/providers/Microsoft.Authorization/roleDefinitions/${role}?api-version=2022-04-01`;
const AT_SCOPE = `${ASSIGNMENTS}?api-version=2022-04-01&$filter=atScope()`;

let stage: Stage;
beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.wire.stop());

const readAs = (...grants: readonly Grant[]) => createReadArm(stage.addPrincipal(...grants), stage.options);
const reader = { role: 'Reader', scope: REGISTRY_ID };

describe('a plan of Defender', () => {
  it('is off in a new subscription, and shows its tier and its extensions', async () => {
    const read = readAs({ role: 'Security Reader', scope: SUBSCRIPTION });
    expect(await read(`${PLAN}?api-version=2024-01-01`)).toMatchObject({
      id: PLAN,
      name: 'Containers',
      properties: { pricingTier: 'Free' },
    });
    const extensions = [{ name: 'ContainerSensor', isEnabled: 'False' }] as const;
    stage.plans.set('Containers', { pricingTier: 'Standard', extensions });
    expect(await read(`${PLAN}?api-version=2024-01-01`)).toMatchObject({
      properties: { pricingTier: 'Standard', extensions },
    });
  });

  it('is not shown to a reader of a registry, and no other plan exists', async () => {
    await expect(readAs(reader)(`${PLAN}?api-version=2024-01-01`)).rejects.toMatchObject({ statusCode: 403 });
    const other = readAs({ role: 'Reader', scope: SUBSCRIPTION })(`${PLAN}s?api-version=2024-01-01`);
    await expect(other).rejects.toMatchObject({ statusCode: 404, code: 'ResourceNotFound' });
    await expect(readAs(reader)(PLAN)).rejects.toMatchObject({ code: 'MissingApiVersionParameter' });
  });
});

describe('who has a role at a registry', () => {
  it('is listed with what is inherited, page by page, but not with roles below or elsewhere', async () => {
    const own = Array.from({ length: 12 }, () => stage.addPrincipal({ role: 'AcrPull', scope: REGISTRY_ID }));
    const group = stage.addPrincipal({ role: 'Owner', scope: SUBSCRIPTION, principalType: 'Group', condition: 'c' });
    stage.addPrincipal({ role: 'Owner', scope: `${REGISTRY_ID}/webhooks/one` }, { role: 'Owner', scope: `${PLAN}x` });
    const listed = (await listArm(readAs(reader), AT_SCOPE)) as readonly { readonly properties: object }[];
    const found = listed.map(({ properties }) => properties);
    expect(found).toEqual(
      expect.arrayContaining(own.map(({ principal: { id } }) => expect.objectContaining({ principalId: id }))),
    );
    expect(found).toContainEqual({
      principalId: group.principal.id,
      principalType: 'Group',
      scope: SUBSCRIPTION,
      roleDefinitionId: `${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635`,
      condition: 'c',
      conditionVersion: '2.0',
    });
    expect(JSON.stringify(found)).not.toContain('webhooks');
    expect(JSON.stringify(found)).not.toContain(`"${PLAN}x"`);
  });

  it('is listed only to principals that may read it', async () => {
    const listing = listArm(readAs({ role: 'AcrPull', scope: REGISTRY_ID }), AT_SCOPE);
    await expect(listing).rejects.toMatchObject({ statusCode: 403 });
  });

  it('is not decided by a condition, which the local cloud does not evaluate', () => {
    const { principal } = stage.addPrincipal({ role: 'Owner', scope: REGISTRY_ID, condition: 'only team/app' });
    const need = { action: 'Microsoft.ContainerRegistry/registries/read', data: false, scope: REGISTRY_ID };
    expect(() => stage.roles.refusal(principal, need)).toThrow('does not evaluate the condition only team/app');
  });

  it('is explained by the definition of the role', async () => {
    const id = '2a1e307c-b015-4ebd-883e-5b7698a07328';
    expect(await readAs(reader)(definitionAt(id))).toMatchObject({
      name: id,
      properties: {
        roleName: 'Container Registry Repository Writer',
        type: 'BuiltInRole',
        permissions: [
          {
            actions: [],
            dataActions: expect.arrayContaining(['Microsoft.ContainerRegistry/registries/repositories/metadata/write']),
          },
        ],
      },
    });
  });
});

it.each([
  [{}, { publicNetworkAccess: 'Enabled', networkRuleSet: { defaultAction: 'Allow' } }],
  [{ onlyFrom: 'subnet' }, { publicNetworkAccess: 'Disabled', networkRuleSet: { defaultAction: 'Allow' } }],
  [
    { onlyFrom: 'subnet', hasFirewall: true },
    { publicNetworkAccess: 'Enabled', networkRuleSet: { defaultAction: 'Deny', ipRules: [] } },
  ],
])('a registry with the network %o is described to the client of the SDK', async (options, expected) => {
  const id = `${REGISTRY_ID}${Object.keys(options).length}`;
  stage.acr.addRegistry(id, options);
  const named = registryIn(id);
  if (named === undefined) throw new Error('the id names a registry');
  const principal = stage.addPrincipal({ role: 'Reader', scope: id });
  const { describeRegistry } = createRegistryClients(principal, () => stage.options);
  expect(await describeRegistry(named)).toMatchObject(expected);
});

test('enableDefender sets both plans in any state, leaves them on, and sets them again', async () => {
  const on = { azure: { enableDefender: true } };
  const s = await startStack(on);
  const { plans } = s.cloud;
  const tiers = () => [plans.plan('Containers').pricingTier, plans.plan('FoundationalCspm').pricingTier];
  expect(tiers()).toEqual(['Standard', 'Standard']);
  expect(plans.plan('Containers').extensions).toEqual([
    { name: 'ContainerRegistriesVulnerabilityAssessments', isEnabled: 'True' },
  ]);
  await s.cloud.deploy(await graphFor({}));
  expect(tiers()).toEqual(['Standard', 'Standard']);
  plans.set('FoundationalCspm', { pricingTier: 'Free' });
  await s.cloud.deploy(await graphFor(on));
  expect(tiers()).toEqual(['Standard', 'Standard']);
  // Pulumi does not run a deployment again that has not changed.
  plans.set('Containers', { pricingTier: 'Free' });
  await s.cloud.deploy(await graphFor({ ...on, sweepHours: 12 }));
  expect(tiers()).toEqual(['Free', 'Standard']);
});
