// Runs actions in the middle of an opening on AWS, at the moments when an opening is easiest to get wrong. An action
// that meets no opening runs once the workers are idle.
import type { Call } from '../../local/aws/calls.ts';
import type { OpeningMoment } from './scenario.ts';

/** @param inOpening whether the action runs at its moment, and not later */
type Action = (inOpening: boolean) => Promise<void>;

interface Pending {
  readonly moment: OpeningMoment;
  readonly action: Action;
}

/** A worker's last step on a repository: it read the policy, or saved an intent after that. */
interface Progress {
  readonly step: 'read' | 'intent';
  readonly at: number;
}

/** A worker that closes a gate saves this state twice: the confirmation, and that its notice was sent. */
const SAVES_OF_A_CLOSING = 2;

/**
 * @param delay delays a call for an action, and then until the given condition holds or the call's caller would give up
 */
export function openings(
  now: () => number,
  delay: (call: Call, action: () => Promise<void>, isEnough: () => boolean) => Promise<void>,
) {
  const pending = new Map<string, readonly Pending[]>();
  /** By repository and worker. */
  const progress = new Map<string, Map<string, Progress>>();
  /** How often a worker has saved that the gate is closed, by repository and worker. */
  const closings = new Map<string, Map<string, number>>();

  const isDue = (repository: string, moment: OpeningMoment) =>
    pending.get(repository)?.some((one) => one.moment === moment) === true;

  /** Runs the pending actions for this moment, or all of them. */
  async function happen(repository: string, moment?: OpeningMoment): Promise<void> {
    const all = pending.get(repository) ?? [];
    const due = all.filter((one) => moment === undefined || one.moment === moment);
    const later = all.filter((one) => !due.includes(one));
    pending.set(repository, later);
    for (const { action } of due) await action(moment !== undefined);
  }

  /** Whether no other worker is between its read and its write of this policy. */
  const isAlone = (workers: ReadonlyMap<string, Progress>) =>
    [...workers.values()].filter(({ at }) => at === now()).length === 1;

  /** Another worker closes the gate while this one waits with its confirmation that it has opened it. */
  async function delayConfirmation(repository: string, call: Call): Promise<void> {
    closings.delete(repository);
    const isClosedByOther = () =>
      [...(closings.get(repository) ?? [])].some(
        ([worker, saves]) => worker !== call.accessKeyId && saves >= SAVES_OF_A_CLOSING,
      );
    await delay(call, () => happen(repository, 'beforeConfirmation'), isClosedByOther);
  }

  return {
    midway(repository: string, moment: OpeningMoment, action: Action): void {
      pending.set(repository, [...(pending.get(repository) ?? []), { moment, action }]);
    },
    async doWhatIsPending(): Promise<void> {
      for (const repository of [...pending.keys()]) await happen(repository);
    },
    /** Follows the workers. Runs before each call that the function makes. */
    async before(call: Call): Promise<void> {
      const { operation, accessKeyId } = call;
      const repository = repositoryOf(call);
      if (repository === undefined) return;
      const workers = progress.get(repository) ?? new Map<string, Progress>();
      progress.set(repository, workers);
      const step = workers.get(accessKeyId)?.step;
      if (isSaving('open', call) && isDue(repository, 'beforeConfirmation')) await delayConfirmation(repository, call);
      if (operation === 'GetRepositoryPolicy') workers.set(accessKeyId, { step: 'read', at: now() });
      else if (operation === 'PutItem' && step === 'read') {
        workers.set(accessKeyId, { step: 'intent', at: now() });
        if (isSaving('opening', call)) await happen(repository, 'beforeIntent');
      } else if (operation !== 'DescribeImages') workers.delete(accessKeyId);
      // Only an opening observes its images again after its intent.
      else if (step === 'intent' && isAlone(workers)) await happen(repository, 'afterIntent');
    },
    /** Follows the workers. Runs after each call that the function makes. */
    after(call: Call): void {
      const repository = repositoryOf(call);
      if (repository === undefined || !isSaving('closed', call)) return;
      const saves = closings.get(repository) ?? new Map<string, number>();
      closings.set(repository, saves.set(call.accessKeyId, (saves.get(call.accessKeyId) ?? 0) + 1));
    },
  };
}

function repositoryOf({ input }: Call): string | undefined {
  return /(?:team|legacy)\/app-\d+/.exec(JSON.stringify(input))?.[0];
}

/** Does a worker save a record in this state? */
function isSaving(state: 'opening' | 'open' | 'closed', { operation, input }: Call): boolean {
  if (operation !== 'PutItem') return false;
  const item = input['Item'] as { readonly state?: { readonly S?: string } };
  return item.state?.S === state;
}
