// What a notice says about the use of images.
import type { Gate } from '../gate/gate.ts';
import type { ClearedImage, Notice, NoticeImage } from '../gate/record.ts';
import { addUsage, sumUsage, type UsageSum } from '../gate/usage.ts';
import type { Instant } from '../policy/finding.ts';
import type { Usage } from '../reconcile/observation.ts';
import { CLEARANCES, capitalized } from './sentences.ts';
import { describeUsage, describeUsageSum, type Users } from './usage-text.ts';

/** What the use of images in a notice depends on besides the notice. */
export interface UsageContext {
  /** What this cloud counts as a use of an image. */
  readonly users: Users;
  /** How to find out whether an image runs, as a sentence. */
  readonly whereItRuns: string;
  /** Undefined: no pulls were read for the notices. */
  readonly lastPull?: LastPull | undefined;
}

/** The last recorded pull of an image of a gate, if it is known. */
export type LastPull = (gate: Gate, digest: string) => Instant | undefined;

/** The use of one image of a notice, as a sentence. */
export function usageSentence(
  gate: Gate,
  image: Pick<NoticeImage | ClearedImage, 'digest' | 'usage'>,
  context: UsageContext,
): string {
  return `${capitalized(describeUsage(usageOf(gate, image, context), context.users))}.`;
}

function usageOf(
  gate: Gate,
  { digest, usage }: Pick<NoticeImage, 'digest' | 'usage'>,
  { lastPull }: UsageContext,
): Usage | undefined {
  const lastPulledAt = lastPull?.(gate, digest);
  return lastPulledAt === undefined ? usage : { ...usage, lastPulledAt };
}

/**
 * The use of all blockers if there are several and something is known, and where to look if not all are known to be in
 * use.
 */
export function usageLines(notice: Notice, { users, whereItRuns }: UsageContext): readonly string[] {
  const sum = usageIn(notice);
  const { images, inUse, unknown } = sum;
  const lines = [
    ...(images > 1 && unknown < images ? [sumSentence(sum, users)] : []),
    ...(inUse < images ? [whereItRuns] : []),
  ];
  return lines.length === 0 ? [] : [`  ${lines.join(' ')}`];
}

/** The use of all blockers of several gates, each with its newest notice. */
export function totalUsageLines(newest: readonly Notice[], { users }: UsageContext): readonly string[] {
  const sum = addUsage(newest.map(usageIn));
  return sum.images === 0 ? [] : [sumSentence(sum, users)];
}

function usageIn({ usage, images, moreImages, omittedImages }: Notice): UsageSum {
  return usage ?? sumUsage(Array.from({ length: images.length + moreImages + omittedImages }, () => undefined));
}

function sumSentence(sum: UsageSum, users: Users): string {
  return `${capitalized(describeUsageSum(sum, users, 'blocker'))}.`;
}

/** An image that is gone or out of scope may still run, and a workload that names its digest may start it again. */
export function clearanceLines(
  gate: Gate,
  clearances: readonly ClearedImage[],
  context: UsageContext,
): readonly string[] {
  const isFreed = ({ how }: ClearedImage) => how === 'gone' || how === 'outOfScope';
  const lineOf = (image: ClearedImage) =>
    `  ${image.digest}: ${CLEARANCES[image.how]}.${isFreed(image) ? ` ${usageSentence(gate, image, context)}` : ''}`;
  return [...clearances.map(lineOf), ...(clearances.some(isFreed) ? [context.whereItRuns] : [])];
}
