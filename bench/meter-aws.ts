// Meters what AWS bills for a stack, at the wire: DynamoDB request units, SQS requests, SNS publishes and log bytes.
import type { LocalAws } from '../local/aws/cloud.ts';
import { sum } from './part.ts';
import { bytesOf, type Counts, gigabyteSeconds, type Run } from './world.ts';

export interface Meter {
  /** The number of events that were sent to the queue. */
  events(count: number): void;
  reset(): void;
  read(runs: readonly Run[]): Counts;
  /** What is in the table now. */
  tableBytes(): number;
}

interface Item {
  readonly bytes: number;
  /** The row's size in the index of waiting gates; undefined if it is not in the index. */
  readonly rank: string | undefined;
}

type Attribute = Readonly<Record<string, string>>;

/** Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html */
const WRITE_UNIT_BYTES = 1024;
const READ_UNIT_BYTES = 4096;
/** The keys of the table and of the index. */
const INDEX_ROW_BYTES = 200;
/** One SQS request can send or receive up to ten messages. */
const MESSAGES_PER_REQUEST = 10;

/**
 * Starts metering.
 *
 * @param batchSize the maximum number of messages per invocation, which limits each receive request
 */
export function meterOf(cloud: LocalAws, batchSize: number, memoryMegabytes: number): Meter {
  const items = new Map<string, Item>();
  const tableBytes = () => sum([...items.values()].map(({ bytes }) => bytes));
  let [writes, reads, events, observations, linesBefore] = [0, 0, 0, 0, cloud.logs.length];

  cloud.calls.before(({ service, operation, input }) => {
    if (service === 'sqs') observations += Array.isArray(input['Entries']) ? input['Entries'].length : 0;
    if (service !== 'dynamodb') return;
    switch (operation) {
      case 'PutItem': {
        const item = input['Item'] as Readonly<Record<string, Attribute>>;
        const id = item['id']?.['S'] ?? '';
        const made = { bytes: sizeOf(item), rank: item['rank']?.['S'] };
        writes += Math.ceil(made.bytes / WRITE_UNIT_BYTES) + (made.rank === items.get(id)?.rank ? 0 : 1);
        items.set(id, made);
        return;
      }
      case 'GetItem': {
        const { id } = input['Key'] as { readonly id: Attribute };
        reads += readUnits(items.get(id['S'] ?? '')?.bytes ?? 0);
        return;
      }
      case 'Scan':
        // The first page counts for all pages: together they read the table once.
        if (input['ExclusiveStartKey'] === undefined) reads += readUnits(tableBytes());
        return;
      case 'Query':
        // An index is only read eventually consistently, which costs half.
        reads += readUnits([...items.values()].filter(({ rank }) => rank !== undefined).length * INDEX_ROW_BYTES) / 2;
        return;
    }
  });

  return {
    tableBytes,
    events(count) {
      events += count;
    },
    reset() {
      [writes, reads, events, observations, linesBefore] = [0, 0, 0, 0, cloud.logs.length];
    },
    read(runs) {
      const calls = cloud.calls.count();
      const ofFunction = Object.entries(calls).filter(([name]) => name.startsWith('sqs:'));
      // Each message is received and deleted, up to ten per request.
      const handedOver = 2 * Math.ceil((events + observations) / Math.min(batchSize, MESSAGES_PER_REQUEST));
      return {
        'Lambda requests': runs.length,
        'Lambda GB-seconds': gigabyteSeconds(runs, memoryMegabytes),
        'SQS requests': events + sum(ofFunction.map(([, count]) => count)) + handedOver,
        'DynamoDB write request units': writes,
        'DynamoDB read request units': reads,
        'SNS publishes': calls['sns:Publish'] ?? 0,
        'log, MB': bytesOf(cloud.logs.slice(linesBefore)) / 1e6,
      };
    },
  };
}

/** What a consistent read costs. */
function readUnits(bytes: number): number {
  return Math.max(1, Math.ceil(bytes / READ_UNIT_BYTES));
}

/**
 * The size of names and values as DynamoDB counts it.
 * Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
 */
function sizeOf(item: Readonly<Record<string, Attribute>>): number {
  return sum(
    Object.entries(item).map(([name, { S: text = '', N: number = '', B: base64 = '' }]) => {
      const value = Buffer.byteLength(text) + Math.ceil(number.length / 2) + Math.floor((base64.length * 3) / 4);
      return Buffer.byteLength(name) + value;
    }),
  );
}
