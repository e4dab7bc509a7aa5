// What the completed reconciliations of this process have observed, so that an event about it needs no call.
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { ImageObservation } from '../../shared/reconcile/observation.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { Result } from '../../shared/reconcile/result.ts';

/** The most reports that are remembered, about 400 bytes each. The images observed first are forgotten first. */
const MAX_REPORTS = 100_000;

/** The times of an image's reports, by id. */
type Times = ReadonlyMap<string, Instant>;

export interface ShownReports {
  /** Remembers what a reconciliation of the gate has observed. A result that leaves work to a retry proves nothing. */
  remember(gate: Gate, result: Result): void;
  /**
   * Has a completed reconciliation of the gate shown every report that the request names, with a time not older than
   * its event? False if the request names none.
   */
  cover(request: Pick<ReconcileRequest, 'gate' | 'namedReports'>): boolean;
}

/** @param maxReports the most reports to remember */
export function createShownReports(maxReports = MAX_REPORTS): ShownReports {
  const byImage = new Map<string, Times>();
  let count = 0;

  function forget(image: string): void {
    count -= byImage.get(image)?.size ?? 0;
    byImage.delete(image);
  }

  return {
    remember(gate, result) {
      if (result.kind === 'deadLetter' || (result.kind === 'retry' && result.reports === 'all')) return;
      for (const observation of result.observations) {
        const image = imageKey(gate, observation.digest);
        forget(image);
        const times = timesIn(observation);
        if (times.size > 0) byImage.set(image, times);
        count += times.size;
      }
      for (const image of byImage.keys()) {
        if (count <= maxReports) return;
        forget(image);
      }
    },

    cover: ({ gate, namedReports }) =>
      namedReports.length > 0 &&
      namedReports.every(({ id, digest, at }) => {
        const shown = byImage.get(imageKey(gate, digest))?.get(id);
        return at !== undefined && shown !== undefined && Date.parse(shown) >= Date.parse(at);
      }),
  };
}

/**
 * An untagged image may be given a tag, or an index that has one, while its other events arrive. A repeated report may
 * be about a time before the event.
 */
function timesIn(observation: ImageObservation): Times {
  if (observation.presence !== 'present' || !observation.tagged) return new Map();
  return new Map(
    observation.reports.flatMap(({ id, reportedAt, isRepeated }) =>
      id === undefined || reportedAt === undefined || isRepeated === true ? [] : [[id, reportedAt] as const],
    ),
  );
}

function imageKey(gate: Gate, digest: string): string {
  return `${gateKey(gate)} ${digest}`;
}
