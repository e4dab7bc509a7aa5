// The part of an answer about the fix that a closed repository blocks: whether there is one, and what lets it out.

import { remedyLines } from '../../shared/report/remedy-text.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import { REMOVALS } from '../stack/removal.ts';
import type { WhyAnswer } from './why.ts';

/** Says whether the image is the fix that its repository blocks, and how to let the fix out. */
export function remedySteps({ gates, cloud, digest, advice: { untaggedHold } }: WhyAnswer): readonly string[] {
  const images = untaggedHold ? 'all' : 'tagged';
  return gates.flatMap(({ gate, blockedFix }) => {
    if (blockedFix === undefined) return [];
    const isFix = blockedFix.fix.digest === digest;
    return [
      ...(isFix ? ['  This image is the fix. Its repository blocks it because of older images.'] : []),
      ...remedyLines(gate, blockedFix, { images, removal: REMOVALS[cloud] }).map((line) => `  ${plain(line)}`),
    ];
  });
}
