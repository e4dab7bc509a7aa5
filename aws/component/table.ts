// The DynamoDB table of the stack: the records and the brake.
import * as aws from '@pulumi/aws';
import type * as pulumi from '@pulumi/pulumi';

/** The index that the function's ticks query. aws/function/records.ts describes its content. */
export const TICK_INDEX = 'waiting';
/** The index of the gates that have pending notices. The tick queries it, too. */
export const PENDING_INDEX = 'pending';

/**
 * Creates the table. It is deleted with its stack. Users run `pause` first, and a statement that is left over can still
 * be identified by its Sid.
 *
 * @param isProtected whether Pulumi refuses to delete or replace it, and DynamoDB to delete it
 */
export function createTable(name: string, isProtected: boolean, parent: pulumi.Resource): aws.dynamodb.Table {
  return new aws.dynamodb.Table(
    `${name}-records`,
    {
      billingMode: 'PAY_PER_REQUEST',
      hashKey: 'id',
      attributes: [
        { name: 'id', type: 'S' },
        { name: TICK_INDEX, type: 'S' },
        { name: 'rank', type: 'S' },
        { name: PENDING_INDEX, type: 'S' },
      ],
      globalSecondaryIndexes: [
        {
          name: TICK_INDEX,
          projectionType: 'KEYS_ONLY',
          keySchemas: [
            { attributeName: TICK_INDEX, keyType: 'HASH' },
            { attributeName: 'rank', keyType: 'RANGE' },
          ],
        },
        {
          name: PENDING_INDEX,
          projectionType: 'KEYS_ONLY',
          keySchemas: [
            { attributeName: PENDING_INDEX, keyType: 'HASH' },
            { attributeName: 'id', keyType: 'RANGE' },
          ],
        },
      ],
      pointInTimeRecovery: { enabled: true },
      // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithTables.Basics.html
      deletionProtectionEnabled: isProtected,
    },
    // Without `protect`, that of the component counts.
    isProtected ? { parent, protect: true } : { parent },
  );
}
