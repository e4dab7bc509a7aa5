// The query, run over rows: which rows an answer contains, and what the scanner reports if there are none.
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
    ['only the queried image', both, MYACR, 'team/app', digest(2), new Map([[digest(2), CVES]])],
    ['no other repository', both, MYACR, 'team/other', 'all', new Map([[DIGEST, CVES]])],
    ['no repository whose name only begins with the same letters', both, MYACR, 'team/ap', 'all', new Map()],
    ['the grouped model too', both, PTEBIC, GROUPED_REPOSITORY, 'all', new Map([[GROUPED_DIGEST, ['CVE-2021-39537']]])],
    [
      'nothing about a registry without rows',
      both,
      { id: REGISTRY_ID.replace('/myacr', '/other'), name: 'other', loginServer: 'other.azurecr.io' },
      'team/app',
      'all',
      new Map(),
    ],
    [
      'nothing about a registry whose name only contains the name',
      moved(ofRegistry('myacrprod')),
      MYACR,
      'team/app',
      'all',
      new Map(),
    ],
    ['a registry in any case', moved(ofRegistry('MyACR')), MYACR, 'team/app', 'all', new Map([[DIGEST, CVES]])],
    [
      'the rows of one table if the other has none',
      { SecurityNestedRecommendation: [grouped] },
      PTEBIC,
      GROUPED_REPOSITORY,
      GROUPED_DIGEST,
      new Map([[GROUPED_DIGEST, ['CVE-2021-39537']]]),
    ],
    ['nothing if there are no rows', {}, MYACR, 'team/app', 'all', new Map()],
    [
      'nothing that is not about an image',
      moved({ Properties: null, RecommendationAdditionalData: null }),
      MYACR,
      'team/app',
      'all',
      new Map(),
    ],
    [
      'the registry by its login server, if no id names it',
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
      "the registry of the id, whatever the name of another provider's registry in it",
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

  it('the latest row of this registry, although a registry whose name contains this one has a newer row of the same image', async () => {
    const newer = individualTableRow({
      ...ofRegistry('myacrprod'),
      RecommendationState: 'Healthy',
      TimeGenerated: START.getTime(),
    });
    const rows = { SecurityRecommendation: [individual, newer] };
    expect(await found(rows, MYACR, 'team/app')).toEqual(new Map([[DIGEST, CVES]]));
  });

  it('the names of all assessments, and their status', async () => {
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

describe('the scanner', () => {
  const answering = (answer: unknown) =>
    createScanner({ queryWorkspace: async () => answer } as unknown as LogsQueryClient, WORKSPACE_ID, QUERY, policy());

  it('throws if the answer is partial, because a missing row proves nothing', async () => {
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
    ['is healthy if a row is recent', daysAgo(0), undefined, undefined],
    ['is healthy if the last snapshot is a week old', daysAgo(7.5), undefined, undefined],
    [
      'is healthy if only the older table has rows',
      { SecurityNestedRecommendation: [groupedTableRow({ TimeGenerated: START.getTime() })] },
      undefined,
      undefined,
    ],
    [
      'is unhealthy after more than a week without rows',
      daysAgo(8.1),
      /^no recommendation has reached the workspace .* since 2026-02-22T06:36:00.000Z, /,
      /^no recommendation has reached the workspace .* since 2026-02-22T06:36:00.000Z, /,
    ],
    [
      'is unhealthy if there are no rows',
      {},
      /^no recommendation has reached the workspace 00000000-0000-0000-0000-000000000001 in the last ten days, .*: check that Defender for Containers and Foundational CSPM are enabled /,
      /^no recommendation has reached the workspace 00000000-0000-0000-0000-000000000001 in the last ten days, /,
    ],
    [
      'is unhealthy if only machines are reported, although there are images with findings',
      { SecurityRecommendation: [ofMachine] },
      undefined,
      /^no recommendation about a registry's image has reached the workspace 00000000-0000-0000-0000-000000000001 for 8 days, although there are images with findings: /,
    ],
    [
      'is unhealthy if images were last reported long ago, although there are images with findings',
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

describe('the scanner of a workspace without tables', () => {
  const refusing = (error: Error) =>
    createScanner(
      { queryWorkspace: () => Promise.reject(error) } as unknown as LogsQueryClient,
      WORKSPACE_ID,
      QUERY,
      policy(),
    );
  /** The error that the client throws for a response of the service. The reason is in its inner error. */
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

  it('lists nothing, is unhealthy, and throws if asked for the findings of an image', async () => {
    const words = "'union' operator: Failed to resolve table expression named 'SecurityRecommendation'";
    const scanner = refusing(semanticError(words));
    expect(await scanner.repositoriesWithFindings(MYACR)).toEqual(new Set());
    expect(await scanner.health(START.toISOString(), false)).toMatch(/ in the last ten days, /);
    await expect(
      scanner.reportsOf(MYACR, { repository: 'team/app', digest: 'all', window: WINDOWS.event }),
    ).rejects.toThrow(RestError);
  });
});
