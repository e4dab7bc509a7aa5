// The client for a stack on Azure.
import type { ContainerRegistryClient } from '@azure/container-registry';
import { isRestError } from '@azure/core-rest-pipeline';
import { DefaultAzureCredential } from '@azure/identity';
import { type Adapters, createAdapters } from '../../azure/function/adapters.ts';
import { createAttributeLock, type Snapshot } from '../../azure/function/attribute-lock.ts';
import type { Attribution } from '../../azure/function/attribution.ts';
import { type Clients, createClients } from '../../azure/function/clients.ts';
import { unlessAbsent } from '../../azure/function/images.ts';
import type { AzureRegistry } from '../../azure/function/registry.ts';
import { registryIn } from '../../azure/function/registry-id.ts';
import { createSweepPorts } from '../../azure/function/sweep.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { withOwner } from '../../shared/reconcile/owner.ts';
import type { Ports, Registry } from '../../shared/reconcile/ports.ts';
import { createRules } from '../../shared/reconcile/rules.ts';
import type { Outcome } from '../../shared/report/decision.ts';
import { gateName } from '../../shared/report/sentences.ts';
import { LOCKS_ROLE, roleMissing, UsageError } from '../terminal/ending.ts';
import { createPullReader } from './azure-pulls.ts';
import { findImagesWithoutRow } from './azure-without-row.ts';
import {
  type Client,
  deliverByCommand,
  type Found,
  type FoundImage,
  type Obstacle,
  reconcileByCommand,
  type Unattributed,
} from './client.ts';
import type { ImageName } from './image-name.ts';
import type { AzureStack } from './stack.ts';

/**
 * Creates the client for a stack on Azure.
 *
 * @param sdk the SDK's clients. Default: clients with the credentials of this machine
 */
export function createAzureClient(
  settings: AzureStack,
  now: () => Instant,
  sdk = createClients(settings, new DefaultAzureCredential()),
): Client {
  const worker = { settings, clients: sdk, now };
  const adapters = createAdapters(worker);
  const { table, pause, queue } = adapters;
  const pulls = createPullReader(adapters.pulls);
  let unattributed: Unattributed | undefined;
  // The function logs the counts, and a command returns them.
  const sweepPorts = createSweepPorts(worker, adapters, createRules(settings, 'pause'), (line) => {
    if (line.kind === 'attribution') unattributed = unattributedIn(line);
  });
  const reader: Reader = { ...adapters, granularity: settings.granularity, openRegistry: sdk.registry };
  const portsFor = async ({ registry }: Gate) => portsOf(adapters, await findRegistry(adapters, registry), now);
  return {
    cloud: 'azure',
    settings,
    pause,
    sweep: table.row('sweep'),
    brake: table.row('brake'),
    records: table.records,
    gates: () => table.gates(),
    deadLetters: () => queue.deadLetterCount(),
    scannerHealth: () => namingRole(sweepPorts.scannerHealth()),
    repositoriesWithFindings: () => namingRole(sweepPorts.repositoriesWithFindings()),
    unattributed: () => unattributed,
    imagesWithoutRow: () => namingRole(findImagesWithoutRow(adapters, sdk.queues, settings.poisonQueueUrl)),
    find: (name) => findImage(reader, name),
    async observe(gate, blockers, also = []) {
      const port = (await findRegistry(adapters, gate.registry)).port();
      const known = [...blockers.map(({ digest }) => digest), ...also];
      const images = await namingRole(port.observe(gate, 'all', [...new Set(known)]));
      return { images: await pulls.addTo(gate, images) };
    },
    lastPulls: pulls.read,
    unreadPulls: pulls.problem,
    unreadDetails() {
      const line = adapters.details.takeLine();
      return line === undefined || line.unread === 0 ? undefined : line;
    },
    async scans(gate, digests) {
      return (await findRegistry(adapters, gate.registry)).port().scans(gate, digests);
    },
    obstacles: (image) => findObstacles(reader, image),
    repositoryObstacles: async () => [],
    read: async (gate) => (await portsFor(gate)).registry.read(gate),
    openByMark: async (gate) => openUnmarked(gate, await portsFor(gate)),
    reconcile: (...asked) => reconcileByCommand(settings, portsFor, ...asked),
    // Without recipients the notices go to the log, and only the function writes to it.
    deliver: async (gates) =>
      settings.notifyEmails.length === 0
        ? { gates: 0, failures: [] }
        : deliverByCommand(
            adapters.deliveryWith(() => {}),
            gates,
          ),
  };
}

function unattributedIn({ unattributed, unread, assessments }: Attribution['counts']): Unattributed | undefined {
  return unattributed + unread === 0 ? undefined : { unattributed, unread, assessments };
}

/**
 * Finds the stack's registry with this id.
 *
 * @throws UsageError if the registry is no longer part of the stack
 */
async function findRegistry({ registryOfStack }: Adapters, id: string): Promise<AzureRegistry> {
  const named = registryIn(id);
  const registry = named === undefined ? undefined : await registryOfStack(named);
  if (registry !== undefined) return registry;
  throw new UsageError(
    `the registry ${id} is no longer part of the stack: add it to pullgate:azure.registries, run \`pulumi up\`, then run this command again`,
  );
}

/** The function's ports. If the registry denies a write, the error names the role that the operator needs. */
function portsOf({ portsFrom }: Adapters, registry: AzureRegistry, now: () => Instant): Ports<Snapshot> {
  const ports = portsFrom(now(), registry, () => {});
  const write: Registry<Snapshot>['write'] = async (...asked) => {
    const written = await ports.registry.write(...asked);
    if (written.kind !== 'refused' || (written.status !== 401 && written.status !== 403)) return written;
    return { ...written, problem: roleMissing('the registry', written.status, LOCKS_ROLE) };
  };
  return { ...ports, registry: { ...ports.registry, write } };
}

