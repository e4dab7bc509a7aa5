// Parses the settings.json in a function's archive. Both clouds share some settings and this check.
import * as v from 'valibot';
import { type Policy, parsePolicy } from '../policy/policy.ts';
import { parseRules, type Rule } from '../policy/rule.ts';
import { describeProblem, type Problem, problemsFrom, required } from './problem.ts';

const GLOBS = 'a list of globs';
const globs = required(v.array(v.string(GLOBS), GLOBS));

/** The settings that both clouds share. `parsePolicy` and `parseRules` check the first three. */
const COMMON_SETTINGS = {
  severityThreshold: v.optional(v.unknown()),
  policy: v.optional(v.unknown()),
  rules: v.optional(v.unknown()),
  mode: required(v.picklist(['enforce', 'audit'], 'enforce or audit')),
  sweepHours: required(v.number('hours')),
  maxClosesPerHour: required(v.number('a number of gates')),
  maxClosesPerDay: required(v.number('a number of gates')),
  brakeExempt: required(v.picklist(['never', 'exploited'], 'never or exploited')),
  repositories: required(v.object({ include: globs, exclude: globs }, 'include and exclude')),
};

type Output<Entries extends v.ObjectEntries> = v.InferOutput<v.ObjectSchema<Entries, undefined>>;

/** The settings with the checked policy and rules instead of their raw parts. */
type Checked<Raw> = Omit<Raw, 'severityThreshold' | 'policy' | 'rules'> & {
  readonly policy: Policy;
  readonly rules: readonly Rule[];
};

/**
 * Parses and checks a settings.json.
 *
 * @param own the schemas of the cloud's own settings
 * @throws Error that lists every problem. The Pulumi program has checked the config, so a problem means that the
 *   archive mixes files of different versions
 */
export function parseSettingsFile<Own extends v.ObjectEntries>(text: string, own: Own) {
  const file = v.safeParse(v.object({ ...COMMON_SETTINGS, ...own }, 'an object'), jsonFrom(text));
  if (!file.success) throw mixedDeployment(problemsFrom(file.issues, 'settings'));
  // TypeScript cannot infer the type of an object with generic entries.
  const raw = file.output as Output<typeof COMMON_SETTINGS> & Output<Own>;
  const { severityThreshold, policy: refinements, rules: given, ...rest } = raw;
  const policy = parsePolicy(severityThreshold, refinements);
  if (!policy.ok) throw mixedDeployment(policy.problems);
  const rules = parseRules(given, { severityThreshold, policy: refinements, parsed: policy.value });
  if (!rules.ok) throw mixedDeployment(rules.problems);
  return { ...rest, policy: policy.value, rules: rules.value } as unknown as Checked<typeof raw>;
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
