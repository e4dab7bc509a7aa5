// An error of a call in one line of the log.
import { isRestError } from '@azure/core-rest-pipeline';
import { describeError } from '../../shared/runtime/errors.ts';

/** Not every service says what was asked of it, or that a role is what is missing. */
export function describeCallError(error: unknown): string {
  const words = describeError(error);
  if (!isRestError(error) || (error.statusCode !== 401 && error.statusCode !== 403)) return words;
  const host = error.request === undefined ? 'a service' : new URL(error.request.url).host;
  return `${words} (${host} answers ${error.statusCode}: the function's identity lacks a role there; run pulumi up, which assigns its roles)`;
}
