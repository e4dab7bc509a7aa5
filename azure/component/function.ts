// The function app that makes the decisions, with its identity, its log and its code.
import * as applicationinsights from '@pulumi/azure-native/applicationinsights/index.js';
import * as managedidentity from '@pulumi/azure-native/managedidentity/index.js';
import * as resources from '@pulumi/azure-native/resources/index.js';
import * as storage from '@pulumi/azure-native/storage/index.js';
import * as web from '@pulumi/azure-native/web/index.js';
import * as pulumi from '@pulumi/pulumi';
import type { Bundle } from '../../bundle.ts';
import { HOUR_MILLISECONDS } from '../../shared/runtime/time.ts';
import { codeMark, ONE_DEPLOY } from './code.ts';
import type { Mail } from './mail.ts';
import type { Placement, Workspace } from './placement.ts';
import type { Stores } from './storage.ts';

/** The memory of one instance: 512, 2048 or 4096. The observation of a large repository fits easily. */
const INSTANCE_MEGABYTES = 2048;
/** The lowest limit that the platform accepts. The brake and the records work with any number of instances. */
const MAXIMUM_INSTANCES = 40;
/** How long the URL of the package is valid, counted from the start of the deployment. */
const PACKAGE_HOURS = 3;

/**
 * The function's identity. It is a separate resource, because a system-assigned identity would get its roles only after
 * the app has started.
 */
export function createIdentity(
  name: string,
  placement: Placement,
  parent: pulumi.Resource,
): managedidentity.UserAssignedIdentity {
  const { resourceGroupName, location } = placement;
  return new managedidentity.UserAssignedIdentity(`${name}-identity`, { resourceGroupName, location }, { parent });
}

/**
 * The Application Insights component that the host logs to. It stores the log in the workspace, and accepts it only
 * with the identity.
 */
export function createLog(
  name: string,
  placement: Placement,
  workspace: Workspace,
  parent: pulumi.Resource,
): applicationinsights.Component {
  const { resourceGroupName, location } = placement;
  return new applicationinsights.Component(
    `${name}-log`,
    {
      resourceGroupName,
      location,
      kind: 'web',
      applicationType: 'web',
      ingestionMode: 'LogAnalytics',
      workspaceResourceId: workspace.id,
      disableLocalAuth: true,
    },
    { parent },
  );
}

export interface FunctionArgs {
  readonly stores: Stores;
  readonly workspace: Workspace;
  readonly identity: managedidentity.UserAssignedIdentity;
  readonly log: applicationinsights.Component;
  /** Undefined if there are no recipients. */
  readonly mail: Mail | undefined;
  readonly code: Bundle;
  /** The time of the deployment, ISO 8601. The URL of the code's package expires some hours after it. */
  readonly now: string;
  /** The subnet that the app runs in. Undefined if it reaches public endpoints only. */
  readonly subnetId: string | undefined;
  /** The identity's role assignments. They are created before the code is deployed. */
  readonly roles: readonly pulumi.Resource[];
}

/** Creates the app and deploys its code. Its plan costs nothing while the function is idle. */
export function createFunction(
  name: string,
  placement: Placement,
  args: FunctionArgs,
  parent: pulumi.Resource,
): web.WebApp {
  const { resourceGroupName, location } = placement;
  const { stores, identity } = args;
  const plan = new web.AppServicePlan(
    `${name}-plan`,
    {
      resourceGroupName,
      location,
      kind: 'functionapp',
      reserved: true,
      sku: { name: 'FC1', tier: 'FlexConsumption' },
    },
    { parent },
  );
  const app = new web.WebApp(
    `${name}-function`,
    {
      resourceGroupName,
      location,
      kind: 'functionapp,linux',
      reserved: true,
      serverFarmId: plan.id,
      httpsOnly: true,
      // Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to
      ...(args.subnetId === undefined ? {} : { virtualNetworkSubnetId: args.subnetId }),
      identity: { type: 'UserAssigned', userAssignedIdentities: [identity.id] },
      functionAppConfig: {
        runtime: { name: 'node', version: '24' },
        scaleAndConcurrency: { instanceMemoryMB: INSTANCE_MEGABYTES, maximumInstanceCount: MAXIMUM_INSTANCES },
        deployment: {
          storage: {
            type: 'blobContainer',
            value: stores.deploymentsUrl,
            authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id },
          },
        },
      },
      siteConfig: {
        minTlsVersion: '1.2',
        appSettings: Object.entries(appSettings(args)).map(([setting, value]) => ({ name: setting, value })),
      },
    },
    { parent, dependsOn: [...args.roles], transformations: [asAsked] },
  );
  deployCode(name, placement, { ...args, app }, parent);
  return app;
}

