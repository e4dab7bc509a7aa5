// The last pulls of images: how many queries read them, which images they are about, and a read that fails.
import { type LogsQueryClient, LogsQueryResultStatus } from '@azure/monitor-query';
import { describe, expect, it } from 'vitest';
import { createPulls, digestsIn, NO_PULLS } from '../../../azure/function/usage.ts';
import { digest, GATE, NOW, notice } from '../../shared/samples.ts';

const REGISTRY = '/subscriptions/1/resourceGroups/Images/providers/Microsoft.ContainerRegistry/registries/Contoso';
const AZURE_GATE = { registry: REGISTRY, repository: 'team/app' };
const COLUMNS = ['Registry', 'Repository', 'Digest', 'LastPull'].map((name) => ({ name, type: 'string' }));

/** A workspace with one pull of this image, which answers once `finish` is called. */
function workspace(pulled = digest(1)) {
  const queries: string[] = [];
  const finish: (() => void)[] = [];
  const client = {
    async queryWorkspace(_id: string, query: string) {
      queries.push(query);
      await new Promise<void>((resolve) => finish.push(resolve));
      if (query.includes(digest(13))) throw new Error('no');
      const row = [REGISTRY.toLowerCase(), 'team/app', pulled, new Date(NOW)];
      return {
        status: LogsQueryResultStatus.Success,
        tables: [{ name: 'PrimaryResult', columnDescriptors: COLUMNS, rows: [row, [row[0], 'other', pulled, null]] }],
      };
    },
  };
  const pulls = createPulls(client as unknown as LogsQueryClient, 'the workspace');
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  return {
    pulls,
    queries,
    /** Answers the queries that run now. */
    async answer() {
      await tick();
      for (const one of finish.splice(0)) one();
      await tick();
    },
  };
}

const noProblem = (error: unknown) => {
  throw error;
};

describe('the last pulls', () => {
  it('are those of the image in its own registry and repository', async () => {
    const { pulls, answer } = workspace();
    const read = pulls.read([digest(1)], noProblem);
    await answer();
    const lastPull = await read;
    expect(lastPull(AZURE_GATE, digest(1))).toBe(NOW);
    expect(lastPull(AZURE_GATE, digest(2))).toBeUndefined();
    expect(lastPull({ ...AZURE_GATE, repository: 'other' }, digest(1))).toBeUndefined();
    expect(lastPull({ ...AZURE_GATE, registry: REGISTRY.replace('Contoso', 'fabrikam') }, digest(1))).toBeUndefined();
  });

  it('are read by one query at a time: what is asked while it runs waits for the next one', async () => {
    const { pulls, queries, answer } = workspace();
    const first = pulls.read([digest(1)], noProblem);
    const second = pulls.read([digest(2)], noProblem);
    await answer();
    const [third, fourth] = [pulls.read([digest(3)], noProblem), pulls.read([digest(4)], noProblem)];
    await answer();
    await Promise.all([first, second, third, fourth]);
    expect(queries).toHaveLength(2);
    expect(queries[0]).toContain(`let Digests = dynamic(["${digest(1)}","${digest(2)}"]);`);
    expect(queries[1]).toContain(`let Digests = dynamic(["${digest(3)}","${digest(4)}"]);`);
  });

  it('are unknown if a read fails, and the next one is not concerned', async () => {
    const { pulls, answer } = workspace();
    const problems: unknown[] = [];
    const failing = pulls.read([digest(13)], (error) => void problems.push(error));
    await answer();
    expect((await failing)(AZURE_GATE, digest(13))).toBeUndefined();
    expect(problems).toEqual([new Error('no')]);
    const read = pulls.read([digest(1)], noProblem);
    await answer();
    expect((await read)(AZURE_GATE, digest(1))).toBe(NOW);
  });

  it('are unknown if a query is stuck, which delays no read for longer than its own time', async () => {
    const SECONDS = 0.2;
    const begun = performance.now();
    let queries = 0;
    const client = {
      queryWorkspace: (_id: string, _query: string, _span: unknown, { abortSignal }: { abortSignal?: AbortSignal }) => {
        if (++queries > 1) return { status: LogsQueryResultStatus.Success, tables: [] };
        return new Promise((_, reject) => {
          abortSignal?.addEventListener('abort', () => reject(new Error('given up')));
        });
      },
    };
    const pulls = createPulls(client as unknown as LogsQueryClient, 'the workspace', SECONDS);
    const problems: unknown[] = [];
    const read = (one: string) => pulls.read([one], (error) => void problems.push(error));
    const first = read(digest(1));
    await new Promise((resolve) => setImmediate(resolve));
    const lastPulls = await Promise.all([first, read(digest(2))]);
    expect(performance.now() - begun).toBeLessThan(SECONDS * 5 * 1000);
    expect(lastPulls.map((lastPull) => lastPull(AZURE_GATE, digest(1)))).toEqual([undefined, undefined]);
    expect(problems.length).toBeGreaterThanOrEqual(1);
    // The workspace answers again.
    const before = problems.length;
    expect((await read(digest(3)))(AZURE_GATE, digest(3))).toBeUndefined();
    expect([problems.length, queries]).toEqual([before, 3]);
  });

  it('are not read for what is no digest, and not at all if pulls are not logged', async () => {
    const { pulls, queries } = workspace();
    expect((await pulls.read(['sha256:"] | take 1', ''], noProblem))(AZURE_GATE, digest(1))).toBeUndefined();
    expect(queries).toEqual([]);
    expect((await NO_PULLS.read([digest(1)], noProblem))(AZURE_GATE, digest(1))).toBeUndefined();
  });
});

it('the images of notices are the blockers and those that were cleared', () => {
  const image = { digest: digest(1), tags: [], findings: [], moreFindings: 0 };
  const cleared = [{ digest: digest(2), how: 'gone' }] as const;
  const notices = [notice({ images: [image] }), notice({ kind: 'cleared', clearances: cleared })];
  expect(digestsIn(notices.map((one) => ({ gate: GATE, notice: one })))).toEqual([digest(1), digest(2)]);
});
