// The tables of a resource graph, as input of DynamoDB's CreateTable.
import type { Graph } from '../graph.ts';
import { all, type Fields, list } from './resources-fields.ts';

export function readTables(graph: Graph): readonly Fields[] {
  return all(graph, 'aws:dynamodb/table:Table').map(tableOf);
}

function tableOf(table: Fields): Fields {
  const attributes = list(table['attributes']).map(({ name, type }) => ({ AttributeName: name, AttributeType: type }));
  const indexes = list(table['globalSecondaryIndexes']).map((index) => ({
    IndexName: index['name'],
    KeySchema: keySchema(index),
    Projection: { ProjectionType: index['projectionType'], ...nonKey(index['nonKeyAttributes']) },
  }));
  return {
    TableName: table['name'] ?? table['id'],
    AttributeDefinitions: attributes,
    KeySchema: keySchema(table),
    BillingMode: 'PAY_PER_REQUEST',
    ...(indexes.length === 0 ? {} : { GlobalSecondaryIndexes: indexes }),
  };
}

/** Hash and range key, from `hashKey`/`rangeKey` or, for an index, from `keySchemas`. */
function keySchema(of: Fields): readonly Fields[] {
  const schemas = list(of['keySchemas']);
  if (schemas.length > 0)
    return schemas.map(({ attributeName, keyType }) => ({ AttributeName: attributeName, KeyType: keyType }));
  const hash = { AttributeName: of['hashKey'], KeyType: 'HASH' };
  return of['rangeKey'] === undefined ? [hash] : [hash, { AttributeName: of['rangeKey'], KeyType: 'RANGE' }];
}

const nonKey = (attributes: unknown) =>
  Array.isArray(attributes) && attributes.length > 0 ? { NonKeyAttributes: attributes } : {};
