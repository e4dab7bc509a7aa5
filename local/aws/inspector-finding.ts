// A finding in the local Inspector.

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

/** An advisory about some packages. Many images may share one object. */
export interface Advisory {
  readonly vulnerability: string;
  /** CRITICAL, HIGH, ... or an unknown severity; absent to omit it from the event. */
  readonly severity?: string;
  readonly packages?: readonly VulnerablePackage[];
  readonly fixAvailable?: 'YES' | 'NO' | 'PARTIAL';
  readonly exploitAvailable?: 'YES' | 'NO';
  /** The EPSS score. Absent: Inspector has none. */
  readonly epss?: number;
  readonly cvss?: readonly Cvss[];
  readonly vendorCreatedAt?: Date;
  readonly relatedVulnerabilities?: readonly string[];
  readonly sourceUrl?: string;
}

export type FindingStatus = 'ACTIVE' | 'SUPPRESSED' | 'CLOSED';

/** How Inspector reports the use of an image by ECS tasks and EKS pods. */
export interface UseOf {
  readonly inUseCount: number;
  readonly lastInUseAt?: Date;
}

export interface ImageOf {
  readonly repository: string;
  readonly digest: string;
  readonly tags?: readonly string[];
  /**
   * The account of the registry and of the finding. Another account is a member's, which a delegated administrator
   * sees.
   */
  readonly account?: string;
}

export interface StoredFinding {
  readonly arn: string;
  readonly image: ImageOf;
  advisory: Advisory;
  status: FindingStatus;
  readonly firstObservedAt: Date;
  updatedAt: Date;
  /** Absent: Inspector does not tell. */
  use?: UseOf;
}
