// Runs actions in the middle of an opening on AWS, at the moments when an opening is easiest to get wrong. An action
// that meets no opening runs once the workers are idle.
import type { Call } from '../../local/aws/calls.ts';

/**
 * `beforeIntent`: the worker has observed the images and is about to save its intent. `afterIntent`: it has saved its
 * intent and is about to observe the images again. `beforeConfirmation`: it has opened the gate and is about to save
 * that. ECR has no lock against other writers, so an edit at another moment than `afterIntent` could be overwritten
 * (docs/limits.md).
 */
export type Moment = 'beforeIntent' | 'afterIntent' | 'beforeConfirmation';

interface Pending {
  readonly moment: Moment;
  readonly action: () => Promise<void>;
}

/** A worker's last step on a repository: it read the policy, or saved an intent after that. */
interface Progress {
  readonly step: 'read' | 'intent';
  readonly at: number;
}

/** @param delay delays a call for an action, and for the workers that the action wakes */
export function openings(now: () => number, delay: (call: Call, action: () => Promise<void>) => Promise<void>) {
  const pending = new Map<string, readonly Pending[]>();
  /** By repository and worker. */
  const progress = new Map<string, Map<string, Progress>>();

  const isDue = (repository: string, moment: Moment) =>
    pending.get(repository)?.some((one) => one.moment === moment) === true;

  /** Runs the pending actions for this moment, or all of them. */
  async function happen(repository: string, moment?: Moment): Promise<void> {
    const all = pending.get(repository) ?? [];
    const due = all.filter((one) => moment === undefined || one.moment === moment);
    const later = all.filter((one) => !due.includes(one));
    pending.set(repository, later);
    for (const { action } of due) await action();
  }

  async function delayAt(moment: Moment, repository: string, call: Call): Promise<void> {
    if (isDue(repository, moment)) await delay(call, () => happen(repository, moment));
  }

  /** Whether no other worker is between its read and its write of this policy. */
  const isAlone = (workers: ReadonlyMap<string, Progress>) =>
    [...workers.values()].filter(({ at }) => at === now()).length === 1;

  return {
    midway(repository: string, moment: Moment, action: () => Promise<void>): void {
      pending.set(repository, [...(pending.get(repository) ?? []), { moment, action }]);
    },
    async doWhatIsPending(): Promise<void> {
      for (const repository of [...pending.keys()]) await happen(repository);
    },
    /** Follows the workers. Runs before each call that the function makes. */
    async hook(call: Call): Promise<void> {
      const { operation, input, accessKeyId } = call;
      const [repository] = /(?:team|legacy)\/app-\d+/.exec(JSON.stringify(input)) ?? [];
      if (repository === undefined) return;
      const workers = progress.get(repository) ?? new Map<string, Progress>();
      progress.set(repository, workers);
      const step = workers.get(accessKeyId)?.step;
      if (isSaving('open', call)) await delayAt('beforeConfirmation', repository, call);
      if (operation === 'GetRepositoryPolicy') workers.set(accessKeyId, { step: 'read', at: now() });
      else if (operation === 'PutItem' && step === 'read') {
        workers.set(accessKeyId, { step: 'intent', at: now() });
        if (isSaving('opening', call)) await delayAt('beforeIntent', repository, call);
      } else if (operation !== 'DescribeImages') workers.delete(accessKeyId);
      // Only an opening observes its images again after its intent.
      else if (step === 'intent' && isAlone(workers)) await happen(repository, 'afterIntent');
    },
  };
}

/** Does a worker save a record in this state? */
function isSaving(state: 'opening' | 'open', { operation, input }: Call): boolean {
  if (operation !== 'PutItem') return false;
  const item = input['Item'] as { readonly state?: { readonly S?: string } };
  return item.state?.S === state;
}
