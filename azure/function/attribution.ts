// Finds the registries and repositories of the stack that contain an image whose place Defender does not report.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { isOf, type UnplacedImage } from './findings.ts';
import { type NamedImage, repositoriesFor } from './named-image.ts';
import type { AzureRegistry } from './registry.ts';

const QUESTIONS_AT_ONCE = 8;
/**
 * The most repositories that one sweep lists to attribute images. The limit leaves time for the rest of the sweep.
 * Further repositories count as unread.
 */
const MAX_LISTINGS = 5_000;
/** The most ids of unattributed assessments in one log line. */
const MAX_NAMED = 5;

/** A repository in a registry of the stack. */
export interface ImageLocation {
  readonly registry: AzureRegistry;
  readonly repository: string;
}

/** The locations of an event's image. There may be several, because the same digest means the same content. */
export interface ImageLocations {
  readonly locations: readonly ImageLocation[];
  /** The errors of registries that did not respond. These registries may have the image, too. */
  readonly failures: readonly unknown[];
}

export async function locateImage(image: NamedImage, registries: readonly AzureRegistry[]): Promise<ImageLocations> {
  const failures: unknown[] = [];
  const locations = await mapConcurrently(possibleLocations(image, registries), QUESTIONS_AT_ONCE, async (location) => {
    const isThere = await location.registry.has(location.repository, image.digest).catch((error: unknown) => {
      failures.push(error);
      return false;
    });
    return isThere ? [location] : [];
  });
  return { locations: locations.flat(), failures };
}

/** What a sweep found out about the images whose place no row names for certain. */
export interface Attribution {
  /** The repositories that contain such images. */
  readonly gates: readonly Gate[];
  readonly counts: {
    /** Images that are in at least one registry of the stack. */
    readonly attributed: number;
    /** Images that are no longer in their repository. */
    readonly gone: number;
    /** Images that are in no repository of the stack. */
    readonly unattributed: number;
    /** Images that may be in a registry that did not respond, even if another registry has them. */
    readonly unread: number;
    /** The ids of some assessments of the unattributed images. */
    readonly assessments: readonly string[];
  };
  /** The errors of registries that did not respond. */
  readonly failures: readonly unknown[];
}

type Outcome = 'attributed' | 'gone' | 'unattributed' | 'unread' | 'foreign';

/**
 * Finds the images of a sweep's rows. Each repository is listed only once, however many of the images it may contain.
 * An image that is not in its repository counts as deleted. If none of the images is found, pullgate may not understand
 * the digests, so none counts as deleted.
 *
 * @param hasPlaced whether rows place other images in the stack's registries, so that pullgate understands them
 */
export async function attribute(
  unplaced: readonly UnplacedImage[],
  registries: readonly AzureRegistry[],
  hasPlaced = false,
): Promise<Attribution> {
  const failures: unknown[] = [];
  const gates = new Map<string, Gate>();
  const search: Search = { registries, list: createListing(failures), gates };
  const outcomes = await mapConcurrently(unplaced, QUESTIONS_AT_ONCE, (image) => searchFor(image, search));
  return { gates: [...gates.values()], counts: countOutcomes(unplaced, outcomes, hasPlaced), failures };
}

/** What the searches of one sweep share. */
interface Search {
  readonly registries: readonly AzureRegistry[];
  /** The digests of a repository. Undefined if they could not be read. */
  readonly list: (location: ImageLocation) => Promise<ReadonlySet<string> | undefined>;
  /** The repositories that contain an image, by gate key. */
  readonly gates: Map<string, Gate>;
}

/** Lists each repository once, and at most MAX_LISTINGS repositories. */
function createListing(failures: unknown[]): Search['list'] {
  const listings = new Map<string, ReturnType<Search['list']>>();
  return async (location) => {
    const key = gateKey(gateOf(location));
    const known = listings.get(key);
    if (known !== undefined || listings.size >= MAX_LISTINGS) return known;
    const listing = location.registry
      .digestsIn(location.repository)
      .catch((error: unknown) => void failures.push(error));
    listings.set(key, listing);
    return listing;
  };
}

async function searchFor(
  { image, ...named }: UnplacedImage,
  { registries, list, gates }: Search,
): Promise<ReadonlySet<Outcome>> {
  const searched = registries.filter(({ resolved }) => isOf(resolved, named));
  // The row names a registry, but none of the stack's.
  if (searched.length === 0) return new Set([registries.length === 0 ? 'unread' : 'foreign']);
  if (image === undefined) return new Set(['unattributed']);
  const outcomes = new Set<Outcome>();
  for (const location of possibleLocations(image, searched)) {
    const digests = await list(location);
    if (digests === undefined) outcomes.add('unread');
    else if (digests.has(image.digest)) {
      outcomes.add('attributed');
      gates.set(gateKey(gateOf(location)), gateOf(location));
    } else if (digests.size > 0) outcomes.add('gone');
  }
  if (outcomes.has('attributed') || outcomes.has('unread')) outcomes.delete('gone');
  return outcomes.size === 0 ? new Set(['unattributed']) : outcomes;
}

function countOutcomes(
  unplaced: readonly UnplacedImage[],
  outcomes: readonly ReadonlySet<Outcome>[],
  hasPlaced: boolean,
): Attribution['counts'] {
  const count = (wanted: Outcome) => outcomes.filter((outcome) => outcome.has(wanted)).length;
  const isNoneFound = count('attributed') === 0 && !hasPlaced;
  const lost = unplaced.filter((_one, number) => {
    const outcome = outcomes[number];
    return outcome?.has('unattributed') === true || (outcome?.has('gone') === true && isNoneFound);
  });
  return {
    attributed: count('attributed'),
    gone: isNoneFound ? 0 : count('gone'),
    unattributed: lost.length,
    unread: count('unread'),
    assessments: lost.slice(0, MAX_NAMED).map(({ assessment }) => assessment),
  };
}

function gateOf({ registry, repository }: ImageLocation): Gate {
  return { registry: registry.resolved.id, repository };
}

/** Every place that may contain the image. */
function possibleLocations(image: NamedImage, registries: readonly AzureRegistry[]): readonly ImageLocation[] {
  return registries.flatMap((registry) => repositoriesFor(image).map((repository) => ({ registry, repository })));
}
