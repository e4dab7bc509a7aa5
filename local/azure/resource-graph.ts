// Azure Resource Graph: the details of CVEs, which only queries over a management group return. Sources:
// - the request and its answer: https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources
// - the scope: https://learn.microsoft.com/azure/defender-for-cloud/transition-grouped-individual-recommendations
// - the fields: tests/events/azure/cve-details.json, from a tenant of August 2026
import { type Cve, VECTOR } from './assessment.ts';
import { exploitabilityOf } from './assessment-individual.ts';
import { failure } from './failure.ts';
import type { Step } from './service.ts';
import { json, jsonBody, type WireRequest } from './wire.ts';

export const GRAPH_PATH = '/providers/Microsoft.ResourceGraph/resources';
const VERSIONS = ['2021-03-01', '2022-10-01', '2024-04-01'];
/** The only query that the local Resource Graph knows: details by name. */
const QUERY =
  /^securityresources\n\| where type =~ "microsoft\.security\/cvedetails"\n\| where name in~ \(("cve-[\d-]+"(?:, "cve-[\d-]+")*)\)\n\| project id, name, properties$/;
const MAX_ROWS = 1000;

/** The details of a CVE. */
export interface DetailedCve extends Cve {
  readonly isRejected?: boolean;
}

export interface ResourceGraph {
  readonly cves: {
    set(cve: DetailedCve): void;
    /** The most rows of one answer, below the documented 1,000. The others follow by skip token. */
    rowsPerAnswer: number;
  };
  read(request: WireRequest): Step;
}

export function createResourceGraph(): ResourceGraph {
  const known = new Map<string, DetailedCve>();
  const cves = {
    set: (cve: DetailedCve) => void known.set(cve.id.toLowerCase(), cve),
    rowsPerAnswer: MAX_ROWS,
  };

  function answer(names: readonly string[], top: number, skip: number) {
    const rows = names.flatMap((name) => known.get(name) ?? []).map(rowOf);
    const data = rows.slice(skip, skip + Math.min(top, cves.rowsPerAnswer));
    const next = skip + data.length;
    return json(200, {
      totalRecords: rows.length,
      count: data.length,
      data,
      facets: [],
      // A text, not a boolean. With a skip token, nothing is cut off.
      resultTruncated: 'false',
      ...(next < rows.length ? { $skipToken: Buffer.from(String(next)).toString('base64') } : {}),
    });
  }

  return {
    cves,
    read(request) {
      const { managementGroups, subscriptions, query, options = {}, ...others } = jsonBody(request) ?? {};
      const version = request.url.searchParams.get('api-version') ?? '';
      if (request.method !== 'POST' || !VERSIONS.includes(version))
        throw new Error(`the local Resource Graph has no ${request.method} with the api-version ${version}`);
      if (subscriptions !== undefined || Object.keys(others).length > 0 || !Array.isArray(managementGroups))
        throw new Error('the local Resource Graph needs a list of management groups, and nothing else, as its scope');
      const names = QUERY.exec(String(query))?.[1];
      if (names === undefined) throw new Error(`the local Resource Graph does not know the query ${String(query)}`);
      const { $top = 100, $skipToken, resultFormat, ...unknown } = options as Readonly<Record<string, unknown>>;
      if (resultFormat !== 'objectArray' || Object.keys(unknown).length > 0)
        throw new Error(`the local Resource Graph does not support the options ${JSON.stringify(options)}`);
      if (typeof $top !== 'number' || $top < 1 || $top > MAX_ROWS)
        throw failure(400, 'BadRequest', `$top must be between 1 and ${MAX_ROWS}`);
      const skip = $skipToken === undefined ? 0 : Number(Buffer.from(String($skipToken), 'base64').toString());
      const asked = names.split(', ').map((name) => name.slice(1, -1));
      return {
        service: 'graph',
        operation: 'Resources',
        input: { managementGroups, names: asked, skip },
        needs: managementGroups.flatMap((name) => {
          const scope = `/providers/Microsoft.Management/managementGroups/${name}`;
          const actions = ['Microsoft.Management/managementGroups/read', 'Microsoft.Security/cvedetails/read'];
          return actions.map((action) => ({ action, data: false, scope }));
        }),
        run: () => answer(asked, $top, skip),
      };
    },
  };
}

function rowOf(cve: DetailedCve) {
  const name = cve.id.toLowerCase();
  const { severity = '', score, publishedAt, isRejected = false } = cve;
  const scored = score === undefined ? null : { base: score, cvssVectorString: VECTOR };
  return {
    id: `/providers/microsoft.security/cvedetails/${name}`,
    name,
    properties: {
      cveId: cve.id,
      severity,
      status: isRejected ? 'Reject' : '',
      cvssSource: 'Nvd',
      ...(publishedAt === undefined ? {} : { publishedDate: publishedAt.toISOString() }),
      cvss: { '3.0': scored, '2.0': null, '4.0': null },
      exploitabilityDetails: exploitabilityOf(cve),
      references: cve.link === undefined ? [] : [{ Source: 'Nvd', Title: cve.id, Url: cve.link }],
      key: { id: cve.id },
    },
  };
}
