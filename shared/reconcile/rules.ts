// The rules: the part of the stack's config that the reconcile loop uses.

import type { BrakeLimits } from '../gate/brake.ts';
import type { Gate } from '../gate/gate.ts';
import type { Instant } from '../policy/finding.ts';
import { globFilter } from '../policy/glob.ts';
import type { Policy } from '../policy/policy.ts';
import { type RuledSettings, ruleChooser } from '../policy/rule.ts';
import { type Judge, judgeBy } from '../policy/verdict.ts';
import type { EffectiveMode, Suspension } from './mode.ts';
import type { Row } from './ports.ts';
import { isPaused, type PauseState } from './schedule.ts';

/**
 * The closings that the brake does not limit. `exploited`: those of a gate with a finding that violates
 * `policy.exploited`.
 */
export type BrakeExempt = 'never' | 'exploited';

/** What applies to every gate. */
interface StackRules extends BrakeLimits {
  readonly brakeExempt: BrakeExempt;
  /** Whether to close gates whose users would fail (`InUse.setting` is the config key). */
  readonly closesInUse: boolean;
  /** Whether the config includes a repository. */
  readonly includes: (repository: string) => boolean;
}

/** The rules of one gate. */
export interface GateRules extends StackRules {
  /** The label of the rule that applies. Undefined: the stack's defaults apply. */
  readonly rule: string | undefined;
  readonly policy: Policy;
  readonly judge: Judge;
  readonly mode: EffectiveMode;
}

/** The rules of a stack. */
export interface Rules extends StackRules {
  /** What takes precedence over the mode of each gate. */
  readonly suspended: Suspension | undefined;
  /** When the stack was last paused or resumed. Undefined: never. */
  readonly pauseChangedAt?: Instant | undefined;
  readonly of: (gate: Pick<Gate, 'registry' | 'repository'>) => GateRules;
}

/** The same rules as the config has them. */
export interface RuleSettings extends BrakeLimits, RuledSettings {
  readonly brakeExempt: BrakeExempt;
  readonly closesInUse: boolean;
  readonly repositories: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** The target of a registry, as the rules name it. */
  readonly targetOf: (registry: string) => string;
}

/** The rules now: a pause that is in force takes precedence over the config's mode. */
export async function currentRules(
  settings: RuleSettings,
  pause: Pick<Row<PauseState>, 'load'>,
  now: Instant,
): Promise<Rules> {
  const { value } = await pause.load();
  const rules = createRules(settings, isPaused(value, now) ? 'pause' : undefined);
  return value === undefined ? rules : { ...rules, pauseChangedAt: value.at };
}

/** Prepares the rules once for many gates. */
export function createRules(settings: RuleSettings, suspended?: Suspension): Rules {
  const { maxClosesPerHour, maxClosesPerDay, brakeExempt, closesInUse, repositories, targetOf } = settings;
  const includes = globFilter(repositories.include, repositories.exclude);
  const ofAll: StackRules = { maxClosesPerHour, maxClosesPerDay, brakeExempt, closesInUse, includes };
  const ruleFor = ruleChooser(settings);
  const judges = new Map<Policy, Judge>();
  return {
    ...ofAll,
    suspended,
    of({ registry, repository }) {
      const { rule, mode, policy } = ruleFor(targetOf(registry), repository);
      const judge = judges.get(policy) ?? judgeBy(policy);
      judges.set(policy, judge);
      return { ...ofAll, rule, policy, judge, mode: suspended ?? mode };
    },
  };
}

/** Which images of a repository are evaluated. */
export type ImagesOf = (repository: Pick<Gate, 'registry' | 'repository'>) => Policy['images'];

export function imagesChooser(settings: RuleSettings): ImagesOf {
  const rules = createRules(settings);
  return (repository) => rules.of(repository).policy.images;
}

/** The same rules, but no repository is included. */
export function withNothingIncluded(rules: Rules): Rules {
  const includes = () => false;
  return { ...rules, includes, of: (gate) => ({ ...rules.of(gate), includes }) };
}
