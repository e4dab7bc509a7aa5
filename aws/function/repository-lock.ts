// The repository lock, our statement in a repository policy: read the policy, merge, write, and read it back.
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteRepositoryPolicyCommand,
  ECRServiceException,
  GetRepositoryPolicyCommand,
  InvalidParameterException,
  RepositoryNotFoundException,
  RepositoryPolicyNotFoundException,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr';
import type { InUse } from '../../shared/gate/record.ts';
import type { Reading, Registry, Written } from '../../shared/reconcile/ports.ts';
import type { Clients } from './clients.ts';
import { isThrottled } from './pace.ts';
import {
  type DenyStatement,
  lockStateOf,
  MAX_POLICY_CHARACTERS,
  otherLocks,
  parseRepositoryPolicy,
  type RepositoryPolicy,
  servesLambda,
  statementsNamingPrincipals,
  withOurs,
  withoutOurs,
  withoutWhiteSpace,
} from './repository-policy.ts';

/** A repository policy as it was read. `unreadable` holds a text that is not a valid policy. */
export type Snapshot = (
  | { readonly kind: 'policy'; readonly policy: RepositoryPolicy }
  | { readonly kind: 'unreadable'; readonly text: string }
) & {
  /** Other Sids that our statement may have. */
  readonly olderIds: readonly string[];
};

/** Lambda functions fail when their image cannot be pulled. */
const LAMBDA: InUse = { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' };
const OVERTAKEN: Written = { kind: 'overtaken' };
const WRITE_TRIES = 4;
const FIRST_PAUSE_MILLISECONDS = 200;

/** What the calls for one lock need. */
interface Lock extends Pick<Clients, 'ecr' | 'ecrOnce'> {
  readonly registryId: string | undefined;
  readonly ours: DenyStatement;
  readonly olderIds: readonly string[];
}

/**
 * Reads and writes the locks of one account.
 *
 * @param registryId the account; undefined for the caller's account
 * @param clients `ecrOnce` writes, and makes one attempt only: a retry without reading again could overwrite another
 *   writer's new policy with an old text
 */
export function createRepositoryLock(
  clients: Pick<Clients, 'ecr' | 'ecrOnce'>,
  registryId: string | undefined,
  ours: DenyStatement,
): RepositoryLock {
  const lockWith = (olderIds: readonly string[]): Lock => ({ ...clients, registryId, ours, olderIds });
  return {
    async read({ repository }, olderIds = []) {
      const lock = lockWith(olderIds);
      try {
        return readingOf(await readPolicy(lock, repository), lock);
      } catch (error) {
        if (error instanceof RepositoryNotFoundException) return undefined;
        throw error;
      }
    },

    async write({ repository }, observed, desired) {
      const lock = lockWith(observed.snapshot.olderIds);
      // Removing our statement may delete the policy. It must not delete a statement that was added after the
      // observation, so an opening starts from the current policy.
      const { snapshot } = desired === 'open' ? readingOf(await readPolicy(lock, repository), lock) : observed;
      const written = await writeOver(lock, repository, snapshot, desired);
      return written.kind === 'written' ? readBack(lock, repository, written, desired) : written;
    },
  };
}

export type RepositoryLock = Pick<Registry<Snapshot>, 'read' | 'write'>;
type Desired = 'closed' | 'open';

/** Checks the result of a write, because another writer may have overwritten it. */
async function readBack(
  lock: Lock,
  repository: string,
  written: Extract<Written, { kind: 'written' }>,
  desired: Desired,
): Promise<Written> {
  const after = await readPolicy(lock, repository);
  const isClosed = readingOf(after, lock).lock !== 'absent';
  return isClosed === (desired === 'closed') ? { ...written, after: after ?? '' } : OVERTAKEN;
}

/** Replaces the policy that was read with one that has, or does not have, our statement. */
async function writeOver(lock: Lock, repository: string, snapshot: Snapshot, desired: Desired): Promise<Written> {
  if (snapshot.kind === 'unreadable') return refused(unreadablePolicy(repository, snapshot.text), 'unreadable policy');
  const { ours, olderIds } = lock;
  const { policy: current } = snapshot;
  const full = desired === 'closed' ? withOurs(current, ours, olderIds) : withoutOurs(current, [ours.Sid, ...olderIds]);
  const text = full !== undefined && full.length > MAX_POLICY_CHARACTERS ? withoutWhiteSpace(full) : full;
  if (text !== undefined && text.length > MAX_POLICY_CHARACTERS)
    return refused(tooLongPolicy(repository, text), 'policy too long');
  const write = () => (text === undefined ? deletePolicy(lock, repository) : putPolicy(lock, repository, text));
  const isAsRead = async () => (await readPolicy(lock, repository)) === current.text;
  try {
    const isWritten = await retryWhileUnchanged(write, isAsRead);
    return isWritten ? { kind: 'written', before: current.text ?? '', after: text ?? '' } : OVERTAKEN;
  } catch (error) {
    if (text === undefined || !(error instanceof InvalidParameterException)) throw error;
    const suspects = statementsNamingPrincipals(current, ours.Sid);
    return refused(refusedPolicy(repository, error, suspects), [error.name, ...suspects].join(' '));
  }
}

async function readPolicy({ ecr, registryId }: Lock, repositoryName: string): Promise<string | undefined> {
  try {
    const { policyText } = await ecr.send(new GetRepositoryPolicyCommand({ registryId, repositoryName }));
    return policyText;
  } catch (error) {
    if (error instanceof RepositoryPolicyNotFoundException) return undefined;
    throw error;
  }
}

async function putPolicy({ ecrOnce, registryId }: Lock, repositoryName: string, policyText: string): Promise<void> {
  await ecrOnce.send(new SetRepositoryPolicyCommand({ registryId, repositoryName, policyText }));
}

async function deletePolicy({ ecrOnce, registryId }: Lock, repositoryName: string): Promise<void> {
  try {
    await ecrOnce.send(new DeleteRepositoryPolicyCommand({ registryId, repositoryName }));
  } catch (error) {
    if (!(error instanceof RepositoryPolicyNotFoundException)) throw error;
  }
}

/** Retries a write only while the policy is unchanged. Returns false if it has changed. */
async function retryWhileUnchanged(write: () => Promise<unknown>, isAsRead: () => Promise<boolean>): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      await write();
      return true;
    } catch (error) {
      if (!isTransient(error) || tries === WRITE_TRIES) throw error;
      await sleep(FIRST_PAUSE_MILLISECONDS * 2 ** (tries - 1));
      if (!(await isAsRead())) return false;
    }
  }
}

