// What triggers the function: an automation that exports every finding, an automation that calls the Logic App, and the
// Logic App that sends messages to the queue.
import * as logic from '@pulumi/azure-native/logic/index.js';
import * as security from '@pulumi/azure-native/security/index.js';
import * as pulumi from '@pulumi/pulumi';
import { workflowDefinition } from './logic-app.ts';
import type { Placement, Workspace } from './placement.ts';
import { assignRole, ROLES } from './roles.ts';
import type { Stores } from './storage.ts';

/** One condition on a property of an automation's event. */
export interface Rule {
  readonly propertyJPath: string;
  readonly propertyType: 'String';
  readonly operator: 'Equals' | 'Contains';
  readonly expectedValue: string;
}

/** One kind of event. An event must match every rule of at least one rule set. Without rule sets, all events match. */
export interface Source {
  readonly eventSource: 'Assessments' | 'AssessmentsSnapshot' | 'SubAssessments' | 'SubAssessmentsSnapshot';
  readonly ruleSets?: readonly { readonly rules: readonly Rule[] }[];
}

/**
 * Everything that Defender reports, both streamed and in its weekly snapshots. There are no rules: the function can
 * never see what a rule leaves out, and a filter on an undocumented property could hide findings from it.
 * Sub-assessments are exported together with their parent assessments, as the API requires.
 * Source: https://learn.microsoft.com/azure/defender-for-cloud/continuous-export
 */
export const EXPORTED: readonly Source[] = [
  { eventSource: 'Assessments' },
  { eventSource: 'AssessmentsSnapshot' },
  { eventSource: 'SubAssessments' },
  { eventSource: 'SubAssessmentsSnapshot' },
];

/** The recommendations that grouped all findings of registry images until July 2026. */
export const GROUPED_RECOMMENDATIONS = [
  'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5',
  '33422d8f-ab1e-42be-bc9a-38685bb567b9',
] as const;

/**
 * The events that call the Logic App: all that may concern an image of a registry. The filter is coarse, and each rule
 * set suffices alone, so that no single property decides. The function checks the details. The filter ignores
 * severities: no source says that the severity of an assessment bounds those of its CVEs, and how `NotEquals` treats an
 * absent property is undocumented. Snapshots are left out, because the sweep reads their rows.
 */
export const CALLED_FOR: readonly Source[] = [
  {
    eventSource: 'Assessments',
    ruleSets: [
      // An assessment's id begins with the id of the assessed resource.
      alone('id', 'Contains', '/registries/'),
      // Paths are case-sensitive: Resource Graph writes this key in PascalCase, exported events in camelCase.
      alone('properties.resourceDetails.ResourceType', 'Contains', 'containerimage'),
      alone('properties.resourceDetails.resourceType', 'Contains', 'containerimage'),
      alone('properties.metadata.recommendationCategory', 'Equals', 'SoftwareUpdate'),
    ],
  },
  {
    eventSource: 'SubAssessments',
    // A sub-assessment's id contains the id of its parent.
    ruleSets: GROUPED_RECOMMENDATIONS.map((recommendation) => alone('id', 'Contains', recommendation)),
  },
];

function alone(propertyJPath: string, operator: Rule['operator'], expectedValue: string): { readonly rules: [Rule] } {
  return { rules: [{ propertyJPath, propertyType: 'String', operator, expectedValue }] };
}

/** Converts to the mutable lists that the provider's types require. */
function sourcesOf(sources: readonly Source[]) {
  return sources.map(({ eventSource, ruleSets = [] }) => ({
    eventSource,
    ruleSets: ruleSets.map(({ rules }) => ({ rules: [...rules] })),
  }));
}

/** Creates the Logic App, which may send only to the one queue, and both automations. */
export function createEvents(
  name: string,
  placement: Placement,
  { workspace, stores }: { readonly workspace: Workspace; readonly stores: Stores },
  parent: pulumi.Resource,
): { readonly logicApp: logic.Workflow } {
  const { resourceGroupName, location, subscriptionId } = placement;
  const logicApp = new logic.Workflow(
    `${name}-events`,
    {
      resourceGroupName,
      location,
      identity: { type: 'SystemAssigned' },
      state: 'Enabled',
      definition: stores.queueUrl.apply(workflowDefinition),
      parameters: {},
    },
    { parent },
  );
  const principalId = logicApp.identity.apply((identity) => identity?.principalId ?? '');
  const sender = { name: 'events', role: ROLES.queueMessageSender, scope: stores.queue.id };
  const maySend = assignRole(name, sender, { subscriptionId, principalId }, parent);
  // The URL contains a signature. Anyone who has it can call the Logic App.
  const uri = pulumi.secret(
    logic.listWorkflowTriggerCallbackUrlOutput(
      { resourceGroupName, workflowName: logicApp.name, triggerName: 'manual' },
      { parent },
    ).value,
  );
  const scopes = [{ description: 'pullgate', scopePath: pulumi.interpolate`/subscriptions/${subscriptionId}` }];
  new security.Automation(
    `${name}-export`,
    {
      resourceGroupName,
      location,
      description: "pullgate: exports Defender's findings to the workspace that the function reads",
      isEnabled: true,
      scopes,
      sources: sourcesOf(EXPORTED),
      actions: [{ actionType: 'Workspace', workspaceResourceId: workspace.id }],
    },
    { parent, dependsOn: [...workspace.ready] },
  );
  new security.Automation(
    `${name}-trigger`,
    {
      resourceGroupName,
      location,
      description: 'pullgate: calls the Logic App for findings that may concern an image of a registry',
      isEnabled: true,
      scopes,
      sources: sourcesOf(CALLED_FOR),
      actions: [{ actionType: 'LogicApp', logicAppResourceId: logicApp.id, uri }],
    },
    // Until the Logic App has its role, each event would only add a failed run to its history.
    { parent, dependsOn: [maySend] },
  );
  return { logicApp };
}
