// Looks for the fix that a closed repository blocks, when something may have changed about it.
import { onlyAnnounced, type Remedy, remedyOf } from '../gate/blocked-fix.ts';
import type { EvaluatedImage, NextBlockers } from '../gate/blockers.ts';
import type { Gate } from '../gate/gate.ts';
import type { OverrideStep } from '../gate/override.ts';
import { activeBlockers, type GateRecord, isClosed, type StableState } from '../gate/record.ts';
import { blockedFix, findCandidates, findFix, indexesToRead, nestedIndexes, taggedAfter } from '../gate/remedy.ts';
import type { Instant } from '../policy/finding.ts';
import { withinTime } from '../runtime/deadline.ts';
import { describeError } from '../runtime/errors.ts';
import type { PushedImage, Scope } from './observation.ts';
import type { FixPorts } from './ports.ts';
import type { GateRules } from './rules.ts';

/** A fix is among the newest images as a rule, and the scanner is asked about each image that is judged. */
export const MAX_CANDIDATES = 20;
/** The search delays the notice of a closing by at most this long. */
const MAX_SECONDS = 10;
const TOO_LATE = `the search took longer than ${MAX_SECONDS} seconds`;

interface RemedyInput {
  readonly desired: StableState;
  /** The record before this reconciliation. */
  readonly record: GateRecord;
  readonly next: NextBlockers;
  readonly override: OverrideStep | undefined;
  readonly scope: Scope;
  readonly evaluated: readonly EvaluatedImage[];
  /** The lock already matches the desired state. */
  readonly isLockAsDesired: boolean;
  readonly now: Instant;
}

/** What a reconciliation found out about the fix. */
export interface FoundRemedy {
  /** What the record keeps. */
  readonly remedy: Remedy | undefined;
  /** An image that may be the fix was scanned only minutes ago: look again soon. */
  readonly isRecent: boolean;
  /** Why it could not be looked for. The record keeps what it had, and the next sweep looks again. */
  readonly error?: string | undefined;
}

/**
 * Finds the fix, or keeps what the record says. It prevents no closing: an error is part of the answer. What was
 * announced is kept until the gate opens.
 */
export async function findRemedy(input: RemedyInput, rules: GateRules, fixes: FixPorts): Promise<FoundRemedy> {
  const before = input.record.remedy;
  if (!canBlockFix(input))
    return { remedy: isClosed(input.desired) ? onlyAnnounced(before) : undefined, isRecent: false };
  if (!isDue(input)) return { remedy: before, isRecent: false };
  try {
    return await withinTime(MAX_SECONDS * 1_000, TOO_LATE, () => lookForFix(input, rules, fixes));
  } catch (error) {
    return { remedy: before, isRecent: false, error: describeError(error) };
  }
}

/** The gate of an image blocks nothing else, and an override opens or closes a gate whatever its images are. */
function canBlockFix({ desired, record, next, override }: RemedyInput): boolean {
  const isOverridden = override !== undefined && override.step !== 'ends';
  const isBlocked = next.active.length > 0 && next.omitted === 0;
  return desired.kind === 'closed' && record.gate.digest === undefined && isBlocked && !isOverridden;
}

/** An event about a blocker that is known changes nothing about the fix. */
function isDue({ record, scope, evaluated, isLockAsDesired }: RemedyInput): boolean {
  if (scope === 'all') return true;
  const known = new Set(activeBlockers(record).map(({ digest }) => digest));
  const isNews = ({ image, evaluation }: EvaluatedImage) => evaluation.kind !== 'holds' || !known.has(image.digest);
  return evaluated.length > 0 && (!isLockAsDesired || evaluated.some(isNews));
}

async function lookForFix(
  { record, next: { active }, now }: RemedyInput,
  rules: GateRules,
  fixes: FixPorts,
): Promise<FoundRemedy> {
  const { gate, remedy: before } = record;
  const pushed = await fixes.pushed(gate);
  if (taggedAfter(pushed, active).length === 0) return { remedy: undefined, isRecent: false };
  const images = { pushed, children: await readIndexes(gate, pushed, indexesToRead(pushed, active), fixes) };
  const candidates = findCandidates(images, active);
  const announced = candidates.find(({ image }) => image.digest === before?.announced)?.image.digest;
  const none: FoundRemedy = {
    remedy: remedyOf({ blocked: undefined, announced }),
    isRecent: false,
  };
  if (candidates.length === 0) return none;
  const newest = candidates.slice(0, MAX_CANDIDATES);
  const judged = await fixes.judged(gate, [...new Set(newest.flatMap(({ parts }) => parts))]);
  const { repository } = gate;
  const { fix, recent } = findFix(newest, { repository, judged, judge: rules.judge, now });
  const isRecent = recent.length > 0;
  // A fix that is being scanned again is still the fix.
  if (before?.blocked !== undefined && recent.includes(before.blocked.fix.digest)) return { remedy: before, isRecent };
  if (fix === undefined) return { ...none, isRecent };
  const blocked = blockedFix(fixes.nameOf(gate), fix, active, { images, policy: rules.policy });
  return { remedy: { blocked, announced }, isRecent };
}

/** The children of these indexes, and of the indexes that they list. */
async function readIndexes(
  gate: Gate,
  pushed: readonly PushedImage[],
  indexes: readonly string[],
  fixes: Pick<FixPorts, 'childrenOf'>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const children = new Map<string, readonly string[]>();
  for (let next = indexes; next.length > 0; next = nestedIndexes({ pushed, children })) {
    const found = await fixes.childrenOf(gate, next);
    for (const digest of next) children.set(digest, found.get(digest) ?? []);
  }
  return children;
}
