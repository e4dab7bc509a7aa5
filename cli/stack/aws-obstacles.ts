// Finds the statements of a repository policy that deny pulls, and who set them: this stack, another stack, or someone
// else.
import type { Snapshot } from '../../aws/function/repository-lock.ts';
import { isAboutPulls, type RepositoryPolicy, STATEMENT_ID } from '../../aws/function/repository-policy.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Obstacle } from './client.ts';

type Statement = RepositoryPolicy['statements'][number]['value'];

/**
 * The statements that deny pulls.
 *
 * @param ourIds the Sids that this stack's statements can have
 * @param since when this stack closed the repository, according to its record
 */
export function obstaclesIn(
  snapshot: Snapshot,
  ourIds: readonly string[],
  since: Instant | undefined,
): readonly Obstacle[] {
  if (snapshot.kind === 'unreadable') return [];
  return snapshot.policy.statements.flatMap(({ value }, index): readonly Obstacle[] => {
    if (value['Effect'] !== 'Deny' || !isAboutPulls(value)) return [];
    const sid = value['Sid'];
    const what = `statement ${typeof sid === 'string' ? `"${sid}"` : index + 1} in the repository policy`;
    if (typeof sid === 'string' && ourIds.includes(sid)) return [{ by: 'pullgate', for: 'everyone', what, since }];
    if (typeof sid === 'string' && STATEMENT_ID.test(sid)) return [{ by: 'anotherStack', for: 'everyone', what }];
    return [{ by: 'others', for: isForEveryone(value) ? 'everyone' : 'some', what }];
  });
}

function isForEveryone({ Principal: principal, Condition: condition }: Statement): boolean {
  if (condition !== undefined) return false;
  if (principal === '*') return true;
  const accounts: unknown =
    typeof principal === 'object' && principal !== null && 'AWS' in principal ? principal.AWS : undefined;
  return [accounts].flat().includes('*');
}
