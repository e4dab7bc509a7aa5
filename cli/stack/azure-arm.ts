// Reads Azure Resource Manager over REST: what the function never reads, and so has no client for.
import { createHttpHeaders, type PipelineOptions, type PipelinePolicy, RestError } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import { createSend } from '../../azure/function/bearer-pipeline.ts';
import { jsonFrom, pick, textOf } from '../../azure/function/loose-json.ts';

/**
 * Gets what is at a path with its query, or at a link of an answer.
 *
 * @throws RestError with the status of a refusal, or without one if the answer makes no sense
 */
export type ReadArm = (path: string) => Promise<unknown>;

const ARM_URL = 'https://management.azure.com';
const TIMEOUT_MILLISECONDS = 30_000;
/** More pages than any list of this command has. */
const MAX_PAGES = 100;

const timeout: PipelinePolicy = {
  name: 'timeout',
  sendRequest(request, next) {
    request.timeout = TIMEOUT_MILLISECONDS;
    return next(request);
  },
};
const nothing: PipelinePolicy = { name: 'nothing', sendRequest: (request, next) => next(request) };

export function createReadArm(credential: TokenCredential, options: PipelineOptions = {}): ReadArm {
  const send = createSend(`${ARM_URL}/.default`, credential, options, { perCall: timeout, perRetry: nothing });
  return async (path) => {
    const { href, origin } = new URL(path, ARM_URL);
    if (origin !== ARM_URL) throw new RestError(`Resource Manager links to another host: ${origin}`);
    const headers = createHttpHeaders({ Accept: 'application/json' });
    const response = await send({ method: 'GET', url: href, headers });
    const answer = jsonFrom(response.bodyAsText ?? '');
    if (response.status === 200) return answer;
    throw new RestError(textOf(pick(answer, 'error', 'message')) || `Resource Manager answers ${response.status}`, {
      statusCode: response.status,
      code: textOf(pick(answer, 'error', 'code')),
      request: response.request,
      response,
    });
  };
}

/** All entries of a list, over its pages. */
export async function listArm(read: ReadArm, path: string): Promise<readonly unknown[]> {
  const entries: unknown[] = [];
  let next = path;
  for (let page = 0; page < MAX_PAGES; page++) {
    const answer = await read(next);
    const value = pick(answer, 'value');
    if (!Array.isArray(value)) throw new RestError('the answer of Resource Manager has no list');
    entries.push(...value);
    next = textOf(pick(answer, 'nextLink'));
    if (next === '') return entries;
  }
  throw new RestError(`Resource Manager has more than ${MAX_PAGES} pages for ${path}`);
}
