// The storage accounts: one that accepts no keys, for the queues, the records and the host, and one that only delivers
// the code.
import * as storage from '@pulumi/azure-native/storage/index.js';
import * as pulumi from '@pulumi/pulumi';
import type { StorageRedundancy } from '../../config/args.ts';
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
  enableHttpsTrafficOnly: true,
  minimumTlsVersion: 'TLS1_2',
  allowBlobPublicAccess: false,
  allowCrossTenantReplication: false,
} as const;

/** https://learn.microsoft.com/azure/storage/common/storage-redundancy */
const SKUS: Readonly<Record<StorageRedundancy, string>> = { lrs: 'Standard_LRS', zrs: 'Standard_ZRS' };

export interface StoresArgs {
  /** The component's id. It makes the names of the accounts unique. */
  readonly id: pulumi.Output<string>;
  readonly redundancy: StorageRedundancy;
  /** Whether Pulumi refuses to delete or replace the records and their account. */
  readonly isProtected: boolean;
}

/** Creates both accounts and their contents. */
export function createStores(
  name: string,
  placement: Placement,
  { id, redundancy, isProtected }: StoresArgs,
  parent: pulumi.Resource,
): Stores {
  const { resourceGroupName, location } = placement;
  // Without `protect`, that of the component counts.
  const kept = isProtected ? { parent, protect: true } : { parent };
  const account = new storage.StorageAccount(
    `${name}-storage`,
    {
      resourceGroupName,
      location,
      accountName: pulumi.interpolate`pullgate${id}`,
      ...GUARDED,
      sku: { name: SKUS[redundancy] },
      allowSharedKeyAccess: false,
      defaultToOAuthAuthentication: true,
    },
    kept,
  );
  const inAccount = { resourceGroupName, accountName: account.name };
  const queue = new storage.Queue(`${name}-queue`, { ...inAccount, queueName: QUEUE }, { parent });
  const poisonQueue = new storage.Queue(`${name}-poison`, { ...inAccount, queueName: POISON_QUEUE }, { parent });
  const table = new storage.Table(`${name}-records`, { ...inAccount, tableName: TABLE }, kept);
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
      // The next deployment makes what it holds again.
      sku: { name: SKUS.lrs },
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
