// ACR and Defender as the core's registry: looks, and the attribute that is the gate.
import type { ContainerRegistryClient } from '@azure/container-registry';
import { mapConcurrently } from '../../shared/concurrency.ts';
import type { Policy } from '../../shared/policy.ts';
import type { ImageLook, Registry, Scan } from '../../shared/ports.ts';
import { attributeGateOf, type Snapshot } from './attribute-gate.ts';
import { type ImageFindings, PartialAnswer, type Scanner, WINDOWS, type Window } from './findings.ts';
import { type Image, imagesOf } from './images.ts';
import type { RegistryPlace } from './registries.ts';

const SINGLE_QUESTIONS_AT_ONCE = 2;

/** Everything about a repository's images, seen at one time. */
export type Overview = ReadonlyMap<string, ImageLook>;

/** One registry of the stack. */
export function registryOf(place: RegistryPlace, client: ContainerRegistryClient, scanner: Scanner, policy: Policy) {
  const images = imagesOf(client);

  /** Looks at all images of a repository that have rows, and at those that are known. */
  async function overview(repository: string, known: readonly string[]): Promise<Overview> {
    const found = await images.describeAll(repository);
    const findings = await allFindings(repository, [...new Set([...found.keys(), ...known])], known);
    const digests = [...new Set([...findings.keys(), ...known])];
    return looksAt(repository, digests, found, findings);
  }

  /** Where one answer does not hold them all, each image is asked for alone. */
  async function allFindings(
    repository: string,
    digests: readonly string[],
    known: readonly string[],
  ): Promise<ReadonlyMap<string, ImageFindings>> {
    try {
      return await scanner.findingsOf(place, repository, 'all', WINDOWS.everything, known);
    } catch (error) {
      if (!(error instanceof PartialAnswer)) throw error;
      const answers = await mapConcurrently(digests, SINGLE_QUESTIONS_AT_ONCE, (digest) =>
        scanner.findingsOf(place, repository, digest, WINDOWS.everything),
      );
      return new Map(answers.flatMap((answer) => [...answer]));
    }
  }

  /** Looks at one image. */
  async function lookAtOne(repository: string, digest: string, window: Window): Promise<ImageLook> {
    const findings = await scanner.findingsOf(place, repository, digest, window);
    const image = await images.describe(repository, digest);
    // Only where its tags do not tell.
    const found =
      image === undefined || isTagged(image) || policy.images === 'all'
        ? new Map(image === undefined ? [] : [[digest, image]])
        : await images.describeAll(repository);
    const looks = await looksAt(repository, [digest], found, findings);
    return looks.get(digest) ?? { digest, presence: 'gone' };
  }

  async function looksAt(
    repository: string,
    digests: readonly string[],
    found: ReadonlyMap<string, Image>,
    findings: ReadonlyMap<string, ImageFindings>,
  ): Promise<Overview> {
    const isUntagged = (digest: string) => found.get(digest)?.tags.length === 0;
    const children =
      policy.images === 'tagged' && digests.some(isUntagged)
        ? await images.childrenOfTagged(repository, found)
        : new Set<string>();
    return new Map(
      digests.map((digest) => [digest, lookFrom(digest, found.get(digest), children, findings.get(digest))]),
    );
  }

  /** The core's port. What an overview has shown is used once: a second look is a new one. */
  function port(seen: Map<string, ImageLook> = new Map()): Registry<Snapshot> {
    return {
      ...attributeGateOf(client),
      async look({ repository, digest }, scope, known) {
        const wholeGate = digest === undefined ? undefined : [digest];
        const digests = scope === 'all' ? wholeGate : scope;
        if (digests === undefined) return [...(await overview(repository, known)).values()];
        // What holds a gate is accounted for by everything that is known of it; an event's row is a fresh one.
        const isKnown = scope === 'all' || known.length > 0;
        return mapConcurrently(digests, SINGLE_QUESTIONS_AT_ONCE, async (one) => {
          const before = seen.get(one);
          if (before === undefined) return lookAtOne(repository, one, isKnown ? WINDOWS.everything : WINDOWS.event);
          seen.delete(one);
          return before;
        });
      },
      // Defender says of each assessment what has become of it; no scan says more.
      scans: async (_gate, digests) => new Map(digests.map((digest) => [digest, NO_PROOF])),
      // A look has asked for them in every state already.
      unknownFindings: async (ids) => new Set(ids),
    };
  }

  return { place, overview, port };
}

export type AzureRegistry = ReturnType<typeof registryOf>;

const NO_PROOF: Scan = {
  kind: 'unproven',
  why: 'Defender for Cloud does not say of each finding that closed it that it is healthy or not applicable; that there is no word of one any more proves nothing',
};
const NONE: ImageFindings = { findings: [], ids: new Set(), settledReports: new Map() };

function isTagged({ tags }: Image): boolean {
  return tags.length > 0;
}

function lookFrom(
  digest: string,
  image: Image | undefined,
  children: ReadonlySet<string>,
  { findings, ids: findingIds, settledReports }: ImageFindings = NONE,
): ImageLook {
  if (image === undefined) return { digest, presence: 'gone', findingIds };
  const { tags } = image;
  const tagged = isTagged(image) || children.has(digest);
  return { digest, presence: 'present', tags, tagged, findings, findingIds, settledReports };
}
