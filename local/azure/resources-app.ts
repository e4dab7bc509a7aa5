// The function app of a resource graph. Rejects anything that would keep it from running in Azure.
import type { Graph } from '../graph.ts';
import type { AppResource } from './functions-host.ts';
import type { ManagedIdentity } from './principals.ts';
import { all, type Fields, fieldsOf, list, named, text } from './resources-fields.ts';

export interface IdentityResource extends ManagedIdentity {
  /** ARM id. */
  readonly resourceId: string;
}

export interface FunctionAppResource extends AppResource {
  readonly id: string;
  /** The ARM id of the subnet that it runs in; undefined if it is in none. */
  readonly subnetId: string | undefined;
  /** The identities that are assigned to it. */
  readonly identities: readonly IdentityResource[];
  /** The host's own storage account. */
  readonly storageId: string;
  /** The identity with which the host accesses its storage. */
  readonly hostIdentity: IdentityResource;
  /** The container that holds the code, and the identity that reads it. */
  readonly deployment: { readonly containerId: string; readonly identity: IdentityResource };
  /** The destination of the log, and the identity that writes it; undefined if there is no log. */
  readonly log: { readonly componentId: string; readonly identity: IdentityResource } | undefined;
}

/**
 * Source:
 * https://learn.microsoft.com/en-us/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations
 */
const NOT_ON_FLEX =
  /^(FUNCTIONS_WORKER_RUNTIME(_VERSION)?|FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_PROCESS_COUNT|WEBSITE_.*|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD)$/;
const RUNTIMES = ['20', '22', '24'];
const SIZES = [512, 2048, 4096];

/** @throws Error if the app, its storage, its identity or its code does not meet Azure's requirements */
export function readApp(graph: Graph): FunctionAppResource {
  const site = named(graph, 'azure-native:web:WebApp');
  const name = text(site, 'name');
  const plan = all(graph, 'azure-native:web:AppServicePlan').find(({ id }) => id === site['serverFarmId']);
  if (fieldsOf(plan?.['sku'])['tier'] !== 'FlexConsumption')
    throw new Error(`the app ${name} needs a Flex Consumption plan; the graph has ${JSON.stringify(plan?.['sku'])}`);
  const own = assigned(site, readIdentities(graph));
  const appSettings = settingsOf(site, name);
  const { runtime, scaleAndConcurrency, deployment } = fieldsOf(site['functionAppConfig']);
  const { name: language, version } = fieldsOf(runtime);
  if (language !== 'node' || !RUNTIMES.includes(String(version)))
    throw new Error(`the app ${name} needs the runtime node ${RUNTIMES.join(', ')}; it has ${language} ${version}`);
  const { instanceMemoryMB: memory = 2048 } = fieldsOf(scaleAndConcurrency);
  if (!SIZES.includes(Number(memory)))
    throw new Error(`an instance of ${name} must have ${SIZES.join(', ')} MB; got ${memory}`);
  const accountName = appSettings['AzureWebJobsStorage__accountName'];
  const account = all(graph, 'azure-native:storage:StorageAccount').find((one) => one['name'] === accountName);
  if (account === undefined)
    throw new Error(
      `the app ${name} has the storage account ${accountName} (AzureWebJobsStorage__accountName), which the graph does not have`,
    );
  if (appSettings['AzureWebJobsStorage__credential'] !== 'managedidentity')
    throw new Error(
      `the app ${name} needs AzureWebJobsStorage__credential=managedidentity: its account does not accept keys`,
    );
  return {
    id: text(site, 'id'),
    subnetId: site['virtualNetworkSubnetId'] === undefined ? undefined : text(site, 'virtualNetworkSubnetId'),
    name,
    appSettings,
    memoryMegabytes: Number(memory),
    files: codeOf(graph, name),
    identities: own,
    storageId: text(account, 'id'),
    hostIdentity: byClientId(
      own,
      appSettings['AzureWebJobsStorage__clientId'],
      `AzureWebJobsStorage__clientId of ${name}`,
    ),
    deployment: deploymentOf(graph, fieldsOf(fieldsOf(deployment)['storage']), own, name),
    log: logOf(graph, appSettings, own, name),
  };
}

function readIdentities(graph: Graph): readonly IdentityResource[] {
  return all(graph, 'azure-native:managedidentity:UserAssignedIdentity').map((identity) => ({
    resourceId: text(identity, 'id'),
    id: text(identity, 'principalId'),
    clientId: text(identity, 'clientId'),
    name: text(identity, 'name'),
  }));
}

function assigned(site: Fields, identities: readonly IdentityResource[]): readonly IdentityResource[] {
  const { type, userAssignedIdentities } = fieldsOf(site['identity']);
  if (type !== 'UserAssigned')
    throw new Error(
      `the app ${site['name']} needs a user-assigned identity, whose roles exist before its code runs; it has ${type}`,
    );
  const ids = Array.isArray(userAssignedIdentities)
    ? userAssignedIdentities
    : Object.keys(fieldsOf(userAssignedIdentities));
  return ids.map((id) => {
    const found = identities.find(({ resourceId }) => resourceId === id);
    if (found === undefined)
      throw new Error(`the app ${site['name']} has the identity ${id}, which the graph does not have`);
    return found;
  });
}

