// Sends one summary a day of the images that no scan has judged for long.
import type { Instant } from '../policy/finding.ts';
import type { Message } from '../report/notice-text.ts';
import { renderUnscanned, type UnscannedAdvice } from '../report/unscanned-text.ts';
import { DAY_MILLISECONDS, HOUR_MILLISECONDS } from '../runtime/time.ts';
import type { Row } from './ports.ts';
import type { UnscannedImage, UnscannedState } from './unscanned.ts';

/** The images that no scan judges, and how people are notified of them. */
export interface UnscannedPorts {
  images(): Promise<readonly UnscannedImage[]>;
  /** The summary names images that are unscanned for longer than this. */
  readonly hours: number;
  readonly advice: UnscannedAdvice;
  readonly row: Row<UnscannedState>;
  /** Sends a message about the stack. If it throws, the next sweep tries again. */
  notify(message: Message): Promise<void>;
}

/** The most images that are remembered: the row stays below 250 KB. */
export const MAX_REMEMBERED = 5_000;
/** Enough digits that two images of a registry do not share them. */
const KEY_CHARACTERS = 16;

/**
 * Remembers the unscanned images, and sends the summary if one is due.
 *
 * @param images those of included repositories
 * @throws Error if the summary could not be sent
 */
export async function summarizeUnscanned(
  images: readonly UnscannedImage[],
  { hours, advice, row, notify }: UnscannedPorts,
  now: Instant,
): Promise<void> {
  const { value: before = { since: {} }, version } = await row.load();
  const since = sinceFirstSeen(images, before.since, now);
  const old = images.filter((image) => isOlder(since[keyOf(image)], hours * HOUR_MILLISECONDS, now));
  const isDue = old.length > 0 && isOlder(before.notifiedAt, DAY_MILLISECONDS, now);
  const next: UnscannedState = { since, notifiedAt: isDue ? now : before.notifiedAt };
  if (JSON.stringify(next) === JSON.stringify(before)) return;
  // Saved before it is sent, so that of two concurrent sweeps only one sends it.
  const saved = await row.save(next, version);
  if (!isDue || saved === undefined) return;
  try {
    await notify(renderUnscanned(old, hours, advice));
  } catch (error) {
    await row.save({ ...next, notifiedAt: before.notifiedAt }, saved);
    throw error;
  }
}

/** When each image was first seen, those that are known longest first. */
function sinceFirstSeen(
  images: readonly UnscannedImage[],
  before: UnscannedState['since'],
  now: Instant,
): UnscannedState['since'] {
  const all = new Map(images.map((image) => [keyOf(image), before[keyOf(image)] ?? now]));
  const sorted = [...all].toSorted(([a, x], [b, y]) => (`${x} ${a}` < `${y} ${b}` ? -1 : 1));
  return Object.fromEntries(sorted.slice(0, MAX_REMEMBERED));
}

/** A missing time is old: an image that is not remembered must not pass in silence. */
function isOlder(at: Instant | undefined, milliseconds: number, now: Instant): boolean {
  return at === undefined || Date.parse(now) - Date.parse(at) >= milliseconds;
}

function keyOf({ digest }: UnscannedImage): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + KEY_CHARACTERS);
}
