// What the deployed function is told: the settings in its archive.
import type { AcrPullGateArgs } from './pull-gate.ts';

/** The content of settings.json, in the words of the stack's config. */
export type FunctionSettings = Readonly<Record<string, unknown>> & { readonly stack: string };

/** Only what the function reads: changing the log's retention deploys no code and makes no sweep due. */
export function functionSettings(stack: string, args: AcrPullGateArgs): FunctionSettings {
  return {
    stack,
    severityThreshold: args.severityThreshold,
    policy: args.policy,
    mode: args.mode,
    sweepHours: args.sweepHours,
    maxClosesPerHour: args.maxClosesPerHour,
    registries: args.registries,
    granularity: args.granularity,
    registryRoles: args.registryRoles,
    // The function itself sends the mails: no topic stands in between.
    notifyEmails: args.notifyEmails,
  };
}