/** An attribute lock carries no mark, so only a person can say whether it is pullgate's. */
async function openUnmarked(gate: Gate, { registry }: Ports<Snapshot>): Promise<Outcome> {
  const reading = await registry.read(gate);
  if (reading === undefined || reading.lock === 'absent') return { action: 'nothing' };
  const what = `--${gate.digest === undefined ? 'repository' : 'image'} ${gateName(gate)}`;
  // https://learn.microsoft.com/azure/container-registry/container-registry-image-lock#unlock-an-image-or-repository
  return {
    action: 'refused',
    problem: `it is locked, and without its record it is unknown who locked it. If pullgate did, run: az acr repository update --name ${gate.registry.split('/').at(-1)} ${what} --read-enabled true`,
  };
}

/** What is needed to find images and locks. */
interface Reader extends Pick<Adapters, 'registries' | 'table'> {
  readonly granularity: AzureStack['granularity'];
  readonly openRegistry: Clients['registry'];
}

async function findImage(
  { registries, granularity, openRegistry }: Reader,
  { registry: { host }, repository, tag, digest }: ImageName,
): Promise<Found> {
  const all = await registries.all();
  const resolved = all.filter((one) => one.kind === 'resolved');
  const registry = resolved.find(({ loginServer }) => loginServer.toLowerCase() === host);
  if (registry === undefined) {
    const names = all.map((one) =>
      one.kind === 'resolved' ? one.loginServer : `${one.name} (you cannot read it in Azure Resource Manager)`,
    );
    return { kind: 'elsewhere', registries: names };
  }
  const client = openRegistry(registry.loginServer);
  const reference =
    digest ?? (await unlessAbsent(client.getArtifact(repository, tag ?? '').getTagProperties(tag ?? '')))?.digest;
  const image =
    reference === undefined
      ? undefined
      : await unlessAbsent(client.getArtifact(repository, reference).getManifestProperties());
  if (image === undefined) {
    const isThere = (await unlessAbsent(client.getRepository(repository).getProperties())) !== undefined;
    return { kind: 'absent', what: isThere ? 'image' : 'repository' };
  }
  const children = image.relatedArtifacts.map((child) => ({
    digest: child.digest,
    platform: [child.operatingSystem, child.architecture].filter((part) => part !== undefined).join('/'),
  }));
  const whole: Gate = { registry: registry.id, repository };
  const digests = [image.digest, ...children.map((child) => child.digest)];
  return {
    kind: 'found',
    ...whole,
    digest: image.digest,
    tags: image.tags,
    tag,
    children,
    gates: granularity === 'image' ? digests.map((one) => ({ ...whole, digest: one })) : [whole],
    problem: registry.problem,
  };
}

/** Reads locks of both granularities: a lock may remain from before the setting changed. */
async function findObstacles(
  reader: Reader,
  { registry, repository, digest, tag, children }: FoundImage,
): Promise<readonly Obstacle[]> {
  const id = registryIn(registry);
  const resolved = id === undefined ? undefined : await reader.registries.find(id);
  if (resolved === undefined) return [];
  const client = reader.openRegistry(resolved.loginServer);
  const whole: Gate = { registry, repository };
  const lock = (gate: Gate, what: string) => readLock(reader, client, gate, `readEnabled of ${what} is false`);
  const ofGates = await Promise.all([
    lock(whole, 'the repository'),
    lock({ ...whole, digest }, 'the image'),
    ...children.map((child) =>
      lock({ ...whole, digest: child.digest }, `its image for ${child.platform || child.digest}`),
    ),
  ]);
  return [...ofGates.flat(), ...(tag === undefined ? [] : await readTagLock(client, repository, tag))];
}

/** An attribute lock carries no id. It is pullgate's lock if the record shows that pullgate set it. */
async function readLock(
  { table }: Reader,
  client: ContainerRegistryClient,
  gate: Gate,
  what: string,
): Promise<readonly Obstacle[]> {
  const reading = await createAttributeLock(client).read(gate);
  if (reading === undefined || reading.lock === 'absent') return [];
  const { value: record } = await table.records.load(gate);
  if (record === undefined || withOwner(reading, record).lock === 'foreign')
    return [{ by: 'others', for: 'everyone', what }];
  return [{ by: 'pullgate', for: 'everyone', what, since: record.closedSince ?? record.since }];
}

/** pullgate never locks tags, so a locked tag belongs to someone else. */
async function readTagLock(client: ContainerRegistryClient, repository: string, tag: string) {
  const found = await unlessAbsent(client.getArtifact(repository, tag).getTagProperties(tag));
  const obstacle: Obstacle = { by: 'others', for: 'everyone', what: `readEnabled of the tag ${tag} is false` };
  return found?.canRead === false ? [obstacle] : [];
}

/** Names the missing role if Log Analytics denies access, because it differs from the role on the registry. */
async function namingRole<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (cause) {
    const status = isRestError(cause) && isOfWorkspace(cause.request?.url) ? cause.statusCode : undefined;
    if (status !== 401 && status !== 403) throw cause;
    throw new UsageError(roleMissing('Log Analytics', status, WORKSPACE_ROLE), { cause });
  }
}

const WORKSPACE_ROLE = "Log Analytics Reader on the stack's workspace";

function isOfWorkspace(url: string | undefined): boolean {
  return url !== undefined && /[.]loganalytics[.]/.test(new URL(url).host);
}
