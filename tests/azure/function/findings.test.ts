// The query run over rows: which of them an answer holds, and what the scanner says where there is none.
import { RestError } from '@azure/core-rest-pipeline';
import type { LogsQueryClient } from '@azure/monitor-query';
import { describe, expect, it } from 'vitest';
import { createScanner, type RegistryIdentity, WINDOWS } from '../../../azure/function/findings.ts';
import { PartialAnswer } from '../../../azure/function/log-analytics.ts';
import type { Row } from '../../../local/azure/tables.ts';
import { START } from '../../../local/clock.ts';
import { digest, policy } from '../../shared/samples.ts';
import {
  ASSESSMENT,
  ASSESSMENT_ID,
  DIGEST,
  GROUPED_ASSESSMENT,
  GROUPED_DIGEST,
  GROUPED_REPOSITORY,
  groupedTableRow,
  imageProperties,
  individualTableRow,
  REGISTRY_ID,
} from './samples.ts';
import { found, HOUR, MYACR, PTEBIC, QUERY, type Rows, scannerOver, WORKSPACE_ID, workspaceOf } from './scanner.ts';

describe('an answer has', () => {
  const individual = individualTableRow();
  const other = individualTableRow({ Properties: imageProperties('team/other', DIGEST) });
  const sibling = individualTableRow({ Properties: imageProperties('team/app', digest(2)) });
  const grouped = groupedTableRow({ RecommendationState: 'Unhealthy' });
  const both = { SecurityRecommendation: [individual, other, sibling], SecurityNestedRecommendation: [grouped] };
  const moved = (changes: Row) => ({ SecurityRecommendation: [individualTableRow(changes)] });
  const ofRegistry = (name: string): Row => ({
    RecommendationId: ASSESSMENT_ID.replace('/myacr/', `/${name}/`),
    AssessedResourceId: REGISTRY_ID.replace(/myacr$/, name),
  });
  const CVES = ['CVE-2026-0001'];

  it.each<[string, Rows, RegistryIdentity, string, string, ReadonlyMap<string, readonly string[]>]>([
    [
      'every image of the repository',
      both,
      MYACR,
      'team/app',
      'all',
      new Map([
        [DIGEST, CVES],
        [digest(2), CVES],
      ]),
    ],
    ['one image where one is asked for', both, MYACR, 'team/app', digest(2), new Map([[digest(2), CVES]])],
    ['no other repository', both, MYACR, 'team/other', 'all', new Map([[DIGEST, CVES]])],
    ['no repository whose name only holds the name', both, MYACR, 'team/ap', 'all', new Map()],
    ['the grouped model too', both, PTEBIC, GROUPED_REPOSITORY, 'all', new Map([[GROUPED_DIGEST, ['CVE-2021-39537']]])],
    [
      'nothing of a registry without rows',
      both,
      { id: REGISTRY_ID.replace('/myacr', '/other'), name: 'other', loginServer: 'other.azurecr.io' },
      'team/app',
      'all',
      new Map(),
    ],
    [
      'nothing of a registry whose name only holds the name',
      moved(ofRegistry('myacrprod')),
      MYACR,
      'team/app',
      'all',
      new Map(),
    ],
    [
      'a registry whatever the letters',
      moved(ofRegistry('MyACR')),
      MYACR,
      'team/app',
      'all',
      new Map([[DIGEST, CVES]]),
    ],
    [
      'one table where the other has no rows',
      { SecurityNestedRecommendation: [grouped] },
      PTEBIC,
      GROUPED_REPOSITORY,
      GROUPED_DIGEST,
      new Map([[GROUPED_DIGEST, ['CVE-2021-39537']]]),
    ],
    ['nothing where there is nothing', {}, MYACR, 'team/app', 'all', new Map()],
    [
      'nothing that is not about an image',
      moved({ Properties: null, RecommendationAdditionalData: null }),
      MYACR,
      'team/app',
      'all',
      new Map(),
    ],
    [
      'the registry by its login server, where no id names it',
      {
        SecurityNestedRecommendation: [
          { ...grouped, NestedRecommendationId: GROUPED_ASSESSMENT, AssessedResourceId: '' },
        ],
      },
      PTEBIC,
      GROUPED_REPOSITORY,
      'all',
      new Map([[GROUPED_DIGEST, ['CVE-2021-39537']]]),
    ],
    [
      "the registry of the id, whatever another provider's registry in it is called",
      moved({ Properties: { ...Object(imageProperties('team/app', DIGEST)), about: '/registries/other/x' } }),
      MYACR,
      'team/app',
      'all',
      new Map([[DIGEST, CVES]]),
    ],
  ])('%s', async (_name, rows, place, repository, image, wanted) => {
    expect(await found(rows, place, repository, image)).toEqual(wanted);
  });

  it.each<[string, number, keyof typeof WINDOWS, boolean]>([
    ['a row of an hour ago, for an event', 1, 'event', true],
    ['no row of yesterday, for an event', 25, 'event', false],
    ['a row of yesterday, for everything', 25, 'everything', true],
    ['a row of the last weekly snapshot, for everything', 8 * 24, 'everything', true],
    ['no row of ten days ago', 10 * 24, 'everything', false],
  ])('%s', async (_name, hours, window, isThere) => {
    const rows = moved({ TimeGenerated: START.getTime() - hours * HOUR });
    expect((await found(rows, MYACR, 'team/app', 'all', window)).has(DIGEST)).toBe(isThere);
  });

  it('the latest row of each assessment, in any order', async () => {
    const healthy = individualTableRow({ RecommendationState: 'Healthy', TimeGenerated: START.getTime() - HOUR / 2 });
    for (const SecurityRecommendation of [
      [individual, healthy],
      [healthy, individual],
    ]) {
      expect(await found({ SecurityRecommendation }, MYACR, 'team/app')).toEqual(new Map([[DIGEST, []]]));
    }
  });

  it("the latest row of this registry, though another's is newer, has the same image and holds the name", async () => {
    const newer = individualTableRow({
      ...ofRegistry('myacrprod'),
      RecommendationState: 'Healthy',
      TimeGenerated: START.getTime(),
    });
    const rows = { SecurityRecommendation: [individual, newer] };
    expect(await found(rows, MYACR, 'team/app')).toEqual(new Map([[DIGEST, CVES]]));
  });

  it('the names of all assessments, and what each settles', async () => {
    const healthy = individualTableRow({ RecommendationState: 'Healthy', RecommendationId: `${ASSESSMENT_ID}2` });
    const { scanner } = scannerOver(workspaceOf({ SecurityRecommendation: [individual, healthy] }));
    const answer = await scanner.reportsOf(MYACR, { repository: 'team/app', digest: DIGEST, window: WINDOWS.event });
    expect(new Map(answer.get(DIGEST)?.map(({ id, status }) => [id, status]))).toEqual(
      new Map([
        [ASSESSMENT, 'active'],
        [`${ASSESSMENT}#summary`, 'resolved'],
        [`${ASSESSMENT}2`, 'resolved'],
        [`${ASSESSMENT}2#summary`, 'resolved'],
      ]),
    );
  });

  it('the repositories of a registry, once each', async () => {
    const { scanner } = scannerOver(workspaceOf(both));
    expect(await scanner.repositoriesWithFindings(MYACR)).toEqual(new Set(['team/app', 'team/other']));
    expect(await scanner.repositoriesWithFindings(PTEBIC)).toEqual(new Set([GROUPED_REPOSITORY]));
  });
});

