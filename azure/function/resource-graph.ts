// Queries Azure Resource Graph over REST: the rows of a management group.
import { createHttpHeaders, type PipelineOptions, type PipelinePolicy, RestError } from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';
import { createSend } from './bearer-pipeline.ts';
import { isObject, pick, textOf } from './loose-json.ts';

/** Runs a query over a management group, and returns every row of its answer. */
export type QueryGraph = (managementGroupId: string, query: string) => Promise<readonly unknown[]>;

/** Source: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources */
const GRAPH_URL = 'https://management.azure.com/providers/Microsoft.ResourceGraph/resources?api-version=2024-04-01';
const SCOPE = 'https://management.azure.com/.default';
/** The most rows of one answer. Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/work-with-data */
const ROWS_PER_PAGE = 1000;
/** More pages than any query of this function has: a service that never ends must not hold an invocation. */
const MAX_PAGES = 20;

/**
 * @param perCall applies once to each request
 * @param perRetry applies to each try
 */
export function createQueryGraph(
  credential: TokenCredential,
  options: PipelineOptions,
  perCall: PipelinePolicy,
  perRetry: PipelinePolicy,
): QueryGraph {
  const send = createSend(SCOPE, credential, options, { perCall, perRetry });

  async function page(managementGroupId: string, query: string, skipToken: string): Promise<unknown> {
    const more = skipToken === '' ? {} : { $skipToken: skipToken };
    const asked = { resultFormat: 'objectArray', $top: ROWS_PER_PAGE, ...more };
    const body = JSON.stringify({ managementGroups: [managementGroupId], query, options: asked });
    const headers = createHttpHeaders({ 'Content-Type': 'application/json' });
    const response = await send({ method: 'POST', url: GRAPH_URL, headers, body });
    if (response.status === 200) return JSON.parse(response.bodyAsText ?? '');
    throw new RestError(`Resource Graph answers ${response.status} ${response.bodyAsText}`, {
      statusCode: response.status,
      request: response.request,
      response,
    });
  }

  return async (managementGroupId, query) => {
    const rows: unknown[] = [];
    let skipToken = '';
    for (let count = 0; count < MAX_PAGES; count++) {
      const answer = await page(managementGroupId, query, skipToken);
      const data = pick(answer, 'data');
      if (!Array.isArray(data)) throw new Error('the answer of Resource Graph has no list of rows');
      rows.push(...data.filter(isObject));
      skipToken = textOf(pick(answer, '$skipToken'));
      if (skipToken === '') return rows;
    }
    throw new Error(`Resource Graph has more than ${MAX_PAGES} pages for one query`);
  };
}
