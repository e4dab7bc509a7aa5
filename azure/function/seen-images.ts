// The observations of an overview, for the reconciliations that follow it.
import type { ImageObservation } from '../../shared/reconcile/observation.ts';

export interface SeenImages {
  /** Returns the observation of an image once, then undefined, so that a later reconciliation observes it again. */
  take(digest: string): ImageObservation | undefined;
}

export const NOTHING_SEEN: SeenImages = { take: () => undefined };

export function createSeenImages(overview: ReadonlyMap<string, ImageObservation>): SeenImages {
  const left = new Map(overview);
  return {
    take(digest) {
      const observation = left.get(digest);
      left.delete(digest);
      return observation;
    },
  };
}
