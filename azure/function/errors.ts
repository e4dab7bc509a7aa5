// Errors of calls to Azure: which of them are an answer, and what the log says of the others.
import { isRestError } from '@azure/core-rest-pipeline';
import { describeError } from '../../shared/runtime/errors.ts';

/** What a call answers; undefined if the service answers it with one of these statuses. */
export async function undefinedIf<T>(statuses: readonly number[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (isRestError(error) && statuses.includes(error.statusCode ?? 0)) return undefined;
    throw error;
  }
}

/** An error in one line of the log. Not every service says what was asked of it, or that a role is what is missing. */
export function describeCallError(error: unknown): string {
  const words = describeError(error);
  if (!isRestError(error) || (error.statusCode !== 401 && error.statusCode !== 403)) return words;
  const host = error.request === undefined ? 'a service' : new URL(error.request.url).host;
  return `${words} (${host} answers ${error.statusCode}: the function's identity lacks a role there; run pulumi up, which assigns its roles)`;
}
