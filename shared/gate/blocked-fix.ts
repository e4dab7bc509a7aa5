// The fix that a closed repository blocks, as its record keeps it.
import type { Instant } from '../policy/finding.ts';

/** An image with the tags by which people know it. */
export interface TaggedImage {
  readonly digest: string;
  /** In alphabetical order. */
  readonly tags: readonly string[];
}

/** A fix that cannot be pulled, because older images keep its repository closed. */
export interface BlockedFix {
  /** The repository as image names have it, with the registry's host. */
  readonly repository: string;
  readonly fix: TaggedImage;
  /** The images to delete or untag, in this order. An index comes before the images that it lists. */
  readonly blockedBy: readonly TaggedImage[];
  readonly moreBlockedBy: number;
}

/** What a record says about the fixes of a closed repository. */
export interface Remedy {
  /** Undefined: none is known at present. */
  readonly blocked: BlockedFix | undefined;
  /**
   * The digest of the fix that people were notified of. While it is still a candidate, a newer fix is not announced.
   */
  readonly announced: string | undefined;
  /** When the tick looks again, because an image that may be the fix was scanned only minutes ago. */
  readonly lookAgainAt?: Instant | undefined;
}

/** Undefined if there is nothing to keep. */
export function remedyOf(remedy: Remedy): Remedy | undefined {
  return Object.values(remedy).every((one) => one === undefined) ? undefined : remedy;
}

/** What is kept of a remedy while the gate is closed, but no fix can be looked for. */
export function onlyAnnounced(remedy: Remedy | undefined): Remedy | undefined {
  return remedyOf({ blocked: undefined, announced: remedy?.announced });
}

/** The fix that a gate blocks now, according to its record. */
export function fixOf({
  state,
  remedy,
}: {
  readonly state: { readonly kind: string };
  readonly remedy?: Remedy | undefined;
}): BlockedFix | undefined {
  return state.kind === 'closed' ? remedy?.blocked : undefined;
}

/** The fix that a notice has to announce. Undefined: there is none, or one was announced. */
export function unannouncedFix(remedy: Remedy | undefined): BlockedFix | undefined {
  return remedy?.announced === undefined ? remedy?.blocked : undefined;
}

/** The remedy after a notice that names its fix. */
export function withAnnounced(remedy: Remedy | undefined): Remedy | undefined {
  const fix = unannouncedFix(remedy)?.fix;
  if (remedy === undefined || fix === undefined) return remedy;
  return { ...remedy, announced: fix.digest };
}
