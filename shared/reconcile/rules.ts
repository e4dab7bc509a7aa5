// The rules: the part of the stack's config that the reconcile loop uses.

import type { BrakeLimits } from '../gate/brake.ts';
import type { Instant } from '../policy/finding.ts';
import { globFilter } from '../policy/glob.ts';
import type { Policy } from '../policy/policy.ts';
import { type Judge, judgeBy } from '../policy/verdict.ts';
import type { EffectiveMode } from './mode.ts';
import type { Row } from './ports.ts';
import { isPaused, type PauseState } from './schedule.ts';

/**
 * The closings that the brake does not limit. `exploited`: those of a gate with a finding that violates
 * `policy.exploited`.
 */
export type BrakeExempt = 'never' | 'exploited';

export interface Rules extends BrakeLimits {
  readonly policy: Policy;
  readonly judge: Judge;
  readonly mode: EffectiveMode;
  /** When the stack was last paused or resumed. Undefined: never. */
  readonly pauseChangedAt?: Instant | undefined;
  readonly brakeExempt: BrakeExempt;
  /** Whether to close gates whose users would fail (`InUse.setting` is the config key). */
  readonly closesInUse: boolean;
  /** Whether the config includes a repository. */
  readonly includes: (repository: string) => boolean;
}

/** The same rules as the config has them. */
export interface RuleSettings extends BrakeLimits {
  readonly policy: Policy;
  readonly brakeExempt: BrakeExempt;
  readonly closesInUse: boolean;
  readonly repositories: { readonly include: readonly string[]; readonly exclude: readonly string[] };
}

/** The rules now: a pause that is in force takes precedence over the config's mode. */
export async function currentRules(
  settings: RuleSettings & { readonly mode: EffectiveMode },
  pause: Pick<Row<PauseState>, 'load'>,
  now: Instant,
): Promise<Rules> {
  const { value } = await pause.load();
  const rules = createRules(settings, isPaused(value, now) ? 'pause' : settings.mode);
  return value === undefined ? rules : { ...rules, pauseChangedAt: value.at };
}

/** Prepares the rules once for many gates. */
export function createRules(settings: RuleSettings, mode: EffectiveMode): Rules {
  const { policy, maxClosesPerHour, maxClosesPerDay, brakeExempt, closesInUse, repositories } = settings;
  return {
    policy,
    judge: judgeBy(policy),
    mode,
    maxClosesPerHour,
    maxClosesPerDay,
    brakeExempt,
    closesInUse,
    includes: globFilter(repositories.include, repositories.exclude),
  };
}
