// Finds the fix that a closed repository blocks: the newest image that was pushed after every blocker, whose scan has
// finished, and that the policy allows.
import type { Instant } from '../policy/finding.ts';
import type { Judge } from '../policy/verdict.ts';
import { findingsIn, type JudgedImage, type PushedImage } from '../reconcile/observation.ts';
import type { GateRules } from '../reconcile/rules.ts';
import type { BlockedFix, TaggedImage } from './blocked-fix.ts';
import { MAX_TAGS, SCAN_SETTLES_MILLISECONDS } from './image-evaluation.ts';
import { type Blocker, NOTICE_IMAGES } from './record.ts';

type ActiveBlocker = Pick<Blocker, 'digest'>;

/** The images of a repository. */
export interface RepositoryImages {
  readonly pushed: readonly PushedImage[];
  /** The digests that each index lists itself, of the indexes that were read. */
  readonly children: ReadonlyMap<string, readonly string[]>;
}

/** An image that may be the fix. */
export interface Candidate {
  readonly image: PushedImage;
  /** What runs when it is pulled: itself, or the images of an index that can be judged. */
  readonly parts: readonly string[];
}

/** The indexes to read: those that may be the fix, and those that may contain an untagged blocker. */
export function indexesToRead(pushed: readonly PushedImage[], active: readonly ActiveBlocker[]): readonly string[] {
  const blocking = imagesNamed(pushed, active);
  const isChild = blocking.some(({ tags }) => tags.length === 0);
  const newest = newestPush(blocking);
  return pushed
    .filter(({ isIndex, tags, pushedAt }) => isIndex && tags.length > 0 && (isChild || pushedAt > newest))
    .map(({ digest }) => digest);
}

/** The indexes that those which were read list, and that were not read yet. */
export function nestedIndexes({ pushed, children }: RepositoryImages): readonly string[] {
  const listed = new Set([...children.values()].flat());
  return pushed
    .filter(({ digest, isIndex }) => isIndex && listed.has(digest) && !children.has(digest))
    .map(({ digest }) => digest);
}

/** The tagged images that were pushed after every blocker. None of the others can be the fix. */
export function taggedAfter(pushed: readonly PushedImage[], active: readonly ActiveBlocker[]): readonly PushedImage[] {
  const blocking = imagesNamed(pushed, active);
  // When a blocker was pushed is not known if the registry does not list it.
  if (blocking.length < active.length) return [];
  const newest = newestPush(blocking);
  return pushed.filter(({ tags, pushedAt }) => tags.length > 0 && pushedAt > newest);
}

/** The tagged images that were pushed after every blocker, and after every index that lists one; the newest first. */
export function findCandidates(images: RepositoryImages, active: readonly ActiveBlocker[]): readonly Candidate[] {
  const { partsOf, indexesOf } = contentsOf(images);
  const newest = newestPush(active.flatMap(({ digest }) => indexesOf(digest)));
  return taggedAfter(images.pushed, active)
    .filter(({ pushedAt }) => pushedAt > newest)
    .map((image) => ({ image, parts: partsOf(image) }))
    .filter(({ parts }) => parts.length > 0)
    .toSorted(({ image: a }, { image: b }) => (`${a.pushedAt} ${a.digest}` < `${b.pushedAt} ${b.digest}` ? 1 : -1));
}

function imagesNamed(pushed: readonly PushedImage[], active: readonly ActiveBlocker[]): readonly PushedImage[] {
  const digests = new Set(active.map(({ digest }) => digest));
  return pushed.filter(({ digest }) => digests.has(digest));
}

function newestPush(images: readonly PushedImage[]): Instant {
  return images.reduce<Instant>((newest, { pushedAt }) => (pushedAt > newest ? pushedAt : newest), '');
}

/** What the images of a repository contain, and what contains them. */
interface Contents {
  /** What an image consists of: itself, or what an index and the indexes that it lists contain and can be judged. */
  partsOf(image: PushedImage): readonly string[];
  /** The tagged indexes that contain an image. */
  indexesOf(digest: string): readonly PushedImage[];
}

