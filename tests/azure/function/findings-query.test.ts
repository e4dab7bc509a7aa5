// The query, checked against the documented tables, and faults that the check must find.
import { describe, expect, it } from 'vitest';
import { NEWEST_ROWS, WINDOWS } from '../../../azure/function/findings.ts';
import { checkQuery } from '../../../local/azure/kql-syntax.ts';
import { START } from '../../../local/clock.ts';
import { policy } from '../../shared/samples.ts';
import { DIGEST, GROUPED_DIGEST } from './samples.ts';
import { MYACR, QUERY, scannerOver, workspaceOf } from './scanner.ts';

describe('the query', () => {
  const everyQuery = async () => {
    const { scanner, asked } = scannerOver(workspaceOf({}), policy({ severityThreshold: 'critical' }));
    const strict = scannerOver(workspaceOf({}), policy({ severityThreshold: 'informational' }));
    for (const { scanner: one } of [{ scanner }, strict]) {
      await one.reportsOf(MYACR, { repository: 'team/app', digest: 'all', window: WINDOWS.everything });
      await one.reportsOf(MYACR, {
        repository: 'team/app',
        digest: 'all',
        window: WINDOWS.everything,
        unfilteredDigests: [DIGEST, GROUPED_DIGEST],
      });
      await one.reportsOf(MYACR, { repository: 'team/app', digest: DIGEST, window: WINDOWS.event });
      await one.repositoriesWithFindings(MYACR);
      await one.unplacedImages();
      await one.digestsWithFindings(MYACR, 'team/app');
      await one.health(START.toISOString(), true);
    }
    return [...asked, ...strict.asked];
  };

  it('fits the documented tables, with any bound values', async () => {
    const asked = await everyQuery();
    expect(asked).toHaveLength(14);
    expect(asked.map((query) => checkQuery(query))).toEqual(Array(14).fill([]));
    expect(checkQuery(NEWEST_ROWS)).toEqual([]);
  });

  it('begins with its bound values in lower case', async () => {
    const { scanner, asked } = scannerOver(workspaceOf({}));
    await scanner.reportsOf(
      { ...MYACR, name: 'MyACR' },
      { repository: 'team/app', digest: DIGEST, window: WINDOWS.event },
    );
    await scanner.reportsOf(MYACR, {
      repository: 'team/app',
      digest: 'all',
      window: WINDOWS.everything,
      unfilteredDigests: [GROUPED_DIGEST],
    });
    expect(asked.map((query) => query.slice(0, -QUERY.length).trim().split('\n'))).toEqual([
      [
        'let Registry = "myacr";',
        'let Repository = "team/app";',
        `let Digest = "${DIGEST}";`,
        'let Dashed = "team-app";',
        'let Window = 1d;',
        'let Ignored = dynamic(["informational","low","medium"]);',
        `let Unfiltered = dynamic(["${DIGEST}"]);`,
      ],
      [
        'let Registry = "myacr";',
        'let Repository = "team/app";',
        'let Digest = "";',
        'let Dashed = "team-app";',
        'let Window = 9d;',
        'let Ignored = dynamic(["informational","low","medium"]);',
        `let Unfiltered = dynamic(["${GROUPED_DIGEST}"]);`,
      ],
    ]);
  });

  it.each<[string, string, string]>([
    ['a misspelled column', 'AssessmentId = RecommendationId', 'AssessmentId = RecommendationID'],
    ['a column of the other table', 'Details = AdditionalData', 'Details = RecommendationAdditionalData'],
    ['text instead of a time', 'TimeGenerated > ago(Window)', 'TimeGenerated > ago(Registry)'],
    ['text instead of a list', 'set_difference(Severities, Ignored)', 'set_difference(Severities, Registry)'],
    ['an unbound name', 'ImageDigest in (Unfiltered)', 'ImageDigest in (Known)'],
    ['an unknown function', 'extract_all(', 'extract_every('],
  ])('with %s is refused', async (_name, right, wrong) => {
    expect(QUERY).toContain(right);
    const { scanner, asked } = scannerOver(workspaceOf({}), policy(), QUERY.replace(right, wrong));
    await expect(
      scanner.reportsOf(MYACR, { repository: 'team/app', digest: 'all', window: WINDOWS.event }),
    ).rejects.toThrow(/the query is wrong/);
    expect(checkQuery(asked[0] ?? '')).not.toEqual([]);
  });
});

describe('a table that the workspace does not have yet', () => {
  const lets =
    'let Registry = ""; let Repository = ""; let Digest = ""; let Dashed = ""; let Window = 1d; let Ignored = dynamic([]); let Unfiltered = dynamic([]);';
  const absent = `${lets}\n${QUERY.replace('    SecurityNestedRecommendation\n', '    SecurityNestedRecommendations\n')}`;

  it('is skipped', () => {
    expect(absent).toContain('    SecurityNestedRecommendations\n');
    expect(checkQuery(absent)).toEqual([]);
  });

  it('would be an error without the fuzzy union', () => {
    const wrong = checkQuery(absent.replace('union isfuzzy=true', 'union'));
    expect(wrong.map(({ at }) => at)).toContain('SecurityNestedRecommendations');
  });
});
