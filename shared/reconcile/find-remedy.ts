// Looks for the fix that a closed repository blocks, when something may have changed about it.
import { onlyAnnounced, type Remedy, remedyOf } from '../gate/blocked-fix.ts';
import type { EvaluatedImage, NextBlockers } from '../gate/blockers.ts';
import type { Gate } from '../gate/gate.ts';
import { SCAN_SETTLES_MILLISECONDS } from '../gate/image-evaluation.ts';
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
const MAX_CANDIDATES = 20;
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
  /** Why it could not be looked for. The record keeps what it had, and the next sweep looks again. */
  readonly error?: string | undefined;
}

/**
 * Finds the fix, or keeps what the record says. It prevents no closing: an error is part of the answer. What was
 * announced is kept until the gate opens.
 */
export async function findRemedy(input: RemedyInput, rules: GateRules, fixes: FixPorts): Promise<FoundRemedy> {
  const before = input.record.remedy;
  if (!canBlockFix(input)) return { remedy: isClosed(input.desired) ? onlyAnnounced(before) : undefined };
  if (!isDue(input)) return { remedy: before };
  try {
    const search = () => lookForFix(input, rules, fixes);
    return { remedy: await withinTime(MAX_SECONDS * 1_000, TOO_LATE, search) };
  } catch (error) {
    return { remedy: before && { ...before, lookAgainAt: undefined }, error: describeError(error) };
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
): Promise<Remedy | undefined> {
  const { gate, remedy: before } = record;
  const pushed = await fixes.pushed(gate);
  if (taggedAfter(pushed, active).length === 0) return undefined;
  const images = { pushed, children: await readIndexes(gate, pushed, indexesToRead(pushed, active), fixes) };
  const candidates = findCandidates(images, active);
  if (candidates.length === 0) return undefined;
  const announced = candidates.find(({ image }) => image.digest === before?.announced)?.image.digest;
  const newest = candidates.slice(0, MAX_CANDIDATES);
  const judged = await fixes.judged(gate, [...new Set(newest.flatMap(({ parts }) => parts))]);
  const { repository } = gate;
  const { fix, recent } = findFix(newest, { repository, judged, judge: rules.judge, now });
  const lookAgainAt = recent.length === 0 ? undefined : whenSettled(before, now);
  // A fix that is being scanned again is still the fix.
  if (before?.blocked !== undefined && recent.includes(before.blocked.fix.digest)) return { ...before, lookAgainAt };
  const blocked = fix && blockedFix(fixes.nameOf(gate), fix, active, { images, policy: rules.policy });
  return remedyOf({ blocked, announced, lookAgainAt });
}

/** A time that is set stays, so that not every reconciliation writes the record. */
function whenSettled(before: Remedy | undefined, now: Instant): Instant {
  const set = before?.lookAgainAt;
  if (set !== undefined && set > now) return set;
  return new Date(Date.parse(now) + SCAN_SETTLES_MILLISECONDS).toISOString();
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
