// An observation: what registry and scanner report about an image.

import type { Finding, Instant } from '../policy/finding.ts';

/** One image as registry and scanner report it. */
export type ImageObservation =
  /** It is not in the registry. */
  | {
      readonly digest: string;
      readonly presence: 'gone';
      /** Its reports, if the scanner still reports images that are gone. */
      readonly reports?: readonly Report[];
    }
  | {
      readonly digest: string;
      readonly presence: 'present';
      readonly tags: readonly string[];
      /** Tagged, or a runnable child of a tagged index. */
      readonly tagged: boolean;
      /** Every report about the image whose findings could matter to the policy. */
      readonly reports: readonly Report[];
      /** Undefined: nothing is known. */
      readonly usage?: Usage | undefined;
    };

/** What is known about the use of an image. It is information for people and decides nothing: unknown is not unused. */
export interface Usage {
  /** The number of running workloads that use it, of those that the provider counts. */
  readonly inUseCount?: number;
  readonly lastInUseAt?: Instant;
  /** The last pull that the registry recorded. */
  readonly lastPulledAt?: Instant;
}

/**
 * One unit that the scanner reports: a finding with its packages, or an assessment of one package with its advisories.
 */
export interface Report {
  /** The provider's id, which events use. Undefined if no event names such reports. */
  readonly id?: string | undefined;
  /**
   * `resolved`: the provider reports its findings as gone. `suppressed`: they are hidden or exempted at the provider.
   */
  readonly status: ReportStatus;
  /** When the provider last updated it. Undefined if unknown. */
  readonly reportedAt?: Instant | undefined;
  /** The provider repeats what it knew earlier, at a time that it does not say. */
  readonly isRepeated?: boolean | undefined;
  /** The findings. Empty if the report is resolved. */
  readonly findings: readonly Finding[];
}

export type ReportStatus = 'active' | 'suppressed' | 'resolved';

/** The findings of all reports about an image. */
export function findingsIn({ reports = [] }: Pick<ImageObservation, 'reports'>): readonly Finding[] {
  return reports.flatMap(({ findings }) => findings);
}

/** The images of a gate to observe: the digests that an event named, or all. */
export type Scope = 'all' | readonly string[];

/** An image of a gate that the scanner can judge. */
export type ListedImage = Pick<Extract<ImageObservation, { presence: 'present' }>, 'digest' | 'tagged'>;

/** An image as the registry lists it: an image of one platform, or an index. */
export interface PushedImage {
  readonly digest: string;
  readonly tags: readonly string[];
  readonly pushedAt: Instant;
  readonly isIndex: boolean;
}

/** What the scanner found in an image whose scan has finished. */
export interface JudgedImage {
  readonly reports: readonly Report[];
  /** When the scan finished. Undefined if the scanner does not tell, and lists all findings at once. */
  readonly scannedAt?: Instant | undefined;
}

/** The last scan of an image. */
export type Scan =
  /** The image is scanned continuously, and the last scan finished at this time. */
  | { readonly kind: 'finished'; readonly at: Instant }
  /** There is no scan that counts as proof: never scanned, no longer scanned, incomplete, or not permitted. */
  | { readonly kind: 'unproven'; readonly detail: string };
