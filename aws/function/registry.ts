// ECR and Inspector as the core's registry: looks, scans, and the repository policy that is the gate.
import type { Policy } from '../../shared/policy.ts';
import type { ImageLook, Registry } from '../../shared/ports.ts';
import type { ImageFindings, Scanner } from './findings.ts';
import type { Image, Images } from './images.ts';
import type { policyGateOf, Snapshot } from './policy-gate.ts';

/** Looks at so many named images one by one; above that, everything is listed. */
const MAX_NAMED = 50;

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
      const digests = scope === 'all' || scope.length > MAX_NAMED ? 'all' : scope;
      const found =
        digests === 'all' ? await images.describeAll(repository) : await images.describe(repository, digests);
      const findings =
        found.size === 0 ? new Map<string, ImageFindings>() : await scanner.findingsOf(repository, digests);
      const named = scope === 'all' ? known : digests === 'all' ? [...scope, ...known] : scope;
      const answered = [...new Set([...named, ...(digests === 'all' ? findings.keys() : [])])];
      const untagged = answered.some((digest) => found.get(digest)?.tags.length === 0);
      const children =
        untagged && policy.images === 'tagged'
          ? await images.childrenOfTaggedIndexes(repository, digests === 'all' ? found : undefined)
          : new Set<string>();
      return answered.map((digest) => lookFrom(digest, found.get(digest), children, findings.get(digest)));
    },
  };
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
