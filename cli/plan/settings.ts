// The settings that decide what happens to the gates of a component, from the config or as they were deployed.
import * as aws from '../../aws/function/settings.ts';
import * as azure from '../../azure/function/settings.ts';
import type { Granularity } from '../../config/args.ts';
import type { Cloud, Settings } from '../../config/config.ts';
import { brakeLimits } from '../../config/settings.ts';
import type { ConfiguredMode } from '../../shared/reconcile/mode.ts';
import type { RuleSettings } from '../../shared/reconcile/rules.ts';

export interface StackSettings extends RuleSettings {
  readonly mode: ConfiguredMode;
  /** What a gate is. On AWS always a repository. */
  readonly granularity: Granularity;
  /** The Resource Manager ids of the registries. On AWS none: the account has one registry. */
  readonly registries: readonly string[];
}

/**
 * The settings that a config gives the component in a cloud.
 *
 * @param targetOf names the target of a registry, as in the deployed settings
 */
export function settingsFor(
  cloud: Cloud,
  { policy, rules, mode, brakeExempt, ...config }: Settings,
  targetOf: StackSettings['targetOf'],
): StackSettings {
  const common = { policy, rules, mode, brakeExempt, targetOf };
  if (cloud === 'aws') {
    const { repositories, closeLambdaRepositories: closesInUse } = config.aws;
    const limits = brakeLimits(config, 'repository');
    return { ...common, ...limits, repositories, closesInUse, granularity: 'repository', registries: [] };
  }
  const { repositories, granularity, registries } = config.azure;
  return {
    ...common,
    ...brakeLimits(config, granularity),
    repositories,
    closesInUse: false,
    granularity,
    registries,
  };
}

/**
 * The deployed settings, from the content of the function's `settings.json`.
 *
 * @param region the region on AWS
 * @throws Error that lists every problem
 */
export function deployedSettings(
  cloud: Cloud,
  content: Readonly<Record<string, unknown>>,
  region: string | undefined,
): StackSettings {
  const text = JSON.stringify(content);
  if (cloud === 'azure') return azure.parseStackSettings(text);
  const targetOf = (registry: string) => `aws/${registry}/${region}`;
  return { ...aws.parseStackSettings(text), targetOf, granularity: 'repository', registries: [] };
}

/** What `settings.json` names of people, roles and groups. It changes no gate. */
const NOT_KEPT = { exemptPrincipals: [], notifyEmails: [], cveDetails: undefined } as const;

/** The content of a `settings.json` that a snapshot keeps. */
export function contentToKeep(content: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const entries = Object.entries(content).map(([key, value]) => [
    key,
    Object.hasOwn(NOT_KEPT, key) ? NOT_KEPT[key as keyof typeof NOT_KEPT] : value,
  ]);
  return Object.fromEntries(entries);
}

/** Does the component cover this registry? On AWS it covers the account's only one. */
export function isCovered(registry: string, { registries }: Pick<StackSettings, 'registries'>): boolean {
  return registries.length === 0 || registries.some((id) => id.toLowerCase() === registry.toLowerCase());
}
