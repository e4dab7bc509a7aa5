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

/**
 * Describes an error in one log line. Adds the host and the cause to a denied call, because not every service names
 * them.
 */
export function describeCallError(error: unknown): string {
  const words = describeError(error);
  if (!isRestError(error) || (error.statusCode !== 401 && error.statusCode !== 403)) return words;
  const host = error.request === undefined ? 'a service' : new URL(error.request.url).host;
  return `${words} (${host} answers ${error.statusCode}: the function's identity lacks a role there; run pulumi up, which assigns its roles)`;
}
