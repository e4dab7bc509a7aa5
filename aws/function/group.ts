// Folds a batch by repository: ten thousand events of one image are one look at it.
import type { SQSRecord } from 'aws-lambda';
import type { ReconcileRequest } from '../../shared/reconcile/reconcile.ts';
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

/** Messages about one repository are one look at it: at the images that they name, or at all where one of them asks for that. */
export function groupByRepository(received: readonly Received[], registry: string): readonly Group[] {
  const byRepository = Map.groupBy(received.flatMap(wishesOf), ({ repository }) => repository);
  return [...byRepository].map(([repository, wishes]) => {
    const named = wishes.flatMap((wish) => wish.named ?? []);
    return {
      request: {
        gate: { registry, repository },
        scope: named.length < wishes.length ? 'all' : [...new Set(named.map(({ digest }) => digest))],
        triggers: [...new Set(wishes.map(({ trigger }) => trigger))],
        activeFindings: named.flatMap(({ activeFinding, digest }) =>
          activeFinding === undefined ? [] : [{ ...activeFinding, digest }],
        ),
      },
      records: [...new Set(wishes.map(({ record }) => record))],
      reports: reportsOf(wishes),
    };
  });
}

interface Wish {
  readonly repository: string;
  readonly trigger: Named['trigger'];
  readonly record: SQSRecord;
  /** Undefined: the whole repository. */
  readonly named: Named | undefined;
}

function wishesOf({ record, message }: Received): readonly Wish[] {
  if (message.kind === 'reconcile') return [{ ...message, record, named: undefined }];
  if (message.kind !== 'images') return [];
  return message.images.map((named) => ({ repository: named.repository, trigger: named.trigger, record, named }));
}

function reportsOf(wishes: readonly Wish[]): Group['reports'] {
  const reports = new Map<string, SQSRecord[]>();
  for (const { named, record } of wishes) {
    if (named?.activeFinding === undefined) continue;
    const records = reports.get(named.activeFinding.id);
    if (records === undefined) reports.set(named.activeFinding.id, [record]);
    else records.push(record);
  }
  return reports;
}
