// Azure's answers to the Pulumi program's resources and function calls: ids, names and addresses that look real.
import { createHash } from 'node:crypto';

/** The location of a stack. */
export interface AzurePlace {
  readonly subscription: string;
  readonly tenant: string;
  readonly location: string;
}

/** The location of every Azure stack of the local cloud, in the public cloud. */
export const SUBSCRIPTION = '00000000-1111-2222-3333-444444444444';
const TENANT = '99999999-8888-7777-6666-555555555555';

/** The region in the provider's config; westeurope by default. */
export function placeOf(config: Readonly<Record<string, string>>): AzurePlace {
  return {
    subscription: config['azure-native:subscriptionId'] ?? SUBSCRIPTION,
    tenant: config['azure-native:tenantId'] ?? TENANT,
    location: config['azure-native:location'] ?? 'westeurope',
  };
}

interface Registration {
  readonly type: string;
  readonly name: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

/**
 * Returns a resource as Azure would create it.
 *
 * @param kept the stack's state, which keeps the names that Pulumi made up
 * @throws Error for an unknown type; answers are never guessed
 */
export function answerRegistration(
  place: AzurePlace,
  kept: string,
  registration: Registration,
): { readonly id: string; readonly state: Record<string, unknown> } {
  const answer = TYPES[registration.type];
  if (answer === undefined) {
    throw new Error(
      `the local cloud does not know ${registration.type} (${registration.name}); add Azure's answer to local/azure/graph-mocks.ts`,
    );
  }
  const hex = hashOf(`${kept} ${registration.type} ${registration.name}`);
  // Pulumi's auto-naming: the name in the program, and eight random digits, which the state keeps.
  const auto = `${registration.name}${hex.slice(0, 8)}`;
  const text = (key: string) => String(registration.inputs[key] ?? auto);
  const below = (path: string) =>
    `/subscriptions/${place.subscription}/resourceGroups/${registration.inputs['resourceGroupName']}/providers/${path}`;
  const { id, ...state } = answer({ place, inputs: registration.inputs, text, below, hex });
  return { id, state: { ...registration.inputs, ...state } };
}

interface Made {
  readonly place: AzurePlace;
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The input that names the resource, or a name as the provider would generate it. */
  readonly text: (key: string) => string;
  /** The ARM id of a resource in the resource group. */
  readonly below: (path: string) => string;
  readonly hex: string;
}
type Answered = { readonly id: string; readonly [output: string]: unknown };

/** A resource in a resource group, named by one input. */
function named(type: string, key: string, more: (made: Made, name: string) => Record<string, unknown> = () => ({})) {
  return (made: Made): Answered => {
    const name = made.text(key);
    return { id: made.below(`${type}/${name}`), name, ...more(made, name) };
  };
}

/** A resource that extends another one. */
const upon = (scope: unknown, type: string, name: string) => ({ id: `${scope}/providers/${type}/${name}`, name });

/** A resource in a storage account, named by one input. */
function stored(service: string, kind: string, key: string) {
  return (made: Made): Answered => {
    const name = made.text(key);
    const account = `Microsoft.Storage/storageAccounts/${made.inputs['accountName']}`;
    return { id: made.below(`${account}/${service}/default/${kind}/${name}`), name };
  };
}

/**
 * A deployment at subscription scope. It sets the resources of its template, whether they exist or not.
 * Sources: https://learn.microsoft.com/rest/api/resources/deployments/create-or-update-at-subscription-scope,
 * https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-to-subscription#supported-resources
 *
 * @throws Error for what Azure refuses, and for a resource type that the local cloud does not know
 */
function inSubscription({ place, inputs, text }: Made): Answered {
  const name = text('deploymentName');
  const { location } = inputs;
  const { mode, template } = inputs['properties'] as {
    readonly mode: string;
    readonly template: { readonly resources: readonly { readonly type: string }[] };
  };
  if (location === undefined) throw new Error(`the deployment ${name} at subscription scope needs a location`);
  if (mode !== 'Incremental') throw new Error(`the deployment ${name} has the mode ${mode}; expected Incremental`);
  for (const { type } of template.resources)
    if (type !== 'Microsoft.Security/pricings')
      throw new Error(`the local cloud does not know ${type} in the template of ${name}`);
  return {
    id: `/subscriptions/${place.subscription}/providers/Microsoft.Resources/deployments/${name}`,
    name,
    location,
  };
}

const TYPES: Readonly<Record<string, (made: Made) => Answered>> = {
  'azure-native:resources:ResourceGroup': ({ place, text }) => {
    const name = text('resourceGroupName');
    return { id: `/subscriptions/${place.subscription}/resourceGroups/${name}`, name, location: place.location };
  },
  'azure-native:resources:Deployment': named('Microsoft.Resources/deployments', 'deploymentName'),
  'azure-native:resources:DeploymentAtSubscriptionScope': inSubscription,
  'azure-native:operationalinsights:Workspace': named(
    'Microsoft.OperationalInsights/workspaces',
    'workspaceName',
    ({ hex }) => ({ customerId: uuidOf(hex) }),
  ),
  'azure-native:operationsmanagement:Solution': named('Microsoft.OperationsManagement/solutions', 'solutionName'),
  'azure-native:storage:StorageAccount': named('Microsoft.Storage/storageAccounts', 'accountName', (_made, name) => ({
    primaryEndpoints: Object.fromEntries(
      ['blob', 'file', 'queue', 'table'].map((service) => [service, `https://${name}.${service}.core.windows.net/`]),
    ),
  })),
  'azure-native:storage:Queue': stored('queueServices', 'queues', 'queueName'),
  'azure-native:storage:Table': stored('tableServices', 'tables', 'tableName'),
  'azure-native:storage:BlobContainer': stored('blobServices', 'containers', 'containerName'),
  'azure-native:storage:Blob': ({ inputs, text }) => {
    const name = text('blobName');
    const url = `https://${inputs['accountName']}.blob.core.windows.net/${inputs['containerName']}/${name}`;
    return { id: url, name, url };
  },
  'azure-native:managedidentity:UserAssignedIdentity': named(
    'Microsoft.ManagedIdentity/userAssignedIdentities',
    'resourceName',
    ({ place, hex }) => ({
      principalId: uuidOf(hashOf(`principal ${hex}`)),
      clientId: uuidOf(hashOf(`client ${hex}`)),
      tenantId: place.tenant,
    }),
  ),
  'azure-native:authorization:RoleAssignment': ({ inputs, hex }) =>
    upon(inputs['scope'], 'Microsoft.Authorization/roleAssignments', uuidOf(hex)),
  'azure-native:authorization:RoleDefinition': ({ place, hex }) =>
    upon(`/subscriptions/${place.subscription}`, 'Microsoft.Authorization/roleDefinitions', uuidOf(hex)),
  'azure-native:applicationinsights:Component': named('Microsoft.Insights/components', 'resourceName', (made, name) => {
    const key = uuidOf(made.hex);
    const host = `https://${made.place.location}-0.in.applicationinsights.azure.com/`;
    return {
      appId: name,
      instrumentationKey: key,
      connectionString: `InstrumentationKey=${key};IngestionEndpoint=${host}`,
    };
  }),
  'azure-native:applicationinsights:Workbook': named('Microsoft.Insights/workbooks', 'resourceName'),
  'azure-native:web:AppServicePlan': named('Microsoft.Web/serverfarms', 'name'),
  'azure-native:web:WebApp': named('Microsoft.Web/sites', 'name', (_made, name) => ({
    defaultHostName: `${name}.azurewebsites.net`,
  })),
  'azure-native:logic:Workflow': named('Microsoft.Logic/workflows', 'workflowName', ({ place, hex }) => ({
    identity: { type: 'SystemAssigned', principalId: uuidOf(hashOf(`principal ${hex}`)), tenantId: place.tenant },
    accessEndpoint: `https://prod-00.${place.location}.logic.azure.com:443/workflows/${hex.slice(0, 32)}`,
  })),
  'azure-native:security:Automation': named('Microsoft.Security/automations', 'automationName'),
  'azure-native:eventgrid:SystemTopic': named(
    'Microsoft.EventGrid/systemTopics',
    'systemTopicName',
    ({ place, inputs, hex }) =>
      inputs['identity'] === undefined
        ? {}
        : {
            identity: {
              type: 'SystemAssigned',
              principalId: uuidOf(hashOf(`principal ${hex}`)),
              tenantId: place.tenant,
            },
          },
  ),
  'azure-native:eventgrid:SystemTopicEventSubscription': (made) => {
    const name = made.text('eventSubscriptionName');
    const topic = `Microsoft.EventGrid/systemTopics/${made.inputs['systemTopicName']}`;
    return { id: made.below(`${topic}/eventSubscriptions/${name}`), name };
  },
  'azure-native:monitor:DiagnosticSetting': ({ inputs, text }) =>
    upon(inputs['resourceUri'], 'Microsoft.Insights/diagnosticSettings', text('name')),
  'azure-native:monitor:ScheduledQueryRule': named('Microsoft.Insights/scheduledQueryRules', 'ruleName'),
  'azure-native:monitor:ActionGroup': named('Microsoft.Insights/actionGroups', 'actionGroupName'),
  'azure-native:communication:EmailService': named('Microsoft.Communication/emailServices', 'emailServiceName'),
  'azure-native:communication:Domain': (made) => {
    const name = made.text('domainName');
    const mailFromSenderDomain = `${uuidOf(made.hex)}.azurecomm.net`;
    const service = `Microsoft.Communication/emailServices/${made.inputs['emailServiceName']}`;
    return {
      id: made.below(`${service}/domains/${name}`),
      name,
      mailFromSenderDomain,
      fromSenderDomain: mailFromSenderDomain,
    };
  },
  'azure-native:communication:CommunicationService': named(
    'Microsoft.Communication/communicationServices',
    'communicationServiceName',
    ({ inputs }, name) => ({
      hostName: `${name.toLowerCase()}.${String(inputs['dataLocation']).toLowerCase().replaceAll(' ', '')}.communication.azure.com`,
    }),
  ),
};

/** The number of signed addresses so far, which makes each signature unique. */
let signatures = 0;

/**
 * Returns the answer to a function call of the program.
 *
 * @throws Error for an unknown call
 */
export function answerCall(
  place: AzurePlace,
  token: string,
  inputs: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const { subscription, tenant, location } = place;
  switch (token) {
    case 'azure-native:authorization:getClientConfig':
      return {
        clientId: uuidOf(hashOf('deployer')),
        objectId: uuidOf(hashOf('deployer object')),
        subscriptionId: subscription,
        tenantId: tenant,
      };
    case 'azure-native:operationalinsights:getWorkspace': {
      const { resourceGroupName, workspaceName } = inputs;
      const id = `/subscriptions/${subscription}/resourceGroups/${resourceGroupName}/providers/Microsoft.OperationalInsights/workspaces/${workspaceName}`;
      return { id, name: workspaceName, location, customerId: uuidOf(hashOf(id.toLowerCase())) };
    }
    case 'azure-native:containerregistry:getRegistry': {
      const { resourceGroupName, registryName } = inputs;
      const id = `/subscriptions/${subscription}/resourceGroups/${resourceGroupName}/providers/Microsoft.ContainerRegistry/registries/${registryName}`;
      return { id, name: registryName, location };
    }
    case 'azure-native:eventgrid:getSystemTopic':
      return existingTopic(place, String(inputs['resourceGroupName']), String(inputs['systemTopicName']));
    case 'azure-native:logic:listWorkflowTriggerCallbackUrl': {
      const workflow = hashOf(`${inputs['resourceGroupName']}/${inputs['workflowName']}`).slice(0, 32);
      const trigger = String(inputs['triggerName']);
      const basePath = `https://prod-00.${location}.logic.azure.com:443/workflows/${workflow}/triggers/${trigger}/paths/invoke`;
      const sig = hashOf(`signature of ${basePath}`).slice(0, 43);
      const sp = `%2Ftriggers%2F${trigger}%2Frun`;
      return {
        basePath,
        method: 'POST',
        relativePath: '',
        value: `${basePath}?api-version=2016-10-01&sp=${sp}&sv=1.0&sig=${sig}`,
      };
    }
    case 'azure-native:storage:listStorageAccountServiceSAS': {
      signatures += 1;
      const { resource, permissions, protocols, sharedAccessExpiryTime } = inputs;
      const sig = encodeURIComponent(Buffer.from(hashOf(`signature ${signatures}`), 'hex').toString('base64'));
      const ends = encodeURIComponent(String(sharedAccessExpiryTime));
      return {
        serviceSasToken: `sv=2015-04-05&sr=${resource}&spr=${protocols}&se=${ends}&sp=${permissions}&sig=${sig}`,
      };
    }
    default:
      throw new Error(
        `the local cloud does not know the call ${token}; add Azure's answer to local/azure/graph-mocks.ts`,
      );
  }
}

/**
 * The system topics that exist before any stack: `events-of-NAME` of the registry NAME in the same resource group, and
 * `bare-events-of-NAME`, which has no identity.
 */
function existingTopic({ subscription, tenant, location }: AzurePlace, group: string, name: string) {
  const [, bare, registry] = /^(bare-)?events-of-([a-z0-9]+)$/i.exec(name) ?? [];
  const id = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.EventGrid/systemTopics/${name}`;
  if (registry === undefined) throw new Error(`there is no system topic ${id}`);
  const source = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.ContainerRegistry/registries/${registry}`;
  const identity = { type: 'SystemAssigned', principalId: uuidOf(hashOf(`principal ${id}`)), tenantId: tenant };
  const topicType = 'Microsoft.ContainerRegistry.Registries';
  return { id, name, location, source, topicType, ...(bare === undefined ? { identity } : {}) };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** A UUID from hexadecimal digits. */
function uuidOf(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
