// Implements the core's search for a blocked fix with ACR and Defender.
import type { JudgedImage, PushedImage } from '../../shared/reconcile/observation.ts';
import type { FixPorts } from '../../shared/reconcile/ports.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { type Scanner, WINDOWS } from './findings.ts';
import type { Images } from './images.ts';
import { PartialAnswer } from './log-analytics.ts';
import type { ResolvedRegistry } from './registries.ts';

const CALLS_AT_ONCE = 2;

interface Parts {
  readonly resolved: ResolvedRegistry;
  readonly images: Images;
  readonly scanner: Scanner;
}

export function createFixes({ resolved, images, scanner }: Parts): FixPorts {
  const reportsOf = (repository: string, digest: string) =>
    scanner.reportsOf(resolved, { repository, digest, window: WINDOWS.everything });
  return {
    nameOf: ({ repository }) => `${resolved.loginServer}/${repository}`,

    async pushed({ repository }) {
      const found = [...(await images.describeAll(repository)).values()];
      return found.flatMap(({ digest, tags, pushedAt, mayBeIndex, isAttestation }): readonly PushedImage[] =>
        isAttestation || pushedAt === undefined ? [] : [{ digest, tags, pushedAt, isIndex: mayBeIndex }],
      );
    },

    async childrenOf({ repository }, indexes) {
      const found = await mapConcurrently(indexes, CALLS_AT_ONCE, async (digest) => {
        const children = await images.childrenOf(repository, digest);
        return [digest, children] as const;
      });
      return new Map(found);
    },

    // Defender does not tell when a scan has finished. An image that it has judged has rows of its own, in some state.
    async judged({ repository }, digests) {
      const found = await reportsOf(repository, 'all').catch(async (error: unknown) => {
        if (!(error instanceof PartialAnswer)) throw error;
        const answers = await mapConcurrently(digests, CALLS_AT_ONCE, (digest) => reportsOf(repository, digest));
        return new Map(answers.flatMap((answer) => [...answer]));
      });
      return new Map(
        digests.flatMap((digest): readonly [string, JudgedImage][] => {
          const reports = found.get(digest) ?? [];
          return reports.length === 0 ? [] : [[digest, { reports }]];
        }),
      );
    },
  };
}
