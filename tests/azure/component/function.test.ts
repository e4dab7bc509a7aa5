// Tests how the function runs: its app, its environment, its package, and when its code is deployed again.
import { readFileSync } from 'node:fs';
import type * as pulumi from '@pulumi/pulumi';
import { describe, expect, it } from 'vitest';
import { bundleHandler, codeMark } from '../../../azure/component/code.ts';
import { type Deployment, deploy, one, outputOf, type Registered, registryId } from './deployment.ts';

const APP = ['azure-native:web:WebApp', 'pullgate-function'] as const;

function only({ registered }: Deployment, type: string): Registered {
  const [found, ...others] = registered.filter((resource) => resource.type === type);
  if (found === undefined || others.length > 0) throw new Error(`expected exactly one ${type}`);
  return found;
}
const blobOf = (deployment: Deployment) => only(deployment, 'azure-native:storage:Blob');
const orderOf = (deployment: Deployment) => only(deployment, 'azure-native:resources:Deployment');

interface Order {
  readonly mode: string;
  readonly template: unknown;
  readonly parameters: Readonly<Record<'siteName' | 'packageUri', { readonly value: string }>>;
}
const propertiesOf = (deployment: Deployment) => orderOf(deployment).inputs['properties'] as Order;

function environmentOf(deployment: Deployment): Record<string, string> {
  const { appSettings } = one(deployment, ...APP).inputs['siteConfig'] as {
    appSettings: { name: string; value: string }[];
  };
  return Object.fromEntries(appSettings.map(({ name, value }) => [name, value]));
}

