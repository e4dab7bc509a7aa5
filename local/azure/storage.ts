// Shared parts of the storage services: host names, tokens and common refusals.
// Source: https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory
import { type Failure, failure } from './failure.ts';
import type { Principal, Principals } from './principals.ts';
import type { Service } from './service.ts';
import { header, type WireRequest } from './wire.ts';

/** A queue or a table of a storage account in the graph. */
export interface StorageResource {
  /**
   * ARM id: `.../storageAccounts/ACCOUNT/queueServices/default/queues/NAME`, or
   * `.../tableServices/default/tables/NAME`.
   */
  readonly id: string;
  readonly account: string;
  readonly name: string;
}

/** The oldest version that accepts bearer tokens. */
const OLDEST_VERSION = '2017-11-09';

/** The caller. The token must be for storage in general or for the account's own service. */
export function authenticateStorage(principals: Principals, request: WireRequest): Principal {
  const version = header(request, 'x-ms-version') ?? '';
  if (version < OLDEST_VERSION)
    throw failure(
      401,
      'InvalidAuthenticationInfo',
      `a bearer token needs x-ms-version ${OLDEST_VERSION} or newer; got ${version}`,
    );
  return principals.authenticate(request, ['https://storage.azure.com', `https://${request.host}`]);
}

export const denied: NonNullable<Service['denied']> = (message): Failure =>
  failure(
    403,
    'AuthorizationPermissionMismatch',
    `This request is not authorized to perform this operation using this permission. ${message}`,
  );

/** A time in RFC 1123 format, as in storage's headers and XML. */
export function httpTime(milliseconds: number): string {
  return new Date(milliseconds).toUTCString();
}
