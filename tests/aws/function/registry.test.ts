// The observations of a repository's images and the number of calls that they need, with real clients on the local
// cloud.
import { ECRClient } from '@aws-sdk/client-ecr';
import { Inspector2Client } from '@aws-sdk/client-inspector2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScanner } from '../../../aws/function/findings.ts';
import { createImages } from '../../../aws/function/images.ts';
import { createRegistry } from '../../../aws/function/registry.ts';
import { createRepositoryLock } from '../../../aws/function/repository-lock.ts';
import { denyStatement } from '../../../aws/function/repository-policy.ts';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { digestOf } from '../../../local/manifest.ts';
import type { Policy } from '../../../shared/policy/policy.ts';
import { findingsIn } from '../../../shared/reconcile/observation.ts';
import { pushesTo, startStage } from '../../local/aws/stage.ts';
import { policy } from '../../shared/samples.ts';
import { ACCOUNT_ID } from './samples.ts';

const ABSENT = digestOf('never pushed');
const OURS = denyStatement({
  statementId: 'Pullgate0123456789ab',
  partition: 'aws',
  accountId: ACCOUNT_ID,
  roleArn: '',
  exemptPrincipals: [],
});

let cloud: LocalAws;
let ecr: ECRClient;
let inspector: Inspector2Client;
/** A separate repository for each test. */
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
  cloud.faults.clear();
  repository = `team/app-${++repositories}`;
  cloud.ecr.createRepository(repository);
  cloud.calls.reset();
});

const { push, pushAll, pushIndex } = pushesTo(() => ({ cloud, repository }));
const report = (digest: string, vulnerability: string) =>
  cloud.inspector.report({ repository, digest }, { vulnerability, severity: 'CRITICAL' }, { event: false });

const registryOf = (images: Policy['images'] = 'tagged') => {
  const by = policy({ images });
  return createRegistry({
    images: createImages(ecr, ACCOUNT_ID),
    scanner: createScanner(inspector, ACCOUNT_ID, by),
    lock: createRepositoryLock({ ecr, ecrOnce: ecr }, ACCOUNT_ID, OURS),
    imagesOf: () => images,
  });
};

const observe = (
  scope: 'all' | readonly string[],
  known: readonly string[] = [],
  images: Policy['images'] = 'tagged',
) => {
  return registryOf(images).observe({ registry: ACCOUNT_ID, repository }, scope, known);
};
/** The images in an observation, and whether they count as tagged. */
const countsIn = async (...asked: Parameters<typeof observe>) =>
  Object.fromEntries(
    (await observe(...asked)).map((one) => [
      one.digest,
      one.presence === 'gone' ? 'gone' : one.tagged ? 'counts' : 'does not count',
    ]),
  );

describe('the images that a scanner can judge', () => {
  it('are all but indexes and artifacts, archived ones excluded, and a child of a tagged index counts as tagged', async () => {
    const [tagged, untagged, child] = [await push('v1'), await push(), await push()];
    await pushIndex([child], 'v2');
    const listed = await registryOf().images?.({ registry: ACCOUNT_ID, repository });
    expect(Object.fromEntries((listed ?? []).map((one) => [one.digest, one.tagged]))).toEqual({
      [tagged]: true,
      [untagged]: false,
      [child]: true,
    });
  });
});

