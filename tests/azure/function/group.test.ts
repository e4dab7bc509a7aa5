// Folding by gate: one look at a time, and one more for whatever came meanwhile.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldByGate, type Job } from '../../../azure/function/group.ts';
import { gateKey } from '../../../shared/gate/record.ts';
import type { Hint } from '../../../shared/reconcile/reconcile.ts';
import type { Decision } from '../../../shared/report/decision.ts';
import { digest, rules } from '../../shared/samples.ts';
import { REGISTRY_ID } from './samples.ts';

const hint = (changes: Partial<Hint> = {}): Hint => ({
  gate: { registry: REGISTRY_ID, repository: 'team/app', digest: digest(1) },
  scope: [digest(1)],
  triggers: ['finding'],
  activeFindings: [],
  ...changes,
});
const hinting = (id: string): Hint => hint({ activeFindings: [{ id, digest: digest(1) }] });
const idsOf = ({ hint: { activeFindings } }: Job) => activeFindings.map(({ id }) => id);

/** A look at a gate that goes on until it is told to end. */
interface Running {
  readonly job: Job;
  end(error?: Error): void;
}

/** Folds whatever is asked for, and shows the observations in the order in which they began. */
function stage() {
  const observations: Running[] = [];
  const open = new Map<string, number>();
  let mostAtOnce = 0;
  const fold = foldByGate((job) => {
    const key = gateKey(job.hint.gate);
    open.set(key, (open.get(key) ?? 0) + 1);
    mostAtOnce = Math.max(mostAtOnce, open.get(key) ?? 0);
    return new Promise<Decision>((resolve, reject) => {
      const end = (error?: Error) => {
        open.set(key, (open.get(key) ?? 0) - 1);
        // What matters here of a decision is only which look made it.
        if (error === undefined) resolve({ unconfirmed: idsOf(job) } as unknown as Decision);
        else reject(error);
      };
      observations.push({ job, end });
    });
  });
  const ask = (wanted: Hint, seen?: Job['seen']) =>
    // Which registry it is does not matter here.
    fold({ hint: wanted, registry: {} as Job['registry'], rules: rules(), log: () => {}, seen });
  return { observations, ask, mostAtOnce: () => mostAtOnce };
}

