// ACR and Defender behind the core's registry port: observations, and the attribute lock.
import type { ContainerRegistryClient } from '@azure/container-registry';
import type { Instant } from '../../shared/policy/finding.ts';
import type { ImageObservation, Report, Scan } from '../../shared/reconcile/observation.ts';
import type { Registry } from '../../shared/reconcile/ports.ts';
import type { ImagesOf } from '../../shared/reconcile/rules.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { createAttributeLock, type Snapshot } from './attribute-lock.ts';
import { type Scanner, WINDOWS, type Window } from './findings.ts';
import { createImages, type Image, type Images } from './images.ts';
import { PartialAnswer } from './log-analytics.ts';
import type { ResolvedRegistry } from './registries.ts';
import { NOTHING_SEEN, type SeenImages } from './seen-images.ts';

const SINGLE_QUESTIONS_AT_ONCE = 2;

/** The observations of a repository's images, all made at one time. */
type Overview = ReadonlyMap<string, ImageObservation>;

interface Parts {
  readonly resolved: ResolvedRegistry;
  readonly client: ContainerRegistryClient;
  readonly scanner: Scanner;
  readonly imagesOf: ImagesOf;
  readonly now: () => Instant;
}

/** What an observation of images needs. */
interface Observer extends Pick<Parts, 'resolved' | 'scanner'> {
  readonly images: Images;
  /** Whether all images of a repository are evaluated. */
  readonly countsAll: (repository: string) => boolean;
}

/** How the core's port observes images. */
export interface PortOptions {
  /** An image in it is not observed again the first time. */
  readonly seen?: SeenImages | undefined;
  /** The images were just pushed: rows about their digests in other repositories count, too. Default: false. */
  readonly arePushed?: boolean | undefined;
}

/** One registry of the stack. */
export interface AzureRegistry {
  readonly resolved: ResolvedRegistry;
  /**
   * Observes the known images of a repository, and all others that have rows.
   *
   * @throws PartialAnswer if one answer cannot hold them all
   */
  overview(repository: string, known: readonly string[]): Promise<Overview>;
  /** The digests of the images to observe, if each image is observed separately. */
  digestsToObserve(repository: string, known: readonly string[]): Promise<readonly string[]>;
  port(how?: PortOptions): Registry<Snapshot>;
  /** Does this image exist? */
  has(repository: string, digest: string): Promise<boolean>;
  /** The digests of the children of an index. Empty if it does not exist. */
  childrenOf(repository: string, digest: string): Promise<readonly string[]>;
  /** The digests of all images of a repository. Empty if the repository does not exist. */
  digestsIn(repository: string): Promise<ReadonlySet<string>>;
}

export function createRegistry({ resolved, client, scanner, imagesOf, now }: Parts): AzureRegistry {
  const images = createImages(client, now);
  const countsAll = (repository: string) => imagesOf({ registry: resolved.id, repository }) === 'all';
  const observer: Observer = { resolved, scanner, images, countsAll };
  return {
    resolved,
    overview: (repository, known) => overview(observer, repository, known),
    digestsToObserve: (repository, known) => digestsToObserve(observer, repository, known),
    port: (how = {}) => createPort(client, observer, how),
    has: async (repository, digest) => (await images.describe(repository, digest)) !== undefined,
    childrenOf: images.childrenOf,
    digestsIn: async (repository) => new Set((await images.describeAll(repository)).keys()),
  };
}

function createPort(
  client: ContainerRegistryClient,
  observer: Observer,
  { seen = NOTHING_SEEN, arePushed = false }: PortOptions,
): Registry<Snapshot> {
  return {
    ...createAttributeLock(client),

    async observe({ repository, digest }, scope, known) {
      const ofGate = digest === undefined ? 'all' : [digest];
      const digests = scope === 'all' ? ofGate : scope;
      if (digests === 'all') return [...(await overviewAnyhow(observer, repository, known)).values()];
      // Clearing a blocker takes everything that is known about it. For an event, recent rows suffice.
      const window = scope === 'all' || known.length > 0 ? WINDOWS.everything : WINDOWS.event;
      const observe = arePushed ? observePushed : observeOne;
      return mapConcurrently(
        digests,
        SINGLE_QUESTIONS_AT_ONCE,
        async (one) =>
          seen.take(one) ?? observe(observer, { repository, digest: one, window, isKnown: known.includes(one) }),
      );
    },

    // Defender reports the state of each assessment, so a scan proves nothing more.
    scans: async (_gate, digests) => new Map(digests.map((digest) => [digest, NO_PROOF])),
    // The observation has already queried the reports in every state.
    unknownReports: async (ids) => new Set(ids),
  };
}

const NO_PROOF: Scan = {
  kind: 'unproven',
  detail:
    'Defender for Cloud does not report every finding that closed the gate as healthy or exempted, and a finding that is no longer reported proves nothing',
};

