// The storage accounts: one that accepts no keys, for the queues, the records and the host, and one that only delivers
// the code.
import * as storage from '@pulumi/azure-native/storage/index.js';
import * as pulumi from '@pulumi/pulumi';
import type { Placement } from './placement.ts';

/** The queue's name. The host moves messages that it gives up on to NAME-poison. */
const QUEUE = 'pullgate';
const POISON_QUEUE = `${QUEUE}-poison`;
const TABLE = 'records';

export interface Stores {
  /** The account of the host, the queues and the records. */
  readonly account: storage.StorageAccount;
  readonly queue: storage.Queue;
  readonly queueUrl: pulumi.Output<string>;
  readonly poisonQueue: storage.Queue;
  readonly poisonQueueUrl: pulumi.Output<string>;
  readonly table: storage.Table;
  readonly tableUrl: pulumi.Output<string>;
  /** The URL of the container in which the platform keeps the running code. */
  readonly deploymentsUrl: pulumi.Output<string>;
  /** The account that a new package is uploaded to, and downloaded from by the platform. */
  readonly packageAccount: storage.StorageAccount;
  readonly packages: storage.BlobContainer;
}

/**
 * The network access is public, because a Consumption Logic App needs it. TLS is required, and anonymous access is off.
 */
const GUARDED = {
  kind: 'StorageV2',
  sku: { name: 'Standard_LRS' },
  enableHttpsTrafficOnly: true,
  minimumTlsVersion: 'TLS1_2',
  allowBlobPublicAccess: false,
  allowCrossTenantReplication: false,
} as const;

/** Creates both accounts and their contents. The component's `id` makes their names unique. */
export function createStores(
  name: string,
  placement: Placement,
  id: pulumi.Output<string>,
  parent: pulumi.Resource,
): Stores {
  const { resourceGroupName, location } = placement;
  const account = new storage.StorageAccount(
    `${name}-storage`,
    {
      resourceGroupName,
      location,
      accountName: pulumi.interpolate`pullgate${id}`,
      ...GUARDED,
      allowSharedKeyAccess: false,
      defaultToOAuthAuthentication: true,
    },
    { parent },
  );
  const inAccount = { resourceGroupName, accountName: account.name };
  const queue = new storage.Queue(`${name}-queue`, { ...inAccount, queueName: QUEUE }, { parent });
  const poisonQueue = new storage.Queue(`${name}-poison`, { ...inAccount, queueName: POISON_QUEUE }, { parent });
  const table = new storage.Table(`${name}-records`, { ...inAccount, tableName: TABLE }, { parent });
  const deployments = new storage.BlobContainer(
    `${name}-deployments`,
    { ...inAccount, containerName: 'deployments', publicAccess: 'None' },
    { parent },
  );
  // The provider uploads a blob, and signs its URL, with the account's key.
  // https://github.com/pulumi/pulumi-azure-native/issues/2015
  const packageAccount = new storage.StorageAccount(
    `${name}-packages`,
    {
      resourceGroupName,
      location,
      accountName: pulumi.interpolate`pullgate${id}pkg`,
      ...GUARDED,
      allowSharedKeyAccess: true,
    },
    { parent },
  );
  const packages = new storage.BlobContainer(
    `${name}-package-container`,
    { resourceGroupName, accountName: packageAccount.name, containerName: 'packages', publicAccess: 'None' },
    { parent },
  );
  const { primaryEndpoints } = account;
  return {
    account,
    queue,
    queueUrl: pulumi.interpolate`${primaryEndpoints.queue}${queue.name}`,
    poisonQueue,
    poisonQueueUrl: pulumi.interpolate`${primaryEndpoints.queue}${poisonQueue.name}`,
    table,
    tableUrl: primaryEndpoints.table.apply((url) => url.replace(/\/$/, '')),
    deploymentsUrl: pulumi.interpolate`${primaryEndpoints.blob}${deployments.name}`,
    packageAccount,
    packages,
  };
}
