// The identities of the function, the Logic App and the registry's system topic reach only their own stack's resources.

import { expect, test } from 'vitest';
import { type Clients, createClients } from '../../azure/function/clients.ts';
import { registryIn } from '../../azure/function/registry-id.ts';
import type { LocalAzure } from '../../local/azure/cloud.ts';
import type { Principal } from '../../local/azure/principals.ts';
import { fieldsOf, named, text } from '../../local/azure/resources-fields.ts';
import type { Stack } from '../../local/azure/stacks.ts';
import { type Graph, graphOf } from '../../local/graph.ts';
import type { Pulled } from '../../local/oci-client.ts';
import { graphFor, REGISTRY, registryId, stage } from '../e2e/azure/stage.ts';

const ASSIGNMENT = 'azure-native:authorization:RoleAssignment';
const OTHER_REGISTRY = registryId('otherimages');

/** The one resource on which each role is assigned. */
const ON: Readonly<Record<string, string>> = {
  'registry-acmeimages': REGISTRY,
  findings: 'azure-native:operationalinsights:Workspace pullgate-workspace',
  host: 'azure-native:storage:StorageAccount pullgate-storage',
  queue: 'azure-native:storage:Queue pullgate-queue',
  poison: 'azure-native:storage:Queue pullgate-poison',
  records: 'azure-native:storage:Table pullgate-records',
  log: 'azure-native:applicationinsights:Component pullgate-log',
  mail: 'azure-native:communication:CommunicationService pullgate-mail',
  events: 'azure-native:storage:Queue pullgate-queue',
  'push-acmeimages': 'azure-native:storage:Queue pullgate-queue',
};
/** A config with every role. */
const CONFIG = { azure: { pushEvents: true } };

test('each role is assigned only on its one resource, not on a parent', async () => {
  const { resources } = await graphFor(CONFIG);
  const idOf = new Map(resources.map(({ type, name, id }) => [`${type} ${name}`, id]));
  const scopes = resources
    .filter(({ type }) => type === ASSIGNMENT)
    .map(({ name, inputs }) => [name.replace(/^pullgate-(.+)-role$/, '$1'), inputs['scope']]);
  const wanted = Object.entries(ON).map(([end, on]) => [end, on.startsWith('/') ? on : idOf.get(on)]);
  expect(Object.fromEntries(scopes)).toEqual(Object.fromEntries(wanted));
});

/** The endpoints of a stack's resources. */
interface Target {
  readonly stack: Stack;
  readonly graph: Graph;
  readonly registry: string;
  readonly loginServer: string;
}

/** The endpoint and the sender of a stack's mails. */
function mailOf({ graph }: Target) {
  const service = named(graph, 'azure-native:communication:CommunicationService');
  const domain = named(graph, 'azure-native:communication:Domain');
  return {
    endpoint: `https://${text(service, 'hostName')}`,
    sender: `DoNotReply@${text(domain, 'mailFromSenderDomain')}`,
  };
}

function credentialOf(cloud: LocalAzure, who: Principal) {
  return {
    getToken: async (scopes: string | string[]) => ({
      token: cloud.principals.issue(who, [scopes].flat()[0] ?? '').token,
      expiresOnTimestamp: Date.now() + 3_600_000,
    }),
  };
}

/** The function's own clients for the resources of a stack, with the credential of any principal. */
function clientsOf(cloud: LocalAzure, who: Principal, target: Target): Clients {
  const { table } = target.stack;
  const where = { tableUrl: table.url, tableName: table.name, mail: mailOf(target) };
  return createClients(where, credentialOf(cloud, who), cloud.clientOptions);
}

const MESSAGE = '<QueueMessage><MessageText>e30=</MessageText></QueueMessage>';

/**
 * Tries every operation of the function and the Logic App on the resources of a stack, and some more. Returns the
 * result of each.
 */
