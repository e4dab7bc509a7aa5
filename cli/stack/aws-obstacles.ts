// Finds the statements of a repository policy that deny pulls, and who set them: this stack, another stack, or someone
// else.
import type { Snapshot } from '../../aws/function/repository-lock.ts';
import { PULL_ACTIONS, type RepositoryPolicy, STATEMENT_ID } from '../../aws/function/repository-policy.ts';
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
    if (value['Effect'] !== 'Deny' || !deniesPulls(value)) return [];
    const sid = value['Sid'];
    const what = `statement ${typeof sid === 'string' ? `"${sid}"` : index + 1} in the repository policy`;
    if (typeof sid === 'string' && ourIds.includes(sid)) return [{ by: 'pullgate', for: 'everyone', what, since }];
    if (typeof sid === 'string' && STATEMENT_ID.test(sid)) return [{ by: 'anotherStack', for: 'everyone', what }];
    return [{ by: 'others', for: isForEveryone(value) ? 'everyone' : 'some', what }];
  });
}

/** Does the statement deny one of the calls that every pull makes? */
function deniesPulls({ Action: actions, NotAction: others }: Statement): boolean {
  if (actions !== undefined) return PULL_ACTIONS.some((action) => matches(actions, action));
  return others !== undefined && PULL_ACTIONS.some((action) => !matches(others, action));
}

/**
 * Action names are not case-sensitive and may contain wildcards.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
 */
function matches(patterns: unknown, action: string): boolean {
  return [patterns].flat().some((pattern) => {
    if (typeof pattern !== 'string') return false;
    const source = pattern.replace(/[^a-z0-9]/gi, (sign) => (sign === '*' ? '.*' : sign === '?' ? '.' : `\\${sign}`));
    return new RegExp(`^${source}$`, 'i').test(action);
  });
}

function isForEveryone({ Principal: principal, Condition: condition }: Statement): boolean {
  if (condition !== undefined) return false;
  if (principal === '*') return true;
  const accounts: unknown =
    typeof principal === 'object' && principal !== null && 'AWS' in principal ? principal.AWS : undefined;
  return [accounts].flat().includes('*');
}
