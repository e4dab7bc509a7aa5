// What both components are told, in the form that Pulumi's analyzer accepts: named interfaces, mutable arrays, and
// const objects for closed sets.

/** How bad a finding is. */
export const Severity = {
  informational: 'informational',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
} as const;
export type Severity = (typeof Severity)[keyof typeof Severity];

/** A severity from which findings violate, or `never`. */
export const Threshold = {
  informational: 'informational',
  low: 'low',
  medium: 'medium',
  high: 'high',
  critical: 'critical',
  never: 'never',
} as const;
export type Threshold = (typeof Threshold)[keyof typeof Threshold];

/** What to make of a finding whose severity the scanner does not know. */
export const UnknownSeverity = {
  /** Use the CVSS base score, else the severity of the report that names the finding. */
  inherit: 'inherit',
  /** The finding violates. */
  block: 'block',
  /** The finding does not violate. */
  ignore: 'ignore',
} as const;
export type UnknownSeverity = (typeof UnknownSeverity)[keyof typeof UnknownSeverity];

/** Which images are judged. */
export const Images = {
  /** Tagged images, and the children of tagged indexes. */
  tagged: 'tagged',
  /** All images. */
  all: 'all',
} as const;
export type Images = (typeof Images)[keyof typeof Images];

/** What happens to a gate that the policy wants closed. */
export const Mode = {
  /** It is closed. */
  enforce: 'enforce',
  /** It stays open; the decision is logged and announced. */
  audit: 'audit',
} as const;
export type Mode = (typeof Mode)[keyof typeof Mode];

/** What a gate on Azure is. */
export const Granularity = {
  /** One manifest, by its digest. */
  image: 'image',
  /** A repository with all of its images. */
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

/** Days since disclosure before a finding of that severity violates, 0 to 3650. Default for each: 0. */
export interface GraceDaysArgs {
  informational?: number;
  low?: number;
  medium?: number;
  high?: number;
  critical?: number;
}

/** A reviewed decision that one finding does not violate, until a date. */
export interface ExceptionArgs {
  /** The advisory, in any case; a finding's aliases match too. Example: `CVE-2024-6119`. */
  id: string;
  /** Only in repositories that match this glob. Default: in all. Example: `team/*`. */
  repository?: string;
  /** Only in the image with this digest, `sha256:` and 64 hexadecimal digits. Default: in all. */
  digest?: string;
  /** Only in the package of this name. Default: in all. Example: `openssl`. */
  package?: string;
  /**
   * The last day in UTC, or the moment with its zone, until which it applies. Examples: `2026-12-31`,
   * `2026-12-31T18:00:00Z`.
   */
  expires: string;
  /** Why the finding does not violate. */
  reason: string;
  /** Who approved it. Default: not said. */
  approvedBy?: string;
  /** End it as soon as a fix is known. Default: false. */
  untilFixed?: boolean;
}

/** Refinements of the severity threshold. */
export interface PolicyArgs {
  /** The threshold for findings without a fix. Default: the severity threshold. */
  unfixable?: Threshold;
  /** What to make of an unknown severity. Default: `inherit`. */
  unknownSeverity?: UnknownSeverity;
  /**
   * From this severity up, a finding with a known exploit violates, whatever its fix or grace period. Default: `never`.
   */
  exploited?: Threshold;
  /** The grace period by severity, in days since disclosure. Default: none. Example: `{ high: 7 }`. */
  graceDays?: GraceDaysArgs;
  /** Which images are judged. Default: `tagged`. */
  images?: Images;
  /** Findings that do not violate. Default: none. */
  exceptions?: ExceptionArgs[];
}

/** Repositories by globs over their names: matched by one of `include` and by none of `exclude`. */
export interface RepositoriesArgs {
  /** Default: `["**"]`, all repositories. Example: `["team/**"]`. */
  include?: string[];
  /** Default: none. Example: `["team/scratch/*"]`. */
  exclude?: string[];
}

/** What both components are told. */
export interface PullGateArgs {
  /** A finding at or above this severity violates, and closes its gate. Example: `high`. */
  severityThreshold: Severity;
  /** Refinements of the threshold. Default: none. Example: `{ unfixable: 'never' }`. */
  policy?: PolicyArgs;
  /**
   * Whether gates are closed. `audit` decides, logs and notifies, and opens what pullgate had closed.
   * Default: `enforce`.
   */
  mode?: Mode;
  /** How often everything is reconciled, to repair what events missed, in hours, 1 to 24. Default: 6. */
  sweepHours?: number;
  /**
   * How many gates may close within an hour, 1 to 1000; the others wait, and that is announced. Known exploits do not
   * wait. Default: 25.
   */
  maxClosesPerHour?: number;
  /**
   * E-mail addresses that get notices of state changes, and alarms. Default: none. Example: `["security@example.com"]`.
   */
  notifyEmails?: string[];
}
