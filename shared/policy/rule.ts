// Rules: the mode and the policy of some targets and repositories, in place of the stack's.
import * as v from 'valibot';
import type { ConfiguredMode } from '../reconcile/mode.ts';
import { closedObject, type Parsed, type Problem, problemsFrom } from '../runtime/problem.ts';
import type { Exception } from './exceptions.ts';
import type { Instant } from './finding.ts';
import { globMatcher, globSchema, globSchemaFor } from './glob.ts';
import { DEFAULT_POLICY, type Policy, parsePolicy, REFINEMENTS } from './policy.ts';

/** One entry of `rules` in the config. */
export interface Rule {
  /** How people see it: its place in the list and its globs. Example: `rules[0] (shop/**)`. */
  readonly label: string;
  /** Globs for targets. Undefined: all targets. */
  readonly targets?: readonly string[] | undefined;
  /** Globs for repositories. Undefined: all repositories. */
  readonly repositories?: readonly string[] | undefined;
  /** Undefined: the stack's. */
  readonly mode?: ConfiguredMode | undefined;
  /** The whole policy: the rule's fields over the stack's. The rule's own exceptions follow the stack's. */
  readonly policy: Policy;
}

/** What applies to a repository of a target. */
export interface Ruling {
  /** The label of the rule that applies. Undefined: the stack's defaults apply. */
  readonly rule: string | undefined;
  readonly mode: ConfiguredMode;
  readonly policy: Policy;
}

/** The stack's defaults, and the rules that stand over them. */
export interface RuledSettings {
  readonly mode: ConfiguredMode;
  readonly policy: Policy;
  readonly rules: readonly Rule[];
}

/** A policy, and the policies of rules. */
export type PolicyWithRules = Pick<RuledSettings, 'policy' | 'rules'>;

/** Every policy that applies to some repository. */
export function policiesOf({ policy, rules }: PolicyWithRules): readonly Policy[] {
  return [...new Set([policy, ...rules.map((rule) => rule.policy)])];
}

/** Every exception of these policies, once. */
export function exceptionsOf(settings: PolicyWithRules): readonly Exception[] {
  return [...new Set(policiesOf(settings).flatMap(({ exceptions }) => exceptions))];
}

/** Does the stack or a rule enforce? */
export function enforces({ mode, rules }: { readonly mode: ConfiguredMode; readonly rules: readonly Rule[] }): boolean {
  return [mode, ...rules.map((rule) => rule.mode)].includes('enforce');
}

/**
 * Finds what applies to a repository: the first rule that matches both, or else the stack's defaults. Equal rulings are
 * the same object.
 *
 * @param target a path from the cloud down to where its registry is, such as `cloud/registry`
 */
export type RuleFor = (target: string, repository: string) => Ruling;

/** Prepares the rules once for many repositories. */
export function ruleChooser({ mode, policy, rules }: RuledSettings): RuleFor {
  const prepared = rules.map((rule) => ({
    ruling: { rule: rule.label, mode: rule.mode ?? mode, policy: rule.policy },
    isTarget: anyMatcher(rule.targets?.flatMap((glob) => [glob, below(glob)])),
    isRepository: anyMatcher(rule.repositories),
  }));
  const defaults: Ruling = { rule: undefined, mode, policy };
  return (target, repository) =>
    prepared.find(({ isTarget, isRepository }) => isTarget(target) && isRepository(repository))?.ruling ?? defaults;
}

function anyMatcher(globs: readonly string[] | undefined): (name: string) => boolean {
  if (globs === undefined) return () => true;
  const matchers = globs.map(globMatcher);
  return (name) => matchers.some((matches) => matches(name));
}

/** A target's glob also matches everything below: `cloud` matches `cloud/registry`. */
export function below(glob: string): string {
  return `${glob}/**`;
}

const REPOSITORIES = 'a list of globs for repository names';
const TARGETS = 'a list of globs for targets';
const targetGlob = globSchemaFor('a glob for targets in lower case, such as "*/images"');
const globs = (glob: typeof globSchema, allowed: string) =>
  v.optional(v.pipe(v.array(glob, allowed), v.minLength(1, `${allowed}; leave it out for all`)));
