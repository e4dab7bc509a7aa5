// The fix that a closed repository blocks, as its record keeps it.

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
  /** The digests of the fixes that people were notified of since the gate was closed, the newest last. */
  readonly announced: readonly string[];
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

/** The most announced fixes that a record keeps. */
const MAX_ANNOUNCED = 50;

/** The fix of which people must be notified. Undefined: there is none, or they were. */
export function unannouncedFix(remedy: Remedy | undefined): BlockedFix | undefined {
  const blocked = remedy?.blocked;
  return blocked === undefined || remedy?.announced.includes(blocked.fix.digest) ? undefined : blocked;
}

/** The remedy after a notice that names its fix. */
export function withAnnounced(remedy: Remedy | undefined): Remedy | undefined {
  const fix = unannouncedFix(remedy)?.fix;
  if (remedy === undefined || fix === undefined) return remedy;
  return { ...remedy, announced: [...remedy.announced, fix.digest].slice(-MAX_ANNOUNCED) };
}
