// DynamoDB: dynalite, in memory, behind the local cloud's own authorization. A read that does not ask for consistency
// is answered by a replica that is a second behind.
import { Readable } from 'node:stream';
import dynalite from 'dynalite';
import type { Clock } from '../clock.ts';
import { failure } from './failure.ts';
import type { Need } from './iam.ts';
import { arnOf, type Place } from './place.ts';

export interface DynamoDb {
  /** Creates a table unless one with its name exists. */
  deploy(createTable: Readonly<Record<string, unknown>>): Promise<void>;
  needs(operation: string, input: Readonly<Record<string, unknown>>): readonly Need[];
  run(operation: string, input: Readonly<Record<string, unknown>>): Promise<object>;
}

type Input = Readonly<Record<string, unknown>>;

const WRITES: ReadonlySet<string> = new Set(['PutItem', 'DeleteItem', 'DeleteTable']);
const READS: ReadonlySet<string> = new Set(['GetItem', 'Query', 'Scan']);

/**
 * An eventually consistent read may not show a recent write, and no read of a global secondary index is consistent.
 * Copies usually agree within a second. Sources:
 * https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html,
 * https://aws.amazon.com/dynamodb/faqs/
 */
const REPLICATION_MILLISECONDS = 1_000;

export function createDynamoDb(place: Place, clock: Pick<Clock, 'now'>): DynamoDb {
  const [primary, replica] = [startServer(), startServer()];
  const deployed = new Set<unknown>();
  const unreplicated: { readonly operation: string; readonly input: Input; readonly at: number }[] = [];
  let replication: Promise<unknown> = Promise.resolve();

  async function replicateDue(): Promise<void> {
    const dueAt = clock.now().getTime() - REPLICATION_MILLISECONDS;
    const later = unreplicated.findIndex(({ at }) => at > dueAt);
    const due = unreplicated.splice(0, later === -1 ? unreplicated.length : later);
    for (const { operation, input } of due) await ask(replica, operation, input);
  }

  async function run(operation: string, input: Input): Promise<object> {
    if (READS.has(operation)) {
      if (input['ConsistentRead'] === true) return ask(primary, operation, input);
      replication = replication.then(replicateDue);
      await replication;
      return ask(replica, operation, input);
    }
    if (!WRITES.has(operation)) throw new Error(`the local DynamoDB does not know ${operation}`);
    const answer = await ask(primary, operation, input);
    // The replica repeats what the primary accepted, without its condition.
    const { TableName, Item, Key } = input;
    unreplicated.push({ operation, input: { TableName, Item, Key }, at: clock.now().getTime() });
    return answer;
  }

  return {
    async deploy(createTable) {
      const name = createTable['TableName'];
      if (deployed.has(name)) return;
      deployed.add(name);
      for (const server of [primary, replica]) {
        await ask(server, 'CreateTable', createTable);
        // dynalite makes the table active on the next turn of the event loop.
        while (!isActive(await ask(server, 'DescribeTable', { TableName: name }))) await new Promise(setImmediate);
      }
    },
    needs(operation, { TableName, IndexName }) {
      const index = IndexName === undefined ? '' : `/index/${IndexName}`;
      return [{ action: `dynamodb:${operation}`, resource: arnOf(place, 'dynamodb', `table/${TableName}${index}`) }];
    },
    run,
  };
}

type Server = ReturnType<typeof dynalite>;

function startServer(): Server {
  return dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
}

/** Passes a request to dynalite without a port: its server handles any emitted request. */
function ask(server: Server, operation: string, input: object): Promise<object> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `DynamoDB_20120810.${operation}`,
      'x-amz-date': '20260101T000000Z',
      authorization: 'AWS4-HMAC-SHA256 Credential=local, SignedHeaders=host, Signature=none',
    };
    const request = Object.assign(Readable.from([Buffer.from(JSON.stringify(input))]), {
      method: 'POST',
      url: '/',
      headers,
    });
    const response = {
      statusCode: 200,
      setHeader: () => undefined,
      end(body: string) {
        const answer = JSON.parse(body);
        if (response.statusCode === 200) return resolve(answer);
        const { __type, message, Message } = answer;
        return reject(failure(__type, message ?? Message ?? '', response.statusCode));
      },
    };
    server.emit('request', request, response);
  });
}

function isActive(described: object): boolean {
  return JSON.stringify(described).includes('"TableStatus":"ACTIVE"');
}
