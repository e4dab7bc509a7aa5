// Checks which fix the record of a closed repository names, and that people were notified of it.
import type { Observation } from './cloud.ts';
import type { History } from './history.ts';
import type { TrueImage } from './truth.ts';

/** Invariant 9: at the end, each closed repository names its fix, if there is one, and a notice has named it. */
export function unannouncedFixes(history: History, { closed, records, notified }: Observation): readonly string[] {
  return records.flatMap(({ gate, state, blockedFix }) => {
    if (gate.includes('@') || !closed.has(gate) || state !== 'closed' || history.isForeign(gate)) return [];
    const fixes = fixesOf(history, history.gates.get(gate) ?? []).map(({ name }) => name);
    if (blockedFix === undefined ? fixes.length > 0 : !fixes.includes(blockedFix.image))
      return [`the fix of ${gate} is ${fixes.join(' or ') || undefined}, and its record says ${blockedFix?.image}`];
    // A newer fix has no notice of its own while the one that was announced may still be a fix.
    const isTold = ({ gate: of, text }: { readonly gate: string; readonly text: string }) =>
      of === gate && text.includes(') is ready: it was pushed after every image that keeps the repository closed');
    const isUntold = blockedFix !== undefined && !notified.some(isTold);
    return isUntold ? [`no notice says that ${gate} blocks its fix ${blockedFix.image}`] : [];
  });
}

/**
 * The newest tagged image that was pushed after all that hold the gate, was scanned, and does not hold it. Several, if
 * they were pushed at the same moment.
 */
function fixesOf(history: History, images: readonly TrueImage[]): readonly TrueImage[] {
  const pushedAt = ({ pushedAt: at = 0 }: TrueImage) => at;
  const newest = Math.max(0, ...images.filter(history.isHeld).map(pushedAt));
  if (newest === 0) return [];
  const fixes = images.filter(
    (image) => image.present && image.tags.size > 0 && pushedAt(image) > newest && isScanned(history, image),
  );
  const last = Math.max(0, ...fixes.map(pushedAt));
  return fixes.filter((image) => pushedAt(image) === last);
}

/** On Azure, an image has been scanned if there are rows about it. */
function isScanned({ cloud }: History, { findings, hasCoverage }: TrueImage): boolean {
  return cloud === 'aws' ? hasCoverage : [...findings.values()].some(({ status }) => status !== 'vanished');
}
