// Counts the images that no scan judges: the policy can never find them vulnerable.
import type { Instant } from '../policy/finding.ts';

/** An image that the scanner does not scan, and why, in the scanner's own word. */
export interface UnscannedImage {
  readonly repository: string;
  readonly digest: string;
  readonly reason: string;
}

export interface Unscanned {
  readonly images: number;
  /** The number of images for each reason, the most frequent first. */
  readonly byReason: Readonly<Record<string, number>>;
  /** The repositories that have most of them, at most `MAX_REPOSITORIES`. */
  readonly repositories: readonly string[];
  readonly moreRepositories: number;
}

/**
 * Since when images are unscanned. A scanner does not tell, and to ask the registry when each was pushed costs calls in
 * every sweep, so the sweeps remember when they first saw each image.
 */
export interface UnscannedState {
  /** When a sweep first saw each image, by the beginning of its digest. */
  readonly since: Readonly<Record<string, Instant>>;
  /** When the last summary was sent. */
  readonly notifiedAt?: Instant | undefined;
}

const MAX_REPOSITORIES = 20;

/** Counts the images of included repositories by reason. */
export function countUnscanned(
  images: readonly UnscannedImage[],
  includes: (repository: string) => boolean,
): Unscanned {
  const included = images.filter(({ repository }) => includes(repository));
  const repositories = Object.keys(countBy(included, ({ repository }) => repository));
  return {
    images: included.length,
    byReason: countBy(included, ({ reason }) => reason),
    repositories: repositories.slice(0, MAX_REPOSITORIES),
    moreRepositories: Math.max(0, repositories.length - MAX_REPOSITORIES),
  };
}

/** For people: `12 SCAN_ELIGIBILITY_EXPIRED, 3 UNSUPPORTED_OS`. */
export function describeUnscanned({ byReason }: Pick<Unscanned, 'byReason'>): string {
  return Object.entries(byReason)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ');
}

/** How often each key occurs, the most frequent first, then by name. */
export function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts = [...Map.groupBy(items, keyOf)].map(([key, { length }]) => [key, length] as const);
  return Object.fromEntries(counts.toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
}