const fields = ['severityThreshold', ...REFINEMENTS];
const ruleSchema = closedObject(
  {
    targets: globs(targetGlob, TARGETS),
    repositories: globs(globSchema, REPOSITORIES),
    mode: v.optional(v.picklist(['enforce', 'audit'], 'one of enforce, audit')),
    // `parsePolicy` checks the values.
    policy: v.optional(
      closedObject(
        Object.fromEntries(fields.map((field) => [field, v.optional(v.unknown())])),
        'an object with severityThreshold and refinements, such as { "severityThreshold": "critical" }',
      ),
    ),
  },
  'an object with repositories or targets, and mode or policy',
);
const ruleList = v.optional(v.array(ruleSchema, 'a list of rules'), []);

const EFFECT = 'a rule with mode or policy; to keep the defaults of the stack for these repositories, write its mode';

/** The policy of the stack. */
export interface StackPolicy {
  /** The two config keys as the user wrote them. */
  readonly severityThreshold?: unknown;
  readonly policy?: unknown;
  readonly parsed: Policy;
}

/**
 * Checks the rules.
 *
 * @param given the value of the config key; `undefined` means none
 * @param stack undefined if the stack's policy has problems. The rules' policies are then checked alone
 * @param now when the rules are written: the end of some exceptions is limited. Default: not checked
 * @returns the rules in their order, or every problem, each with its key
 */
export function parseRules(
  given: unknown,
  stack: StackPolicy = { parsed: DEFAULT_POLICY },
  now?: Instant,
): Parsed<readonly Rule[]> {
  const checked = v.safeParse(ruleList, given);
  const problems: Problem[] = checked.success ? [] : [...problemsFrom(checked.issues, 'rules')];
  const rules: Rule[] = [];
  for (const [index, raw] of (Array.isArray(given) ? given : []).entries()) {
    const key = `rules[${index}]`;
    const one = v.safeParse(ruleSchema, raw);
    const policy = policyOf(isRecord(raw) ? raw['policy'] : undefined, stack, now);
    if (!policy.ok) problems.push(...policy.problems.map((problem) => placeProblem(problem, key)));
    if (!one.success) continue;
    if (one.output.mode === undefined && Object.keys(one.output.policy ?? {}).length === 0)
      problems.push({ key, given: raw, allowed: EFFECT });
    if (!policy.ok) continue;
    const { targets, repositories, mode } = one.output;
    rules.push({ label: labelOf(index, targets, repositories), targets, repositories, mode, policy: policy.value });
  }
  const [first, ...others] = problems;
  return first === undefined ? { ok: true, value: rules } : { ok: false, problems: [first, ...others] };
}

function isRecord(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

/** The rule's fields over the stack's. Exceptions are added, because each names what it is for. */
function policyOf(raw: unknown, stack: StackPolicy, now: Instant | undefined): Parsed<Policy> {
  if (!isRecord(raw)) return { ok: true, value: stack.parsed };
  const own = Object.fromEntries(Object.entries(raw).filter(([field]) => fields.includes(field)));
  const inherited: Record<string, unknown> = isRecord(stack.policy) ? { ...stack.policy } : {};
  // Without a threshold for exploits, the stack's score has no effect.
  if (own['exploited'] === 'never') delete inherited['epss'];
  const { severityThreshold = stack.severityThreshold, ...refinements } = own;
  const parsed = parsePolicy(severityThreshold, { ...inherited, exceptions: [], ...refinements }, now);
  if (!parsed.ok) return parsed;
  return { ok: true, value: { ...parsed.value, exceptions: [...stack.parsed.exceptions, ...parsed.value.exceptions] } };
}

/** Places a problem of a policy under the rule, where the threshold is one of the policy's fields. */
function placeProblem(problem: Problem, rule: string): Problem {
  const key = problem.key.startsWith('policy') ? problem.key : `policy.${problem.key}`;
  return { ...problem, key: `${rule}.${key}` };
}

const SHOWN_GLOBS = 3;

/**
 * How people see a rule.
 *
 * @example labelOf(0, undefined, ['shop/**']) // 'rules[0] (shop/**)'
 * @example labelOf(1, ['cloud'], undefined) // 'rules[1] (all on cloud)'
 */
function labelOf(index: number, targets?: readonly string[], repositories?: readonly string[]): string {
  const where = targets === undefined ? '' : ` on ${listGlobs(targets)}`;
  return `rules[${index}] (${repositories === undefined ? 'all' : listGlobs(repositories)}${where})`;
}

function listGlobs(list: readonly string[]): string {
  const more = list.length - SHOWN_GLOBS;
  return more > 0 ? `${list.slice(0, SHOWN_GLOBS).join(', ')} and ${more} more` : list.join(', ');
}
