// How an error of a call reads in the log: in its own words, and with what is missing if the service only refuses.
import { createPipelineRequest, RestError } from '@azure/core-rest-pipeline';
import { expect, it } from 'vitest';
import { describeCallError } from '../../../azure/function/errors.ts';

const request = createPipelineRequest({ url: 'https://contoso.azurecr.io/acr/v1/team/app?n=100' });
const advice = (host: string, status: number) =>
  ` (${host} answers ${status}: the function's identity lacks a role there; run pulumi up, which assigns its roles)`;

it.each<[string, unknown, string]>([
  [
    'a refusal (403) names the host and the way out',
    new RestError('denied', { statusCode: 403, request }),
    `RestError: denied${advice('contoso.azurecr.io', 403)}`,
  ],
  [
    'so does a token that is not taken (401)',
    new RestError('unauthorized', { statusCode: 401, request }),
    `RestError: unauthorized${advice('contoso.azurecr.io', 401)}`,
  ],
  [
    'a refusal that does not say of what still says the way out',
    new RestError('denied', { statusCode: 403 }),
    `RestError: denied${advice('a service', 403)}`,
  ],
  [
    'what is not there (404) is no missing role',
    new RestError('gone', { statusCode: 404, request }),
    'RestError: gone',
  ],
  ['neither is throttling (429)', new RestError('slow down', { statusCode: 429, request }), 'RestError: slow down'],
  [
    'nor a connection that breaks',
    new RestError('socket hang up', { code: 'ECONNRESET', request }),
    'RestError: socket hang up',
  ],
  [
    'another error with a status is none of a call',
    Object.assign(new TypeError('no'), { statusCode: 403 }),
    'TypeError: no',
  ],
  ['what was thrown and is no error is written as text', 'just a text', 'just a text'],
])('%s', (_name, error, line) => {
  expect(describeCallError(error)).toBe(line);
});
