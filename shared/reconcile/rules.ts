// What the stack's config says about closing, as far as the reconcile loop needs it.

import type { Instant } from '../policy/finding.ts';
import { globFilter } from '../policy/glob.ts';
import type { Policy } from '../policy/policy.ts';
import { type Judge, judgeBy } from '../policy/verdict.ts';
import type { EffectiveMode } from './mode.ts';
import type { Row } from './ports.ts';
import { isPaused, type PauseState } from './schedule.ts';

export interface Rules {
  readonly policy: Policy;
  readonly judge: Judge;
  readonly mode: EffectiveMode;
  /** The brake. */
  readonly maxClosesPerHour: number;
  /** Close gates, too, that are in use by what would fail then (`InUse.setting` names the config's key)? */
  readonly closesInUse: boolean;
  /** Does the config include this repository? */
  readonly includes: (repository: string) => boolean;
}

/** The config's own words for the same. */
export interface RuleSettings {
  readonly policy: Policy;
  readonly maxClosesPerHour: number;
  readonly closesInUse: boolean;
  readonly repositories: { readonly include: readonly string[]; readonly exclude: readonly string[] };
}

/** The rules at this moment: a pause takes precedence over the config's mode while it is in force. */
export async function currentRules(
  settings: RuleSettings & { readonly mode: EffectiveMode },
  pause: Pick<Row<PauseState>, 'load'>,
  now: Instant,
): Promise<Rules> {
  const { value } = await pause.load();
  return createRules(settings, isPaused(value, now) ? 'pause' : settings.mode);
}

/** Prepares the config once for many gates. */
export function createRules(settings: RuleSettings, mode: EffectiveMode): Rules {
  const { policy, maxClosesPerHour, closesInUse, repositories } = settings;
  return {
    policy,
    judge: judgeBy(policy),
    mode,
    maxClosesPerHour,
    closesInUse,
    includes: globFilter(repositories.include, repositories.exclude),
  };
}
