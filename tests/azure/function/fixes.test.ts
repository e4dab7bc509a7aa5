// What ACR and Defender say about the images that may be a blocked fix.
import type { ContainerRegistryClient } from '@azure/container-registry';
import { expect, it } from 'vitest';
import type { ReportsQuery, Scanner } from '../../../azure/function/findings.ts';
import { createFixes } from '../../../azure/function/fixes.ts';
import { createImages } from '../../../azure/function/images.ts';
import { PartialAnswer } from '../../../azure/function/log-analytics.ts';
import { REMOVAL } from '../../../azure/function/removal.ts';
import type { Report } from '../../../shared/reconcile/observation.ts';
import { digest, finding, hoursLater, NOW } from '../../shared/samples.ts';
import { REGISTRY_ID, SUBSCRIPTION } from './samples.ts';

const GATE = { registry: REGISTRY_ID, repository: 'team/app' };
const ACTIVE: Report = { status: 'active', findings: [finding()] };
const RESOLVED: Report = { status: 'resolved', findings: [] };
const LINUX = { architecture: 'amd64', operatingSystem: 'linux' };
const createdOn = new Date(hoursLater(-1));
const MANIFESTS = [
  {
    digest: digest(1),
    tags: ['1.5'],
    createdOn,
    relatedArtifacts: [digest(2), digest(3)].map((one) => ({ digest: one })),
  },
  { digest: digest(2), tags: [], createdOn, relatedArtifacts: [], ...LINUX },
  { digest: digest(3), tags: [], createdOn, relatedArtifacts: [], architecture: 'unknown', operatingSystem: 'unknown' },
  // The registry does not say when it was pushed, so it cannot be a fix.
  { digest: digest(4), tags: ['1.6'], relatedArtifacts: [], ...LINUX },
];

/** @param isPartial no answer holds the rows of the whole repository */
function stage(rows: Readonly<Record<string, readonly Report[]>> = {}, isPartial = false) {
  const asked: string[] = [];
  const scanner = {
    async reportsOf(_registry: unknown, query: ReportsQuery) {
      asked.push(`${query.digest} ${query.window} ${query.elsewhere ?? false}`);
      if (query.digest !== 'all') return new Map([[query.digest, rows[query.digest] ?? []]]);
      if (isPartial) throw new PartialAnswer('too many rows');
      return new Map(Object.entries(rows));
    },
  };
  const client = {
    getArtifact: (_repository: string, one: string) => ({
      getManifestProperties: async () => MANIFESTS.find((manifest) => manifest.digest === one),
    }),
    getRepository: () => ({
      async *listManifestProperties() {
        yield* MANIFESTS;
      },
    }),
  };
  const images = createImages(client as unknown as ContainerRegistryClient, () => NOW);
  const resolved = { kind: 'resolved', id: REGISTRY_ID, name: 'myacr', loginServer: 'myacr-dns.azurecr.io' } as const;
  const fixes = createFixes({
    resolved: { ...resolved, problem: undefined },
    images,
    scanner: scanner as unknown as Scanner,
  });
  return { fixes, asked };
}

it('a repository is named with the login server of the registry', () => {
  expect(stage().fixes.nameOf(GATE)).toBe('myacr-dns.azurecr.io/team/app');
});

it('images and indexes are listed with the time of their push, but no attestation', async () => {
  const { fixes } = stage();
  const pushedAt = hoursLater(-1);
  expect(await fixes.pushed(GATE)).toEqual([
    { digest: digest(1), tags: ['1.5'], pushedAt, isIndex: true },
    { digest: digest(2), tags: [], pushedAt, isIndex: false },
  ]);
  expect(await fixes.childrenOf(GATE, [digest(1)])).toEqual(new Map([[digest(1), [digest(2), digest(3)]]]));
});

it.each([
  ['with one query', false, ['all 9d false']],
  [
    'with one query each, if one answer cannot hold all rows',
    true,
    ['all 9d false', ...[1, 2, 3].map((one) => `${digest(one)} 9d false`)],
  ],
])('an image is judged if it has rows of its own, %s', async (_how, isPartial, queries) => {
  const rows = { [digest(1)]: [RESOLVED], [digest(2)]: [ACTIVE], [digest(9)]: [ACTIVE] };
  const { fixes, asked } = stage(rows, isPartial);
  const judged = await fixes.judged(GATE, [digest(1), digest(2), digest(3)]);
  expect(judged).toEqual(
    new Map([
      [digest(1), { reports: [RESOLVED] }],
      [digest(2), { reports: [ACTIVE] }],
    ]),
  );
  expect(asked).toEqual(queries);
});

it('another error of the query ends the search', async () => {
  const { images, scanner, resolved } = {
    images: createImages({} as ContainerRegistryClient, () => NOW),
    scanner: { reportsOf: async () => Promise.reject(new Error('no answer')) } as unknown as Scanner,
    resolved: { kind: 'resolved', id: REGISTRY_ID, name: 'myacr', loginServer: '', problem: undefined } as const,
  };
  await expect(createFixes({ images, scanner, resolved }).judged(GATE, [digest(1)])).rejects.toThrow('no answer');
});

it('the commands name the subscription, the registry and the image', () => {
  const place = `--subscription ${SUBSCRIPTION} --name myacr`;
  expect(REMOVAL.delete(GATE, '', 'sha256:1')).toBe(`az acr repository delete ${place} --image team/app@sha256:1`);
  expect(REMOVAL.untag?.(GATE, '', '1.4')).toBe(`az acr repository untag ${place} --image team/app:1.4`);
});
