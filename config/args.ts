// The arguments of both components, in the form that Pulumi's analyzer accepts: named interfaces, mutable arrays, and
// const objects for closed sets.

/** The severity of a finding. */
export const Severity = {
  informational: 'informational',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
} as const;
export type Severity = (typeof Severity)[keyof typeof Severity];

/** The lowest severity at which a finding violates, or `never`. */
export const Threshold = {
  informational: 'informational',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
  never: 'never',
} as const;
export type Threshold = (typeof Threshold)[keyof typeof Threshold];

/** How to treat a finding whose severity the scanner does not know. */
export const UnknownSeverity = {
  /** Use the CVSS base score, or else the severity of the report that names the finding. */
  inherit: 'inherit',
  /** The finding violates. */
  block: 'block',
  /** The finding does not violate. */
  ignore: 'ignore',
} as const;
export type UnknownSeverity = (typeof UnknownSeverity)[keyof typeof UnknownSeverity];

/** Which images are evaluated. */
export const Images = {
  /** Tagged images, and the children of tagged indexes. */
  tagged: 'tagged',
  /** All images. */
  all: 'all',
} as const;
export type Images = (typeof Images)[keyof typeof Images];

/** What pullgate does with a gate that the policy closes. */
export const Mode = {
  /** Close it. */
  enforce: 'enforce',
  /** Leave it open, and log and notify the decision. */
  audit: 'audit',
} as const;
export type Mode = (typeof Mode)[keyof typeof Mode];

/** Which closings the brake does not limit. */
export const BrakeExempt = {
  never: 'never',
  /** Those of a gate with a finding that violates `policy.exploited`. */
  exploited: 'exploited',
} as const;
export type BrakeExempt = (typeof BrakeExempt)[keyof typeof BrakeExempt];

/** What a gate is on Azure. */
export const Granularity = {
  /** One manifest, by its digest. */
  image: 'image',
  /** A repository with all its images. */
  repository: 'repository',
} as const;
export type Granularity = (typeof Granularity)[keyof typeof Granularity];

/** How Azure container registries grant permissions. */
export const RegistryRoles = {
  /** Roles apply to a whole registry. */
  rbac: 'rbac',
  /** Roles apply to repositories, with attribute-based conditions. */
  abac: 'abac',
} as const;
export type RegistryRoles = (typeof RegistryRoles)[keyof typeof RegistryRoles];

/** How many zones of its region keep the stack's storage on Azure. */
export const StorageRedundancy = {
  /** One: locally redundant storage. */
  lrs: 'lrs',
  /** Three: zone-redundant storage. */
  zrs: 'zrs',
} as const;
export type StorageRedundancy = (typeof StorageRedundancy)[keyof typeof StorageRedundancy];

/** Where the details of CVEs are read: their severities, dates, exploits and EPSS scores. */
export interface CveDetailsArgs {
  /**
   * The name of a management group, for which Azure Resource Graph has the details. The tenant's root group has the
   * tenant's id as its name. Example: `platform`.
   */
  managementGroupId: string;
  /**
   * Whether the function's identity is assigned the role Security Reader on the management group. The deployer must be
   * able to assign roles there. If false, assign the role yourself. Default: true.
   */
  assignRole?: boolean;
}

/** Pushes and deletions that reach the function at once. */
export interface PushEventsArgs {
  /**
   * The ARM ids of the registries' Event Grid system topics that exist already, by the names of the registries. A
   * registry can have only one. Each needs a system-assigned identity. Default: none, the component creates them.
   * Example: `{ acmeimages: '/subscriptions/GUID/resourceGroups/RG/providers/Microsoft.EventGrid/systemTopics/NAME' }`.
   */
  topics?: { [registry: string]: string };
}

/** The days after disclosure before a finding of each severity violates, 0 to 3650. Default for each: 0. */
export interface GraceDaysArgs {
  informational?: number;
  low?: number;
  medium?: number;
  high?: number;
  critical?: number;
}

/** A reviewed decision that a finding does not violate until a date. */
export interface ExceptionArgs {
  /**
   * The advisory's id, in upper or lower case. It also matches a finding's aliases. `*` is every advisory of a package:
   * it needs `package`, and `repository` or `digest`, and lasts 30 days at most. Example: `CVE-2024-6119`.
   */
  id: string;
  /** Limits the exception to repositories that match this glob. Default: all. Example: `team/*`. */
  repository?: string;
  /** Limits the exception to the image with this digest, `sha256:` and 64 hexadecimal digits. Default: all images. */
  digest?: string;
  /** Limits the exception to the package with this name. Default: all packages. Example: `openssl`. */
  package?: string;
  /**
   * When the exception expires: the last day that it applies, in UTC, or a time with its zone. Examples: `2026-12-31`,
   * `2026-12-31T18:00:00Z`.
   */
  expires: string;
  /** Why the finding does not violate. */
  reason: string;
  /** Who approved the exception. Default: not recorded. */
  approvedBy?: string;
  /** Whether the exception ends as soon as a fix is known. Default: false. */
  untilFixed?: boolean;
}

