// Groups a batch by repository: ten thousand events of one image are one reconciliation.
import type { SQSRecord } from 'aws-lambda';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { Message, Named } from './parse.ts';

/** A message that was understood. */
export interface Received {
  readonly record: SQSRecord;
  readonly message: Message;
}

/** What a batch asks of one repository. */
export interface Group {
  readonly request: ReconcileRequest;
  readonly records: readonly SQSRecord[];
  /** The messages that reported a finding, by the finding's id. */
  readonly reports: ReadonlyMap<string, readonly SQSRecord[]>;
}

/** Messages about one repository are one reconciliation: of the images that they name, or of all if one of them asks for that. */
export function groupByRepository(received: readonly Received[], registry: string): readonly Group[] {
  const byRepository = Map.groupBy(received.flatMap(partsOf), ({ repository }) => repository);
  return [...byRepository].map(([repository, parts]) => {
    const named = parts.flatMap((part) => part.named ?? []);
    return {
      request: {
        gate: { registry, repository },
        scope: named.length < parts.length ? 'all' : [...new Set(named.map(({ digest }) => digest))],
        triggers: [...new Set(parts.map(({ trigger }) => trigger))],
        activeFindings: named.flatMap(({ activeFinding, digest }) =>
          activeFinding === undefined ? [] : [{ ...activeFinding, status: 'active', digest }],
        ),
      },
      records: [...new Set(parts.map(({ record }) => record))],
      reports: reportsOf(parts),
    };
  });
}

/** What a message asks of one repository. */
interface Part {
  readonly repository: string;
  readonly trigger: Named['trigger'];
  readonly record: SQSRecord;
  /** Undefined: the whole repository. */
  readonly named: Named | undefined;
}

function partsOf({ record, message }: Received): readonly Part[] {
  if (message.kind === 'reconcile') return [{ ...message, record, named: undefined }];
  if (message.kind !== 'images') return [];
  return message.images.map((named) => ({ repository: named.repository, trigger: named.trigger, record, named }));
}

function reportsOf(parts: readonly Part[]): Group['reports'] {
  const reports = new Map<string, SQSRecord[]>();
  for (const { named, record } of parts) {
    if (named?.activeFinding === undefined) continue;
    const records = reports.get(named.activeFinding.id);
    if (records === undefined) reports.set(named.activeFinding.id, [record]);
    else records.push(record);
  }
  return reports;
}
