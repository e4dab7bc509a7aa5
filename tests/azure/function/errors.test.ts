// How the log describes a failed call: with its own message, and with the missing role if access is denied.
import { createPipelineRequest, RestError } from '@azure/core-rest-pipeline';
import { expect, it } from 'vitest';
import { describeCallError } from '../../../azure/function/errors.ts';

const request = createPipelineRequest({ url: 'https://contoso.azurecr.io/acr/v1/team/app?n=100' });
const inRegistry =
  " (contoso.azurecr.io answers 403: the function's identity lacks a role there, or the registry does not admit its network; run pulumi up, which assigns its roles, or set azure.subnetId)";
const mail = createPipelineRequest({ url: 'https://contoso.communication.azure.com/emails:send' });
const graph = createPipelineRequest({
  url: 'https://management.azure.com/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01',
});
const inGraph =
  " (management.azure.com answers 403: the function's identity lacks the role Security Reader on the management group azure.cveDetails.managementGroupId; run pulumi up, which assigns it, or assign it yourself if azure.cveDetails.assignRole is false)";
const advice = (host: string, status: number) =>
  ` (${host} answers ${status}: the function's identity lacks a role there; run pulumi up, which assigns its roles)`;

it.each<[string, unknown, string]>([
  [
    'a denied call (403) names the host and the fix',
    new RestError('denied', { statusCode: 403, request: mail }),
    `RestError: denied${advice('contoso.communication.azure.com', 403)}`,
  ],
  [
    'a call that a registry denies (403) names the network, too',
    new RestError('denied', { statusCode: 403, request }),
    `RestError: denied${inRegistry}`,
  ],
  [
    'a query that Resource Graph denies (403) names the role and the management group',
    new RestError('denied', { statusCode: 403, request: graph }),
    `RestError: denied${inGraph}`,
  ],
  [
    'a rejected token (401) does, too',
    new RestError('unauthorized', { statusCode: 401, request }),
    `RestError: unauthorized${advice('contoso.azurecr.io', 401)}`,
  ],
  [
    'a denied call without a request still names the fix',
    new RestError('denied', { statusCode: 403 }),
    `RestError: denied${advice('a service', 403)}`,
  ],
  [
    'a missing resource (404) is not a missing role',
    new RestError('gone', { statusCode: 404, request }),
    'RestError: gone',
  ],
  [
    'throttling (429) is not a missing role',
    new RestError('slow down', { statusCode: 429, request }),
    'RestError: slow down',
  ],
  [
    'a broken connection is not a missing role',
    new RestError('socket hang up', { code: 'ECONNRESET', request }),
    'RestError: socket hang up',
  ],
  [
    'another error with a status is not a failed call',
    Object.assign(new TypeError('no'), { statusCode: 403 }),
    'TypeError: no',
  ],
  ['a thrown value that is not an error is logged as text', 'just a text', 'just a text'],
])('%s', (_name, error, line) => {
  expect(describeCallError(error)).toBe(line);
});
