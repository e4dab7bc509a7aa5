// What ECR and Inspector say about the images that may be a blocked fix, with real clients on the local cloud.
import { ECRClient } from '@aws-sdk/client-ecr';
import { Inspector2Client } from '@aws-sdk/client-inspector2';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createScanner } from '../../../aws/function/findings.ts';
import { createFixes } from '../../../aws/function/fixes.ts';
import { createImages } from '../../../aws/function/images.ts';
import { registryHost } from '../../../aws/function/registry-host.ts';
import { REMOVAL } from '../../../aws/function/removal.ts';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { findingsIn } from '../../../shared/reconcile/observation.ts';
import { pushesTo, startStage } from '../../local/aws/stage.ts';
import { policy } from '../../shared/samples.ts';
import { ACCOUNT_ID } from './samples.ts';

const HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';

let cloud: LocalAws;
let ecr: ECRClient;
let inspector: Inspector2Client;
let repository = '';
let repositories = 0;
beforeAll(async () => {
  const stage = await startStage();
  cloud = stage.cloud;
  ecr = new ECRClient(stage.config());
  inspector = new Inspector2Client(stage.config());
});
afterAll(() => cloud.stop());
beforeEach(() => {
  repository = `team/app-${++repositories}`;
  cloud.ecr.createRepository(repository);
  cloud.calls.reset();
});

const { push, pushAll, pushIndex } = pushesTo(() => ({ cloud, repository }));
const gate = () => ({ registry: ACCOUNT_ID, repository });
const fixes = () => createFixes(createImages(ecr, ACCOUNT_ID), createScanner(inspector, ACCOUNT_ID, policy()), HOST);
const report = (digest: string, vulnerability = 'CVE-2026-1') =>
  cloud.inspector.report({ repository, digest }, { vulnerability, severity: 'CRITICAL' }, { event: false });

it.each([
  ['aws', 'eu-west-1', HOST],
  ['aws-cn', 'cn-north-1', '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn'],
])('the host of a registry in the partition %s is in the region of the topic', (partition, region, host) => {
  const topicArn = `arn:${partition}:sns:${region}:123456789012:changes`;
  expect(registryHost({ accountId: ACCOUNT_ID, partition, topicArn })).toBe(host);
});

it('a repository is named with the host of the registry', () => {
  expect(fixes().nameOf({ registry: ACCOUNT_ID, repository: 'team/app' })).toBe(`${HOST}/team/app`);
});

it('every image and index is listed with the time of its push, but no artifact and no archived image', async () => {
  const pushedAt = cloud.clock.now().toISOString();
  const image = await cloud.ecr.pushImage(repository, { tag: '1.5' });
  const index = await pushIndex([image]);
  await cloud.ecr.pushArtifact(repository, { tag: 'signature' });
  const archived = await push();
  await cloud.ecr.archive(repository, archived);
  expect(await fixes().pushed(gate())).toEqual([
    { digest: image, tags: ['1.5'], pushedAt, isIndex: false },
    { digest: index, tags: [], pushedAt, isIndex: true },
  ]);
});

it('indexes are read with one call, and each has its own children', async () => {
  const [one = '', other = ''] = await pushAll(2);
  const first = await pushIndex([one]);
  const second = await pushIndex([one, other]);
  cloud.calls.reset();
  const children = await fixes().childrenOf(gate(), [first, second]);
  expect(children).toEqual(
    new Map([
      [first, [one]],
      [second, [one, other]],
    ]),
  );
  expect(cloud.calls.count()['ecr:BatchGetImage']).toBe(1);
});

it('indexes that exceed the cache together are read with one call, too', async () => {
  const indexes = ['a', 'b', 'c'];
  let calls = 0;
  const manifests = (index: string) => Array.from({ length: 30_000 }, (_, number) => ({ digest: `${index}${number}` }));
  const client = {
    send: async () => {
      calls++;
      return {
        images: indexes.map((index) => ({
          imageId: { imageDigest: index },
          imageManifest: JSON.stringify({ manifests: manifests(index) }),
        })),
      };
    },
  };
  const found = await createImages(client as unknown as ECRClient, ACCOUNT_ID).runnableIn('team/app', indexes);
  expect([...found].map(([index, children]) => [index, children.length])).toEqual(
    indexes.map((index) => [index, 30_000]),
  );
  expect(calls).toBe(1);
});