describe('the function app', () => {
  it('runs Node 24 on Flex Consumption with its identity, from a container that accepts no keys', async () => {
    const deployment = await deploy();
    const { id: identity } = one(deployment, 'azure-native:managedidentity:UserAssignedIdentity', 'pullgate-identity');
    const { id: plan } = one(deployment, 'azure-native:web:AppServicePlan', 'pullgate-plan');
    const account = one(deployment, 'azure-native:storage:StorageAccount', 'pullgate-storage').inputs['accountName'];
    expect(one(deployment, ...APP).inputs).toMatchObject({
      kind: 'functionapp,linux',
      reserved: true,
      httpsOnly: true,
      serverFarmId: plan,
      identity: { type: 'UserAssigned', userAssignedIdentities: [identity] },
      functionAppConfig: {
        runtime: { name: 'node', version: '24' },
        scaleAndConcurrency: { instanceMemoryMB: 2048, maximumInstanceCount: 40 },
        deployment: {
          storage: {
            type: 'blobContainer',
            value: `https://${account}.blob.core.windows.net/deployments`,
            authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity },
          },
        },
      },
      siteConfig: { minTlsVersion: '1.2' },
    });
    expect(one(deployment, 'azure-native:web:AppServicePlan', 'pullgate-plan').inputs).toMatchObject({
      reserved: true,
      sku: { name: 'FC1', tier: 'FlexConsumption' },
    });
  });

  it('is in the given subnet, and in none by default', async () => {
    const subnetId =
      '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/hub/subnets/functions';
    const deployment = await deploy({ subnetId });
    expect(one(deployment, ...APP).inputs['virtualNetworkSubnetId']).toBe(subnetId);
    expect([deployment.outputs.subnetId, (await deploy()).outputs]).toEqual([
      subnetId,
      expect.not.objectContaining({ subnetId: expect.anything() }),
    ]);
    expect(one(await deploy(), ...APP).inputs).not.toHaveProperty('virtualNetworkSubnetId');
  });

  it('has no setting that Flex Consumption rejects', async () => {
    const siteConfig = one(await deploy(), ...APP).inputs['siteConfig'] as Record<string, unknown>;
    expect(Object.keys(siteConfig).sort()).toEqual(['appSettings', 'minTlsVersion']);
  });

  it('accepts no publishing password from before its first code, whatever the policies were', async () => {
    const { resources } = propertiesOf(await deploy()).template as { resources: readonly Record<string, unknown>[] };
    const type = 'Microsoft.Web/sites/basicPublishingCredentialsPolicies';
    const set = { type, apiVersion: '2024-04-01', properties: { allow: false } };
    expect(resources.filter((resource) => resource['type'] === type)).toEqual([
      { ...set, name: "[concat(parameters('siteName'), '/ftp')]" },
      { ...set, name: "[concat(parameters('siteName'), '/scm')]" },
    ]);
    expect(resources.find((resource) => resource['type'] === 'Microsoft.Web/sites/extensions')?.['dependsOn']).toEqual([
      `[resourceId('${type}', parameters('siteName'), 'ftp')]`,
      `[resourceId('${type}', parameters('siteName'), 'scm')]`,
    ]);
  });

  it('gets the location of every resource, and no key', async () => {
    const deployment = await deploy();
    const { outputs } = deployment;
    const clientId = await outputOf(outputs.clientId);
    expect(environmentOf(deployment)).toEqual({
      AzureWebJobsStorage__accountName: expect.stringMatching(/^pullgate[0-9a-f]{12}$/),
      AzureWebJobsStorage__credential: 'managedidentity',
      AzureWebJobsStorage__clientId: clientId,
      APPLICATIONINSIGHTS_CONNECTION_STRING: expect.stringMatching(/^InstrumentationKey=/),
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${clientId};Authorization=AAD`,
      PULLGATE_QUEUE: 'pullgate',
      PULLGATE_QUEUE_URL: await outputOf(outputs.queueUrl),
      PULLGATE_POISON_QUEUE_URL: await outputOf(outputs.poisonQueueUrl),
      PULLGATE_TABLE_URL: await outputOf(outputs.tableUrl),
      PULLGATE_TABLE: await outputOf(outputs.tableName),
      PULLGATE_WORKSPACE_ID: await outputOf(outputs.workspaceId),
      PULLGATE_CLIENT_ID: clientId,
    });
    expect(Object.keys(outputs)).not.toEqual(expect.arrayContaining([expect.stringMatching(/^mail/)]));
  });

  it('gets the mail endpoint and the sender if there are recipients', async () => {
    const { outputs, registered } = await deploy({ notifyEmails: ['a@example.com'] });
    const { PULLGATE_MAIL_ENDPOINT: endpoint, PULLGATE_MAIL_SENDER: sender } = environmentOf({ outputs, registered });
    expect(endpoint).toMatch(/^https:\/\/pullgate-mail[0-9a-f]{8}\.europe\.communication\.azure\.com$/);
    expect(sender).toMatch(/^DoNotReply@[0-9a-f-]{36}\.azurecomm\.net$/);
    expect(outputs.mailEndpoint && (await outputOf(outputs.mailEndpoint))).toBe(endpoint);
    expect(outputs.mailSender && (await outputOf(outputs.mailSender))).toBe(sender);
  });

  it('logs only with its identity', async () => {
    const { inputs } = one(await deploy(), 'azure-native:applicationinsights:Component', 'pullgate-log');
    expect(inputs).toMatchObject({ disableLocalAuth: true, ingestionMode: 'LogAnalytics', applicationType: 'web' });
  });
});

describe('the secrets', () => {
  it('are the URL of the Logic App, the URL of the package and the connection string, and none appears in plain text', async () => {
    const { registered } = await deploy({ notifyEmails: ['a@example.com'] });
    const secrets = registered.flatMap(({ name, secrets }) => secrets.map((secret) => `${name} ${secret}`));
    expect(secrets.map((secret) => secret.replace(/-code-\w+/, '-code')).sort()).toEqual([
      'pullgate-code properties',
      'pullgate-function siteConfig',
      'pullgate-trigger actions',
    ]);
    const open = registered.flatMap(({ inputs, secrets }) =>
      Object.entries(inputs).filter(([input]) => !secrets.includes(input) && input !== 'source'),
    );
    expect(JSON.stringify(open)).not.toMatch(/[?&]sig=|InstrumentationKey=|AccountKey=/);
  });
});

describe('the code', () => {
  it('is downloaded once from a URL that is valid for three hours, and is not built remotely', async () => {
    const deployment = await deploy();
    const mark = codeMark(bundleHandler(deployment.outputs.settings));
    const packages = one(deployment, 'azure-native:storage:StorageAccount', 'pullgate-packages').inputs['accountName'];
    expect(blobOf(deployment).inputs).toMatchObject({
      accountName: packages,
      containerName: 'packages',
      blobName: `${mark}.zip`,
      type: 'Block',
      contentType: 'application/zip',
    });
    const { mode, template, parameters } = propertiesOf(deployment);
    expect(mode).toBe('Incremental');
    expect(template).toMatchObject({
      parameters: { siteName: { type: 'string' }, packageUri: { type: 'securestring' } },
      resources: [
        expect.anything(),
        expect.anything(),
        {
          type: 'Microsoft.Web/sites/extensions',
          name: "[concat(parameters('siteName'), '/onedeploy')]",
          properties: { packageUri: "[parameters('packageUri')]", remoteBuild: false },
        },
      ],
    });
    expect(parameters.siteName.value).toBe(await outputOf(deployment.outputs.functionAppName));
    const { origin, pathname, searchParams } = new URL(parameters.packageUri.value);
    expect(origin + pathname).toBe(`https://${packages}.blob.core.windows.net/packages/${mark}.zip`);
    expect(Object.fromEntries([...searchParams].filter(([key]) => key !== 'sig'))).toEqual({
      sv: '2015-04-05',
      sr: 'b',
      sp: 'r',
      spr: 'https',
      se: '2026-11-22T11:00:00.000Z',
    });
  });

  it('is not deployed again for a new signature or for settings that the function does not read', async () => {
    const [one, other] = [
      await deploy(),
      await deploy({ now: '2026-12-01T08:00:00.000Z', logRetentionDays: 30, enableDefender: true }),
    ];
    const [address, otherAddress] = [one, other].map((each) => propertiesOf(each).parameters.packageUri.value);
    expect(otherAddress).not.toBe(address);
    for (const part of [blobOf, orderOf]) expect(part(other).urn).toBe(part(one).urn);
    expect(propertiesOf(other).template).toEqual(propertiesOf(one).template);
    expect(propertiesOf(other).parameters.siteName).toEqual(propertiesOf(one).parameters.siteName);
    expect(orderOf(one).ignoreChanges).toEqual(['properties.parameters.packageUri']);
  });

  it('is deployed again, from a new package, if the code or the policy changes', async () => {
    const [one, other] = [await deploy(), await deploy({ mode: 'audit' })];
    for (const part of [blobOf, orderOf]) expect(part(other).urn).not.toBe(part(one).urn);
    expect(blobOf(other).inputs['blobName']).not.toBe(blobOf(one).inputs['blobName']);
    const bundle = bundleHandler({});
    const changed = { ...bundle, files: { ...bundle.files, 'index.mjs': 'export {};\n' } };
    expect(codeMark(bundle)).toMatch(/^[0-9a-f]{12}$/);
    expect(codeMark(changed)).not.toBe(codeMark(bundle));
  });

  it('contains the settings with the names of the config, the query and the files of the host', async () => {
    const notifyEmails = ['a@example.com'];
    const deployment = await deploy({ notifyEmails, granularity: 'repository' });
    const archive = blobOf(deployment).inputs['source'] as pulumi.asset.AssetArchive;
    const texts = Object.entries(await archive.assets).map(async ([name, asset]) => [
      name,
      await (asset as pulumi.asset.StringAsset).text,
    ]);
    const files = Object.fromEntries(await Promise.all(texts)) as Record<string, string>;
    expect(files).toEqual(bundleHandler(deployment.outputs.settings).files);
    expect(Object.keys(files).sort()).toEqual([
      'findings.kql',
      'host.json',
      'index.mjs',
      'package.json',
      'settings.json',
    ]);
    expect(JSON.parse(files['settings.json'] ?? '')).toEqual({
      severityThreshold: 'high',
      policy: { exploited: 'medium' },
      rules: [],
      mode: 'enforce',
      sweepHours: 6,
      maxClosesPerHour: 250,
      maxClosesPerDay: 1000,
      brakeExempt: 'never',
      registries: [registryId('contoso')],
      repositories: { include: ['**'], exclude: [] },
      granularity: 'repository',
      registryRoles: 'rbac',
      notifyEmails,
    });
    expect(JSON.parse(files['package.json'] ?? '')).toEqual({ type: 'module', main: 'index.mjs' });
    expect(JSON.parse(files['host.json'] ?? '')).toEqual({
      version: '2.0',
      functionTimeout: '00:10:00',
      extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
      extensions: {
        queues: {
          batchSize: 32,
          newBatchThreshold: 32,
          maxDequeueCount: 5,
          visibilityTimeout: '00:01:00',
          maxPollingInterval: '00:00:10',
          messageEncoding: 'none',
        },
      },
      logging: {
        logLevel: { default: 'Information' },
        applicationInsights: { samplingSettings: { isEnabled: false } },
      },
    });
    expect(files['findings.kql']).toBe(
      readFileSync(new URL('../../../azure/function/findings.kql', import.meta.url), 'utf8'),
    );
  });
});
