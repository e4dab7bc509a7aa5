// Everything that a stack has: its records, and observes every repository as a sweep makes them, which change nothing.

import { type Gate, type GateRecord, gateKey } from '../../shared/gate/record.ts';
import { globFilter } from '../../shared/policy/glob.ts';
import type { ImageObservation } from '../../shared/reconcile/ports.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { progressOn } from '../terminal/progress.ts';
import type { Side } from './side.ts';

const RECORDS_AT_ONCE = 8;
const LOOKS_AT_ONCE = 4;

/** Every record of a side, by name; also those of gates that stand open, of which something may be untold or remembered. */
export async function recordsOf(side: Side): Promise<readonly GateRecord[]> {
  const gates: Gate[] = [];
  for await (const { state: _, ...gate } of side.gates()) gates.push(gate);
  const progress = progressOn();
  let done = 0;
  const records = await mapConcurrently(gates, RECORDS_AT_ONCE, async (gate) => {
    const { value } = await side.records.load(gate);
    done++;
    progress.show(() => `${done} of ${gates.length} records on ${side.cloud}`);
    return value;
  });
  progress.end();
  return records
    .flatMap((record) => (record === undefined ? [] : [record]))
    .toSorted((a, b) => (gateKey(a.gate) < gateKey(b.gate) ? -1 : 1));
}

/** A look at a whole repository. */
export interface RepositoryLook {
  readonly gate: Gate;
  readonly looks: readonly ImageObservation[];
  readonly unsure: string | undefined;
}

/**
 * Observes every repository that has findings or a record.
 *
 * @param records all records of the side
 * @param use is told each look, which is then forgotten: all of them may not fit into memory
 */
export async function lookEverywhere(
  side: Side,
  records: readonly GateRecord[],
  use: (look: RepositoryLook) => void | Promise<void>,
): Promise<void> {
  const repositories = new Map<string, Gate>();
  const add = ({ registry, repository }: Gate) =>
    repositories.set(gateKey({ registry, repository }), { registry, repository });
  const { include, exclude } = side.settings.repositories;
  const includes = globFilter(include, exclude);
  for (const gate of await side.repositoriesWithFindings()) if (includes(gate.repository)) add(gate);
  for (const { gate } of records) add(gate);
  const blockersOf = Map.groupBy(records, ({ gate: { registry, repository } }) => gateKey({ registry, repository }));
  const progress = progressOn();
  let done = 0;
  await mapConcurrently([...repositories], LOOKS_AT_ONCE, async ([key, gate]) => {
    const blockers = (blockersOf.get(key) ?? []).flatMap((record) => record.blockers);
    const { looks, unsure } = await side.look(gate, blockers);
    await use({ gate, looks, unsure });
    done++;
    progress.show(() => `${done} of ${repositories.size} repositories on ${side.cloud}`);
  });
  progress.end();
}
