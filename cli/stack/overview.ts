// Reads all records of a stack, and observes every repository as a sweep does. Changes nothing.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import { globFilter } from '../../shared/policy/glob.ts';
import { counted } from '../../shared/report/sentences.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { sentenceOf } from '../terminal/ending.ts';
import { progressOn } from '../terminal/progress.ts';
import { repositories as countRepositories } from '../terminal/terminal.ts';
import type { Client, Observed } from './client.ts';
import { CLOUD_NAMES } from './cloud.ts';

const RECORDS_AT_ONCE = 8;
const REPOSITORIES_AT_ONCE = 4;

/** A gate whose record cannot be read. */
export interface UnreadableGate {
  readonly gate: Gate;
  readonly problem: string;
}

/** The records of a cloud, both lists sorted by name. One that cannot be read stops no other. */
export interface StackRecords {
  readonly records: readonly GateRecord[];
  readonly unreadable: readonly UnreadableGate[];
}

/**
 * Loads the records of a cloud. Includes open gates, which may have pending notices or blockers.
 *
 * @param isWanted selects the gates by their name and listed state. Default: all
 */
export async function loadRecords(
  client: Pick<Client, 'cloud' | 'gates' | 'records'>,
  isWanted: (gate: Gate, state: string) => boolean = () => true,
): Promise<StackRecords> {
  const gates: Gate[] = [];
  for await (const { state, ...gate } of client.gates()) if (isWanted(gate, state)) gates.push(gate);
  const progress = progressOn();
  const records: GateRecord[] = [];
  const unreadable: UnreadableGate[] = [];
  const loading = mapConcurrently(gates, RECORDS_AT_ONCE, async (gate) => {
    try {
      const { value } = await client.records.load(gate);
      if (value !== undefined) records.push(value);
    } catch (error) {
      unreadable.push({ gate, problem: sentenceOf(error, 'reads') });
    }
    const done = records.length + unreadable.length;
    progress.show(() => `${done} of ${counted(gates.length, 'record')} on ${CLOUD_NAMES[client.cloud]}`);
  });
  await loading.finally(() => progress.end());
  return { records: records.toSorted(byName), unreadable: unreadable.toSorted(byName) };
}

function byName(a: { readonly gate: Gate }, b: { readonly gate: Gate }): number {
  return gateKey(a.gate) < gateKey(b.gate) ? -1 : 1;
}

/** The observation of a whole repository. */
export interface ObservedRepository extends Observed {
  readonly gate: Gate;
}

/**
 * Observes every repository that has findings or a record, even one that cannot be read.
 *
 * @param loaded all records of the cloud
 * @param use receives one repository at a time, because all of them may not fit into memory
 * @param includes selects the repositories without a record. Default: by the deployed config
 */
export async function observeEverything(
  client: Client,
  { records, unreadable }: StackRecords,
  use: (repository: ObservedRepository) => void | Promise<void>,
  includes: (repository: string) => boolean = includedIn(client.settings),
): Promise<void> {
  const repositories = new Map<string, Gate>();
  const add = ({ registry, repository }: Gate) =>
    repositories.set(gateKey({ registry, repository }), { registry, repository });
  for (const gate of await client.repositoriesWithFindings()) if (includes(gate.repository)) add(gate);
  for (const { gate } of [...records, ...unreadable]) add(gate);
  const recordsOf = Map.groupBy(records, ({ gate: { registry, repository } }) => gateKey({ registry, repository }));
  const progress = progressOn();
  let done = 0;
  const observing = mapConcurrently([...repositories], REPOSITORIES_AT_ONCE, async ([key, gate]) => {
    const blockers = (recordsOf.get(key) ?? []).flatMap((record) => record.blockers);
    await use({ gate, ...(await client.observe(gate, blockers)) });
    done++;
    progress.show(() => `${done} of ${countRepositories(repositories.size)} on ${CLOUD_NAMES[client.cloud]}`);
  });
  await observing.finally(() => progress.end());
}

function includedIn({ repositories: { include, exclude } }: Client['settings']) {
  return globFilter(include, exclude);
}
