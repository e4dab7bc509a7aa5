// The parts of a resource graph that the local Azure runs, by resource type.
import type { Graph } from '../graph.ts';
import type { Automation, AutomationAction, AutomationSource } from './automation.ts';
import type { PlanResource } from './defender-plans.ts';
import type { EventSubscription } from './event-grid.ts';
import { type AzurePlace, answerCall } from './graph-mocks.ts';
import type { LogicAppResource } from './logic-app.ts';
import type { MailResource } from './mail.ts';
import { type DiagnosticSetting, diagnosticSettingsOf } from './pull-log.ts';
import { type FunctionAppResource, readApp } from './resources-app.ts';
import { eventSubscriptionsOf } from './resources-events.ts';
import { all, type Fields, fieldsOf, lastOf, list, named, text } from './resources-fields.ts';
import type { Permission, RoleDefinition } from './role-definition.ts';
import type { RoleAssignment } from './roles.ts';
import type { StorageResource } from './storage.ts';

export interface WorkspaceResource {
  readonly id: string;
  readonly customerId: string;
}

export interface Resources {
  readonly place: AzurePlace;
  readonly app: FunctionAppResource;
  readonly roleDefinitions: readonly RoleDefinition[];
  readonly roleAssignments: readonly RoleAssignment[];
  /** The plans of Defender that the stack sets. */
  readonly plans: readonly PlanResource[];
  readonly queues: readonly StorageResource[];
  readonly tables: readonly StorageResource[];
  readonly workspaces: readonly WorkspaceResource[];
  readonly logicApps: readonly LogicAppResource[];
  readonly automations: readonly Automation[];
  readonly mails: readonly MailResource[];
  readonly eventSubscriptions: readonly EventSubscription[];
  readonly diagnosticSettings: readonly DiagnosticSetting[];
  /** The registries that the stack watches. They are not part of the graph and must already exist. */
  readonly registries: readonly string[];
}

/**
 * Reads a graph.
 *
 * @throws Error if the graph contains something that the local cloud cannot run, or lacks something that it needs; it
 *   never guesses
 */
export function readResources(graph: Graph): Resources {
  const app = readApp(graph);
  const [, , subscription = ''] = app.id.split('/');
  const { location, tenantId } = {
    ...named(graph, 'azure-native:web:WebApp'),
    ...named(graph, 'azure-native:managedidentity:UserAssignedIdentity'),
  };
  const place = { subscription, tenant: String(tenantId), location: String(location) };
  const automations = all(graph, 'azure-native:security:Automation').map(automationOf);
  return {
    place,
    app,
    roleDefinitions: all(graph, 'azure-native:authorization:RoleDefinition').map((definition) => ({
      id: lastOf(text(definition, 'id')),
      name: text(definition, 'roleName'),
      permissions: list(definition['permissions']).map(permissionOf),
    })),
    roleAssignments: all(graph, 'azure-native:authorization:RoleAssignment').map((assignment) => ({
      principalId: text(assignment, 'principalId'),
      roleDefinitionId: text(assignment, 'roleDefinitionId'),
      scope: text(assignment, 'scope'),
    })),
    plans: all(graph, 'azure-native:resources:DeploymentAtSubscriptionScope').flatMap(plansIn),
    queues: all(graph, 'azure-native:storage:Queue').map(storedIn),
    tables: all(graph, 'azure-native:storage:Table').map(storedIn),
    workspaces: workspacesOf(graph, automations, app),
    logicApps: all(graph, 'azure-native:logic:Workflow').map((workflow) => logicAppOf(workflow, place)),
    automations,
    mails: mailsOf(graph),
    eventSubscriptions: eventSubscriptionsOf(graph, place),
    diagnosticSettings: diagnosticSettingsOf(graph),
    registries: registriesOf(app),
  };
}

/** The plans in the template of a deployment. graph-mocks.ts refuses other resources in it. */
function plansIn({ properties }: Fields): readonly PlanResource[] {
  const { resources } = fieldsOf(fieldsOf(properties)['template']);
  return list(resources) as unknown as readonly PlanResource[];
}

