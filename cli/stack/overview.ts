// Reads all records of a stack, and observes every repository as a sweep does. Changes nothing.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { GateRecord } from '../../shared/gate/record.ts';
import { globFilter } from '../../shared/policy/glob.ts';
import { counted } from '../../shared/report/sentences.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { progressOn } from '../terminal/progress.ts';
import { repositories as countRepositories } from '../terminal/terminal.ts';
import type { Client, Observed } from './client.ts';
import { CLOUD_NAMES } from './cloud.ts';

const RECORDS_AT_ONCE = 8;
const REPOSITORIES_AT_ONCE = 4;

/** Loads all records of a cloud, sorted by name. Includes open gates, which may have pending notices or blockers. */
export async function loadRecords(client: Client): Promise<readonly GateRecord[]> {
  const gates: Gate[] = [];
  for await (const { state: _, ...gate } of client.gates()) gates.push(gate);
  const progress = progressOn();
  let done = 0;
  const loading = mapConcurrently(gates, RECORDS_AT_ONCE, async (gate) => {
    const { value } = await client.records.load(gate);
    done++;
    progress.show(() => `${done} of ${counted(gates.length, 'record')} on ${CLOUD_NAMES[client.cloud]}`);
    return value;
  });
  const records = await loading.finally(() => progress.end());
  return records
    .flatMap((record) => (record === undefined ? [] : [record]))
    .toSorted((a, b) => (gateKey(a.gate) < gateKey(b.gate) ? -1 : 1));
}

/** The observation of a whole repository. */
export interface ObservedRepository extends Observed {
  readonly gate: Gate;
}

/**
 * Observes every repository that has findings or a record.
 *
 * @param records all records of the cloud
 * @param use receives one repository at a time, because all of them may not fit into memory
 */
export async function observeEverything(
  client: Client,
  records: readonly GateRecord[],
  use: (repository: ObservedRepository) => void | Promise<void>,
): Promise<void> {
  const repositories = new Map<string, Gate>();
  const add = ({ registry, repository }: Gate) =>
    repositories.set(gateKey({ registry, repository }), { registry, repository });
  const { include, exclude } = client.settings.repositories;
  const includes = globFilter(include, exclude);
  for (const gate of await client.repositoriesWithFindings()) if (includes(gate.repository)) add(gate);
  for (const { gate } of records) add(gate);
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
