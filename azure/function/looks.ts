// Looks at gates: at one, or at everything that a repository has.
import { isPlainlyAllowed } from '../../shared/closers.ts';
import { mapConcurrently } from '../../shared/concurrency.ts';
import type { Decision, Trigger } from '../../shared/decision.ts';
import { type Hint, reconcile } from '../../shared/reconcile.ts';
import type { Gate } from '../../shared/record.ts';
import type { Rules } from '../../shared/rules.ts';
import { foldByGate, type Job } from './fold.ts';
import type { Parts, Worker } from './work.ts';

/** A look at a repository, with what it needs. */
export type RepositoryJob = Omit<Job, 'hint' | 'seen'> & { readonly repository: string; readonly trigger: Trigger };

const GATES_AT_ONCE = 8;

export function looksOf({ settings, now }: Worker, { table, queue, portsFrom }: Parts) {
  /** Looks at one gate. What the registry will not take goes to where the alarm is. */
  const lookAtGate = foldByGate(async ({ hint, registry, rules, log, seen }): Promise<Decision> => {
    const decision = await reconcile(hint, rules, portsFrom(now(), registry, log, seen));
    // The next tick tells it, with whatever else is untold by then.
    if (decision.untold !== undefined) {
      log({ kind: 'failed', ...hint.gate, error: `nobody could be told yet: ${decision.untold}` });
    }
    if (decision.done === 'refused') {
      log({ kind: 'refused', ...hint.gate, problem: decision.problem });
      await queue.bury({ pullgate: 'look', ...hint.gate, trigger: hint.triggers[0] });
    }
    return decision;
  });

  /** Looks at everything that a repository has: its images or itself, as the config's granularity says, and what another granularity has left. */
  async function lookAtRepository({ repository, trigger, ...job }: RepositoryJob): Promise<void> {
    const whole: Gate = { registry: job.registry.place.id, repository };
    const recorded = await recordedGates(whole);
    const hintFor = (gate: Gate): Hint => ({ gate, scope: 'all', triggers: [trigger], activeFindings: [] });
    const isImage = ({ digest }: Gate) => digest !== undefined;
    if (settings.granularity === 'repository') await lookAtGate({ ...job, hint: hintFor(whole) });
    else {
      const known = recorded.flatMap(({ digest }) => digest ?? []);
      const seen = new Map(await job.registry.overview(repository, known));
      const worthALook = [...seen.values()].filter(
        (look) => known.includes(look.digest) || !isPlainlyAllowed(look, repository, job.rules, now()),
      );
      job.log({ kind: 'look', ...whole, images: seen.size, allowed: seen.size - worthALook.length });
      await mapConcurrently(worthALook, GATES_AT_ONCE, ({ digest }) =>
        lookAtGate({ ...job, hint: hintFor({ ...whole, digest }), seen }),
      );
    }
    // What is no gate any more counts for nothing: it opens, once what took its place is closed.
    const rules: Rules = { ...job.rules, includes: () => false };
    const left = recorded.filter((gate) => isImage(gate) !== (settings.granularity === 'image'));
    await mapConcurrently(left, GATES_AT_ONCE, (gate) => lookAtGate({ ...job, rules, hint: hintFor(gate) }));
  }

  async function recordedGates(whole: Gate): Promise<readonly Gate[]> {
    const recorded: Gate[] = [];
    for await (const { digest } of table.gates(whole))
      recorded.push(digest === undefined ? whole : { ...whole, digest });
    return recorded;
  }

  return { lookAtGate, lookAtRepository };
}
