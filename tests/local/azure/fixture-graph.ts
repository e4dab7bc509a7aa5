// A small stack for the tests of the local Azure itself: a small function with its queues, table, workspace,
// automations and Logic App.
import { buildSync } from 'esbuild';
import type { AssessOptions } from '../../../local/azure/defender.ts';
import { answerCall, answerRegistration, placeOf } from '../../../local/azure/graph-mocks.ts';
import type { Graph, GraphResource } from '../../../local/graph.ts';

const PLACE = placeOf({});
export const REGISTRY = `/subscriptions/${PLACE.subscription}/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeimages`;

export const DIGEST = `sha256:${'a'.repeat(64)}`;
/** A report for Defender about an image. */
export const IMAGE: AssessOptions = {
  registry: REGISTRY,
  repository: 'team/app',
  digest: DIGEST,
  tags: ['v1'],
  package: { name: 'openssl', version: '1.0', fixedVersion: '1.1' },
  cves: [
    { id: 'CVE-2026-0001', severity: 'Critical', score: 9.8, publishedAt: new Date('2026-01-01T00:00:00Z') },
    { id: 'CVE-2026-0002', severity: 'Low' },
  ],
};

/** Logs each message, and runs a message of `{"do": ...}`. */
export const ECHO = `
import { getHeapStatistics } from 'node:v8';
import { app } from '@azure/functions';
import { ManagedIdentityCredential } from '@azure/identity';
import { LogsQueryClient } from '@azure/monitor-query';
let invocations = 0;
app.storageQueue('message', {
  queueName: '%PULLGATE_QUEUE%',
  connection: 'AzureWebJobsStorage',
  async handler(body, context) {
    invocations += 1;
    const { dequeueCount, insertionTime } = context.triggerMetadata;
    context.log(JSON.stringify({ kind: 'seen', body, invocations, dequeueCount, inserted: insertionTime, now: new Date().toISOString() }));
    if (body.do === 'throw') throw new Error('told to');
    if (body.do === 'hang') await new Promise((resolve) => setTimeout(resolve, 60_000));
    if (body.do === 'console') console.log('a line of the console');
    if (body.do === 'heap') context.log(JSON.stringify({ kind: 'heap', megabytes: getHeapStatistics().heap_size_limit / 2 ** 20 }));
    if (body.do === 'exit') {
      await new Promise((resolve) => setTimeout(resolve, 50));
      context.log(JSON.stringify({ kind: 'last words' }));
      process.exit(1);
    }
    if (body.do === 'wait') await new Promise((resolve) => setTimeout(resolve, 200));
    if (body.do === 'environment') context.log(JSON.stringify({ kind: 'environment', names: Object.keys(process.env).sort() }));
    if (body.do === 'token') {
      const { token } = await new ManagedIdentityCredential({ clientId: process.env.PULLGATE_CLIENT_ID }).getToken('https://storage.azure.com/.default');
      context.log(JSON.stringify({ kind: 'token', parts: token.split('.').length }));
    }
    if (body.do === 'query') {
      const client = new LogsQueryClient(new ManagedIdentityCredential({ clientId: process.env.PULLGATE_CLIENT_ID }), { retryOptions: { maxRetries: 0 } });
      const { tables } = await client.queryWorkspace(process.env.PULLGATE_WORKSPACE_ID, 'SecurityRecommendation | project RecommendationName', { duration: 'P1D' });
      context.log(JSON.stringify({ kind: 'queried', rows: tables[0].rows.length }));
    }
    return body.answer;
  },
});
app.timer('tick', {
  schedule: '0 */5 * * * *',
  handler(timer, context) {
    context.log(JSON.stringify({ kind: 'tick', isPastDue: timer.isPastDue, now: new Date().toISOString() }));
  },
});
`;

const bundles = new Map<string, string>();

/**
 * Bundled as the program bundles its function: with the SDK's packages, but without the module that the host supplies.
 */
