// What triggers the function: the automations that export every finding and call the Logic App, and the Logic App that
// leads to the queue.
import * as logic from '@pulumi/azure-native/logic/index.js';
import * as security from '@pulumi/azure-native/security/index.js';
import * as pulumi from '@pulumi/pulumi';
import { workflowDefinition } from './logic-app.ts';
import type { Placement, Workspace } from './placement.ts';
import { assignRole, ROLES } from './roles.ts';
import type { Stores } from './storage.ts';

/** One condition of an automation on an event's property. */
export interface Rule {
  readonly propertyJPath: string;
  readonly propertyType: 'String';
  readonly operator: 'Equals' | 'Contains';
  readonly expectedValue: string;
}

/** A kind of event; rule sets are alternatives, and the rules of one set all have to hold. Without any, all events. */
export interface Source {
  readonly eventSource: 'Assessments' | 'AssessmentsSnapshot' | 'SubAssessments' | 'SubAssessmentsSnapshot';
  readonly ruleSets?: readonly { readonly rules: readonly Rule[] }[];
}

/**
 * Everything that Defender says, streamed and in its weekly snapshots. Without rules: what a rule leaves out is never
 * seen again, and a filter on a property that is not documented would hide findings from pullgate. Findings go with
 * their parents, as the interface asks for.
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
 * What the Logic App is called for: whatever may be about a registry's image. Coarse, and each set enough by itself, so
 * that no single property decides; the function checks the details. No severities: an assessment's own is not known to
 * bound its CVEs', and what NotEquals makes of a property that is absent is not documented. Snapshots are left out: the
 * sweep reads their rows.
 */
export const CALLED_FOR: readonly Source[] = [
  {
    eventSource: 'Assessments',
    ruleSets: [
      // An assessment's id begins with that of what it is about.
      alone('id', 'Contains', '/registries/'),
      // Paths count with their case: Resource Graph has this key in PascalCase, an exported event in camelCase.
      alone('properties.resourceDetails.ResourceType', 'Contains', 'containerimage'),
      alone('properties.resourceDetails.resourceType', 'Contains', 'containerimage'),
      alone('properties.metadata.recommendationCategory', 'Equals', 'SoftwareUpdate'),
    ],
  },
  {
    eventSource: 'SubAssessments',
    // A sub-assessment's id holds its parent's.
    ruleSets: GROUPED_RECOMMENDATIONS.map((recommendation) => alone('id', 'Contains', recommendation)),
  },
];

function alone(propertyJPath: string, operator: Rule['operator'], expectedValue: string): { readonly rules: [Rule] } {
  return { rules: [{ propertyJPath, propertyType: 'String', operator, expectedValue }] };
}

/** As the provider's types want them: lists that could be changed. */
function sourcesOf(sources: readonly Source[]) {
  return sources.map(({ eventSource, ruleSets = [] }) => ({
    eventSource,
    ruleSets: ruleSets.map(({ rules }) => ({ rules: [...rules] })),
  }));
}

/** The Logic App, which may send to the one queue, and both automations. */
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
  // It carries a signature, and anyone who has it may call the Logic App.
  const uri = pulumi.secret(
    logic.listWorkflowTriggerCallbackUrlOutput(
      { resourceGroupName, workflowName: logicApp.name, triggerName: 'manual' },
      { parent },
    ).value,
  );
  const stack = pulumi.getStack();
  const scopes = [
    { description: `pullgate, stack ${stack}`, scopePath: pulumi.interpolate`/subscriptions/${subscriptionId}` },
  ];
  new security.Automation(
    `${name}-export`,
    {
      resourceGroupName,
      location,
      description: `pullgate, stack ${stack}: exports what Defender finds, for the function to read`,
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
      description: `pullgate, stack ${stack}: sends findings that may be about a registry's image`,
      isEnabled: true,
      scopes,
      sources: sourcesOf(CALLED_FOR),
      actions: [{ actionType: 'LogicApp', logicAppResourceId: logicApp.id, uri }],
    },
    // Events that come before it may send would only fill its history with failures.
    { parent, dependsOn: [maySend] },
  );
  return { logicApp };
}
