// The last pulls of images in the registries' logs, for commands.
import type { Pulls } from '../../azure/function/usage.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import type { ImageObservation } from '../../shared/reconcile/observation.ts';
import type { LastPull } from '../../shared/report/notice-usage.ts';
import { sentenceOf } from '../terminal/ending.ts';

/** Reads pulls, and remembers why a read failed. */
export function createPullReader(pulls: Pulls) {
  let problem: string | undefined;
  const read = (digests: readonly string[]): Promise<LastPull> =>
    pulls.read(digests, (error) => {
      problem = `the last pulls could not be read: ${sentenceOf(error)}`;
    });
  return {
    read,
    problem: () => problem,
    /** The images of a gate's repository, with their last pulls. */
    async addTo(gate: Gate, images: readonly ImageObservation[]): Promise<readonly ImageObservation[]> {
      const lastPull = await read(images.map(({ digest }) => digest));
      return images.map((image) => {
        const lastPulledAt = lastPull(gate, image.digest);
        if (image.presence === 'gone' || lastPulledAt === undefined) return image;
        return { ...image, usage: { ...image.usage, lastPulledAt } };
      });
    },
  };
}
