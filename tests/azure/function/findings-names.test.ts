// The query drops rows of repositories whose names only begin with, end with or contain the queried name. It never
// drops a row from which the findings of the queried repository are read.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WINDOWS } from '../../../azure/function/findings.ts';
import type { Json, Row } from '../../../local/azure/tables.ts';
import { policy } from '../../shared/samples.ts';
import { ASSESSMENT_ID, DETAILS, DIGEST, imageProperties, individualTableRow, REGISTRY_ID } from './samples.ts';
import { MYACR, QUERY, type Rows, scannerOver, workspaceOf } from './scanner.ts';

const [LINE = ''] = /^[|] where Repository == "" or \(IsDashed.*\n.*\n/m.exec(QUERY) ?? [];
const named = (repository: string) => individualTableRow({ Properties: imageProperties(repository, DIGEST) });

/** The number of rows in the answer, and the findings in them. */
async function ask(rows: readonly Row[], repository: string, query = QUERY) {
  const tables: Rows = { SecurityRecommendation: rows };
  const { scanner, answers } = scannerOver(workspaceOf(tables), policy(), query);
  const found = await scanner.reportsOf(MYACR, { repository, digest: 'all', window: WINDOWS.event });
  return { rows: answers[0]?.rows.length, found };
}

describe('a query for team/app', () => {
  it.each<[string, Row, number]>([
    ['returns its own row', named('team/app'), 1],
    ['does not return the row of team/app-2', named('team/app-2'), 0],
    ['does not return the row of other-team/app', named('other-team/app'), 0],
    ['does not return the row of a repository that contains both names', named('team/app/team/app-2'), 0],
    [
      'returns a row with its resource id, whatever name the details begin with',
      individualTableRow({
        AssessedResourceId: `${REGISTRY_ID}/repositories/team/app/images/${DIGEST}`,
        Properties: imageProperties('team/app-2', DIGEST),
      }),
      1,
    ],
    [
      'returns a row whose repository name cannot be extracted',
      individualTableRow({ Properties: { Digest: DIGEST, about: 'team/app' } }),
      1,
    ],
  ])('%s', async (_name, row, wanted) => {
    expect((await ask([row], 'team/app')).rows).toBe(wanted);
  });
});

it('the query finds the same as one that returns all rows that contain the name, for any names in a row', async () => {
  const name = fc.constantFrom(
    'a',
    'app',
    'team/app',
    'team/app-2',
    'team/app-22',
    'x/team/app',
    'team/app/sub',
    'app-2',
  );
  const row = fc
    .record({
      number: fc.integer({ min: 0, max: 3 }),
      properties: fc.option(name),
      resource: fc.option(name),
      details: fc.option(name),
      isText: fc.boolean(),
    })
    .map(({ number, properties, resource, details, isText }) => {
      const more: Json = details === null ? {} : { artifactDetails: { repositoryName: details, digest: DIGEST } };
      const body: Json = { ...DETAILS, ...more };
      return individualTableRow({
        RecommendationId: ASSESSMENT_ID.slice(0, -1) + number,
        AssessedResourceId:
          resource === null ? REGISTRY_ID : `${REGISTRY_ID}/repositories/${resource}/images/${DIGEST}`,
        Properties: properties === null ? null : imageProperties(properties, DIGEST),
        RecommendationAdditionalData: isText ? JSON.stringify(body) : body,
      });
    });
  let left = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 6 }), name, async (rows, asked) => {
      const [lean, full] = [await ask(rows, asked), await ask(rows, asked, QUERY.replace(LINE, ''))];
      expect(lean.found).toEqual(full.found);
      left += (full.rows ?? 0) - (lean.rows ?? 0);
    }),
    { numRuns: 300 },
  );
  expect(left).toBeGreaterThan(0);
});
