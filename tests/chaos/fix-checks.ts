// Checks which fix the record of a closed repository names, and that people were notified of it.
import type { Observation } from './cloud.ts';
import type { History } from './history.ts';
import type { TrueImage } from './truth.ts';

/** Invariant 9: at the end, each closed repository names its fix, if there is one, and a notice has named it. */
export function unannouncedFixes(history: History, { closed, records, notified }: Observation): readonly string[] {
  return records.flatMap(({ gate, state, blockedFix }) => {
    if (gate.includes('@') || !closed.has(gate) || state !== 'closed' || history.isForeign(gate)) return [];
    const fix = fixOf(history, history.gates.get(gate) ?? []);
    if (fix?.name !== blockedFix?.image)
      return [`the fix of ${gate} is ${fix?.name}, and its record says ${blockedFix?.image}`];
    // A newer fix has no notice of its own while the one that was announced may still be a fix.
    const isTold = ({ gate: of, text }: { readonly gate: string; readonly text: string }) =>
      of === gate && text.includes(') is ready: it was pushed after every image that keeps the repository closed');
    return fix === undefined || notified.some(isTold) ? [] : [`no notice says that ${gate} blocks its fix ${fix.name}`];
  });
}

/** The newest tagged image that was pushed after all that hold the gate, was scanned, and does not hold it. */
function fixOf(history: History, images: readonly TrueImage[]): TrueImage | undefined {
  const pushedAt = ({ pushedAt: at = 0 }: TrueImage) => at;
  const newest = Math.max(0, ...images.filter(history.isHeld).map(pushedAt));
  if (newest === 0) return undefined;
  return images
    .filter((image) => image.present && image.tags.size > 0 && pushedAt(image) > newest && isScanned(history, image))
    .toSorted((a, b) => pushedAt(b) - pushedAt(a))[0];
}

/** On Azure, an image has been scanned if there are rows about it. */
function isScanned({ cloud }: History, { findings, hasCoverage }: TrueImage): boolean {
  return cloud === 'aws' ? hasCoverage : [...findings.values()].some(({ status }) => status !== 'vanished');
}