describe('a scanner that cannot say', () => {
  const answering = (answer: unknown) =>
    createScanner({ queryWorkspace: async () => answer } as unknown as LogsQueryClient, WORKSPACE_ID, QUERY, policy());

  it('all throws: what is missing proves nothing', async () => {
    const scanner = answering({ status: 'PartialFailure', partialTables: [], partialError: new Error('too much') });
    await expect(
      scanner.reportsOf(MYACR, { repository: 'team/app', digest: 'all', window: WINDOWS.event }),
    ).rejects.toThrow(new PartialAnswer('Log Analytics returned only part of its answer: too much'));
    await expect(scanner.repositoriesWithFindings(MYACR)).rejects.toThrow(PartialAnswer);
    await expect(scanner.digestsWithFindings(MYACR, 'team/app')).rejects.toThrow(PartialAnswer);
    await expect(scanner.health(START.toISOString(), true)).rejects.toThrow(PartialAnswer);
  });

  const daysAgo = (days: number) => ({
    SecurityRecommendation: [individualTableRow({ TimeGenerated: START.getTime() - days * 24 * HOUR })],
  });
  const ofMachine = {
    ...individualTableRow({ TimeGenerated: START.getTime() }),
    RecommendationId:
      '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm/providers/Microsoft.Security/assessments/a',
    AssessedResourceId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm',
    Properties: null,
  };
  it.each<[string, Rows, RegExp | undefined, RegExp | undefined]>([
    ['sees where a row is fresh', daysAgo(0), undefined, undefined],
    ['sees where the last snapshot is a week old', daysAgo(7.5), undefined, undefined],
    [
      'sees by the older table alone',
      { SecurityNestedRecommendation: [groupedTableRow({ TimeGenerated: START.getTime() })] },
      undefined,
      undefined,
    ],
    [
      'is unhealthy after more than a week',
      daysAgo(8.1),
      /^no recommendation has reached the workspace .* since 2026-02-22T06:36:00.000Z, /,
      /^no recommendation has reached the workspace .* since 2026-02-22T06:36:00.000Z, /,
    ],
    [
      'is unhealthy where nothing came',
      {},
      /^no recommendation has reached the workspace 00000000-0000-0000-0000-000000000001 in the last ten days, /,
      /^no recommendation has reached the workspace 00000000-0000-0000-0000-000000000001 in the last ten days, /,
    ],
    [
      'is unhealthy where only machines are reported, and there are images with findings',
      { SecurityRecommendation: [ofMachine] },
      undefined,
      /^no recommendation about a registry's image has reached the workspace 00000000-0000-0000-0000-000000000001 for 8 days, although there are images with findings: /,
    ],
    [
      'is unhealthy where images were last reported long ago, and there are images with findings',
      { SecurityRecommendation: [ofMachine, ...daysAgo(8.1).SecurityRecommendation] },
      undefined,
      /^no recommendation about a registry's image /,
    ],
  ])('%s', async (_name, rows, why, whyWithFindings) => {
    const { scanner } = scannerOver(workspaceOf(rows));
    for (const [knowsOfFindings, wanted] of [
      [false, why],
      [true, whyWithFindings],
    ] as const) {
      const scannerHealth = await scanner.health(START.toISOString(), knowsOfFindings);
      if (wanted === undefined) expect(scannerHealth).toBeUndefined();
      else expect(scannerHealth).toMatch(wanted);
    }
  });
});