/** Lets everything happen that does not wait for an observation to end. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('a gate', () => {
  it('that nobody looks at is looked at once, with what has been seen of it', async () => {
    const { observations, ask } = stage();
    const seen = new Map();
    const asked = ask(hinting('a'), seen);
    expect(observations.map(({ job }) => [idsOf(job), job.seen])).toEqual([[['a'], seen]]);
    observations[0]?.end();
    expect(await asked).toEqual({ unconfirmed: ['a'] });
    expect(observations).toHaveLength(1);
  });

  it('is looked at twice for 40 hints that come while it is looked at', async () => {
    const { observations, ask } = stage();
    const asked = Array.from({ length: 40 }, (_, place) => ask(hinting(`hint-${place}`)));
    observations[0]?.end();
    await settle();
    observations[1]?.end();
    const decisions = await Promise.all(asked);
    expect(observations).toHaveLength(2);
    const others = Array.from({ length: 39 }, (_, place) => `hint-${place + 1}`);
    expect(decisions.map(({ unconfirmed }) => unconfirmed)).toEqual([['hint-0'], ...Array(39).fill(others)]);
  });

  it('is looked at again, and not before the end, for a hint that comes while it is looked at', async () => {
    const { observations, ask } = stage();
    const first = ask(hinting('a'));
    const second = ask(hinting('b'), new Map());
    await settle();
    expect(observations).toHaveLength(1);
    observations[0]?.end();
    expect(await first).toEqual({ unconfirmed: ['a'] });
    await settle();
    // What had been seen before the wait is not used.
    expect(observations.map(({ job }) => [idsOf(job), job.seen])).toEqual([
      [['a'], undefined],
      [['b'], undefined],
    ]);
    observations[1]?.end();
    expect(await second).toEqual({ unconfirmed: ['b'] });
  });

  it('is looked at for a hint that comes the moment a look has ended, and never by two at once', async () => {
    for (let moments = 0; moments < 12; moments++) {
      const { observations, ask, mostAtOnce } = stage();
      const asked = [ask(hinting('a')), ask(hinting('b'))];
      observations[0]?.end();
      for (let moment = 0; moment < moments; moment++) await Promise.resolve();
      asked.push(ask(hinting('c')));
      for (let place = 1; place < 3; place++) {
        await settle();
        observations[place]?.end();
      }
      await Promise.all(asked);
      expect(observations.flatMap(({ job }) => idsOf(job))).toEqual(['a', 'b', 'c']);
      expect(mostAtOnce()).toBe(1);
    }
  });

  it('does not wait for another gate', async () => {
    const { observations, ask } = stage();
    const other = hint({ gate: { registry: REGISTRY_ID, repository: 'team/app', digest: digest(2) } });
    const whole = hint({ gate: { registry: REGISTRY_ID, repository: 'team/app' } });
    const asked = [ask(hint()), ask(other), ask(whole)];
    expect(observations).toHaveLength(3);
    for (const { end } of observations) end();
    expect(await Promise.all(asked)).toHaveLength(3);
  });
});

describe('hints that wait together', () => {
  const joined = async (...hints: readonly Hint[]) => {
    const { observations, ask } = stage();
    const asked = [ask(hint()), ...hints.map((one) => ask(one))];
    observations[0]?.end();
    await settle();
    observations[1]?.end();
    await Promise.all(asked);
    return observations[1]?.job.hint;
  };

  it.each<[string, readonly Hint[], Hint]>([
    ['one is itself', [hint({ triggers: ['sweep'] })], hint({ triggers: ['sweep'] })],
    [
      'name each image once',
      [hint({ scope: [digest(1), digest(2)] }), hint({ scope: [digest(2), digest(3)] })],
      hint({ scope: [digest(1), digest(2), digest(3)] }),
    ],
    ['name all where the first does', [hint({ scope: 'all' }), hint()], hint({ scope: 'all' })],
    ['name all where the last does', [hint(), hint({ scope: 'all' })], hint({ scope: 'all' })],
    [
      'name each trigger once',
      [hint({ triggers: ['sweep'] }), hint({ triggers: ['finding', 'sweep'] })],
      hint({ triggers: ['sweep', 'finding'] }),
    ],
    [
      'keep everything that was reported',
      [hinting('a'), hinting('b'), hinting('a')],
      hint({
        activeFindings: ['a', 'b', 'a'].map((id) => ({ id, digest: digest(1) })),
      }),
    ],
  ])('%s', async (_name, hints, wanted) => {
    expect(await joined(...hints)).toEqual(wanted);
  });
});

describe('a look that fails', () => {
  it('fails for those who asked for it, and not for those who wait', async () => {
    const { observations, ask } = stage();
    const first = ask(hinting('a'));
    const second = ask(hinting('b'));
    observations[0]?.end(new Error('the cloud is away'));
    await expect(first).rejects.toThrow('the cloud is away');
    await settle();
    observations[1]?.end();
    expect(await second).toEqual({ unconfirmed: ['b'] });
  });

  it('fails for all who waited for it, and the next hint is looked at', async () => {
    const { observations, ask } = stage();
    const asked = ['a', 'b', 'c'].map((id) => ask(hinting(id)));
    observations[0]?.end();
    await settle();
    observations[1]?.end(new Error('the cloud is away'));
    expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    const next = ask(hinting('d'));
    expect(observations).toHaveLength(3);
    observations[2]?.end();
    expect(await next).toEqual({ unconfirmed: ['d'] });
  });
});

describe('whatever the order', () => {
  it('each hint is in a look that began after it came, each has its answer, and no gate is looked at by two at once', async () => {
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
            const id = `hint-${asked.length}`;
            const gate = { registry: REGISTRY_ID, repository: `app-${step.gate}` };
            const after = observations.length;
            const answer = ask(hint({ gate, activeFindings: [{ id, digest: digest(1) }] })).catch(
              (error: unknown) => error,
            );
            asked.push({ id, after, answer });
          } else if (step.kind === 'end') {
            const open = running();
            const observation = open[step.observation % Math.max(open.length, 1)];
            if (observation !== undefined) end(observation, step.fails ? new Error('the cloud is away') : undefined);
          } else for (let moment = 0; moment < step.count; moment++) await Promise.resolve();
        }
        // An observation that waited begins a moment after the one before it has ended.
        await settle();
        for (let open = running(); open.length > 0; open = running()) {
          for (const observation of open) end(observation);
          await settle();
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