export function bundled(code: string): string {
  const known = bundles.get(code);
  if (known !== undefined) return known;
  const { outputFiles } = buildSync({
    stdin: { contents: code, resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: ['@azure/functions-core'],
    banner: { js: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);" },
    logLevel: 'silent',
  });
  const text = outputFiles[0]?.text ?? '';
  bundles.set(code, text);
  return text;
}

export interface FixtureOptions {
  /** Default: ECHO. */
  readonly code?: string;
  /** Files of the archive that are added to the fixture's own or replace them. */
  readonly files?: Readonly<Record<string, string>>;
  readonly host?: Readonly<Record<string, unknown>>;
  readonly queues?: Readonly<Record<string, unknown>>;
  readonly settings?: Readonly<Record<string, string>>;
  /** The names of the role assignments to omit: host, queue, poison, log, workspace, sender. */
  readonly without?: readonly string[];
  /** Changes a resource's inputs, by the resource's name in the program. */
  readonly change?: (name: string, inputs: Fields) => Fields;
  readonly actions?: Fields;
  readonly stack?: string;
}
type Fields = Readonly<Record<string, unknown>>;

const ROLES = {
  blobOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  queueContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
  queueSender: 'c6a89b2d-59bc-44d0-9896-0f6e12d7b80a',
  metricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb',
  logReader: '73c42c96-874c-492b-b04d-ab87d138a893',
};

export function fixtureGraph(options: FixtureOptions = {}): Graph {
  const { code = ECHO, files = {}, host = {}, queues = {}, settings = {}, without = [], stack = 'fixture' } = options;
  const resources: GraphResource[] = [];
  const resourceGroupName = `group-${stack}`;
  const add = (type: string, name: string, given: Fields): { readonly id: string; readonly [key: string]: unknown } => {
    const inputs = options.change?.(name, given) ?? given;
    const wanted = {
      type: `azure-native:${type}`,
      name,
      inputs: { resourceGroupName, location: PLACE.location, ...inputs },
    };
    const { id, state } = answerRegistration(PLACE, stack, wanted);
    resources.push({
      type: wanted.type,
      name,
      urn: `urn:${name}`,
      parent: undefined,
      inputs: wanted.inputs,
      outputs: state,
      id,
    });
    return { ...state, id };
  };
  const account = `fixture${stack}`.replaceAll('-', '');
  const storage = add('storage:StorageAccount', 'storage', { accountName: account });
  add('storage:StorageAccount', 'packages', { accountName: `${account}pkg` });
  const queue = add('storage:Queue', 'queue', { accountName: account, queueName: 'work' });
  const poison = add('storage:Queue', 'poison', { accountName: account, queueName: 'work-poison' });
  add('storage:Table', 'table', { accountName: account, tableName: 'records' });
  add('storage:BlobContainer', 'deployments', { accountName: account, containerName: 'deployments' });
  const blob = add('storage:Blob', 'blob', {
    accountName: `${account}pkg`,
    containerName: 'packages',
    blobName: 'one.zip',
  });
  const identity = add('managedidentity:UserAssignedIdentity', 'identity', {});
  const workspace = add('operationalinsights:Workspace', 'workspace', {});
  const component = add('applicationinsights:Component', 'log', {});
  const plan = add('web:AppServicePlan', 'plan', { sku: { name: 'FC1', tier: 'FlexConsumption' } });
  const appSettings = {
    AzureWebJobsStorage__accountName: account,
    AzureWebJobsStorage__credential: 'managedidentity',
    AzureWebJobsStorage__clientId: String(identity['clientId']),
    APPLICATIONINSIGHTS_CONNECTION_STRING: String(component['connectionString']),
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${identity['clientId']};Authorization=AAD`,
    PULLGATE_QUEUE: 'work',
    PULLGATE_TABLE: 'records',
    PULLGATE_WORKSPACE_ID: String(workspace['customerId']),
    PULLGATE_CLIENT_ID: String(identity['clientId']),
    ...settings,
  };
  const app = add('web:WebApp', 'app', {
    serverFarmId: plan.id,
    identity: { type: 'UserAssigned', userAssignedIdentities: [identity.id] },
    functionAppConfig: {
      runtime: { name: 'node', version: '24' },
      scaleAndConcurrency: { instanceMemoryMB: 512, maximumInstanceCount: 40 },
      deployment: {
        storage: {
          type: 'blobContainer',
          value: `https://${account}.blob.core.windows.net/deployments`,
          authentication: { type: 'UserAssignedIdentity', userAssignedIdentityResourceId: identity.id },
        },
      },
    },
    siteConfig: { secret: { appSettings: Object.entries(appSettings).map(([name, value]) => ({ name, value })) } },
  });
  add('resources:Deployment', 'code', {
    properties: {
      template: {
        resources: [
          {
            type: 'Microsoft.Web/sites/extensions',
            name: "[concat(parameters('siteName'), '/onedeploy')]",
            properties: { packageUri: "[parameters('packageUri')]", remoteBuild: false },
          },
        ],
      },
      parameters: { siteName: { value: app['name'] }, packageUri: { value: { secret: `${blob['url']}?sig=x` } } },
    },
  });
  const logicApp = add('logic:Workflow', 'workflow', {
    definition: {
      $schema:
        'https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#',
      contentVersion: '1.0.0.0',
      parameters: {},
      triggers: { manual: { type: 'Request', kind: 'Http', inputs: { schema: {} } } },
      actions: options.actions ?? {
        Names: { type: 'Compose', inputs: { id: "@triggerBody()?['id']" }, runAfter: {} },
        Send: {
          type: 'Http',
          inputs: {
            method: 'POST',
            uri: `https://${account}.queue.core.windows.net/work/messages`,
            headers: { 'x-ms-version': '2023-11-03', 'x-ms-date': "@{utcNow('R')}", 'Content-Type': 'application/xml' },
            body: "<QueueMessage><MessageText>@{base64(string(outputs('Names')))}</MessageText></QueueMessage>",
            authentication: { type: 'ManagedServiceIdentity', audience: 'https://storage.azure.com/' },
            retryPolicy: {
              type: 'exponential',
              count: 3,
              interval: 'PT7S',
              minimumInterval: 'PT5S',
              maximumInterval: 'PT15M',
            },
          },
          runAfter: { Names: ['Succeeded'] },
        },
      },
      outputs: {},
    },
  });
  const { value: uri } = answerCall(PLACE, 'azure-native:logic:listWorkflowTriggerCallbackUrl', {
    resourceGroupName,
    workflowName: logicApp['name'],
    triggerName: 'manual',
  });
  const scopes = [{ scopePath: `/subscriptions/${PLACE.subscription}` }];
  add('security:Automation', 'export', {
    scopes,
    sources: ['Assessments', 'AssessmentsSnapshot', 'SubAssessments', 'SubAssessmentsSnapshot'].map((eventSource) => ({
      eventSource,
    })),
    actions: [{ actionType: 'Workspace', workspaceResourceId: workspace.id }],
  });
  add('security:Automation', 'trigger', {
    scopes,
    sources: [
      {
        eventSource: 'Assessments',
        ruleSets: [{ rules: [rule('properties.metadata.recommendationCategory', 'Equals', 'softwareupdate')] }],
      },
      { eventSource: 'SubAssessments' },
    ],
    actions: { secret: [{ actionType: 'LogicApp', logicAppResourceId: logicApp.id, uri }] },
  });
  const assign = (name: string, role: string, principalId: unknown, scope: string) => {
    if (!without.includes(name))
      add('authorization:RoleAssignment', name, { principalId, roleDefinitionId: role, scope });
  };
  assign('host', ROLES.blobOwner, identity['principalId'], storage.id);
  assign('queue-role', ROLES.queueContributor, identity['principalId'], queue.id);
  assign('poison-role', ROLES.queueContributor, identity['principalId'], poison.id);
  assign('log-role', ROLES.metricsPublisher, identity['principalId'], component.id);
  assign('workspace-role', ROLES.logReader, identity['principalId'], workspace.id);
  assign('sender', ROLES.queueSender, (logicApp['identity'] as Fields)['principalId'], queue.id);
  const hostJson = {
    version: '2.0',
    functionTimeout: '00:00:05',
    extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
    extensions: {
      queues: { batchSize: 2, newBatchThreshold: 1, maxDequeueCount: 3, visibilityTimeout: '00:01:00', ...queues },
    },
    ...host,
  };
  const archive = {
    'host.json': JSON.stringify(hostJson),
    'package.json': JSON.stringify({ type: 'module', main: 'index.mjs' }),
    'settings.json': JSON.stringify({ registries: [REGISTRY] }),
    'index.mjs': bundled(code),
    ...files,
  };
  return { resources, outputs: {}, archives: { 'urn:blob': archive }, warnings: [], loaded: [] };
}

export function rule(propertyJPath: string, operator: string, expectedValue: string, propertyType = 'String') {
  return { propertyJPath, propertyType, operator, expectedValue };
}