describe('an observation', () => {
  it('of an image shows that image, with one call each to ECR and Inspector', async () => {
    const [image] = [await push('v1'), await push('v2')];
    expect(await countsIn([image])).toEqual({ [image]: 'counts' });
    expect(cloud.calls.count()).toEqual({ 'ecr:DescribeImages': 1, 'inspector2:ListFindings': 1 });
  });

  it.each([['by its digest'], ['with the whole repository']])(
    'of an image has its use and its last pull, without another call: %s',
    async (how) => {
      const image = await push('v1');
      await report(image, 'CVE-2026-1001');
      const lastInUseAt = new Date('2026-06-01T10:00:00.000Z');
      cloud.inspector.setUse(repository, image, { inUseCount: 2, lastInUseAt });
      const stored = cloud.ecr.repository(repository).images.get(image);
      if (stored !== undefined) stored.lastPulledAt = lastInUseAt;
      const [seen] = await observe(how === 'by its digest' ? [image] : 'all');
      const at = lastInUseAt.toISOString();
      expect(seen).toMatchObject({ usage: { inUseCount: 2, lastInUseAt: at, lastPulledAt: at } });
      expect(cloud.calls.count()).toEqual({ 'ecr:DescribeImages': 1, 'inspector2:ListFindings': 1 });
    },
  );

  it('of an image has no use that another repository reports', async () => {
    const image = await push('v1');
    await cloud.inspector.report({ repository: 'team/other', digest: image }, { vulnerability: 'CVE-2026-1001' });
    cloud.inspector.setUse('team/other', image, { inUseCount: 2 });
    const [seen] = await observe([image]);
    expect(seen).toMatchObject({ presence: 'present', reports: [{ status: 'active' }], usage: undefined });
  });

  it('of a tagged index includes its children, also nested ones, and they count as tagged', async () => {
    const [amd, arm] = [await push(), await push()];
    const inner = await pushIndex([amd]);
    const index = await pushIndex([inner, arm], 'latest');
    expect(await countsIn([index])).toEqual({
      [index]: 'counts',
      [inner]: 'counts',
      [amd]: 'counts',
      [arm]: 'counts',
    });
  });

  it('of a clean image for two platforms costs five calls to ECR among 3,000 images, whatever the order of the events', async () => {
    for (let number = 0; number < 1_000; number++) await pushIndex([await push(), await push()], `old-${number}`);
    const children = [await push(), await push()];
    const index = await pushIndex(children, 'new');
    const calls: Record<string, number>[] = [];
    for (const digests of [...children.map((child) => [child]), [index]]) {
      cloud.calls.reset();
      await observe(digests);
      calls.push(cloud.calls.count());
    }
    const one = { 'ecr:DescribeImages': 1, 'inspector2:ListFindings': 1 };
    expect(calls).toEqual([
      one,
      one,
      { 'ecr:DescribeImages': 2, 'ecr:BatchGetImage': 1, 'inspector2:ListFindings': 1 },
    ]);
  });

  it.each<[string, boolean, boolean, number, string]>([
    ['clean and not known', false, false, 0, 'does not count'],
    ['vulnerable', true, false, 1, 'counts'],
    ['known', false, true, 1, 'counts'],
  ])(
    'of a child that is %s looks for its parents only if that matters',
    async (_what, isBad, isKnown, lists, counts) => {
      const child = await push();
      await pushIndex([child], 'latest');
      if (isBad) await report(child, 'CVE-2026-1001');
      cloud.calls.reset();
      expect(await countsIn([child], isKnown ? [child] : [])).toEqual({ [child]: counts });
      expect(cloud.calls.count()['ecr:DescribeImages']).toBe(1 + lists);
    },
  );

  it('of an untagged index includes its children, which do not count as tagged', async () => {
    const child = await push();
    const index = await pushIndex([child]);
    expect(await countsIn([index])).toEqual({ [index]: 'does not count', [child]: 'does not count' });
  });

  it('does not look for the parents of an image if all images count', async () => {
    const child = await push();
    await pushIndex([child], 'latest');
    cloud.calls.reset();
    await countsIn([child], [], 'all');
    expect(cloud.calls.count()).toEqual({ 'ecr:DescribeImages': 1, 'inspector2:ListFindings': 1 });
  });

  it('reports a named image that does not exist as gone, and shows the one that exists', async () => {
    const image = await push('v1');
    expect(await countsIn([image, ABSENT])).toEqual({ [image]: 'counts', [ABSENT]: 'gone' });
  });

  it('of an index with more children than one call can name covers the repository: images with findings and known images', async () => {
    const children = await pushAll(100);
    const index = await pushIndex(children, 'latest');
    const [vulnerable = '', known = ''] = children;
    await report(vulnerable, 'CVE-2026-1001');
    expect(await countsIn([index], [known, ABSENT])).toEqual({
      [index]: 'counts',
      [known]: 'counts',
      [vulnerable]: 'counts',
      [ABSENT]: 'gone',
    });
  });

  it('of all images shows the images with findings and the known images, each with its reports', async () => {
    const [bad, known] = [await push('v1'), await push('v2'), await push('v3')];
    await report(bad, 'CVE-2026-1001');
    await report(bad, 'CVE-2026-1002');
    const observed = await observe('all', [known, ABSENT]);
    expect(
      observed.map((one) => [one.digest, one.presence, findingsIn(one).map((found) => found.vulnerability)]),
    ).toEqual(
      expect.arrayContaining([
        [bad, 'present', expect.arrayContaining(['CVE-2026-1001', 'CVE-2026-1002'])],
        [known, 'present', []],
        [ABSENT, 'gone', []],
      ]),
    );
    expect(observed).toHaveLength(3);
  });

  it('shows no reports about an image that is gone', async () => {
    const image = await push('v1');
    await report(image, 'CVE-2026-1001');
    await cloud.ecr.deleteImage(repository, image);
    await push('v2');
    expect(await observe('all', [image])).toEqual([{ digest: image, presence: 'gone' }]);
  });

  it.each<[string, 'all' | readonly string[], readonly string[], readonly string[]]>([
    ['all images (one of them known)', 'all', [ABSENT], [ABSENT]],
    ['all images (none of them known)', 'all', [], []],
    ['one image', [ABSENT], [], [ABSENT]],
  ])(
    'of %s in a repository that does not exist reports known images as gone, without a call to Inspector',
    async (_what, scope, known, gone) => {
      repository = 'team/none';
      expect(await observe(scope, known)).toEqual(gone.map((digest) => ({ digest, presence: 'gone' })));
      expect(cloud.calls.count()['inspector2:ListFindings']).toBeUndefined();
    },
  );

  it.each([
    ['ECR', 'DescribeImages', 'throttle', 'ThrottlingException'],
    ['Inspector', 'ListFindings', 'serverError', 'InternalServerException'],
  ] as const)('fails if %s fails, because a missing answer proves nothing', async (_who, operation, kind, name) => {
    const image = await push('v1');
    cloud.faults.add({ kind, operation });
    await expect(observe([image])).rejects.toMatchObject({ name });
  });
});

