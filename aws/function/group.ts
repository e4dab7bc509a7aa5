// Folds a batch by repository: ten thousand events of one image are one look at it.
import type { SQSRecord } from 'aws-lambda';
import type { Hint } from '../../shared/reconcile/reconcile.ts';
import type { Named, Request } from './parse.ts';

/** A message that was understood. */
export interface Received {
  readonly record: SQSRecord;
  readonly request: Request;
}

/** What a batch asks of one repository. */
export interface Fold {
  readonly hint: Hint;
  readonly records: readonly SQSRecord[];
  /** The messages that reported a finding, by the finding's id. */
  readonly reports: ReadonlyMap<string, readonly SQSRecord[]>;
}

/** Messages about one repository are one look at it: at the images that they name, or at all where one of them asks for that. */
export function foldByRepository(received: readonly Received[], registry: string): readonly Fold[] {
  const byRepository = Map.groupBy(received.flatMap(wishesOf), ({ repository }) => repository);
  return [...byRepository].map(([repository, wishes]) => {
    const named = wishes.flatMap((wish) => wish.named ?? []);
    return {
      hint: {
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

function wishesOf({ record, request }: Received): readonly Wish[] {
  if (request.kind === 'reconcile') return [{ ...request, record, named: undefined }];
  if (request.kind !== 'images') return [];
  return request.images.map((named) => ({ repository: named.repository, trigger: named.trigger, record, named }));
}

function reportsOf(wishes: readonly Wish[]): Fold['reports'] {
  const reports = new Map<string, SQSRecord[]>();
  for (const { named, record } of wishes) {
    if (named?.activeFinding === undefined) continue;
    const records = reports.get(named.activeFinding.id);
    if (records === undefined) reports.set(named.activeFinding.id, [record]);
    else records.push(record);
  }
  return reports;
}
