// Damages the rows of gates in the local DynamoDB.
import {
  type AttributeValue,
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Rows } from './people.ts';

export function awsRows(client: DynamoDBClient, table: string): Rows {
  const spoiled = new Map<string, Record<string, AttributeValue>>();
  const idOf = (gate: Gate) => `gate#${gateKey(gate)}`;
  const put = (item: Record<string, AttributeValue>) =>
    client.send(new PutItemCommand({ TableName: table, Item: item }));
  return {
    isSpoiled: (gate) => spoiled.has(idOf(gate)),
    async spoil(gate) {
      const id = idOf(gate);
      const { Item: item } = await client.send(new GetItemCommand({ TableName: table, Key: { id: { S: id } } }));
      if (item === undefined || spoiled.has(id)) return;
      spoiled.set(id, item);
      await put({ ...item, body: { B: Uint8Array.of(0) } });
    },
    async repair(gate) {
      const item = spoiled.get(idOf(gate));
      if (item === undefined) return;
      await put(item);
      spoiled.delete(idOf(gate));
    },
    async lose(gate) {
      spoiled.delete(idOf(gate));
      await client.send(new DeleteItemCommand({ TableName: table, Key: { id: { S: idOf(gate) } } }));
    },
  };
}