/** Throttling, a service error, or no response at all. */
function isTransient(error: unknown): boolean {
  return !(error instanceof ECRServiceException) || error.$fault === 'server' || isThrottled(error);
}

function refused(problem: string, cause: string): Written {
  return { kind: 'refused', problem, cause };
}

function unreadablePolicy(repository: string, text: string): string {
  return `the policy of ${repository} is not a JSON document with a list of statements, so pullgate cannot add its own statement. The policy is: ${text.slice(0, 200)}`;
}

function tooLongPolicy(repository: string, text: string): string {
  return `the policy of ${repository} would have ${text.length} characters with pullgate's statement and without white space, but ECR allows ${MAX_POLICY_CHARACTERS}: shorten the other statements`;
}

function refusedPolicy(repository: string, error: Error, statements: readonly string[]): string {
  const suspects =
    statements.length === 0
      ? 'its statements'
      : `${statements.length === 1 ? 'statement' : 'statements'} ${statements.join('; ')}`;
  return `ECR refuses the policy of ${repository} (${error.message}). A principal that the policy names has probably been deleted. Correct ${suspects}; pullgate tries again at the next sweep. pullgate does not change statements that are not its own`;
}

function readingOf(text: string | undefined, { ours, olderIds }: Pick<Lock, 'ours' | 'olderIds'>): Reading<Snapshot> {
  const policy = parseRepositoryPolicy(text);
  if (policy === undefined) {
    return { lock: 'absent', snapshot: { kind: 'unreadable', text: text ?? '', olderIds } };
  }
  const inUse = servesLambda(policy) ? LAMBDA : undefined;
  const others = otherLocks(policy, [ours.Sid, ...olderIds]);
  return {
    lock: lockStateOf(policy, ours, olderIds),
    inUse,
    otherLocks: others.length === 0 ? undefined : others,
    snapshot: { kind: 'policy', policy, olderIds },
  };
}
