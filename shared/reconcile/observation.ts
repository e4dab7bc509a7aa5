// What the registry and the scanner show of an image.

import type { Finding, Instant } from '../policy/finding.ts';

/** One image as the registry and the scanner show it. */
export type ImageObservation =
  /** It is not in the registry. */
  | {
      readonly digest: string;
      readonly presence: 'gone';
      /** As below, if the scanner goes on to report images that are gone. */
      readonly reports?: readonly Report[];
    }
  | {
      readonly digest: string;
      readonly presence: 'present';
      readonly tags: readonly string[];
      /** Tagged, or a runnable child of a tagged index. */
      readonly tagged: boolean;
      /** Every report about it whose findings could matter to the policy. */
      readonly reports: readonly Report[];
    };

/**
 * What the scanner says in one piece: a finding with its packages, or an assessment of one package with its advisories.
 */
export interface Report {
  /** The provider's id of it: what events name. Undefined if no event does. */
  readonly id?: string | undefined;
  /** `resolved`: the provider says that its findings are gone. `suppressed`: they are hidden or exempted there. */
  readonly status: ReportStatus;
  /** When the provider last updated it. Undefined if it does not say. */
  readonly reportedAt?: Instant | undefined;
  /** None if it is resolved. */
  readonly findings: readonly Finding[];
}

export type ReportStatus = 'active' | 'suppressed' | 'resolved';

/** The findings of all reports about an image. */
export function findingsIn({ reports = [] }: Pick<ImageObservation, 'reports'>): readonly Finding[] {
  return reports.flatMap(({ findings }) => findings);
}

/** Which images of a gate to observe: the digests that an event named, or all. */
export type Scope = 'all' | readonly string[];

/** What the provider knows of the last scan of an image. */
export type Scan =
  /** It is scanned continuously, and the last scan finished at this moment. */
  | { readonly kind: 'finished'; readonly at: Instant }
  /** No scan proves anything: never scanned, no longer scanned, half-finished, not allowed to. */
  | { readonly kind: 'unproven'; readonly detail: string };
