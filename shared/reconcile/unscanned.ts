// Counts the images that no scan judges: the policy can never find them vulnerable.

/** An image that the scanner does not scan, and why, in the scanner's own word. */
export interface UnscannedImage {
  readonly repository: string;
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
export function describeUnscanned({ byReason }: Unscanned): string {
  return Object.entries(byReason)
    .map(([reason, count]) => `${count} ${reason}`)
    .join(', ');
}

/** How often each key occurs, the most frequent first, then by name. */
function countBy<T>(items: readonly T[], keyOf: (item: T) => string): Record<string, number> {
  const counts = [...Map.groupBy(items, keyOf)].map(([key, { length }]) => [key, length] as const);
  return Object.fromEntries(counts.toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
}
