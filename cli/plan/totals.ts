// Counts a plan: gates by change, how many of those that would close are in use, and how long the limits would take.
import type { BrakeLimits } from '../../shared/gate/brake.ts';
import type { UsageSum } from '../../shared/gate/usage.ts';
import { counted, number } from '../../shared/report/sentences.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { CHANGES, type Change, type GateChange } from './compare.ts';
import type { Plan, TargetPlan } from './make-plan.ts';

export interface Totals extends Readonly<Record<Change, number>> {
  readonly unchanged: number;
  /** Gates that both configs close, and that are not closed yet. */
  readonly pending: number;
  /** The use of the gates that would close. */
  readonly use: { readonly inUse: number; readonly workloads: number; readonly unknown: number };
}

export function totalsOf({ targets }: Pick<Plan, 'targets'>): Totals {
  const changes = targets.flatMap((target) => target.changes);
  const count = (word: Change) => changes.filter(({ change }) => change === word).length;
  const closing = changes.filter(({ change }) => change === 'closes').map(({ use }) => use);
  const sum = (values: readonly number[]) => values.reduce((before, value) => before + value, 0);
  const counts = Object.fromEntries(CHANGES.map((word) => [word, count(word)])) as Record<Change, number>;
  return {
    ...counts,
    unchanged: sum(targets.map(({ unchanged }) => unchanged)),
    pending: sum(targets.map(({ pending }) => pending)),
    use: {
      inUse: closing.filter(({ inUse }) => inUse > 0).length,
      workloads: sum(closing.map(({ workloads }) => workloads)),
      unknown: closing.filter(isUnknown).length,
    },
  };
}

/** Nothing is known to use the gate, but not all of it is known. */
function isUnknown({ inUse, unknown }: UsageSum): boolean {
  return inUse === 0 && unknown > 0;
}

const HOURS_A_DAY = 24;

/** How many hours pass until this many gates are closed, if nothing else closes. At least one. */
export function hoursToClose(gates: number, { maxClosesPerHour, maxClosesPerDay }: BrakeLimits): number {
  const perDay = Math.min(maxClosesPerDay, maxClosesPerHour * HOURS_A_DAY);
  const days = Math.floor((gates - 1) / perDay);
  const onLastDay = gates - days * perDay;
  return days * HOURS_A_DAY + Math.ceil(onLastDay / maxClosesPerHour);
}

/** `12 gates would close (3 in use, by 17 tasks or pods; use of 2 unknown)`. */
export function closingSentence({ closes, use }: Totals): string {
  const known = use.inUse === 0 ? [] : [`${number(use.inUse)} in use, by ${counted(use.workloads, USER, USERS)}`];
  const unknown = use.unknown === 0 ? [] : [`use of ${number(use.unknown)} unknown`];
  const notes = [...known, ...unknown];
  if (notes.length === 0 && closes > 0) notes.push(`none in use by ${USERS}`);
  return `${counted(closes, 'gate')} would close${closes === 0 ? '' : ` (${notes.join('; ')})`}`;
}

const USER = 'task or pod';
const USERS = 'tasks or pods';

/** How long the limits of a target would take. Undefined: no gate asks the brake. */
export function limitSentence({ cloud, braked, brakedPending: pending, limits }: TargetPlan): string | undefined {
  if (braked === 0) return undefined;
  const hours = hoursToClose(braked, limits);
  const time = hours < 2 * HOURS_A_DAY ? counted(hours, 'hour') : counted(Math.ceil(hours / HOURS_A_DAY), 'day');
  const also = pending === 0 ? '' : `, with ${number(pending)} that ${pending === 1 ? 'waits' : 'wait'} already,`;
  const { maxClosesPerHour, maxClosesPerDay } = limits;
  return `On ${CLOUD_NAMES[cloud]} the limits let ${number(maxClosesPerHour)} close an hour and ${number(maxClosesPerDay)} a day: ${counted(braked, 'gate')}${also} ${braked === 1 ? 'takes' : 'take'} ${time}`;
}

/** `2 would open, 1 would wait, 800 are unchanged`. */
export function otherCounts(totals: Totals): string {
  const { opens, staysClosed, waits, clears, mode, unchanged } = totals;
  const parts = [
    `${number(opens)} would open`,
    staysClosed === 0 ? undefined : `${number(staysClosed)} would stay closed instead of opening`,
    waits === 0 ? undefined : `${number(waits)} would wait`,
    clears === 0 ? undefined : `${number(clears)} would no longer have to close`,
    mode === 0 ? undefined : `${number(mode)} would only change ${mode === 1 ? 'its' : 'their'} mode`,
    `${number(unchanged)} ${unchanged === 1 ? 'is' : 'are'} unchanged`,
  ];
  return parts.filter((part) => part !== undefined).join(', ');
}

/** The changes for which it matters what uses the gate. */
const MATTERS: readonly Change[] = ['closes', 'staysClosed', 'waits'];

/** The use of the images that close the gate, in a few words. */
export function useText({ change, use }: GateChange): string {
  const { images, inUse, workloads, unknown, lastPulledAt } = use;
  if (images === 0 || !MATTERS.includes(change)) return '';
  const pulled = lastPulledAt === undefined ? '' : `, last pulled ${lastPulledAt.slice(0, 'YYYY-MM-DD'.length)}`;
  if (inUse > 0) return `in use by ${unknown > 0 ? 'at least ' : ''}${counted(workloads, USER, USERS)}${pulled}`;
  return unknown > 0 ? `use unknown${pulled}` : `not in use by ${USERS}${pulled}`;
}
