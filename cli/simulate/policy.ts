// Reads a policy from a file: a plain policy, the form of the stack's config, or Pulumi's output.
import type { PolicyWithRules } from '../../shared/policy/rule.ts';
import { checkText, POLICY_FORMS } from '../check/file.ts';
import { UsageError } from '../terminal/ending.ts';
import { readText } from '../terminal/file.ts';

/**
 * Reads a policy, as `check` does. A list of exceptions alone is not a policy.
 *
 * @param file JSON with comments: the policy's fields next to `severityThreshold` or below `policy`, or the output of
 *   `pulumi config --json`
 * @throws UsageError that names every problem
 */
export async function readPolicy(file: string): Promise<PolicyWithRules> {
  const checked = checkText(await readText(file, POLICY_FORMS), { mayBeList: false });
  if (checked.ok) return checked.policies;
  const problems = checked.problems.map(({ line, text }) => `\n  ${line === undefined ? '' : `line ${line}: `}${text}`);
  throw new UsageError(`${file} is not a valid policy:${problems.join('')}`);
}
