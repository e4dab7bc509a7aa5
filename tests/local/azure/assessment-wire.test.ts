// The formats of Defender's assessments, compared with the samples in its documentation.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { AssessOptions } from '../../../local/azure/defender.ts';
import { DIGEST as digest, IMAGE as image, REGISTRY } from './fixture-graph.ts';
import { start } from './start.ts';

function sample(name: string): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`../../events/azure/${name}`, import.meta.url), 'utf8'));
}

/** The paths of all fields. For a list, the paths of its first element. */
function pathsOf(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.slice(0, 1).flatMap((element) => pathsOf(element, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, `${path}.${key}`));
}

describe('an assessment', () => {
  it('of the individual model has only the sample’s fields, at the sample’s paths', async () => {
    const cloud = await start();
    const [id = ''] = await cloud.defender.assess({ ...image, details: 'rich' });
    const { _note, ...known } = sample('assessment-container-image.synthetic.json');
    const own = ['additionalData.CvesDetails[].References[]'];
    const extra = pathsOf(cloud.defender.eventOf(id)).filter((path) => !pathsOf(known).includes(path));
    expect(extra.filter((path) => !own.some((prefix) => path.includes(prefix)))).toEqual([]);
    expect(cloud.defender.eventOf(id)).toMatchObject({
      assessmentEventDataEnrichment: { action: 'Insert', isSnapshot: false },
      type: 'Microsoft.Security/assessments',
      properties: {
        status: { code: 'Unhealthy' },
        resourceDetails: { Source: 'Azure', ResourceType: '.containerimage' },
        resourceAdditionalData: { RepositoryDetails: { RepositoryName: 'team/app' }, Digest: digest },
        additionalData: {
          SoftwareName: 'openssl',
          FixStatus: 'FixAvailable',
          CvesDetails: [
            { CveId: 'CVE-2026-0001', Severity: 'Critical' },
            { CveId: 'CVE-2026-0002', Severity: 'Low' },
          ],
        },
        metadata: { recommendationCategory: 'SoftwareUpdate', severity: 'Critical' },
      },
    });
  });

  it('of the grouped model has only the sample’s fields, with one assessment per CVE', async () => {
    const cloud = await start();
    const ids = await cloud.defender.assess({ ...image, shape: 'grouped' });
    expect(ids).toHaveLength(2);
    const { value } = sample('subassessment-list-2024.json') as { value: readonly unknown[] };
    const { assessmentEventDataEnrichment, ...first } = cloud.defender.eventOf(ids[0] ?? '');
    expect(pathsOf(first).filter((path) => !pathsOf(value[0]).includes(path))).toEqual([]);
    expect(first).toMatchObject({
      properties: {
        status: { code: 'Unhealthy', severity: 'Critical' },
        additionalData: { artifactDetails: { registryHost: 'acmeimages.azurecr.io', tags: ['v1'] }, cvssV30Score: 9.8 },
      },
    });
  });

  it.each<[string, Partial<AssessOptions>, object]>([
    [
      'in camelCase',
      { casing: 'camel', details: 'rich' },
      {
        resourceAdditionalData: { repositoryDetails: { repositoryName: 'team/app' }, digest },
        additionalData: { cvesDetails: [{ cveId: 'CVE-2026-0001', cvss: [{ key: '3', value: { base: 9.8 } }] }, {}] },
      },
    ],
    [
      'has only the id of each CVE, as since July 2026',
      {},
      { additionalData: { CvesDetails: [{ CveId: 'CVE-2026-0001' }, { CveId: 'CVE-2026-0002' }] } },
    ],
    [
      'has the image’s repository and digest as text',
      { additionalAs: 'text' },
      { resourceAdditionalData: `{"RepositoryDetails":{"RepositoryName":"team/app"},"Digest":"${digest}"}` },
    ],
    [
      'identifies its image only by a dashed id',
      { additionalAs: 'missing' },
      { resourceDetails: { Id: `${REGISTRY}/repositories-team-app-images-${digest}` } },
    ],
    [
      'identifies its image by a path',
      { naming: 'path' },
      { resourceDetails: { Id: `${REGISTRY}/repositories/team/app/images/${digest}` } },
    ],
    [
      'has the image directly after the name of its registry',
      { naming: 'joined' },
      { resourceDetails: { Id: `${REGISTRY}-repositories-team-app-images-${digest}` } },
    ],
    ['has no registry', { naming: 'nameless' }, { resourceDetails: { Id: `repositories-team-app-images-${digest}` } }],
    ['has neither registry nor image', { naming: 'nothing', additionalAs: 'missing' }, { resourceDetails: { Id: '' } }],
    [
      'has its CVEs as text',
      { cvesAs: 'text' },
      { additionalData: { CvesDetails: expect.stringMatching(/^\[\{"CveId":"CVE-2026-0001"/) } },
    ],
    [
      'has no CVEs',
      { cvesAs: 'missing', severity: 'Low' },
      {
        metadata: { severity: 'Low' },
        additionalData: expect.not.objectContaining({ CvesDetails: expect.anything() }),
      },
    ],
    ['is exempt', { status: 'NotApplicable' }, { status: { code: 'NotApplicable', cause: 'Exempt' } }],
  ])('%s', async (_what, options, properties) => {
    const cloud = await start();
    const [id = ''] = await cloud.defender.assess({ ...image, ...options });
    expect(cloud.defender.eventOf(id)).toMatchObject({ properties });
  });
});
