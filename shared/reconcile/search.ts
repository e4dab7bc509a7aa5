// Looks for locks in repositories without a record: ours, if a record was lost, and those of other deployments. A sweep
// reads some of them, and the next one goes on from there.
import { type Gate, gateKey } from '../gate/gate.ts';
import { chunksOf } from '../runtime/chunks.ts';
import { type LockReads, readLocks } from './locks.ts';
import type { Row } from './ports.ts';
import type { SearchState } from './schedule.ts';

/** The pullgate locks of a repository. */
export interface FoundLocks {
  readonly isOurs: boolean;
  /** The ids of other deployments. */
  readonly others: readonly string[];
}

export interface SearchPorts {
  readonly place: Row<SearchState>;
  /** Every repository, in any order. */
  repositories(): Promise<readonly Gate[]>;
  read(gate: Gate): Promise<FoundLocks>;
}

/** What a search found. */
export interface Found {
  /** The repositories with a lock of ours. */
  readonly ours: readonly Gate[];
  /** The repositories with the lock of another deployment, by its id. */
  readonly others: ReadonlyMap<string, readonly Gate[]>;
}

/** The most repositories that a sweep reads. */
const MAX_REPOSITORIES = 1_000;
const PAGE = 100;

/** Reads the locks of the next repositories that have no record. */
export async function searchLocks(
  { place, repositories, read }: SearchPorts,
  hasRecord: (gate: Gate) => boolean,
  ports: LockReads,
): Promise<Found> {
  const { value, version } = await place.load();
  const found: (FoundLocks & { readonly gate: Gate })[] = [];
  let after = value?.after;
  for (const page of chunksOf(nextRepositories(await repositories(), hasRecord, after), PAGE)) {
    const { answers, isThrottled } = await readLocks(page, read, ports);
    if (isThrottled) break;
    for (const [gate, locks] of answers) found.push({ gate, ...locks });
    after = page.map(gateKey).at(-1);
  }
  // If a concurrent sweep saved first, it read the same repositories.
  if (after !== undefined && after !== value?.after) await place.save({ after }, version);
  return {
    ours: found.filter(({ isOurs }) => isOurs).map(({ gate }) => gate),
    others: byId(found),
  };
}

/** The repositories without a record, by name: first those after the last one that was read. */
function nextRepositories(
  repositories: readonly Gate[],
  hasRecord: (gate: Gate) => boolean,
  after: string | undefined,
): readonly Gate[] {
  const sorted = repositories.filter((gate) => !hasRecord(gate)).toSorted((a, b) => (gateKey(a) < gateKey(b) ? -1 : 1));
  const isNext = (gate: Gate) => after === undefined || gateKey(gate) > after;
  return [...sorted.filter(isNext), ...sorted.filter((gate) => !isNext(gate))].slice(0, MAX_REPOSITORIES);
}

function byId(found: readonly (FoundLocks & { readonly gate: Gate })[]): Found['others'] {
  const pairs = found.flatMap(({ gate, others }) => others.map((id) => ({ id, gate })));
  const groups = Map.groupBy(pairs, ({ id }) => id);
  return new Map([...groups].map(([id, group]) => [id, group.map(({ gate }) => gate)]));
}
