// The configuration of the deployed function: the settings in its package.
import type {
  BrakeExempt,
  Granularity,
  Mode,
  PolicyArgs,
  RegistryRoles,
  RepositoriesArgs,
  RuleArgs,
  Severity,
} from '../../config/args.ts';
import { brakeLimits, type checkAcrArgs } from '../../config/settings.ts';

/** The content of the function's `settings.json`. Its keys are those of the component's arguments. */
export interface AcrFunctionSettings {
  severityThreshold: Severity;
  /** The refinements of the policy, as the user wrote them. */
  policy: PolicyArgs;
  /** The rules as the user wrote them. */
  rules: RuleArgs[];
  mode: Mode;
  sweepHours: number;
  maxClosesPerHour: number;
  maxClosesPerDay: number;
  brakeExempt: BrakeExempt;
  registries: string[];
  repositories: RepositoriesArgs;
  granularity: Granularity;
  registryRoles: RegistryRoles;
  /** The recipients. The function sends the mail itself; there is no topic in between. */
  notifyEmails: string[];
  /** The management group whose details of CVEs the function reads. Absent: it reads none. */
  cveDetails?: CveDetailsSettings;
}

/** What the function needs to read details of CVEs. */
export interface CveDetailsSettings {
  managementGroupId: string;
}

type Settings = Extract<ReturnType<typeof checkAcrArgs>, { ok: true }>['value'];

/** Only what the function reads, so that a new log retention deploys no code and makes no sweep due. */
export function functionSettings(settings: Settings): AcrFunctionSettings {
  const { cveDetails } = settings;
  return {
    severityThreshold: settings.policy.severityThreshold,
    policy: settings.refinements,
    rules: settings.givenRules,
    mode: settings.mode,
    sweepHours: settings.sweepHours,
    ...brakeLimits(settings, settings.granularity),
    brakeExempt: settings.brakeExempt,
    registries: settings.registries,
    repositories: settings.repositories,
    granularity: settings.granularity,
    registryRoles: settings.registryRoles,
    notifyEmails: settings.notifyEmails,
    ...(cveDetails === undefined ? {} : { cveDetails: { managementGroupId: cveDetails.managementGroupId } }),
  };
}