async function overview(observer: Observer, repository: string, known: readonly string[]): Promise<Overview> {
  const { scanner, resolved, images } = observer;
  const query = { repository, digest: 'all', window: WINDOWS.everything, unfilteredDigests: known };
  const reports = await scanner.reportsOf(resolved, query);
  return overviewFrom(observer, { repository, known, found: await images.describeAll(repository), reports });
}

/** The same, but with a separate query for each image if one answer cannot hold them all. */
async function overviewAnyhow(observer: Observer, repository: string, known: readonly string[]): Promise<Overview> {
  return overview(observer, repository, known).catch((error: unknown) => {
    if (error instanceof PartialAnswer) return overviewOneByOne(observer, repository, known);
    throw error;
  });
}

async function overviewOneByOne(observer: Observer, repository: string, known: readonly string[]): Promise<Overview> {
  const { scanner, resolved, images } = observer;
  const digests = await digestsToObserve(observer, repository, known);
  const answers = await mapConcurrently(digests, SINGLE_QUESTIONS_AT_ONCE, (digest) =>
    scanner.reportsOf(resolved, { repository, digest, window: WINDOWS.everything }),
  );
  const reports = new Map(answers.flatMap((answer) => [...answer]));
  return overviewFrom(observer, { repository, known, found: await images.describeAll(repository), reports });
}

async function digestsToObserve(
  { scanner, resolved }: Observer,
  repository: string,
  known: readonly string[],
): Promise<readonly string[]> {
  return [...new Set([...(await scanner.digestsWithFindings(resolved, repository)), ...known])];
}

/** One image to observe. */
interface Asked {
  readonly repository: string;
  readonly digest: string;
  readonly window: Window;
  /** Whether it is in the gate's record. */
  readonly isKnown: boolean;
}

async function observeOne(observer: Observer, { repository, digest, window }: Asked): Promise<ImageObservation> {
  const reports = await observer.scanner.reportsOf(observer.resolved, { repository, digest, window });
  return observeWith(observer, { repository, digest, reports });
}

/**
 * No query is made for an image that is not recorded and does not count, such as the child of an index that is yet to
 * be pushed.
 */
async function observePushed(
  observer: Observer,
  { repository, digest, window, isKnown }: Asked,
): Promise<ImageObservation> {
  const { scanner, resolved, countsAll } = observer;
  const observation = await observeWith(observer, { repository, digest, reports: new Map() });
  if (observation.presence === 'gone') return observation;
  if (!isKnown && !observation.tagged && !countsAll(repository)) return observation;
  const reports = await scanner.reportsOf(resolved, { repository, digest, window, elsewhere: true });
  return { ...observation, reports: reports.get(digest) ?? [] };
}

/** The image in the registry, with these reports. */
async function observeWith(
  observer: Observer,
  { repository, digest, reports }: Pick<Asked, 'repository' | 'digest'> & Pick<Read, 'reports'>,
): Promise<ImageObservation> {
  const { images, countsAll } = observer;
  const image = await images.describe(repository, digest);
  // The others are needed only if the image's own tags do not decide whether it is in scope.
  const needsOthers =
    image !== undefined && !isTagged(image) && !countsAll(repository) && !images.isKnownChild(repository, digest);
  const found = needsOthers
    ? await images.describeAll(repository)
    : new Map(image === undefined ? [] : [[digest, image]]);
  const observations = await overviewFrom(observer, { repository, known: [digest], found, reports });
  return observations.get(digest) ?? { digest, presence: 'gone' };
}

/** What was read about a repository. */
interface Read {
  readonly repository: string;
  readonly known: readonly string[];
  readonly found: ReadonlyMap<string, Image>;
  readonly reports: ReadonlyMap<string, readonly Report[]>;
}

async function overviewFrom(observer: Observer, read: Read): Promise<Overview> {
  const { known, found, reports } = read;
  const digests = [...new Set([...reports.keys(), ...known])];
  const children = await childrenAmong(digests, observer, read);
  return new Map(
    digests.map((digest) => [digest, observationFrom(digest, found.get(digest), children, reports.get(digest))]),
  );
}

/** The children of tagged indexes. They are not looked up if every image counts, or if each of these has a tag. */
async function childrenAmong(
  digests: readonly string[],
  { images, countsAll }: Observer,
  { repository, found }: Read,
): Promise<ReadonlySet<string>> {
  if (countsAll(repository)) return new Set();
  const untagged = digests.filter((digest) => found.get(digest)?.tags.length === 0);
  const isKnown = untagged.every((digest) => images.isKnownChild(repository, digest));
  return isKnown ? new Set(untagged) : images.childrenOfTagged(repository, found);
}

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