async function tried(cloud: LocalAzure, who: Principal, target: Target): Promise<Readonly<Record<string, string>>> {
  const clients = clientsOf(cloud, who, target);
  const images = cloud.oci(credentialOf(cloud, who));
  const { stack, registry, loginServer } = target;
  const id = registryIn(registry);
  if (id === undefined) throw new Error(`${registry} is not a registry`);
  const repository = clients.registry(loginServer).getRepository('team/app');
  const mail = {
    senderAddress: mailOf(target).sender,
    recipients: { to: [{ address: 'a@example.com' }] },
    content: { subject: 'x', plainText: 'x' },
  };
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    'send to the queue': () => clients.queues.send('POST', `${stack.queue.url}/messages`, MESSAGE),
    'read the queue': () => clients.queues.send('GET', `${stack.queue.url}/messages?peekonly=true`),
    'send to the poison queue': () => clients.queues.send('POST', `${stack.poisonQueue.url}/messages`, MESSAGE),
    'write a record': () => clients.table.upsertEntity({ partitionKey: 'x', rowKey: 'x' }),
    'read the records': () => clients.table.listEntities().next(),
    'query the workspace': () => clients.logs.queryWorkspace(stack.customerId, QUERY, { duration: 'P1D' }),
    'describe the registry': () => clients.describeRegistry(id),
    'read an attribute': () => repository.getProperties(),
    'change an attribute': () => repository.updateProperties({ canRead: true }),
    'pull an image': () => done(images.pull(target, 'team/app', 'v1')),
    'push an image': () => done(images.push(target, 'team/app', 'v2', 'not wanted')),
    'delete an image': () => repository.getArtifact('v1').delete(),
    'send a mail': async () => clients.mail?.client.beginSend(mail),
  };
  const outcomes: [string, string][] = [];
  for (const [what, call] of Object.entries(calls)) outcomes.push([what, await call().then(() => 'done', refusalOf)]);
  return Object.fromEntries(outcomes);
}

const QUERY = 'SecurityRecommendation | project TimeGenerated';

/** Throws if the registry refuses. */
async function done(image: Promise<Pulled>): Promise<void> {
  const { status } = await image;
  if (status !== 200) throw new Error(`the registry answers ${status} `);
}

function refusalOf(error: unknown): string {
  const { statusCode, message } = error as { readonly statusCode?: number; readonly message: string };
  const status = statusCode ?? Number(/(?:answers|status) (\d{3})[ ,]/.exec(message)?.[1]);
  if (status === 401 || status === 403) return 'refused';
  throw error;
}

test('the identities reach their own stack, and nothing of another stack', async () => {
  const s = await stage(CONFIG, { registries: { [OTHER_REGISTRY]: { roleMode: 'AbacRepositoryPermissions' } } });
  const others = await graphOf(
    {
      'azure-native:location': 'westeurope',
      'pullgate:clouds': ['azure'],
      'pullgate:notifyEmails': ['others@example.com'],
      'pullgate:azure': { registries: [OTHER_REGISTRY], registryRoles: 'abac' },
    },
    { stack: 'other' },
  );
  await s.cloud.deploy(others, { stack: 'other' });
  for (const registry of [REGISTRY, OTHER_REGISTRY]) s.cloud.acr.registry(registry).push('team/app', { tag: 'v1' });
  const own = targetOf('main', s.graph, REGISTRY);
  const other = targetOf('other', others, OTHER_REGISTRY);
  function targetOf(name: string, graph: Graph, registry: string): Target {
    return { stack: s.cloud.stack(name), graph, registry, loginServer: s.cloud.acr.registry(registry).loginServer };
  }

  const reached = await tried(s.cloud, s.cloud.identity, own);
  const refused = Object.fromEntries(Object.keys(reached).map((what) => [what, 'refused']));
  const all = Object.fromEntries(Object.keys(reached).map((what) => [what, 'done']));
  const atImages = { 'push an image': 'refused', 'delete an image': 'refused' };
  expect(reached).toEqual({ ...all, ...atImages });
  expect(await tried(s.cloud, s.cloud.identity, other)).toEqual(refused);

  // In ABAC mode, the permission to read attributes does not include pulls.
  const { identity } = other.stack;
  expect(await tried(s.cloud, identity, other)).toEqual({ ...all, ...atImages, 'pull an image': 'refused' });
  expect(await tried(s.cloud, identity, own)).toEqual(refused);

  for (const type of ['azure-native:logic:Workflow', 'azure-native:eventgrid:SystemTopic']) {
    const sender = systemAssigned(s.graph, type);
    expect(await tried(s.cloud, sender, own)).toEqual({ ...refused, 'send to the queue': 'done' });
    expect(await tried(s.cloud, sender, other)).toEqual(refused);
  }
});

/** The system-assigned identity of the only resource of a type. */
function systemAssigned(graph: Graph, type: string): Principal {
  const { principalId } = fieldsOf(named(graph, type)['identity']);
  return { id: String(principalId), name: type };
}
