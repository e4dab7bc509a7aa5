// ACR and Defender as the core's registry: observations, and the attribute lock.
import type { ContainerRegistryClient } from '@azure/container-registry';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import type { ImageObservation, Report, Scan } from '../../shared/reconcile/observation.ts';
import type { Registry } from '../../shared/reconcile/ports.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { createAttributeLock, type Snapshot } from './attribute-lock.ts';
import { PartialAnswer, type Scanner, WINDOWS, type Window } from './findings.ts';
import { createImages, type Image } from './images.ts';
import type { RegistryPlace } from './registries.ts';

const SINGLE_QUESTIONS_AT_ONCE = 2;

/** Everything about a repository's images, seen at one time. */
type Overview = ReadonlyMap<string, ImageObservation>;

/** One registry of the stack. */
export function createRegistry(
  place: RegistryPlace,
  client: ContainerRegistryClient,
  scanner: Scanner,
  policy: Policy,
  now: () => Instant,
) {
  const images = createImages(client, now);

  /**
   * Observes all images of a repository that have rows, and those that are known.
   *
   * @throws PartialAnswer where that is too much for one answer
   */
  async function overview(repository: string, known: readonly string[]): Promise<Overview> {
    const reports = await scanner.reportsOf(place, repository, 'all', WINDOWS.everything, known);
    return observeAll(repository, known, await images.describeAll(repository), reports);
  }

  /** The same, each image asked for alone. */
  async function overviewOneByOne(repository: string, known: readonly string[]): Promise<Overview> {
    const digests = await digestsToObserve(repository, known);
    const answers = await mapConcurrently(digests, SINGLE_QUESTIONS_AT_ONCE, (digest) =>
      scanner.reportsOf(place, repository, digest, WINDOWS.everything),
    );
    const reports = new Map(answers.flatMap((answer) => [...answer]));
    return observeAll(repository, known, await images.describeAll(repository), reports);
  }

  async function overviewAnyhow(repository: string, known: readonly string[]): Promise<Overview> {
    return overview(repository, known).catch((error: unknown) => {
      if (error instanceof PartialAnswer) return overviewOneByOne(repository, known);
      throw error;
    });
  }

  /** Which images there are to observe, if each is observed alone. */
  async function digestsToObserve(repository: string, known: readonly string[]): Promise<readonly string[]> {
    return [...new Set([...(await scanner.digestsWithFindings(place, repository)), ...known])];
  }

  /** Observes one image. */
  async function observeOne(repository: string, digest: string, window: Window): Promise<ImageObservation> {
    const reports = await scanner.reportsOf(place, repository, digest, window);
    const image = await images.describe(repository, digest);
    // Only where its tags do not tell.
    const found =
      image === undefined || isTagged(image) || policy.images === 'all' || images.isKnownChild(repository, digest)
        ? new Map(image === undefined ? [] : [[digest, image]])
        : await images.describeAll(repository);
    const observations = await observeAll(repository, [digest], found, reports);
    return observations.get(digest) ?? { digest, presence: 'gone' };
  }

  async function observeAll(
    repository: string,
    known: readonly string[],
    found: ReadonlyMap<string, Image>,
    reports: ReadonlyMap<string, readonly Report[]>,
  ): Promise<Overview> {
    const digests = [...new Set([...reports.keys(), ...known])];
    const untagged = digests.filter((digest) => found.get(digest)?.tags.length === 0);
    const isKnown = untagged.every((digest) => images.isKnownChild(repository, digest));
    const children =
      policy.images === 'tagged' && !isKnown ? await images.childrenOfTagged(repository, found) : new Set(untagged);
    return new Map(
      digests.map((digest) => [digest, observationFrom(digest, found.get(digest), children, reports.get(digest))]),
    );
  }

  /** The core's port. What an overview has shown is used once: a second observation is a new one. */
  function port(seen: Map<string, ImageObservation> = new Map()): Registry<Snapshot> {
    return {
      ...createAttributeLock(client),
      async observe({ repository, digest }, scope, known) {
        const wholeGate = digest === undefined ? undefined : [digest];
        const digests = scope === 'all' ? wholeGate : scope;
        if (digests === undefined) return [...(await overviewAnyhow(repository, known)).values()];
        // A blocker is cleared only by everything that is known of it; an event's row is a fresh one.
        const isKnown = scope === 'all' || known.length > 0;
        return mapConcurrently(digests, SINGLE_QUESTIONS_AT_ONCE, async (one) => {
          const before = seen.get(one);
          if (before === undefined) return observeOne(repository, one, isKnown ? WINDOWS.everything : WINDOWS.event);
          seen.delete(one);
          return before;
        });
      },
      // Defender says of each assessment what has become of it; no scan says more.
      scans: async (_gate, digests) => new Map(digests.map((digest) => [digest, NO_PROOF])),
      // An observation has asked for them in every state already.
      unknownReports: async (ids) => new Set(ids),
    };
  }

  /** Is this image there? */
  async function has(repository: string, digest: string): Promise<boolean> {
    return (await images.describe(repository, digest)) !== undefined;
  }

  /** The digests of all images of a repository; none where there is no repository. */
  async function digestsIn(repository: string): Promise<ReadonlySet<string>> {
    return new Set((await images.describeAll(repository)).keys());
  }

  return { place, overview, digestsToObserve, port, has, digestsIn };
}

export type AzureRegistry = ReturnType<typeof createRegistry>;

const NO_PROOF: Scan = {
  kind: 'unproven',
  detail:
    'Defender for Cloud does not say of each finding that closed it that it is healthy or exempted; that it no longer reports one proves nothing',
};

function isTagged({ tags }: Image): boolean {
  return tags.length > 0;
}

function observationFrom(
  digest: string,
  image: Image | undefined,
  children: ReadonlySet<string>,
  reports: readonly Report[] = [],
): ImageObservation {
  if (image === undefined) return { digest, presence: 'gone', reports };
  const { tags } = image;
  return { digest, presence: 'present', tags, tagged: isTagged(image) || children.has(digest), reports };
}
