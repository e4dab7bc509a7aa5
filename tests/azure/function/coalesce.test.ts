// Grouping by gate: one reconciliation at a time, and one more for all requests that arrive meanwhile.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coalesceByGate, type Job } from '../../../azure/function/coalesce.ts';
import { createSeenImages } from '../../../azure/function/seen-images.ts';
import { gateKey } from '../../../shared/gate/gate.ts';
import type { ReconcileRequest } from '../../../shared/reconcile/request.ts';
import { notListed, type Result } from '../../../shared/reconcile/result.ts';
import { digest, rules } from '../../shared/samples.ts';
import { REGISTRY_ID } from './samples.ts';

const request = (changes: Partial<ReconcileRequest> = {}): ReconcileRequest => ({
  gate: { registry: REGISTRY_ID, repository: 'team/app', digest: digest(1) },
  scope: [digest(1)],
  triggers: ['finding'],
  namedReports: [],
  ...changes,
});
const requestAbout = (id: string): ReconcileRequest => request({ namedReports: [{ id, digest: digest(1) }] });
const idsOf = ({ request: { namedReports } }: Job) => namedReports.map(({ id }) => id);

/** A result that only tells which reconciliation it came from. */
const resultFor = (...awaited: readonly string[]) => ({ decision: { awaited } }) as unknown as Result;

/** A reconciliation that runs until the test ends it. */
interface Running {
  readonly job: Job;
  end(error?: Error): void;
}

/**
 * Groups the requests, and returns the reconciliations in the order in which they started. Earlier reconciliations have
 * shown the reports in `shown`, and have just looked for those in `missing` in vain.
 */
function stage(shown: ReadonlySet<string> = new Set(), missing: ReadonlySet<string> = new Set()) {
  const observations: Running[] = [];
  const open = new Map<string, number>();
  let mostAtOnce = 0;
  const group = coalesceByGate(
    (job) => {
      const key = gateKey(job.request.gate);
      open.set(key, (open.get(key) ?? 0) + 1);
      mostAtOnce = Math.max(mostAtOnce, open.get(key) ?? 0);
      return new Promise<Result>((resolve, reject) => {
        const end = (error?: Error) => {
          open.set(key, (open.get(key) ?? 0) - 1);
          if (error === undefined) resolve(resultFor(...idsOf(job)));
          else reject(error);
        };
        observations.push({ job, end });
      });
    },
    {
      cover: ({ namedReports }) => namedReports.some(({ id }) => shown.has(id)),
      awaited: ({ namedReports }) => namedReports.filter(({ id }) => missing.has(id)).map(({ id }) => notListed(id)),
    },
  );
  const ask = (wanted: ReconcileRequest, seen?: Job['seen']) =>
    // The registry is not used here.
    group({ request: wanted, registry: {} as Job['registry'], rules: async () => rules(), log: () => {}, seen });
  return { observations, ask, mostAtOnce: () => mostAtOnce };
}

