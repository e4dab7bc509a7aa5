// Reads a policy from a file: plain, in the form of the stack's config, or as Pulumi prints it.
import { readFile } from 'node:fs/promises';
import type { Policy } from '../../shared/policy/policy.ts';
import { checkText, POLICY_FORMS } from '../check/file.ts';
import { sentenceOf, UsageError } from '../terminal/ending.ts';

/**
 * Reads a policy, as `check` does. A list of exceptions alone is not a policy.
 *
 * @param file JSON with comments: the fields of a policy beside `severityThreshold`, or below `policy`, or the output
 *   of `pulumi config --json`
 * @throws UsageError that names every problem
 */
export async function readPolicy(file: string): Promise<Policy> {
  const checked = checkText(await textOf(file), { mayBeList: false });
  if (checked.ok) return checked.policy;
  const problems = checked.problems.map(({ line, text }) => `\n  ${line === undefined ? '' : `line ${line}: `}${text}`);
  throw new UsageError(`${file} is not a policy:${problems.join('')}`);
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read (${sentenceOf(cause)}): give ${POLICY_FORMS}`, { cause });
  }
}