/** Refinements of the severity threshold. */
export interface PolicyArgs {
  /** The threshold for findings without a fix. Default: the severity threshold. */
  unfixable?: Threshold;
  /** How to treat an unknown severity. Default: `inherit`. */
  unknownSeverity?: UnknownSeverity;
  /**
   * From this severity up, a finding with a known exploit violates even if it has no fix or is in its grace period.
   * Default: `never`.
   */
  exploited?: Threshold;
  /**
   * A finding whose EPSS score is at least this, 0 to 1, counts as exploited. Needs `exploited`. Default: none does.
   * Example: `0.5`.
   */
  epss?: number;
  /** The grace period for each severity, in days after disclosure. Default: none. Example: `{ high: 7 }`. */
  graceDays?: GraceDaysArgs;
  /** Which images are evaluated. Default: `tagged`. */
  images?: Images;
  /** Findings that do not violate. Default: none. */
  exceptions?: ExceptionArgs[];
}

/** The policy of a rule: its fields replace those of the stack. Its exceptions are added to the stack's. */
export interface RulePolicyArgs extends PolicyArgs {
  /**
   * Default: the stack's threshold. The stack's `unfixable` stays in force: with `high` there and `critical` here, a
   * high finding without a fix violates, and one with a fix does not. Example: `critical`.
   */
  severityThreshold?: Severity;
}

/** The mode, the policy or both for some repositories. The first rule that matches a repository applies to it. */
export interface RuleArgs {
  /**
   * Limits the rule to targets that match one of these globs. A target is `aws/ACCOUNT/REGION` or `azure/REGISTRY`; a
   * glob also matches what is below, so `aws` matches all of AWS. Default: all. Example: `["azure/acmeimages"]`.
   */
  targets?: string[];
  /** Limits the rule to repositories that match one of these globs. Default: all. Example: `["shop/**"]`. */
  repositories?: string[];
  /** Default: the stack's mode. */
  mode?: Mode;
  /** Default: the stack's policy. Example: `{ severityThreshold: 'critical' }`. */
  policy?: RulePolicyArgs;
}

/** Selects repositories by globs over their names: at least one of `include` and none of `exclude` must match. */
export interface RepositoriesArgs {
  /** Default: `["**"]`, all repositories. Example: `["team/**"]`. */
  include?: string[];
  /** Default: none. Example: `["team/scratch/*"]`. */
  exclude?: string[];
}

/** The arguments that both components take. */
export interface PullGateArgs {
  /** A finding at or above this severity violates, and closes its gate. Example: `high`. */
  severityThreshold: Severity;
  /** Refinements of the threshold. Default: none. Example: `{ unfixable: 'never' }`. */
  policy?: PolicyArgs;
  /**
   * Whether gates are closed. `audit` evaluates, logs and notifies, but closes nothing; it opens the gates that
   * pullgate closed before. Default: `audit`.
   */
  mode?: Mode;
  /**
   * The mode and the policy of some repositories, in place of `mode`, `severityThreshold` and `policy`. The first rule
   * that matches applies. Default: none. Example: `[{ repositories: ['shop/**'], mode: 'enforce' }]`.
   */
  rules?: RuleArgs[];
  /** How often all gates are reconciled to catch what events missed, in hours, 1 to 24. Default: 6. */
  sweepHours?: number;
  /**
   * The brake: the most gates that close within an hour, 1 to 1000. The other gates wait, and a notice says so.
   * Default: 25 repositories, or 250 images.
   */
  maxClosesPerHour?: number | undefined;
  /**
   * The most gates that close within 24 hours, 1 to 24000. An alarm is raised when it is reached. Default: four times
   * `maxClosesPerHour`.
   */
  maxClosesPerDay?: number | undefined;
  /** Which closings the brake does not limit. Default: `never`. */
  brakeExempt?: BrakeExempt;
  /**
   * The email addresses that receive notices of state changes, and alarms. Default: none.
   * Example: `["security@example.com"]`.
   */
  notifyEmails?: string[];
  /**
   * Whether the records are protected from deletion: `pulumi destroy` fails in its preview until this is false.
   * Default: true if `mode` or the mode of a rule is `enforce`.
   */
  deletionProtection?: boolean | undefined;
}
