// A finding, as the local Inspector keeps it.

export interface VulnerablePackage {
  readonly name: string;
  readonly version: string;
  readonly fixedInVersion?: string;
  readonly release?: string;
  readonly epoch?: number;
  readonly arch?: string;
  readonly packageManager?: string;
  readonly filePath?: string;
}

export interface Cvss {
  readonly baseScore: number;
  readonly version: string;
  readonly source?: string;
  readonly scoringVector?: string;
}

/** What an advisory says of some packages. Many images may share one object of it. */
export interface Advisory {
  readonly vulnerability: string;
  /** CRITICAL, HIGH, ... or a word never seen; absent if an event is to lack it. */
  readonly severity?: string;
  readonly packages?: readonly VulnerablePackage[];
  readonly fixAvailable?: 'YES' | 'NO' | 'PARTIAL';
  readonly exploitAvailable?: 'YES' | 'NO';
  readonly cvss?: readonly Cvss[];
  readonly vendorCreatedAt?: Date;
  readonly relatedVulnerabilities?: readonly string[];
  readonly sourceUrl?: string;
}

export type FindingStatus = 'ACTIVE' | 'SUPPRESSED' | 'CLOSED';

export interface ImageOf {
  readonly repository: string;
  readonly digest: string;
  readonly tags?: readonly string[];
  /** The account of the registry, and of the finding: another one is a member's, seen by a delegated administrator. */
  readonly account?: string;
}

export interface StoredFinding {
  readonly arn: string;
  readonly image: ImageOf;
  advisory: Advisory;
  status: FindingStatus;
  readonly firstObservedAt: Date;
  updatedAt: Date;
}
