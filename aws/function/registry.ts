// Implements the core's registry with ECR and Inspector: observations, scans and the repository lock.
import type { ImageObservation, Scope } from '../../shared/reconcile/observation.ts';
import type { Registry } from '../../shared/reconcile/ports.ts';
import type { ImagesOf } from '../../shared/reconcile/rules.ts';
import type { Reported, Scanner } from './findings.ts';
import { type Image, type Images, MAX_NAMED } from './images.ts';
import type { RepositoryLock, Snapshot } from './repository-lock.ts';

interface Parts {
  readonly images: Images;
  readonly scanner: Scanner;
  readonly lock: RepositoryLock;
  readonly imagesOf: ImagesOf;
}

export function createRegistry({ images, scanner, lock, imagesOf }: Parts): Registry<Snapshot> {
  return {
    ...lock,
    async images({ repository }) {
      const found = await images.describeAll(repository);
      const children = await childrenOfTagged(images, repository, found);
      return [...found.values()]
        .filter(isJudged)
        .map((image) => ({ digest: image.digest, tagged: isTagged(image, children) }));
    },
    scans: ({ repository }, digests) => scanner.scansOf(repository, digests),
    unknownReports: scanner.unknownReports,

    async observe({ registry, repository }, scope, known) {
      const { digests, found, children } = await selectImages(images, repository, scope);
      const present = [...found.values()].filter(isJudged).map(({ digest }) => digest);
      const reports =
        found.size === 0 ? new Map<string, Reported>() : await scanner.reportsOf({ repository, digests, present });
      const asked = digests === 'all' ? [...(scope === 'all' ? [] : scope), ...known, ...reports.keys()] : digests;
      const answered = [...new Set(asked)];
      const recorded = new Set(known);
      // Whether an image counts as tagged matters only if it has findings or is a blocker. Listing the repository for
      // every clean platform of a push would cost a call for each thousand images.
      const needsParents = (digest: string) =>
        found.get(digest)?.tags.length === 0 && !children.has(digest) && (reports.has(digest) || recorded.has(digest));
      const counted =
        imagesOf({ registry, repository }) === 'tagged' && answered.some(needsParents)
          ? await childrenOfTagged(images, repository, digests === 'all' ? found : await images.describeAll(repository))
          : children;
      return answered.map((digest) => observationFrom(digest, found.get(digest), counted, reports.get(digest)));
    },
  };
}

/** Can Inspector scan it? */
function isJudged({ isIndex, isArtifact }: Image): boolean {
  return !isIndex && !isArtifact;
}

/** @param children those of the tagged indexes */
function isTagged({ digest, tags }: Image, children: ReadonlySet<string>): boolean {
  return tags.length > 0 || children.has(digest);
}

interface Selection {
  readonly digests: 'all' | readonly string[];
  readonly found: ReadonlyMap<string, Image>;
  /** The children of the named indexes that are tagged. */
  readonly children: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Selects the named images and the children of a named index, which count from the push of the index. Selects all
 * images of the repository if there are more than `MAX_NAMED`.
 */
async function selectImages(images: Images, repository: string, scope: Scope): Promise<Selection> {
  if (scope === 'all' || scope.length > MAX_NAMED) return selectAll(images, repository);
  const found = await images.describe(repository, scope);
  const indexes = scope.filter((digest) => found.get(digest)?.isIndex ?? false);
  if (indexes.length === 0) return { digests: scope, found, children: NONE };
  const digests = [...new Set([...scope, ...(await images.descendants(repository, indexes))])];
  if (digests.length > MAX_NAMED) return selectAll(images, repository);
  const children = await childrenOfTagged(images, repository, found);
  return { digests, found: await images.describe(repository, digests), children };
}

async function selectAll(images: Images, repository: string): Promise<Selection> {
  return { digests: 'all', found: await images.describeAll(repository), children: NONE };
}

function childrenOfTagged(
  images: Images,
  repository: string,
  all: ReadonlyMap<string, Image>,
): Promise<ReadonlySet<string>> {
  const indexes = [...all.values()].filter(({ isIndex, tags }) => isIndex && tags.length > 0);
  return images.descendants(
    repository,
    indexes.map(({ digest }) => digest),
  );
}

function observationFrom(
  digest: string,
  image: Image | undefined,
  children: ReadonlySet<string>,
  { reports, usage }: Reported = { reports: [] },
): ImageObservation {
  if (image === undefined) return { digest, presence: 'gone' };
  const { tags, lastPulledAt } = image;
  return {
    digest,
    presence: 'present',
    tags,
    tagged: isTagged(image, children),
    reports,
    usage: lastPulledAt === undefined ? usage : { ...usage, lastPulledAt },
  };
}