/** Resolves each index once: a repository can have thousands of images, and indexes can share what they list. */
function contentsOf({ pushed, children }: RepositoryImages): Contents {
  const images = new Map(pushed.map((image) => [image.digest, image]));
  const known = new Map<string, readonly string[]>();
  const partsOf = ({ digest, isIndex }: PushedImage): readonly string[] => {
    if (!isIndex) return [digest];
    const before = known.get(digest);
    if (before !== undefined) return before;
    const listed = (children.get(digest) ?? []).flatMap((child) => images.get(child) ?? []);
    const parts = [...new Set(listed.flatMap(partsOf))];
    known.set(digest, parts);
    return parts;
  };
  const indexes = new Map<string, PushedImage[]>();
  for (const index of pushed.filter(({ isIndex, tags }) => isIndex && tags.length > 0)) {
    for (const part of partsOf(index)) {
      const others = indexes.get(part);
      if (others === undefined) indexes.set(part, [index]);
      else others.push(index);
    }
  }
  return { partsOf, indexesOf: (digest) => indexes.get(digest) ?? [] };
}

/** What the scanner says about the candidates, and what judges them. */
export interface FixInput {
  readonly repository: string;
  /** The images that the scanner has judged. The others have no finished scan. */
  readonly judged: ReadonlyMap<string, JudgedImage>;
  readonly judge: Judge;
  readonly now: Instant;
}

export interface FoundFix {
  readonly fix: PushedImage | undefined;
  /** The candidates that would be the fix, but were scanned so recently that not all findings may be listed yet. */
  readonly recent: readonly string[];
}

/** Finds the newest candidate whose parts are all proven clean. */
export function findFix(candidates: readonly Candidate[], input: FixInput): FoundFix {
  const recent: string[] = [];
  for (const { image, parts } of candidates) {
    if (!parts.every((digest) => isAllowed(digest, input))) continue;
    if (parts.every((digest) => isSettled(digest, input))) return { fix: image, recent };
    recent.push(image.digest);
  }
  return { fix: undefined, recent };
}

function isAllowed(digest: string, { repository, judged, judge, now }: FixInput): boolean {
  const image = judged.get(digest);
  return image !== undefined && judge({ repository, digest }, findingsIn(image), now).kind === 'allow';
}

function isSettled(digest: string, { judged, now }: FixInput): boolean {
  const scannedAt = judged.get(digest)?.scannedAt;
  return scannedAt === undefined || Date.parse(now) - Date.parse(scannedAt) >= SCAN_SETTLES_MILLISECONDS;
}

/** Describes the fix, and what to delete or untag so that it can be pulled. */
export function blockedFix(
  repository: string,
  fix: PushedImage,
  active: readonly ActiveBlocker[],
  { images, policy }: { readonly images: RepositoryImages; readonly policy: Pick<GateRules['policy'], 'images'> },
): BlockedFix {
  const { indexesOf } = contentsOf(images);
  const blocking = imagesNamed(images.pushed, active).flatMap((blocker) => {
    const indexes = indexesOf(blocker.digest);
    // Without the index, an image that has no tag of its own no longer counts, unless every image does.
    const isNamed = blocker.tags.length > 0 || indexes.length === 0 || policy.images === 'all';
    return [...indexes, ...(isNamed ? [blocker] : [])];
  });
  const unique = [...new Map(blocking.map((image) => [image.digest, image])).values()];
  // An index must be deleted before the images that it lists.
  const inOrder = unique.toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));
  return {
    repository,
    fix: taggedImage(fix),
    blockedBy: inOrder.slice(0, NOTICE_IMAGES).map(taggedImage),
    moreBlockedBy: Math.max(0, inOrder.length - NOTICE_IMAGES),
  };
}

/** The same at each reconciliation, in whatever order the registry lists images. */
function orderOf({ isIndex, pushedAt, digest }: PushedImage): string {
  return `${isIndex ? 0 : 1} ${pushedAt} ${digest}`;
}

function taggedImage({ digest, tags }: PushedImage): TaggedImage {
  return { digest, tags: tags.toSorted().slice(0, MAX_TAGS) };
}
