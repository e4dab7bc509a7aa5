// Groups a batch by repository, so that ten thousand events of one image cause one reconciliation.
import type { SQSRecord } from 'aws-lambda';
import type { OutsideChange } from '../../shared/gate/record.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { Message, Named } from './parse.ts';

/** A message that pullgate acts on. */
export interface Received {
  readonly delivery: SQSRecord;
  readonly message: Exclude<Message, { kind: 'ignored' }>;
}

/** What a batch requests for one repository. */
export interface Group {
  readonly request: ReconcileRequest;
  readonly deliveries: readonly SQSRecord[];
  /** The messages that reported a finding, by the finding's id. */
  readonly deliveriesByFinding: ReadonlyMap<string, readonly SQSRecord[]>;
}

/**
 * Combines the messages about one repository into one reconciliation. It covers the images that they name, or all
 * images if one message requests that.
 */
export function groupByRepository(received: readonly Received[], registry: string): readonly Group[] {
  const byRepository = Map.groupBy(received.flatMap(partsOf), ({ repository }) => repository);
  return [...byRepository].map(([repository, parts]) => {
    const named = parts.flatMap((part) => part.named ?? []);
    return {
      request: {
        gate: { registry, repository },
        scope: named.length < parts.length ? 'all' : [...new Set(named.map(({ digest }) => digest))],
        triggers: [...new Set(parts.map(({ trigger }) => trigger))],
        namedReports: named.flatMap(({ namedReport, digest }) =>
          namedReport === undefined ? [] : [{ ...namedReport, status: 'active', digest }],
        ),
        changedBy: lastChange(parts),
      },
      deliveries: [...new Set(parts.map(({ delivery }) => delivery))],
      deliveriesByFinding: deliveriesByFinding(parts),
    };
  });
}

/** What one message requests for one repository. */
interface Part {
  readonly repository: string;
  readonly trigger: Named['trigger'];
  readonly delivery: SQSRecord;
  /** Undefined: the whole repository. */
  readonly named: Named | undefined;
  readonly changedBy?: OutsideChange | undefined;
}

function partsOf({ delivery, message }: Received): readonly Part[] {
  if (message.kind === 'reconcile') return [{ ...message, delivery, named: undefined }];
  if (message.kind !== 'images') return [];
  return message.images.map((named) => ({ repository: named.repository, trigger: named.trigger, delivery, named }));
}

/** The last change of the lock by someone else, because the earlier ones no longer matter. */
function lastChange(parts: readonly Part[]): OutsideChange | undefined {
  const changes = parts.flatMap(({ changedBy }) => changedBy ?? []);
  return changes.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at)).at(-1);
}

function deliveriesByFinding(parts: readonly Part[]): Group['deliveriesByFinding'] {
  const reporting = parts.flatMap(({ named, delivery }) =>
    named?.namedReport === undefined ? [] : [{ id: named.namedReport.id, delivery }],
  );
  const byId = Map.groupBy(reporting, ({ id }) => id);
  return new Map([...byId].map(([id, found]) => [id, found.map(({ delivery }) => delivery)]));
}
