// The repository lock: our statement in a repository's policy. Read, merged, written, read back.
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
import type { Gate } from '../../shared/gate/gate.ts';
import type { InUse } from '../../shared/gate/record.ts';
import type { Reading, Registry, Written } from '../../shared/reconcile/ports.ts';
import type { Clients } from './clients.ts';
import {
  type DenyStatement,
  lockStateOf,
  MAX_POLICY_CHARACTERS,
  parseRepositoryPolicy,
  type RepositoryPolicy,
  servesLambda,
  statementsNamingPrincipals,
  withOurs,
  withoutOurs,
} from './repository-policy.ts';

/** A repository's policy as it was read; `unreadable` holds a text that is not one. */
export type Snapshot =
  | { readonly kind: 'policy'; readonly policy: RepositoryPolicy }
  | { readonly kind: 'unreadable'; readonly text: string };

const OVERTAKEN: Written = { kind: 'overtaken' };
const WRITE_TRIES = 4;
const FIRST_PAUSE_MILLISECONDS = 200;

/**
 * Reads and writes the locks of one account. `registryId` is the account; undefined stands for the caller's.
 * Writes go through `ecrOnce`, a client that tries once: a second try without reading could write an old text over
 * another writer's new one.
 */
export function createRepositoryLock(
  { ecr, ecrOnce }: Pick<Clients, 'ecr' | 'ecrOnce'>,
  registryId: string | undefined,
  ours: DenyStatement,
): Pick<Registry<Snapshot>, 'read' | 'write'> {
  return {
    async read({ repository }) {
      try {
        return readingOf(await policyText(repository), ours);
      } catch (error) {
        if (error instanceof RepositoryNotFoundException) return undefined;
        throw error;
      }
    },

    async write(gate, from, wanted) {
      // Taking a statement out may delete the policy: what is deleted has to be what is there now, not what was there before the observation.
      const reading = wanted === 'open' ? readingOf(await policyText(gate.repository), ours) : from;
      const written = await writeOnce(gate, reading.snapshot, wanted);
      if (written.kind !== 'written') return written;
      const after = await policyText(gate.repository);
      const isClosed = readingOf(after, ours).lock !== 'absent';
      return isClosed === (wanted === 'closed') ? { ...written, after: after ?? '' } : { kind: 'overtaken' };
    },
  };

  async function policyText(repositoryName: string): Promise<string | undefined> {
    try {
      const { policyText } = await ecr.send(new GetRepositoryPolicyCommand({ registryId, repositoryName }));
      return policyText;
    } catch (error) {
      if (error instanceof RepositoryPolicyNotFoundException) return undefined;
      throw error;
    }
  }

  async function writeOnce({ repository }: Gate, snapshot: Snapshot, wanted: 'closed' | 'open'): Promise<Written> {
    if (snapshot.kind === 'unreadable') {
      return refused(
        `the policy of ${repository} is not a JSON document with a list of statements, so ours cannot be merged into it; it is: ${snapshot.text.slice(0, 200)}`,
      );
    }
    const { policy: current } = snapshot;
    const text = wanted === 'closed' ? withOurs(current, ours) : withoutOurs(current, ours.Sid);
    const written: Written = { kind: 'written', before: current.text ?? '', after: text ?? '' };
    const isAsRead = async () => (await policyText(repository)) === current.text;
    if (text === undefined)
      return (await retryWhileUnchanged(() => deletePolicy(repository), isAsRead)) ? written : OVERTAKEN;
    if (text.length > MAX_POLICY_CHARACTERS) {
      return refused(
        `the policy of ${repository} would have ${text.length} characters with our statement, and ECR takes ${MAX_POLICY_CHARACTERS}: shorten its other statements`,
      );
    }
    try {
      const set = new SetRepositoryPolicyCommand({ registryId, repositoryName: repository, policyText: text });
      return (await retryWhileUnchanged(() => ecrOnce.send(set), isAsRead)) ? written : OVERTAKEN;
    } catch (error) {
      if (!(error instanceof InvalidParameterException)) throw error;
      const statements = statementsNamingPrincipals(current, ours.Sid);
      return refused(
        `ECR refuses the policy of ${repository} (${error.message}). A principal that it names has probably been deleted; look at ${
          statements.length === 0 ? 'its statements' : `the statement ${statements.join('; ')}`
        }, correct it, and pullgate tries again with the next sweep. pullgate does not change statements that are not its own`,
      );
    }
  }

  async function deletePolicy(repositoryName: string): Promise<void> {
    try {
      await ecrOnce.send(new DeleteRepositoryPolicyCommand({ registryId, repositoryName }));
    } catch (error) {
      if (!(error instanceof RepositoryPolicyNotFoundException)) throw error;
    }
  }
}

/** Tries a write again only while the policy is still as it was read; false where it is not. */
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

/** Throttled, a fault of the service, or no answer at all. */
function isTransient(error: unknown): boolean {
  if (!(error instanceof ECRServiceException)) return true;
  return error.$fault === 'server' || /Throttl|TooManyRequests/.test(error.name);
}

function refused(problem: string): Written {
  return { kind: 'refused', problem };
}

/** Functions fail when their image cannot be pulled. */
const LAMBDA: InUse = { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' };

function readingOf(text: string | undefined, ours: DenyStatement): Reading<Snapshot> {
  const policy = parseRepositoryPolicy(text);
  if (policy === undefined) {
    return { lock: 'absent', snapshot: { kind: 'unreadable', text: text ?? '' } };
  }
  const inUse = servesLambda(policy) ? LAMBDA : undefined;
  return { lock: lockStateOf(policy, ours), inUse, snapshot: { kind: 'policy', policy } };
}
