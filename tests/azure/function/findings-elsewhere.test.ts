// What is reported about a digest in other places counts if nothing is reported about the image itself.
import { describe, expect, it } from 'vitest';
import { WINDOWS } from '../../../azure/function/findings.ts';
import type { Row } from '../../../local/azure/tables.ts';
import { START } from '../../../local/clock.ts';
import { ASSESSMENT, DIGEST, imageProperties, individualTableRow, REGISTRY_ID } from './samples.ts';
import { HOUR, MYACR, QUERY, scannerOver, workspaceOf } from './scanner.ts';

interface Place {
  readonly registry: string;
  readonly repository: string;
  readonly digest?: string;
}

/** A row of the same assessment about the digest in another place. */
function rowIn({ registry, repository, digest = DIGEST }: Place, changes: Row = {}): Row {
  const id = REGISTRY_ID.replace(/myacr$/, registry);
  return individualTableRow({
    RecommendationId: `${id}/providers/Microsoft.Security/assessments/${ASSESSMENT}`,
    AssessedResourceId: `${id}/repositories/${repository}/images/${digest}`,
    Properties: imageProperties(repository, digest),
    ...changes,
  });
}

const DEV = { registry: 'devacr', repository: 'team/app' };
const LAB = { registry: 'labacr', repository: 'team/app' };
const OTHER = { registry: 'myacr', repository: 'team/other' };
const OWN = { registry: 'myacr', repository: 'team/app' };
const LATER = { TimeGenerated: START.getTime() - HOUR / 2 };
const EXEMPT = {
  RecommendationState: 'NotApplicable',
  Properties: { ...Object(imageProperties('team/app', DIGEST)), status: { code: 'NotApplicable', cause: 'Exempt' } },
};
const EARLIER = { TimeGenerated: START.getTime() - HOUR };

async function statusesOf(rows: readonly Row[], elsewhere = true): Promise<readonly string[]> {
  const { scanner } = scannerOver(workspaceOf({ SecurityRecommendation: rows }), undefined, QUERY);
  const asked = { repository: 'team/app', digest: DIGEST, window: WINDOWS.everything, elsewhere };
  const reports = (await scanner.reportsOf(MYACR, asked)).get(DIGEST) ?? [];
  return reports.flatMap(({ status, reportedAt, findings }) =>
    findings.map(({ state }) => `${status} ${state} ${reportedAt === undefined ? 'undated' : 'dated'}`),
  );
}

describe('what is reported elsewhere', () => {
  it.each<[string, readonly Row[], readonly string[]]>([
    ['counts if it is in another repository', [rowIn(OTHER)], ['active active undated']],
    ['counts if it is in another registry', [rowIn(DEV)], ['active active undated']],
    ['does not count if there is a row about the image', [rowIn(OWN), rowIn(DEV)], ['active active dated']],
    ['does not count if the image is healthy', [rowIn(OWN, { RecommendationState: 'Healthy' }), rowIn(DEV)], []],
    ['does not count if it is about another digest', [rowIn({ ...DEV, digest: `sha256:${'b'.repeat(64)}` })], []],
    ['does not count if it is healthy there', [rowIn(DEV, { RecommendationState: 'Healthy' })], []],
    [
      'does not count if it has become healthy there',
      [rowIn(DEV, EARLIER), rowIn(DEV, { ...LATER, RecommendationState: 'Healthy' })],
      [],
    ],
    [
      'counts if only a third place has become healthy',
      [rowIn(DEV, EARLIER), rowIn(LAB, { ...LATER, RecommendationState: 'Healthy' })],
      ['active active undated'],
    ],
    ['counts without its exemption', [rowIn(DEV, EXEMPT)], ['active active undated']],
    [
      'does not count if it is not applicable for another reason',
      [rowIn(DEV, { RecommendationState: 'NotApplicable' })],
      [],
    ],
  ])('%s', async (_what, rows, statuses) => {
    expect(await statusesOf(rows)).toEqual(statuses);
  });

  it('does not count by default', async () => {
    expect(await statusesOf([rowIn(OTHER), rowIn(DEV)], false)).toEqual([]);
  });
});
