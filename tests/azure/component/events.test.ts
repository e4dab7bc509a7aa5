// Tests what triggers the function: the exported events, the events that call the Logic App, and the message that it
// puts on the queue.
import { describe, expect, it } from 'vitest';
import { workflowDefinition } from '../../../azure/component/logic-app.ts';
import { deploy, IN_SUBSCRIPTION, one, outputOf } from './deployment.ts';

const AUTOMATION = 'azure-native:security:Automation';
const rule = (propertyJPath: string, operator: string, expectedValue: string) => ({
  rules: [{ propertyJPath, propertyType: 'String', operator, expectedValue }],
});

describe('the export', () => {
  it('sends every assessment and sub-assessment of the subscription to the workspace, unfiltered and with snapshots', async () => {
    const deployment = await deploy();
    const { inputs, secrets } = one(deployment, AUTOMATION, 'pullgate-export');
    const workspace = one(deployment, 'azure-native:operationalinsights:Workspace', 'pullgate-workspace');
    expect(inputs).toMatchObject({
      isEnabled: true,
      scopes: [{ scopePath: IN_SUBSCRIPTION }],
      sources: [
        { eventSource: 'Assessments', ruleSets: [] },
        { eventSource: 'AssessmentsSnapshot', ruleSets: [] },
        { eventSource: 'SubAssessments', ruleSets: [] },
        { eventSource: 'SubAssessmentsSnapshot', ruleSets: [] },
      ],
      actions: [{ actionType: 'Workspace', workspaceResourceId: workspace.id }],
    });
    expect(secrets).toEqual([]);
  });
});

describe('the trigger', () => {
  it('calls the Logic App for streamed events that may concern an image, whatever their severity', async () => {
    const { inputs } = one(await deploy(), AUTOMATION, 'pullgate-trigger');
    expect(inputs['isEnabled']).toBe(true);
    expect(inputs['scopes']).toMatchObject([{ scopePath: IN_SUBSCRIPTION }]);
    expect(inputs['sources']).toEqual([
      {
        eventSource: 'Assessments',
        ruleSets: [
          rule('id', 'Contains', '/registries/'),
          rule('properties.resourceDetails.ResourceType', 'Contains', 'containerimage'),
          rule('properties.resourceDetails.resourceType', 'Contains', 'containerimage'),
          rule('properties.metadata.recommendationCategory', 'Equals', 'SoftwareUpdate'),
        ],
      },
      {
        eventSource: 'SubAssessments',
        ruleSets: [
          rule('id', 'Contains', 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5'),
          rule('id', 'Contains', '33422d8f-ab1e-42be-bc9a-38685bb567b9'),
        ],
      },
    ]);
  });

  it('keeps the URL of the Logic App secret', async () => {
    const deployment = await deploy();
    const { inputs, secrets } = one(deployment, AUTOMATION, 'pullgate-trigger');
    const logicApp = one(deployment, 'azure-native:logic:Workflow', 'pullgate-events');
    expect(inputs['actions']).toEqual([
      {
        actionType: 'LogicApp',
        logicAppResourceId: logicApp.id,
        uri: expect.stringMatching(/\/triggers\/manual\/paths\/invoke\?.*&sig=\w+$/),
      },
    ]);
    expect(secrets).toEqual(['actions']);
  });
});

describe('the Logic App', () => {
  it('is a Consumption workflow with a system-assigned identity, for the one queue', async () => {
    const deployment = await deploy();
    const { inputs } = one(deployment, 'azure-native:logic:Workflow', 'pullgate-events');
    expect(inputs).toMatchObject({ state: 'Enabled', identity: { type: 'SystemAssigned' }, parameters: {} });
    expect(inputs['definition']).toEqual(workflowDefinition(await outputOf(deployment.outputs.queueUrl)));
  });

  const definition = workflowDefinition('https://account.queue.core.windows.net/pullgate') as {
    triggers: Record<string, Record<string, unknown>>;
    actions: Record<string, { inputs: Record<string, unknown>; runtimeConfiguration: unknown; runAfter: unknown }>;
  };

  it('only reads the identifiers of a request and puts one message on the queue', () => {
    expect(Object.keys(definition.triggers)).toEqual(['manual']);
    expect(definition.triggers['manual']).toMatchObject({ type: 'Request', kind: 'Http', inputs: { schema: {} } });
    expect(Object.keys(definition.actions)).toEqual(['Identifiers', 'Put_message']);
    expect(definition.actions['Put_message']).toMatchObject({
      type: 'Http',
      inputs: {
        method: 'POST',
        uri: 'https://account.queue.core.windows.net/pullgate/messages?visibilitytimeout=@{rand(110,121)}',
        headers: { 'Content-Type': 'application/xml', 'x-ms-date': "@{utcNow('R')}", 'x-ms-version': '2023-11-03' },
        body: "<QueueMessage><MessageText>@{base64(string(outputs('Identifiers')))}</MessageText></QueueMessage>",
        authentication: { type: 'ManagedServiceIdentity', audience: 'https://storage.azure.com/' },
        retryPolicy: { type: 'exponential' },
      },
      runAfter: { Identifiers: ['Succeeded'] },
    });
  });

  it.each<[name: string, expression: string]>([
    ['assessment', "@coalesce(triggerBody()?['id'], triggerBody()?['Id'])"],
    [
      'resourceDetails',
      "@string(coalesce(triggerBody()?['properties']?['resourceDetails'], triggerBody()?['properties']?['ResourceDetails']))",
    ],
    [
      'resourceAdditionalData',
      "@string(coalesce(triggerBody()?['properties']?['resourceAdditionalData'], triggerBody()?['properties']?['ResourceAdditionalData']))",
    ],
    [
      'assessmentEventDataEnrichment',
      "@string(coalesce(triggerBody()?['assessmentEventDataEnrichment'], triggerBody()?['AssessmentEventDataEnrichment']))",
    ],
  ])('forwards %s in either casing', (name, expression) => {
    const inputs = definition.actions['Identifiers']?.inputs ?? {};
    expect(Object.keys(inputs)).toHaveLength(5);
    expect(inputs[name]).toBe(expression);
  });

  it('forwards no additionalData, and so names no vulnerability', () => {
    expect(JSON.stringify(definition)).not.toContain("['additionalData']");
  });

  it('adds the time at which the event arrived', () => {
    expect(definition.actions['Identifiers']?.inputs['at']).toBe('@utcNow()');
  });

  it('shows no event in its run history', () => {
    expect(definition.triggers['manual']?.['runtimeConfiguration']).toEqual({
      secureData: { properties: ['outputs'] },
    });
    const kept = Object.entries(definition.actions).map(([name, { runtimeConfiguration }]) => [
      name,
      runtimeConfiguration,
    ]);
    expect(Object.fromEntries(kept)).toEqual({
      // Only this setting exists. It hides the outputs, too.
      Identifiers: { secureData: { properties: ['inputs'] } },
      Put_message: { secureData: { properties: ['inputs', 'outputs'] } },
    });
  });
});
