// The settings.json in a function's archive: what both clouds' have in common, and how either is checked.
import * as v from 'valibot';
import { type Policy, parsePolicy } from '../policy/policy.ts';
import { describeProblem, type Problem, problemsFrom, required } from './problem.ts';

/** What both clouds' functions are told. `severityThreshold` and `policy` are checked by the policy itself. */
const COMMON_SETTINGS = {
  stack: required(v.string('the name of the stack')),
  severityThreshold: v.optional(v.unknown()),
  policy: v.optional(v.unknown()),
  mode: required(v.picklist(['enforce', 'audit'], 'enforce or audit')),
  sweepHours: required(v.number('hours')),
  maxClosesPerHour: required(v.number('a number of gates')),
};

type Output<Entries extends v.ObjectEntries> = v.InferOutput<v.ObjectSchema<Entries, undefined>>;

/** The checked policy in place of its two raw parts. */
type Checked<Raw> = Omit<Raw, 'severityThreshold' | 'policy'> & { readonly policy: Policy };

/**
 * Checks the text of a settings.json.
 *
 * @param own what the cloud's own settings are, beside the common ones
 * @throws Error that lists every problem; the Pulumi program has checked the same config, so this means a mixed
 *   deployment
 */
export function parseSettingsFile<Own extends v.ObjectEntries>(text: string, own: Own) {
  const file = v.safeParse(v.object({ ...COMMON_SETTINGS, ...own }, 'an object'), jsonFrom(text));
  if (!file.success) throw mixedDeployment(problemsFrom(file.issues, 'settings'));
  // The type of an object whose entries are not known yet is beyond the checker.
  const raw = file.output as Output<typeof COMMON_SETTINGS> & Output<Own>;
  const { severityThreshold, policy: refinements, ...rest } = raw;
  const policy = parsePolicy(severityThreshold, refinements);
  if (!policy.ok) throw mixedDeployment(policy.problems);
  return { ...rest, policy: policy.value } as unknown as Checked<typeof raw>;
}

function jsonFrom(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw mixedDeployment([{ key: 'settings', given: text, allowed: 'JSON' }]);
  }
}

function mixedDeployment(problems: readonly Problem[]): Error {
  return new Error(`settings.json is not what the Pulumi program writes:\n${problems.map(describeProblem).join('\n')}`);
}
