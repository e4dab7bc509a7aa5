// The configuration of the deployed function: the settings in its archive.
import * as pulumi from '@pulumi/pulumi';
import type { Granularity, Mode, PolicyArgs, RegistryRoles, Severity } from '../../config/args.ts';
import type { checkAcrArgs } from '../../config/settings.ts';

/** The content of the function's `settings.json`, in the words of the component's arguments. */
export interface AcrFunctionSettings {
  /** The name of the Pulumi stack. */
  stack: string;
  severityThreshold: Severity;
  /** The refinements as they were written. */
  policy: PolicyArgs;
  mode: Mode;
  sweepHours: number;
  maxClosesPerHour: number;
  registries: string[];
  granularity: Granularity;
  registryRoles: RegistryRoles;
  /** The function itself sends the mails: there is no topic in between. */
  notifyEmails: string[];
}

type Settings = Extract<ReturnType<typeof checkAcrArgs>, { ok: true }>['value'];

/** Only what the function reads: changing the log's retention deploys no code and makes no sweep due. */
export function functionSettings(settings: Settings): AcrFunctionSettings {
  return {
    stack: pulumi.getStack(),
    severityThreshold: settings.policy.severityThreshold,
    policy: settings.refinements,
    mode: settings.mode,
    sweepHours: settings.sweepHours,
    maxClosesPerHour: settings.maxClosesPerHour,
    registries: settings.registries,
    granularity: settings.granularity,
    registryRoles: settings.registryRoles,
    notifyEmails: settings.notifyEmails,
  };
}
