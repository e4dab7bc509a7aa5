// Observes a stack for a plan, as a sweep does. Changes nothing.
import { CLOUDS } from '../../config/config.ts';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { findingsIn, type Scan } from '../../shared/reconcile/observation.ts';
import { isPaused } from '../../shared/reconcile/schedule.ts';
import { counted } from '../../shared/report/sentences.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { widest } from '../simulate/subjects.ts';
import type { Client } from '../stack/client.ts';
import { connect } from '../stack/clients.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { loadRecords, type ObservedRepository, observeEverything, type StackRecords } from '../stack/overview.ts';
import type { Stack } from '../stack/stack.ts';
import { describeUnreadDetails } from '../stack/unread-details.ts';
import { sentenceOf } from '../terminal/ending.ts';
import { deployedSettings, isCovered } from './settings.ts';
import type { KnownGate, Repository, Snapshot, Target } from './snapshot.ts';

/** What to observe. */
export interface Wanted {
  /** The policies whose findings are read. */
  readonly policies: readonly [Policy, ...Policy[]];
  readonly includes: (repository: string) => boolean;
}

const READS_AT_ONCE = 8;
const ALL = { include: ['**'], exclude: [] } as const;

/**
 * Observes the clouds of a stack.
 *
 * @param wantedOn what to observe on a cloud with these settings
 */
export async function observeStack(
  stack: Stack,
  wantedOn: (settings: Target['settings'], cloud: Target['cloud']) => Wanted,
  now: () => Instant,
): Promise<Snapshot> {
  const at = now();
  const targets: Target[] = [];
  for (const cloud of CLOUDS) {
    const content = stack.contents[cloud];
    const deployed = stack[cloud];
    if (content === undefined || deployed === undefined) continue;
    const region = 'region' in deployed ? deployed.region : undefined;
    const settings = deployedSettings(cloud, content, region);
    const wanted = wantedOn(settings, cloud);
    const wide = { ...deployed, policy: widest(wanted.policies), rules: [], repositories: ALL };
    const [client] = await connect({ aws: undefined, azure: undefined, [cloud]: wide }, now);
    if (client === undefined) continue;
    targets.push({ cloud, region, settings, content, ...(await observeTarget(client, settings, wanted, at)) });
  }
  return { at, stack: stack.name, isWhole: stack.isWhole, targets };
}

async function observeTarget(
  client: Client,
  settings: Target['settings'],
  { includes }: Wanted,
  at: Instant,
): Promise<Pick<Target, 'repositories' | 'notes' | 'scannerProblem' | 'pausedAt'>> {
  const problem = await client.scannerHealth();
  const { value: pause } = await client.pause.load();
  // The function leaves gates alone whose registry is no longer part of the stack.
  const loaded = await loadRecords(client, ({ registry }) => isCovered(registry, settings));
  const repositories: Repository[] = [];
  const unsure = new Set<string>();
  const locks: LockReader = { client, unread: [] };
  const use = async (observed: ObservedRepository) => {
    if (observed.unsure !== undefined) unsure.add(`${observed.gate.repository}: ${observed.unsure}`);
    repositories.push(await withGates(observed, loaded, settings.granularity, locks));
  };
  await observeEverything(client, loaded, use, includes);
  const details = client.unreadDetails?.();
  const pulls = client.unreadPulls?.();
  const notes = [
    ...(problem === undefined ? [] : [`findings may be missing: ${problem}`]),
    ...loaded.unreadable.map(({ gate, problem: why }) => `the record of ${gateKey(gate)} cannot be read: ${why}`),
    ...unsure,
    ...unreadLocks(locks.unread),
    ...(details === undefined ? [] : [describeUnreadDetails(details)]),
    ...(pulls === undefined ? [] : [pulls]),
  ];
  return {
    repositories: repositories.toSorted((a, b) => (gateKey(a) < gateKey(b) ? -1 : 1)),
    ...(problem === undefined ? {} : { scannerProblem: problem }),
    notes: notes.map((note) => `${CLOUD_NAMES[client.cloud]}: ${note}`),
    ...(pause !== undefined && isPaused(pause, at) ? { pausedAt: pause.at } : {}),
  };
}

/** Adds the records of a repository's gates, and their locks. */
async function withGates(
  { gate: { registry, repository }, images }: ObservedRepository,
  { records }: StackRecords,
  granularity: Target['settings']['granularity'],
  locks: LockReader,
): Promise<Repository> {
  const own = records.filter(({ gate }) => gate.registry === registry && gate.repository === repository);
  const recorded = new Map(own.map((record) => [gateKey(record.gate), record]));
  const gates = new Map<string, Gate>(own.map(({ gate }) => [gateKey(gate), gate]));
  const found = images.filter((image) => findingsIn(image).length > 0).map(({ digest }) => ({ digest }));
  for (const part of granularity === 'image' ? found : [{}]) {
    const gate = { registry, repository, ...part };
    gates.set(gateKey(gate), gate);
  }
  const known = await mapConcurrently([...gates], READS_AT_ONCE, ([key, gate]) =>
    readGate(gate, recorded.get(key), locks),
  );
  return {
    registry,
    repository,
    images,
    scans: await scansOf({ registry, repository }, own, images, locks),
    gates: known,
  };
}

/** Reads locks, and collects those that cannot be read. */
interface LockReader {
  readonly client: Pick<Client, 'read' | 'scans'>;
  readonly unread: { readonly gate: Gate; readonly problem: string }[];
}

async function readGate(
  gate: Gate,
  record: GateRecord | undefined,
  { client, unread }: LockReader,
): Promise<KnownGate> {
  const known = { gate, ...(record === undefined ? {} : { record }) };
  try {
    const reading = await client.read(gate, record?.lockIds);
    return { ...known, reading: reading === undefined ? 'gone' : { lock: reading.lock, inUse: reading.inUse } };
  } catch (error) {
    unread.push({ gate, problem: sentenceOf(error, 'reads') });
    return known;
  }
}

function unreadLocks(unread: LockReader['unread']): readonly string[] {
  const [first] = unread;
  if (first === undefined) return [];
  const more = unread.length === 1 ? '' : ` and ${counted(unread.length - 1, 'more gate')}`;
  return [`locks that could not be read count as open and unused: ${gateKey(first.gate)}${more} (${first.problem})`];
}

/** The scans that may prove a blocker clean. */
async function scansOf(
  gate: Gate,
  records: readonly GateRecord[],
  images: Repository['images'],
  { client }: LockReader,
): Promise<Repository['scans']> {
  const isPresent = new Set(images.filter(({ presence }) => presence === 'present').map(({ digest }) => digest));
  const digests = records.flatMap(({ blockers }) => blockers.map(({ digest }) => digest));
  const asked = [...new Set(digests)].filter((digest) => isPresent.has(digest));
  const scans: ReadonlyMap<string, Scan> = asked.length === 0 ? new Map() : await client.scans(gate, asked);
  return Object.fromEntries(scans);
}
