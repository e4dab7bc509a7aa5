// The search for locks in repositories without a record: in rotation, with repositories that cannot be read.
import { describe, expect, it } from 'vitest';
import { type Gate, gateKey } from '../../../shared/gate/gate.ts';
import type { SearchState } from '../../../shared/reconcile/schedule.ts';
import { type FoundLocks, searchLocks } from '../../../shared/reconcile/search.ts';
import type { LogLine } from '../../../shared/report/log-line.ts';
import { GATE } from '../samples.ts';

const named = (repository: string): Gate => ({ registry: GATE.registry, repository });
const numbered = (count: number) => Array.from({ length: count }, (_, number) => String(number).padStart(4, '0'));

interface Given {
  readonly repositories: readonly string[];
  readonly locks?: Readonly<Record<string, FoundLocks>>;
  readonly recorded?: readonly string[];
  readonly errors?: Readonly<Record<string, string>>;
  readonly after?: string;
}

/** A search in these repositories, and what it read. */
function stage({ repositories, locks = {}, recorded = [], errors = {}, after }: Given) {
  const place = { value: after === undefined ? undefined : { after: gateKey(named(after)) }, version: 0 };
  const read: string[] = [];
  const lines: LogLine[] = [];
  const row = {
    load: async () => ({ ...place }),
    async save(value: SearchState) {
      place.value = value;
      return ++place.version;
    },
  };
  const search = async () => {
    const { ours, others } = await searchLocks(
      {
        place: row,
        repositories: async () => repositories.map(named),
        async read({ repository }) {
          const error = errors[repository];
          if (error !== undefined) throw new Error(error);
          read.push(repository);
          return locks[repository] ?? { isOurs: false, others: [] };
        },
      },
      ({ repository }) => recorded.includes(repository),
      { isThrottled: (error) => String(error).includes('throttled'), log: (line) => void lines.push(line) },
    );
    const namesOf = (gates: readonly Gate[]) => gates.map(({ repository }) => repository);
    return { ours: namesOf(ours), others: [...others].map(([id, gates]) => [id, namesOf(gates)]) };
  };
  return { search, read, lines, place };
}

describe('the search for locks without a record', () => {
  it('finds our locks, and those of other deployments by id, and reads no repository that has a record', async () => {
    const { search, read } = stage({
      repositories: ['d', 'c', 'b', 'a'],
      recorded: ['b'],
      locks: {
        a: { isOurs: true, others: ['PullgateX'] },
        c: { isOurs: false, others: ['PullgateX', 'PullgateY'] },
      },
    });
    expect(await search()).toEqual({
      ours: ['a'],
      others: [
        ['PullgateX', ['a', 'c']],
        ['PullgateY', ['c']],
      ],
    });
    expect(read).toEqual(['a', 'c', 'd']);
  });

  it('reads a thousand repositories, and the next one goes on from there and then begins again', async () => {
    const { search, read, place } = stage({ repositories: numbered(1_500) });
    await search();
    expect([read.length, place.value?.after]).toEqual([1_000, gateKey(named('0999'))]);
    read.length = 0;
    await search();
    expect([read[0], read[499], read[500], read.length]).toEqual(['1000', '1499', '0000', 1_000]);
  });

  it('logs a repository that cannot be read, and reads the others', async () => {
    const { search, lines } = stage({
      repositories: ['a', 'b'],
      errors: { a: 'access denied' },
      locks: { b: { isOurs: true, others: [] } },
    });
    expect((await search()).ours).toEqual(['b']);
    expect(lines).toEqual([
      { kind: 'failed', ...named('a'), error: 'its lock could not be read: Error: access denied' },
    ]);
  });

  it('ends when the registry throttles, and begins there the next time', async () => {
    const { search, read, place } = stage({ repositories: numbered(250), errors: { '0150': 'throttled' } });
    await search();
    expect(place.value?.after).toBe(gateKey(named('0099')));
    expect(read.length).toBeLessThan(200);
  });

  it.each<[string, Given]>([
    ['there is no repository', { repositories: [] }],
    ['the first page is throttled', { repositories: ['a'], errors: { a: 'throttled' } }],
    ['the place is the same', { repositories: ['a'], after: 'a' }],
  ])('saves nothing if %s', async (_name, given) => {
    const { search, place } = stage(given);
    expect([await search(), place.version]).toEqual([{ ours: [], others: [] }, 0]);
  });
});