describe('findings of the same digest in another repository', () => {
  const ELSEWHERE = 'team/elsewhere';
  type Options = Parameters<LocalAws['inspector']['report']>[2];
  const reportElsewhere = (digest: string, options: Options = {}, image: object = {}) =>
    cloud.inspector.report(
      { repository: ELSEWHERE, digest, ...image },
      { vulnerability: 'CVE-2026-1001', severity: 'CRITICAL' },
      { event: false, ...options },
    );
  const cover = (digest: string, lastScannedAt?: Date) =>
    cloud.inspector.cover({
      repository,
      digest,
      statusCode: 'INACTIVE',
      reason: 'PENDING_INITIAL_SCAN',
      ...(lastScannedAt === undefined ? {} : { lastScannedAt }),
    });

  it.each<[string, (digest: string) => unknown, readonly (readonly [string, string])[]]>([
    ['count if Inspector does not know the image here', (digest) => reportElsewhere(digest), [['active', 'active']]],
    [
      'count while the first scan here is pending',
      async (digest) => {
        await reportElsewhere(digest);
        cover(digest);
      },
      [['active', 'active']],
    ],
    [
      'do not count once a scan here has finished',
      async (digest) => {
        await reportElsewhere(digest);
        cloud.inspector.scanned(repository, digest);
      },
      [],
    ],
    [
      'do not count if the image was scanned here long ago',
      async (digest) => {
        await reportElsewhere(digest);
        cover(digest, cloud.clock.now());
      },
      [],
    ],
    [
      'do not count if there are findings here, which may be suppressed',
      async (digest) => {
        await reportElsewhere(digest);
        const own = { vulnerability: 'CVE-2026-1001', severity: 'CRITICAL' };
        await cloud.inspector.report({ repository, digest }, own, { event: false, status: 'SUPPRESSED' });
      },
      [['suppressed', 'suppressed']],
    ],
    [
      'count although they are suppressed there',
      (digest) => reportElsewhere(digest, { status: 'SUPPRESSED' }),
      [['active', 'active']],
    ],
    ['do not count if they are closed', (digest) => reportElsewhere(digest, { status: 'CLOSED' }), []],
    [
      'count once if several repositories have them',
      async (digest) => {
        await reportElsewhere(digest);
        await reportElsewhere(digest, {}, { repository: 'team/third' });
      },
      [['active', 'active']],
    ],
    [
      'do not count if they are of another account',
      (digest) => reportElsewhere(digest, {}, { account: '210987654321' }),
      [],
    ],
  ])('%s, for an event and for a sweep', async (_when, happens, expected) => {
    const digest = await push('v1');
    await happens(digest);
    const reportsIn = async (scope: 'all' | readonly string[]) =>
      (await observe(scope, [digest])).flatMap(({ reports = [] }) =>
        reports.flatMap(({ status, findings }) => findings.map(({ state }) => [status, state])),
      );
    expect(await reportsIn([digest])).toEqual(expected);
    expect(await reportsIn('all')).toEqual(expected);
  });

  it('are asked for only if there are some, or in a sweep for images that were never scanned', async () => {
    const [bad, scanned] = [await push('v1'), await push('v2')];
    await pushIndex([scanned], 'v3');
    await cloud.ecr.pushArtifact(repository, { subject: scanned });
    cloud.inspector.scanned(repository, scanned);
    await reportElsewhere(bad);
    cloud.calls.reset();
    await observe([scanned]);
    const described = cloud.calls.count()['ecr:DescribeImages'];
    expect([described, cloud.calls.count()['inspector2:ListCoverage']]).toEqual([1, undefined]);
    await observe([bad]);
    expect(cloud.calls.count()['inspector2:ListCoverage']).toBe(1);
    const named: unknown[] = [];
    const remove = cloud.calls.before(({ input }) => void named.push(input['filterCriteria']));
    await observe('all');
    remove();
    const hashes = named.flatMap((filter) => (filter as { ecrImageHash?: unknown[] } | undefined)?.ecrImageHash ?? []);
    expect(hashes).toEqual([{ comparison: 'EQUALS', value: bad }]);
  });
});
