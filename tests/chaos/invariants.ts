// The invariants of docs/adr/0029-the-state-of-a-gate.md and how the judge checks each of them.
import { admissionsWithin, closedWithoutAdmission, overtaken } from './brake-checks.ts';
import type { Ending, Observation } from './cloud.ts';
import { unannouncedFixes } from './fix-checks.ts';
import {
  lockedDuringPause,
  notClosedAgain,
  notClosedInTime,
  notRestored,
  openedWithoutReason,
  recordsThatDisagree,
  wrongUnderOverride,
} from './gate-checks.ts';
import type { History } from './history.ts';
import { pendingNotices, unnamedReasons, unnotifiedChanges } from './notice-checks.ts';
import { wrongAtTheEnd } from './state-checks.ts';

export interface Invariant {
  readonly number: number;
  /** Each violation begins with it. */
  readonly name: string;
  /** Finds violations after each observation. */
  readonly see?: (history: History, observation: Observation) => readonly string[];
  /** Finds violations at the end of a run, when no fault is left and all is due. */
  readonly conclude?: (history: History, observation: Observation, ending: Ending) => readonly string[];
}

export const INVARIANTS: readonly Invariant[] = [
  {
    number: 1,
    name: 'only proof, audit mode or a person takes a lock away, and the notice names which',
    see: openedWithoutReason,
    conclude: unnamedReasons,
  },
  {
    number: 2,
    name: 'what holds is closed in time, or waits on record',
    see: (...seen) => [...notClosedInTime(...seen), ...recordsThatDisagree(...seen)],
  },
  {
    number: 3,
    name: 'what was closed closes again within two ticks',
    see: notClosedAgain,
  },
  {
    number: 4,
    name: 'the brake admits at most maxClosesPerHour in 60 minutes and maxClosesPerDay in 24 hours',
    see: admissionsWithin,
    conclude: closedWithoutAdmission,
  },
  {
    number: 5,
    name: 'nothing overtakes a gate of higher rank that waits for the brake',
    see: overtaken,
  },
  {
    number: 6,
    name: 'an override in force decides',
    see: wrongUnderOverride,
  },
  {
    number: 7,
    name: 'nothing foreign changes',
    see: (_history, { damage }) => damage,
  },
  {
    number: 8,
    name: 'a tick finds a missing lock',
    see: notRestored,
  },
  {
    number: 9,
    name: 'every change has a notice',
    conclude: (...end) => [
      ...unnotifiedChanges(...end),
      ...pendingNotices(end[1]),
      ...unannouncedFixes(end[0], end[1]),
    ],
  },
  {
    number: 10,
    name: 'a second reconciliation writes nothing',
    conclude: (_history, _observation, { rewrites }) => rewrites.map((call) => `it called ${call}`),
  },
  {
    number: 11,
    name: 'each gate ends in the state of the specification, and each message is handled',
    conclude: (history, observation) => [
      ...wrongAtTheEnd(history, observation),
      ...(observation.waiting > 0 ? [`messages still on the queue: ${observation.waiting}`] : []),
    ],
  },
  {
    number: 12,
    name: 'during a pause nothing of ours is locked',
    see: lockedDuringPause,
  },
];
