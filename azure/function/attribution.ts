// Which registries and repositories of the stack an image is in, where Defender does not say it for certain: the registries tell, by its digest.
import { mapConcurrently } from '../../shared/concurrency.ts';
import type { Gate } from '../../shared/record.ts';
import type { UnnamedImage } from './findings.ts';
import { type NamedImage, repositoriesFor } from './named-image.ts';
import type { AzureRegistry } from './registry.ts';

const QUESTIONS_AT_ONCE = 8;
/** So many ids of assessments that cannot be attributed are named in a line of the log. */
const MAX_NAMED = 5;

/** A repository of a registry. */
export interface Home {
  readonly registry: AzureRegistry;
  readonly repository: string;
}

/** Where the image of an event is. An image may be in several registries: the same digest is the same content. */
export async function homesOf(image: NamedImage, registries: readonly AzureRegistry[]): Promise<readonly Home[]> {
  const homes = await mapConcurrently(homesFor(image, registries), QUESTIONS_AT_ONCE, async (home) =>
    (await home.registry.has(home.repository, image.digest)) ? [home] : [],
  );
  return homes.flat();
}

/** What a sweep found out about images that no row names for certain. */
export interface Attribution {
  /** The repositories that have such images. */
  readonly gates: readonly Gate[];
  /** Images that are in one registry of the stack, or in several. */
  readonly attributed: number;
  /** Images that are not in their repository any more. */
  readonly gone: number;
  /** Images that are in no repository of the stack. */
  readonly unattributed: number;
  /** The ids of some assessments of these. */
  readonly assessments: readonly string[];
}

/**
 * Where the images of a sweep's rows are. Each repository is listed once, however many images it has.
 * An image that is not in its repository counts as deleted, but if none at all is found: then it is the digests that are not understood.
 */
export async function attribute(
  unnamed: readonly UnnamedImage[],
  registries: readonly AzureRegistry[],
): Promise<Attribution> {
  const listings = new Map<string, Promise<ReadonlySet<string>>>();
  const list = ({ registry, repository }: Home) => {
    const key = `${registry.place.id}/${repository}`;
    const listing = listings.get(key) ?? registry.digestsIn(repository);
    listings.set(key, listing);
    return listing;
  };
  const gates = new Map<string, Gate>();
  const found = await mapConcurrently(unnamed, QUESTIONS_AT_ONCE, async ({ registryName, image, assessment }) => {
    const named = registries.filter(({ place }) => isNamed(registryName, place.name));
    // It names a registry that is none of the stack's.
    if (named.length === 0) return { outcome: 'foreign', assessment } as const;
    if (image === undefined) return { outcome: 'unattributed', assessment } as const;
    let outcome: 'unattributed' | 'gone' | 'attributed' = 'unattributed';
    for (const home of homesFor(image, named)) {
      const digests = await list(home);
      if (digests.has(image.digest)) {
        outcome = 'attributed';
        const gate = { registry: home.registry.place.id, repository: home.repository };
        gates.set(`${gate.registry}/${gate.repository}`, gate);
      } else if (digests.size > 0 && outcome === 'unattributed') outcome = 'gone';
    }
    return { outcome, assessment };
  });
  const count = (wanted: string) => found.filter(({ outcome }) => outcome === wanted).length;
  const isNoneFound = count('attributed') === 0;
  const lost = found.filter(({ outcome }) => outcome === 'unattributed' || (isNoneFound && outcome === 'gone'));
  return {
    gates: [...gates.values()],
    attributed: count('attributed'),
    gone: isNoneFound ? 0 : count('gone'),
    unattributed: lost.length,
    assessments: lost.slice(0, MAX_NAMED).map(({ assessment }) => assessment),
  };
}

function isNamed(registryName: string, name: string): boolean {
  return registryName === '' || registryName.toLowerCase() === name.toLowerCase();
}

function homesFor(image: NamedImage, registries: readonly AzureRegistry[]): readonly Home[] {
  return registries.flatMap((registry) => repositoriesFor(image).map((repository) => ({ registry, repository })));
}
