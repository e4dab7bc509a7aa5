// Errors of calls to Azure: those that are an expected answer, and how the log describes the others.
import { isRestError } from '@azure/core-rest-pipeline';
import { describeError } from '../../shared/runtime/errors.ts';

/** The result of a call. Undefined if the service responds with one of these statuses. */
export async function undefinedIf<T>(statuses: readonly number[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isRestError(error) && statuses.includes(error.statusCode ?? 0)) return undefined;
    throw error;
  }
}

/** The paths of ACR's own protocol, of its tokens and of container clients. */
const REGISTRY_PATH = /^\/(acr|oauth2|v2)\//;

/** The path of queries to Resource Graph. Only `azure.cveDetails` needs them. */
const GRAPH_PATH = /^\/providers\/Microsoft[.]ResourceGraph\//i;

/**
 * Describes an error in one log line. Adds the host and the cause to a denied call, because not every service names
 * them. A registry denies a network with 403, too.
 * Source: https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access
 */
export function describeCallError(error: unknown): string {
  const words = describeError(error);
  if (!isRestError(error) || (error.statusCode !== 401 && error.statusCode !== 403)) return words;
  const url = error.request === undefined ? undefined : new URL(error.request.url);
  const answer = `${url?.host ?? 'a service'} answers ${error.statusCode}`;
  const path = error.statusCode === 403 ? (url?.pathname ?? '') : '';
  if (GRAPH_PATH.test(path))
    return `${words} (${answer}: the function's identity lacks the role Security Reader on the management group azure.cveDetails.managementGroupId; run pulumi up, which assigns it, or assign it yourself if azure.cveDetails.assignRole is false)`;
  if (REGISTRY_PATH.test(path))
    return `${words} (${answer}: the function's identity lacks a role there, or the registry does not admit its network; run pulumi up, which assigns its roles, or set azure.subnetId)`;
  return `${words} (${answer}: the function's identity lacks a role there; run pulumi up, which assigns its roles)`;
}
