// Tests how the plans of Defender are enabled: in any state, again after the option was removed, and never disabled.
import { describe, expect, it } from 'vitest';
import { answerRegistration, placeOf } from '../../../local/azure/graph-mocks.ts';
import { deploy, one } from './deployment.ts';

const TYPE = 'azure-native:resources:DeploymentAtSubscriptionScope';
const plansOf = async () => one(await deploy({ enableDefender: true }), TYPE, 'pullgate-defender');

describe('enableDefender', () => {
  it('sets the plan with its registry scans, then the plan with the recommendations', async () => {
    const { inputs } = await plansOf();
    expect(inputs['properties']).toMatchObject({
      template: {
        $schema: 'https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#',
        resources: [
          {
            type: 'Microsoft.Security/pricings',
            name: 'Containers',
            properties: {
              pricingTier: 'Standard',
              extensions: [{ name: 'ContainerRegistriesVulnerabilityAssessments', isEnabled: 'True' }],
            },
          },
          {
            type: 'Microsoft.Security/pricings',
            name: 'FoundationalCspm',
            dependsOn: ["[subscriptionResourceId('Microsoft.Security/pricings', 'Containers')]"],
            properties: { pricingTier: 'Standard' },
          },
        ],
      },
    });
  });

  it('leaves the rest of the subscription alone, and the name to Pulumi, because Azure binds it to a location', async () => {
    const { inputs } = await plansOf();
    expect(inputs).toMatchObject({ location: 'westeurope', properties: { mode: 'Incremental' } });
    expect(inputs).not.toHaveProperty('deploymentName');
  });

  it('creates no plan as a resource, which a subscription has already', async () => {
    const { registered } = await deploy({ enableDefender: true });
    expect(registered.filter(({ type }) => type.startsWith('azure-native:security:Pricing'))).toEqual([]);
    expect(() =>
      answerRegistration(placeOf({}), 'dev', { type: 'azure-native:security:Pricing', name: 'plan', inputs: {} }),
    ).toThrow('the local cloud does not know azure-native:security:Pricing (plan)');
  });

  it.each([
    [{}, 'the deployment plans00000000 at subscription scope needs a location'],
    [{ location: 'westeurope', mode: 'Complete' }, 'has the mode Complete; expected Incremental'],
    [
      { location: 'westeurope', type: 'Microsoft.Compute/disks' },
      'the local cloud does not know Microsoft.Compute/disks in the template of plans00000000',
    ],
  ])('cannot be registered in the local cloud as %o', ({ location, mode, type }: Record<string, string>, message) => {
    const resources = [{ type: type ?? 'Microsoft.Security/pricings' }];
    const properties = { mode: mode ?? 'Incremental', template: { resources } };
    const inputs = { deploymentName: 'plans00000000', properties, ...(location === undefined ? {} : { location }) };
    expect(() => answerRegistration(placeOf({}), 'dev', { type: TYPE, name: 'plans', inputs })).toThrow(message);
  });
});
