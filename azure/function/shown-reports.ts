// What the completed reconciliations of this process have observed, so that an event needs no call if it is about that,
// or if the scanner did not list its report a moment ago.
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { ImageObservation } from '../../shared/reconcile/observation.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import { notListed, type Result, type UnconfirmedReport } from '../../shared/reconcile/result.ts';

/** The most reports and images to remember, about 400 bytes each. What was observed first is forgotten first. */
const MAX_REPORTS = 100_000;

/** The messages of one scan come within ten seconds. What one of them has not found, the next ones do not look for. */
const MOMENT_MILLISECONDS = 15_000;

/** The last observation of an image. */
interface Shown {
  /** When it began, in milliseconds since 1970. */
  readonly at: number;
  /** The ids of the reports. */
  readonly listed: ReadonlySet<string>;
  /** The times of the reports, by id. */
  readonly times: ReadonlyMap<string, Instant>;
}

export interface ShownReports {
  /**
   * Remembers what a reconciliation of the gate has observed. A result that leaves work to a retry proves nothing.
   *
   * @param startedAt when the reconciliation began
   */
  remember(gate: Gate, result: Result, startedAt: Instant): void;
  /**
   * Has a completed reconciliation of the gate shown every report that the request names, with a time not older than
   * its event? False if the request names none.
   */
  cover(request: Pick<ReconcileRequest, 'gate' | 'namedReports'>): boolean;
  /**
   * The reports that the request names, if a reconciliation of a moment ago has found none of them. Otherwise empty:
   * the request must be reconciled.
   */
  awaited(request: Pick<ReconcileRequest, 'gate' | 'namedReports'>, now: Instant): readonly UnconfirmedReport[];
}

/** @param maxReports the most reports and images to remember */
export function createShownReports(maxReports = MAX_REPORTS): ShownReports {
  const byImage = new Map<string, Shown>();
  let count = 0;

  function forget(image: string): void {
    count -= sizeOf(byImage.get(image));
    byImage.delete(image);
  }

  return {
    remember(gate, result, startedAt) {
      if (result.kind === 'deadLetter' || (result.kind === 'retry' && result.reports === 'all')) return;
      for (const observation of result.observations) {
        const image = imageKey(gate, observation.digest);
        forget(image);
        const shown = shownBy(observation, Date.parse(startedAt));
        if (shown === undefined) continue;
        byImage.set(image, shown);
        count += sizeOf(shown);
      }
      for (const image of byImage.keys()) {
        if (count <= maxReports) return;
        forget(image);
      }
    },

    cover: ({ gate, namedReports }) =>
      namedReports.length > 0 &&
      namedReports.every(({ id, digest, at }) => {
        const shown = byImage.get(imageKey(gate, digest))?.times.get(id);
        return at !== undefined && shown !== undefined && Date.parse(shown) >= Date.parse(at);
      }),

    awaited({ gate, namedReports }, now) {
      const isMissing = namedReports.every(({ id, digest }) => {
        const shown = byImage.get(imageKey(gate, digest));
        return shown !== undefined && Date.parse(now) - shown.at < MOMENT_MILLISECONDS && !shown.listed.has(id);
      });
      return isMissing ? namedReports.map(({ id }) => notListed(id)) : [];
    },
  };
}

/**
 * An untagged image may be given a tag, or an index that has one, while its other events arrive. A repeated report may
 * be about a time before the event, so its time is not remembered.
 */
function shownBy(observation: ImageObservation, at: number): Shown | undefined {
  if (observation.presence !== 'present' || !observation.tagged) return undefined;
  const named = observation.reports.flatMap(({ id, ...report }) => (id === undefined ? [] : [{ id, ...report }]));
  const times = named.flatMap(({ id, reportedAt, isRepeated }) =>
    reportedAt === undefined || isRepeated === true ? [] : [[id, reportedAt] as const],
  );
  return { at, listed: new Set(named.map(({ id }) => id)), times: new Map(times) };
}

/** An image without reports takes room, too. */
function sizeOf(shown: Shown | undefined): number {
  return shown === undefined ? 0 : 1 + shown.listed.size;
}

function imageKey(gate: Gate, digest: string): string {
  return `${gateKey(gate)} ${digest}`;
}