/** Runs everything that does not wait for a reconciliation to end. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a gate', () => {
  it('that is not being reconciled is reconciled once, with the observations made before', async () => {
    const { observations, ask } = stage();
    const seen = createSeenImages(new Map());
    const asked = ask(requestAbout('a'), seen);
    expect(observations.map(({ job }) => [idsOf(job), job.seen])).toEqual([[['a'], seen]]);
    observations[0]?.end();
    expect(await asked).toEqual(resultFor('a'));
    expect(observations).toHaveLength(1);
  });

  it('is reconciled twice for 40 requests that arrive while it is reconciled', async () => {
    const { observations, ask } = stage();
    const asked = Array.from({ length: 40 }, (_, place) => ask(requestAbout(`request-${place}`)));
    observations[0]?.end();
    await turn();
    observations[1]?.end();
    const results = await Promise.all(asked);
    expect(observations).toHaveLength(2);
    const others = Array.from({ length: 39 }, (_, place) => `request-${place + 1}`);
    expect(results).toEqual([resultFor('request-0'), ...Array(39).fill(resultFor(...others))]);
  });

  it('is not reconciled if all reports were just looked for in vain or are shown, and the missing ones are retried', async () => {
    const { observations, ask } = stage(new Set(['shown']), new Set(['a', 'b']));
    const first = ask(requestAbout('new'));
    const others = ['a', 'shown', 'b'].map((id) => ask(requestAbout(id)));
    observations[0]?.end();
    await first;
    const retry = { kind: 'retry', why: 'the scanner does not list a yet', reports: ['a', 'b'].map(notListed) };
    expect(await Promise.all(others)).toEqual([retry, retry, retry]);
    expect(observations).toHaveLength(1);
  });

  it('is reconciled for all reports that are not shown if one of them was not looked for', async () => {
    const { observations, ask } = stage(new Set(['shown']), new Set(['a']));
    const first = ask(requestAbout('new'));
    const others = ['a', 'shown', 'c'].map((id) => ask(requestAbout(id)));
    observations[0]?.end();
    await first;
    await turn();
    observations[1]?.end();
    expect(await Promise.all(others)).toEqual(Array(3).fill(resultFor('a', 'c')));
  });

  it('is reconciled again, after the current reconciliation, for a request that arrives meanwhile', async () => {
    const { observations, ask } = stage();
    const first = ask(requestAbout('a'));
    const second = ask(requestAbout('b'), createSeenImages(new Map()));
    await turn();
    expect(observations).toHaveLength(1);
    observations[0]?.end();
    expect(await first).toEqual(resultFor('a'));
    await turn();
    // Observations from before the wait are not used.
    expect(observations.map(({ job }) => [idsOf(job), job.seen])).toEqual([
      [['a'], undefined],
      [['b'], undefined],
    ]);
    observations[1]?.end();
    expect(await second).toEqual(resultFor('b'));
  });

  it('is reconciled for a request that arrives just as a reconciliation ends, and never twice at once', async () => {
    for (let moments = 0; moments < 12; moments++) {
      const { observations, ask, mostAtOnce } = stage();
      const asked = [ask(requestAbout('a')), ask(requestAbout('b'))];
      observations[0]?.end();
      for (let moment = 0; moment < moments; moment++) await Promise.resolve();
      asked.push(ask(requestAbout('c')));
      for (let place = 1; place < 3; place++) {
        await turn();
        observations[place]?.end();
      }
      await Promise.all(asked);
      expect(observations.flatMap(({ job }) => idsOf(job))).toEqual(['a', 'b', 'c']);
      expect(mostAtOnce()).toBe(1);
    }
  });

  it('does not wait for another gate', async () => {
    const { observations, ask } = stage();
    const other = request({ gate: { registry: REGISTRY_ID, repository: 'team/app', digest: digest(2) } });
    const whole = request({ gate: { registry: REGISTRY_ID, repository: 'team/app' } });
    const asked = [ask(request()), ask(other), ask(whole)];
    expect(observations).toHaveLength(3);
    for (const { end } of observations) end();
    expect(await Promise.all(asked)).toHaveLength(3);
  });
});

describe('waiting requests', () => {
  const joined = async (...requests: readonly ReconcileRequest[]) => {
    const { observations, ask } = stage();
    const asked = [ask(request()), ...requests.map((one) => ask(one))];
    observations[0]?.end();
    await turn();
    observations[1]?.end();
    await Promise.all(asked);
    return observations[1]?.job.request;
  };

  it.each<[string, readonly ReconcileRequest[], ReconcileRequest]>([
    ['stay unchanged if there is only one', [request({ triggers: ['sweep'] })], request({ triggers: ['sweep'] })],
    [
      'list each image once',
      [request({ scope: [digest(1), digest(2)] }), request({ scope: [digest(2), digest(3)] })],
      request({ scope: [digest(1), digest(2), digest(3)] }),
    ],
    ['cover all images if the first does', [request({ scope: 'all' }), request()], request({ scope: 'all' })],
    ['cover all images if the last does', [request(), request({ scope: 'all' })], request({ scope: 'all' })],
    [
      'list each trigger once',
      [request({ triggers: ['sweep'] }), request({ triggers: ['finding', 'sweep'] })],
      request({ triggers: ['sweep', 'finding'] }),
    ],
    [
      'keep every named report',
      [requestAbout('a'), requestAbout('b'), requestAbout('a')],
      request({
        namedReports: ['a', 'b', 'a'].map((id) => ({ id, digest: digest(1) })),
      }),
    ],
  ])('%s', async (_name, requests, wanted) => {
    expect(await joined(...requests)).toEqual(wanted);
  });
});

describe('a request about a report that has been shown', () => {
  it('is done at once if the gate is not being reconciled, and the next request is reconciled', async () => {
    const { observations, ask } = stage(new Set(['shown']));
    expect(await ask(requestAbout('shown'))).toBe(undefined);
    const asked = ask(requestAbout('new'));
    await turn();
    expect(observations.map(({ job }) => idsOf(job))).toEqual([['new']]);
    observations[0]?.end();
    expect(await asked).toEqual(resultFor('new'));
  });

  it('is done once the current reconciliation has shown it, together with all others that it has shown', async () => {
    const shown = new Set<string>();
    const { observations, ask } = stage(shown);
    const asked = ['a', 'b', 'c'].map((id) => ask(requestAbout(id)));
    for (const id of ['a', 'b', 'c']) shown.add(id);
    observations[0]?.end();
    expect(await Promise.all(asked)).toEqual([resultFor('a'), undefined, undefined]);
    expect(observations).toHaveLength(1);
  });

  it('does not keep another one from being reconciled', async () => {
    const shown = new Set<string>();
    const { observations, ask } = stage(shown);
    const asked = ['a', 'b', 'c'].map((id) => ask(requestAbout(id)));
    shown.add('c');
    observations[0]?.end();
    await turn();
    expect(observations.map(({ job }) => idsOf(job))).toEqual([['a'], ['b']]);
    observations[1]?.end();
    expect(await Promise.all(asked)).toEqual([resultFor('a'), resultFor('b'), resultFor('b')]);
  });

  it('is not done by a current reconciliation that fails', async () => {
    const { observations, ask } = stage();
    const asked = ['a', 'b'].map((id) => ask(requestAbout(id)));
    observations[0]?.end(new Error('the cloud is away'));
    await expect(asked[0]).rejects.toThrow('the cloud is away');
    await turn();
    expect(observations.map(({ job }) => idsOf(job))).toEqual([['a'], ['b']]);
    observations[1]?.end();
    expect(await asked[1]).toEqual(resultFor('b'));
  });
});

describe('a reconciliation that fails', () => {
  it('fails for the requests that it serves, and not for those that wait', async () => {
    const { observations, ask } = stage();
    const first = ask(requestAbout('a'));
    const second = ask(requestAbout('b'));
    observations[0]?.end(new Error('the cloud is away'));
    await expect(first).rejects.toThrow('the cloud is away');
    await turn();
    observations[1]?.end();
    expect(await second).toEqual(resultFor('b'));
  });

  it('fails for all requests that waited for it, and the next request is reconciled', async () => {
    const { observations, ask } = stage();
    const asked = ['a', 'b', 'c'].map((id) => ask(requestAbout(id)));
    observations[0]?.end();
    await turn();
    observations[1]?.end(new Error('the cloud is away'));
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    const next = ask(requestAbout('d'));
    expect(observations).toHaveLength(3);
    observations[2]?.end();
    expect(await next).toEqual(resultFor('d'));
  });
});

describe('in any order', () => {
  it('each request is served by a reconciliation that starts after it arrived, each gets its result, and no gate is reconciled twice at once', async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('ask' as const), gate: fc.nat(2) }),
        fc.record({ kind: fc.constant('end' as const), observation: fc.nat(3), fails: fc.boolean() }),
        fc.record({ kind: fc.constant('moments' as const), count: fc.integer({ min: 1, max: 6 }) }),
      ),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const { observations, ask, mostAtOnce } = stage();
        const ended = new Set<Running>();
        const running = () => observations.filter((observation) => !ended.has(observation));
        const end = (observation: Running, error?: Error) => {
          ended.add(observation);
          observation.end(error);
        };
        const asked: { readonly id: string; readonly after: number; readonly answer: Promise<unknown> }[] = [];
        for (const step of script) {
          if (step.kind === 'ask') {
            const id = `request-${asked.length}`;
            const gate = { registry: REGISTRY_ID, repository: `app-${step.gate}` };
            const after = observations.length;
            const answer = ask(request({ gate, namedReports: [{ id, digest: digest(1) }] })).catch(
              (error: unknown) => error,
            );
            asked.push({ id, after, answer });
          } else if (step.kind === 'end') {
            const open = running();
            const observation = open[step.observation % Math.max(open.length, 1)];
            if (observation !== undefined) end(observation, step.fails ? new Error('the cloud is away') : undefined);
          } else for (let moment = 0; moment < step.count; moment++) await Promise.resolve();
        }
        // A waiting reconciliation starts a moment after the one before it has ended.
        await turn();
        for (let open = running(); open.length > 0; open = running()) {
          for (const observation of open) end(observation);
          await turn();
        }
        expect(await Promise.all(asked.map(({ answer }) => answer))).toHaveLength(asked.length);
        for (const { id, after } of asked) {
          expect(observations.slice(after).filter(({ job }) => idsOf(job).includes(id))).toHaveLength(1);
          expect(observations.filter(({ job }) => idsOf(job).includes(id))).toHaveLength(1);
        }
        expect(mostAtOnce()).toBeLessThanOrEqual(1);
      }),
      { numRuns: 300 },
    );
  });
});
