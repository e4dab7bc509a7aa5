// What is observed of a repository's images, and with how many questions: with real clients on the local cloud.
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
  statementId: 'Pullgate',
  partition: 'aws',
  accountId: ACCOUNT_ID,
  roleArn: '',
  exemptPrincipals: [],
});

let cloud: LocalAws;
let ecr: ECRClient;
let inspector: Inspector2Client;
/** A repository of its own for each test. */
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

const observe = (
  scope: 'all' | readonly string[],
  known: readonly string[] = [],
  images: Policy['images'] = 'tagged',
) => {
  const by = policy({ images });
  const registry = createRegistry({
    images: createImages(ecr, ACCOUNT_ID),
    scanner: createScanner(inspector, ACCOUNT_ID, by),
    lock: createRepositoryLock({ ecr, ecrOnce: ecr }, ACCOUNT_ID, OURS),
    policy: by,
  });
  return registry.observe({ registry: ACCOUNT_ID, repository }, scope, known);
};
/** Which images an observation shows, and whether they count as tagged. */
const countsIn = async (...asked: Parameters<typeof observe>) =>
  Object.fromEntries(
    (await observe(...asked)).map((one) => [
      one.digest,
      one.presence === 'gone' ? 'gone' : one.tagged ? 'counts' : 'does not count',
    ]),
  );

describe('an observation', () => {
  it('at an image is at that image, with one question for it', async () => {
    const [image] = [await push('v1'), await push('v2')];
    expect(await countsIn([image])).toEqual({ [image]: 'counts' });
    expect(cloud.calls.count()).toEqual({ 'ecr:DescribeImages': 1, 'inspector2:ListFindings': 1 });
  });

  it('at a tagged index is at its children too, nested ones as well: they count', async () => {
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

  it('at an index without a tag is at its children too, which do not count', async () => {
    const child = await push();
    const index = await pushIndex([child]);
    expect(await countsIn([index])).toEqual({ [index]: 'does not count', [child]: 'does not count' });
  });

  it('asks nobody whether a child counts where all images do', async () => {
    const child = await push();
    await pushIndex([child], 'latest');
    cloud.calls.reset();
    await countsIn([child], [], 'all');
    expect(cloud.calls.count()).toEqual({ 'ecr:DescribeImages': 1, 'inspector2:ListFindings': 1 });
  });

  it('says gone of a named image that is not there, beside one that is', async () => {
    const image = await push('v1');
    expect(await countsIn([image, ABSENT])).toEqual({ [image]: 'counts', [ABSENT]: 'gone' });
  });

  it('at an index with more children than a call names is at everything: what has findings, and what is known', async () => {
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

  it('at everything has the images with findings and those that are known, each with its reports', async () => {
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

  it('shows no report of an image that is gone', async () => {
    const image = await push('v1');
    await report(image, 'CVE-2026-1001');
    await cloud.ecr.deleteImage(repository, image);
    await push('v2');
    expect(await observe('all', [image])).toEqual([{ digest: image, presence: 'gone' }]);
  });

  it.each<[string, 'all' | readonly string[], readonly string[], readonly string[]]>([
    ['everything', 'all', [ABSENT], [ABSENT]],
    ['everything of which nothing is known', 'all', [], []],
    ['an image', [ABSENT], [], [ABSENT]],
  ])(
    'at %s of a repository that is not there says gone, and asks Inspector nothing',
    async (_what, scope, known, gone) => {
      repository = 'team/none';
      expect(await observe(scope, known)).toEqual(gone.map((digest) => ({ digest, presence: 'gone' })));
      expect(cloud.calls.count()['inspector2:ListFindings']).toBeUndefined();
    },
  );

  it.each([
    ['ECR', 'DescribeImages', 'throttle', 'ThrottlingException'],
    ['Inspector', 'ListFindings', 'serverError', 'InternalServerException'],
  ] as const)('fails where %s does: what is missing proves nothing', async (_who, operation, kind, name) => {
    const image = await push('v1');
    cloud.faults.add({ kind, operation });
    await expect(observe([image])).rejects.toMatchObject({ name });
  });
});
