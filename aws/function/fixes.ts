// Implements the core's search for a blocked fix with ECR and Inspector.
import type { JudgedImage, PushedImage } from '../../shared/reconcile/observation.ts';
import type { FixPorts } from '../../shared/reconcile/ports.ts';
import type { Scanner } from './findings.ts';
import type { Images } from './images.ts';

/** With more images, the findings of the whole repository take fewer calls than those of each. */
const MAX_NAMED_IMAGES = 10;

/** @param host the registry's host in image names */
export function createFixes(images: Images, scanner: Scanner, host: string): FixPorts {
  return {
    nameOf: ({ repository }) => `${host}/${repository}`,

    async pushed({ repository }) {
      const found = [...(await images.describeAll(repository)).values()];
      return found.flatMap(({ digest, tags, pushedAt, isIndex, isArtifact }): readonly PushedImage[] =>
        isArtifact || pushedAt === undefined ? [] : [{ digest, tags, pushedAt, isIndex }],
      );
    },

    childrenOf: ({ repository }, indexes) => images.runnableIn(repository, indexes),

    async judged({ repository }, digests) {
      const scans = await scanner.scansOf(repository, digests);
      const finished = digests.flatMap((digest) => {
        const scan = scans.get(digest);
        return scan?.kind === 'finished' ? [{ digest, scannedAt: scan.at }] : [];
      });
      if (finished.length === 0) return new Map();
      const named = finished.map(({ digest }) => digest);
      // What is reported in other repositories counts only for images that are not scanned in this one.
      const asked = { repository, digests: named.length > MAX_NAMED_IMAGES ? ('all' as const) : named, present: [] };
      const reported = await scanner.reportsOf(asked);
      return new Map(
        finished.map(({ digest, scannedAt }): [string, JudgedImage] => {
          const reports = reported.get(digest)?.reports ?? [];
          return [digest, { reports, scannedAt }];
        }),
      );
    },
  };
}