/**
 * Removes what the SDK adds to the site configuration. Flex Consumption rejects some of it (netFrameworkVersion), and
 * it rejects ftpsState, too.
 * Source: https://github.com/pulumi/pulumi-azure-native/issues/4168
 */
const asAsked: pulumi.ResourceTransformation = ({ props, opts }) => ({
  props: {
    ...props,
    siteConfig: pulumi
      .output(props['siteConfig'] as web.WebAppArgs['siteConfig'])
      .apply((config) =>
        config === undefined ? undefined : { minTlsVersion: config.minTlsVersion, appSettings: config.appSettings },
      ),
  },
  opts,
});

/**
 * The function's environment. The first three settings are for the host's storage, the next two for its log.
 * Source: https://learn.microsoft.com/azure/azure-functions/functions-app-settings
 */
function appSettings(args: FunctionArgs): Readonly<Record<string, pulumi.Input<string>>> {
  const { stores, workspace, identity, log, mail } = args;
  return {
    AzureWebJobsStorage__accountName: stores.account.name,
    AzureWebJobsStorage__credential: 'managedidentity',
    AzureWebJobsStorage__clientId: identity.clientId,
    APPLICATIONINSIGHTS_CONNECTION_STRING: pulumi.secret(log.connectionString),
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: pulumi.interpolate`ClientId=${identity.clientId};Authorization=AAD`,
    PULLGATE_QUEUE: stores.queue.name,
    PULLGATE_QUEUE_URL: stores.queueUrl,
    PULLGATE_POISON_QUEUE_URL: stores.poisonQueueUrl,
    PULLGATE_TABLE_URL: stores.tableUrl,
    PULLGATE_TABLE: stores.table.name,
    PULLGATE_WORKSPACE_ID: workspace.customerId,
    PULLGATE_CLIENT_ID: identity.clientId,
    ...(mail === undefined ? {} : { PULLGATE_MAIL_ENDPOINT: mail.endpoint, PULLGATE_MAIL_SENDER: mail.sender }),
  };
}

/**
 * Uploads the package to a URL that is valid for PACKAGE_HOURS, and deploys it. The names of both resources contain a
 * hash of the package, so the same code is never deployed again, even if the signature of the URL differs.
 */
function deployCode(
  name: string,
  { resourceGroupName }: Placement,
  { stores, code, now, roles, app }: FunctionArgs & { readonly app: web.WebApp },
  parent: pulumi.Resource,
): void {
  const mark = codeMark(code);
  const { packageAccount, packages } = stores;
  const blob = new storage.Blob(
    `${name}-package-${mark}`,
    {
      resourceGroupName,
      accountName: packageAccount.name,
      containerName: packages.name,
      blobName: `${mark}.zip`,
      contentType: 'application/zip',
      type: 'Block',
      source: code.archive,
    },
    { parent },
  );
  const signature = storage.listStorageAccountServiceSASOutput(
    {
      resourceGroupName,
      accountName: packageAccount.name,
      canonicalizedResource: pulumi.interpolate`/blob/${packageAccount.name}/${packages.name}/${blob.name}`,
      resource: 'b',
      permissions: 'r',
      protocols: 'https',
      sharedAccessExpiryTime: new Date(Date.parse(now) + PACKAGE_HOURS * HOUR_MILLISECONDS).toISOString(),
    },
    { parent },
  ).serviceSasToken;
  new resources.Deployment(
    `${name}-code-${mark}`,
    {
      resourceGroupName,
      properties: {
        mode: 'Incremental',
        template: ONE_DEPLOY,
        parameters: {
          siteName: { value: app.name },
          packageUri: { value: pulumi.secret(pulumi.interpolate`${blob.url}?${signature}`) },
        },
      },
    },
    // A new signature alone deploys nothing. New code makes a new resource, which gets the current signature.
    { parent, dependsOn: [blob, ...roles], ignoreChanges: ['properties.parameters.packageUri'] },
  );
}
