// DynamoDB: dynalite, in memory, behind the local cloud's own authorization.
import { Readable } from 'node:stream';
import dynalite from 'dynalite';
import { failure } from './failure.ts';
import type { Need } from './iam.ts';
import { arnOf, type Place } from './place.ts';

export interface DynamoDb {
  /** Creates a table unless one with its name exists. */
  deploy(createTable: Readonly<Record<string, unknown>>): Promise<void>;
  needs(operation: string, input: Readonly<Record<string, unknown>>): readonly Need[];
  run(operation: string, input: Readonly<Record<string, unknown>>): Promise<object>;
}

export function createDynamoDb(place: Place): DynamoDb {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 });
  const deployed = new Set<unknown>();

  /** Passes a request to dynalite without a port: its server handles any emitted request. */
  const run = (operation: string, input: object): Promise<object> =>
    new Promise((resolve, reject) => {
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

  return {
    async deploy(createTable) {
      const name = createTable['TableName'];
      if (deployed.has(name)) return;
      deployed.add(name);
      await run('CreateTable', createTable);
      // dynalite makes the table active on the next turn of the event loop.
      while (!isActive(await run('DescribeTable', { TableName: name }))) await new Promise(setImmediate);
    },
    needs(operation, { TableName, IndexName }) {
      const index = IndexName === undefined ? '' : `/index/${IndexName}`;
      return [{ action: `dynamodb:${operation}`, resource: arnOf(place, 'dynamodb', `table/${TableName}${index}`) }];
    },
    run,
  };
}

function isActive(described: object): boolean {
  return JSON.stringify(described).includes('"TableStatus":"ACTIVE"');
}