function storedIn(resource: Fields): StorageResource {
  return { id: text(resource, 'id'), account: text(resource, 'accountName'), name: text(resource, 'name') };
}

function permissionOf(permission: Fields): Permission {
  const texts = (key: string) => (Array.isArray(permission[key]) ? permission[key].map(String) : []);
  return {
    actions: texts('actions'),
    notActions: texts('notActions'),
    dataActions: texts('dataActions'),
    notDataActions: texts('notDataActions'),
  };
}

/**
 * The stack's own workspace or an existing one. For an existing one, the automation has its id, and the function its
 * customer id.
 */
function workspacesOf(
  graph: Graph,
  automations: readonly Automation[],
  { appSettings }: FunctionAppResource,
): readonly WorkspaceResource[] {
  const own = all(graph, 'azure-native:operationalinsights:Workspace').map((workspace) => ({
    id: text(workspace, 'id'),
    customerId: text(workspace, 'customerId'),
  }));
  if (own.length > 0) return own;
  const customerId = appSettings['PULLGATE_WORKSPACE_ID'];
  const ids = automations.flatMap(({ actions }) =>
    actions.flatMap((action) => (action.kind === 'Workspace' ? action.workspaceId : [])),
  );
  return [...new Set(ids)].flatMap((id) => (customerId === undefined ? [] : { id, customerId }));
}

function logicAppOf(workflow: Fields, place: AzurePlace): LogicAppResource {
  const { principalId } = fieldsOf(workflow['identity']);
  if (typeof principalId !== 'string')
    throw new Error(
      `the Logic App ${workflow['name']} needs a system-assigned identity; the local cloud supports no other`,
    );
  if (Object.keys(fieldsOf(workflow['parameters'])).length > 0)
    throw new Error(
      `the local Logic App does not support parameters; ${workflow['name']} has ${JSON.stringify(workflow['parameters'])}`,
    );
  const { value } = answerCall(place, 'azure-native:logic:listWorkflowTriggerCallbackUrl', {
    resourceGroupName: workflow['resourceGroupName'],
    workflowName: workflow['name'],
    triggerName: 'manual',
  });
  return {
    id: text(workflow, 'id'),
    principal: { id: principalId, name: text(workflow, 'name') },
    isEnabled: (workflow['state'] ?? 'Enabled') === 'Enabled',
    definition: workflow['definition'],
    callbackUrl: String(value),
  };
}

function automationOf(automation: Fields): Automation {
  return {
    id: text(automation, 'id'),
    isEnabled: automation['isEnabled'] !== false,
    scopes: list(automation['scopes']).map((scope) => text(scope, 'scopePath')),
    sources: list(automation['sources']) as unknown as readonly AutomationSource[],
    actions: list(automation['actions']).map((action): AutomationAction => {
      switch (action['actionType']) {
        case 'LogicApp':
          return { kind: 'LogicApp', logicAppId: text(action, 'logicAppResourceId'), uri: text(action, 'uri') };
        case 'Workspace':
          return { kind: 'Workspace', workspaceId: text(action, 'workspaceResourceId') };
        default:
          throw new Error(
            `the local Defender supports only the actions LogicApp and Workspace; got ${action['actionType']}`,
          );
      }
    }),
  };
}

function mailsOf(graph: Graph): readonly MailResource[] {
  const domains = all(graph, 'azure-native:communication:Domain');
  return all(graph, 'azure-native:communication:CommunicationService').map((service) => {
    const linked = Array.isArray(service['linkedDomains']) ? service['linkedDomains'] : [];
    const own = domains.filter(({ id }) => linked.includes(id));
    return {
      id: text(service, 'id'),
      host: text(service, 'hostName'),
      senders: own.map((domain) => `DoNotReply@${text(domain, 'mailFromSenderDomain')}`),
    };
  });
}

/** The registries in the function's settings. */
function registriesOf({ files }: FunctionAppResource): readonly string[] {
  const { registries } = fieldsOf(JSON.parse(files['settings.json'] ?? '{}'));
  return Array.isArray(registries) ? registries.map(String) : [];
}
