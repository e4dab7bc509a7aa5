// Runs actions in the middle of an opening on AWS, at the moments when an opening is easiest to get wrong. An action
// that meets no opening runs once the workers are idle.
import type { Call } from '../../local/aws/calls.ts';
import { repositoryIn } from './cloud.ts';
import type { OpeningMoment } from './scenario.ts';

/** @param metAt the moment at which it runs; undefined if it met no opening */
type Action = (metAt: OpeningMoment | undefined) => Promise<void>;

interface Pending {
  readonly moment: OpeningMoment;
  readonly action: Action;
}

/** A worker that closes a gate saves this state twice: the confirmation, and that its notice was sent. */
const SAVES_OF_A_CLOSING = 2;

/**
 * Creates the hooks that follow the function's calls.
 *
 * @param delay delays a call for an action, and then until the condition holds or the call's caller would give up
 */
export function createOpeningHooks(
  now: () => number,
  delay: (call: Call, action: () => Promise<void>, isOver: () => boolean) => Promise<void>,
) {
  const pending = new Map<string, readonly Pending[]>();
  /** When each worker has read a policy that it may be about to write, by repository and worker. */
  const readers = new Map<string, Map<string, number>>();
  /** How often the gate was saved as closed since an action began to delay the confirmation of its opening. */
  const savesAsClosed = new Map<string, number>();

  /** Runs the pending actions for this moment, or all of them. */
  async function runPending(repository: string, moment?: OpeningMoment): Promise<void> {
    const all = pending.get(repository) ?? [];
    const due = all.filter((one) => moment === undefined || one.moment === moment);
    const later = all.filter((one) => !due.includes(one));
    pending.set(repository, later);
    for (const { action } of due) await action(moment);
  }

  /** Another worker closes the gate while this one waits with its confirmation that it has opened it. */
  async function delayConfirmation(repository: string, call: Call): Promise<void> {
    savesAsClosed.delete(repository);
    const isClosedByOther = () => (savesAsClosed.get(repository) ?? 0) >= SAVES_OF_A_CLOSING;
    await delay(call, () => runPending(repository, 'beforeConfirmation'), isClosedByOther);
  }

  /** Whether only one worker is between its read and its write of this policy. */
  const hasOneReader = (repository: string) =>
    [...(readers.get(repository)?.values() ?? [])].filter((at) => at === now()).length === 1;

  return {
    runAt(repository: string, moment: OpeningMoment, action: Action): void {
      pending.set(repository, [...(pending.get(repository) ?? []), { moment, action }]);
    },
    async doWhatIsPending(): Promise<void> {
      for (const repository of [...pending.keys()]) await runPending(repository);
    },
    /** Runs before each call that the function makes. */
    async before(call: Call): Promise<void> {
      const repository = repositoryIn(call.input);
      const readersOfIt = readers.get(repository) ?? new Map<string, number>();
      readers.set(repository, readersOfIt);
      if (call.operation === 'GetRepositoryPolicy') readersOfIt.set(call.accessKeyId, now());
      else if (call.operation !== 'PutItem') readersOfIt.delete(call.accessKeyId);
      const isDue = pending.get(repository)?.some(({ moment }) => moment === 'beforeConfirmation') === true;
      if (isDue && isSaving('open', call)) await delayConfirmation(repository, call);
    },
    /** Runs after each call of the function that succeeded. */
    async after(call: Call): Promise<void> {
      const repository = repositoryIn(call.input);
      if (isSaving('closed', call)) savesAsClosed.set(repository, (savesAsClosed.get(repository) ?? 0) + 1);
      if (isSaving('opening', call) && hasOneReader(repository)) await runPending(repository, 'afterIntent');
    },
  };
}

/** Does a worker save a record in this state? */
function isSaving(state: 'opening' | 'open' | 'closed', { operation, input }: Call): boolean {
  if (operation !== 'PutItem') return false;
  const item = input['Item'] as { readonly state?: { readonly S?: string } };
  return item.state?.S === state;
}