describe('a scanner whose service refuses', () => {
  const refusing = (error: Error) =>
    createScanner(
      { queryWorkspace: () => Promise.reject(error) } as unknown as LogsQueryClient,
      WORKSPACE_ID,
      QUERY,
      policy(),
    );
  /** As the client throws an answer of the service: the reason stands inside. */
  const semanticError = (message: string) =>
    Object.assign(
      new RestError('The request had some invalid properties', { statusCode: 400, code: 'BadArgumentError' }),
      {
        details: {
          error: {
            code: 'BadArgumentError',
            message: 'The request had some invalid properties',
            innererror: {
              code: 'SemanticError',
              message: 'A semantic error occurred.',
              innererror: { code: 'SEM0100', message },
            },
          },
        },
      },
    );

  it('since no table is there yet, has nothing to list, and the scanner is unhealthy; whether an image has findings it cannot say', async () => {
    const words = "'union' operator: Failed to resolve table expression named 'SecurityRecommendation'";
    const scanner = refusing(semanticError(words));
    expect(await scanner.repositoriesWithFindings(MYACR)).toEqual(new Set());
    expect(await scanner.health(START.toISOString(), false)).toMatch(/ in the last ten days, /);
    await expect(
      scanner.reportsOf(MYACR, { repository: 'team/app', digest: 'all', window: WINDOWS.event }),
    ).rejects.toThrow(RestError);
  });
});