it('an index that ECR returns without its digest is an error: it may list any image', async () => {
  const client = { send: async () => ({ images: [{ imageManifest: '{}' }] }) };
  const images = createImages(client as unknown as ECRClient, ACCOUNT_ID);
  await expect(images.descendants('team/app', ['index'])).rejects.toThrow('an index without its digest');
});

it('only images with a finished scan are judged, each with its findings and the time of the scan', async () => {
  const [clean = '', bad = '', pending = '', stopped = ''] = await pushAll(4);
  for (const digest of [clean, bad]) cloud.inspector.scanned(repository, digest);
  cloud.inspector.cover({ repository, digest: stopped, statusCode: 'INACTIVE', reason: 'SCAN_ELIGIBILITY_EXPIRED' });
  for (const digest of [bad, pending]) await report(digest);
  const judged = await fixes().judged(gate(), [clean, bad, pending, stopped]);
  const scannedAt = cloud.clock.now().toISOString();
  expect([...judged].map(([digest, { reports, ...one }]) => [digest, findingsIn({ reports }).length, one])).toEqual([
    [clean, 0, { scannedAt }],
    [bad, 1, { scannedAt }],
  ]);
});

it('what is reported about a scanned image in another repository does not count', async () => {
  cloud.ecr.createRepository(`${repository}-copy`);
  const digest = await cloud.ecr.pushImage(repository, { tag: '1.5', content: repository });
  await cloud.ecr.pushImage(`${repository}-copy`, { content: repository });
  cloud.inspector.scanned(repository, digest);
  const other = { repository: `${repository}-copy`, digest };
  await cloud.inspector.report(other, { vulnerability: 'CVE-2026-1', severity: 'CRITICAL' }, { event: false });
  expect((await fixes().judged(gate(), [digest])).get(digest)?.reports).toEqual([]);
});

it.each([
  [0, 1, undefined],
  [10, 1, 1],
  [11, 1, 1],
])('%i scanned images take %i call of ListCoverage, and of ListFindings %s', async (count, coverage, findings) => {
  const digests = await pushAll(Math.max(1, count));
  if (count > 0) for (const digest of digests) cloud.inspector.scanned(repository, digest);
  await report(digests[0] ?? '');
  cloud.calls.reset();
  const judged = await fixes().judged(gate(), digests);
  expect([judged.size, judged.get(digests[0] ?? '')?.reports.length]).toEqual([count, count === 0 ? undefined : 1]);
  const calls = cloud.calls.count();
  expect([calls['inspector2:ListCoverage'], calls['inspector2:ListFindings']]).toEqual([coverage, findings]);
});

it('an attestation that an index lists is no image', async () => {
  const image = { digest: `sha256:${'1'.repeat(64)}`, platform: { os: 'linux', architecture: 'arm64' } };
  const attestation = { digest: `sha256:${'2'.repeat(64)}`, platform: { os: 'unknown', architecture: 'unknown' } };
  const client = {
    send: async () => ({
      images: [
        { imageId: { imageDigest: 'index' }, imageManifest: JSON.stringify({ manifests: [image, attestation] }) },
      ],
    }),
  };
  const images = createImages(client as unknown as ECRClient, ACCOUNT_ID);
  expect(await images.runnableIn('team/app', ['index'])).toEqual(new Map([['index', [image.digest]]]));
  expect([...(await images.descendants('team/app', ['index']))]).toEqual([image.digest, attestation.digest]);
});

it('the only command deletes: ECR deletes an image with its last tag. It names the region, the account and the repository', () => {
  const begin =
    'aws ecr batch-delete-image --region eu-west-1 --registry-id 123456789012 --repository-name team/app --image-ids';
  const place = { registry: ACCOUNT_ID, repository: 'team/app' };
  expect(REMOVAL.delete(place, `${HOST}/team/app`, 'sha256:1')).toBe(`${begin} imageDigest=sha256:1`);
  expect(REMOVAL.untag).toBeUndefined();
});