function byClientId(own: readonly IdentityResource[], clientId: string | undefined, what: string): IdentityResource {
  const found = own.find((identity) => identity.clientId === clientId);
  if (found !== undefined) return found;
  throw new Error(
    `${what} is ${clientId}, which is not assigned to the app; its identities are ${own.map((one) => one.clientId)}`,
  );
}

function settingsOf(site: Fields, name: string): Readonly<Record<string, string>> {
  const given = list(fieldsOf(site['siteConfig'])['appSettings']).map((setting) => [
    text(setting, 'name'),
    text(setting, 'value'),
  ]);
  const settings: Record<string, string> = Object.fromEntries(given);
  const odd = Object.keys(settings).filter((key) => NOT_ON_FLEX.test(key));
  if (odd.length > 0)
    throw new Error(`the app ${name} sets ${odd.join(', ')}, which Flex Consumption does not support`);
  return settings;
}

/** One Deploy receives the archive as the URL of its blob. */
function codeOf(graph: Graph, site: string): Readonly<Record<string, string>> {
  const orders = all(graph, 'azure-native:resources:Deployment').flatMap((deployment) => {
    const { template, parameters } = fieldsOf(deployment['properties']);
    return list(fieldsOf(template)['resources'])
      .filter(({ type }) => type === 'Microsoft.Web/sites/extensions')
      .map((resource) => resolvedIn(resource, fieldsOf(parameters)));
  });
  const [order, ...others] = orders;
  if (order === undefined || others.length > 0)
    throw new Error(
      `the code of ${site} needs one deployment of Microsoft.Web/sites/extensions; the graph has ${orders.length}`,
    );
  if (order['name'] !== `${site}/onedeploy`)
    throw new Error(`One Deploy must go to ${site}/onedeploy; the deployment names ${order['name']}`);
  const { packageUri, remoteBuild } = fieldsOf(order['properties']);
  if (remoteBuild !== false) throw new Error('the archive is already built, so One Deploy needs remoteBuild false');
  const uri = new URL(String(packageUri));
  const blob = all(graph, 'azure-native:storage:Blob').find(({ url }) => url === `${uri.origin}${uri.pathname}`);
  const files = graph.archives[String(blob?.['urn'])];
  if (files === undefined)
    throw new Error(`One Deploy's package ${uri.origin}${uri.pathname} is not a blob of the graph with an archive`);
  if (!uri.searchParams.has('sig'))
    throw new Error('the package URL needs a signature because its container is not public');
  return files;
}

/** The few template expressions that the deployment uses. */
function resolvedIn(resource: Fields, parameters: Fields): Fields {
  const given = (name: string) => {
    const parameter = fieldsOf(parameters[name]);
    if (!('value' in parameter)) throw new Error(`the deployment's parameter ${name} has no value`);
    return parameter['value'];
  };
  const resolve = (value: unknown): unknown => {
    if (typeof value !== 'string' || !value.startsWith('[')) return value;
    const [, name] = /^\[parameters\('(\w+)'\)\]$/.exec(value) ?? [];
    if (name !== undefined) return given(name);
    const [, first, end] = /^\[concat\(parameters\('(\w+)'\), '([^']*)'\)\]$/.exec(value) ?? [];
    if (first !== undefined) return `${given(first)}${end}`;
    throw new Error(`the local Resource Manager does not support the template expression ${value}`);
  };
  const each = (fields: Fields) =>
    Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, resolve(value)]));
  return { ...each(resource), properties: each(fieldsOf(resource['properties'])) };
}

function deploymentOf(
  graph: Graph,
  storage: Fields,
  own: readonly IdentityResource[],
  name: string,
): FunctionAppResource['deployment'] {
  const { type, value, authentication } = storage;
  const container = all(graph, 'azure-native:storage:BlobContainer').find(
    (one) => value === `https://${one['accountName']}.blob.core.windows.net/${one['name']}`,
  );
  if (type !== 'blobContainer' || container === undefined)
    throw new Error(`the app ${name} keeps its code in ${type} ${value}, which the graph does not have`);
  const { type: kind, userAssignedIdentityResourceId: id } = fieldsOf(authentication);
  const identity = own.find(({ resourceId }) => resourceId === id);
  if (kind !== 'UserAssignedIdentity' || identity === undefined)
    throw new Error(
      `the container of ${name}'s code must be read with an identity that is assigned to the app; got ${kind} ${id}`,
    );
  return { containerId: text(container, 'id'), identity };
}

function logOf(
  graph: Graph,
  settings: Readonly<Record<string, string>>,
  own: readonly IdentityResource[],
  name: string,
): FunctionAppResource['log'] {
  const connection = settings['APPLICATIONINSIGHTS_CONNECTION_STRING'];
  if (connection === undefined) return undefined;
  const component = all(graph, 'azure-native:applicationinsights:Component').find(
    (one) => one['connectionString'] === connection,
  );
  if (component === undefined) throw new Error(`the log of ${name} goes to ${connection}, which is not in the graph`);
  const [, clientId] =
    /^ClientId=([^;]+);Authorization=AAD$/.exec(settings['APPLICATIONINSIGHTS_AUTHENTICATION_STRING'] ?? '') ?? [];
  const identity = byClientId(own, clientId, `APPLICATIONINSIGHTS_AUTHENTICATION_STRING of ${name}`);
  return { componentId: text(component, 'id'), identity };
}
