// ECR and Inspector as the core's registry: looks, scans, and the repository policy that is the gate.
import type { Policy } from '../../shared/policy.ts';
import type { ImageLook, Registry } from '../../shared/ports.ts';
import type { ImageFindings, Scanner } from './findings.ts';
import { type Image, type Images, MAX_NAMED } from './images.ts';
import type { policyGateOf, Snapshot } from './policy-gate.ts';

interface Parts {
  readonly images: Images;
  readonly scanner: Scanner;
  readonly gate: ReturnType<typeof policyGateOf>;
  readonly policy: Policy;
}

export function registryOf({ images, scanner, gate, policy }: Parts): Registry<Snapshot> {
  return {
    ...gate,
    scans: ({ repository }, digests) => scanner.scansOf(repository, digests),
    unknownFindings: scanner.unknownFindings,

    async look({ repository }, scope, known) {
      const named = scope === 'all' ? undefined : await withChildren(repository, scope);
      const digests = named === undefined || named.length > MAX_NAMED ? 'all' : named;
      const found =
        digests === 'all' ? await images.describeAll(repository) : await images.describe(repository, digests);
      const findings =
        found.size === 0 ? new Map<string, ImageFindings>() : await scanner.findingsOf(repository, digests);
      const asked = digests === 'all' ? [...(named ?? []), ...known, ...findings.keys()] : digests;
      const answered = [...new Set(asked)];
      const isUntagged = (digest: string) => found.get(digest)?.tags.length === 0;
      const children =
        policy.images === 'tagged' && answered.some(isUntagged)
          ? await childrenOfTagged(repository, digests === 'all' ? found : await images.describeAll(repository))
          : new Set<string>();
      return answered.map((digest) => lookFrom(digest, found.get(digest), children, findings.get(digest)));
    },
  };

  /** A push of an index is one of its children too: they count from then on. */
  async function withChildren(repository: string, digests: readonly string[]): Promise<readonly string[]> {
    if (digests.length > MAX_NAMED) return digests;
    const found = await images.describe(repository, digests);
    const indexes = digests.filter((digest) => found.get(digest)?.isIndex ?? false);
    return indexes.length === 0
      ? digests
      : [...new Set([...digests, ...(await images.descendants(repository, indexes))])];
  }

  function childrenOfTagged(repository: string, all: ReadonlyMap<string, Image>): Promise<ReadonlySet<string>> {
    const indexes = [...all.values()].filter(({ isIndex, tags }) => isIndex && tags.length > 0);
    return images.descendants(
      repository,
      indexes.map(({ digest }) => digest),
    );
  }
}

const NONE: ImageFindings = { findings: [], ids: new Set() };

function lookFrom(
  digest: string,
  image: Image | undefined,
  children: ReadonlySet<string>,
  { findings, ids }: ImageFindings = NONE,
): ImageLook {
  if (image === undefined) return { digest, presence: 'gone' };
  const { tags } = image;
  return {
    digest,
    presence: 'present',
    tags,
    tagged: tags.length > 0 || children.has(digest),
    findings,
    findingIds: ids,
  };
}
