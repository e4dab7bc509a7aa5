// Which images an index leads to, and which an observation is at: with a real client of ECR on the local cloud.
import { ECRClient } from '@aws-sdk/client-ecr';
import { Inspector2Client } from '@aws-sdk/client-inspector2';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createScanner } from '../../../aws/function/findings.ts';
import { createImages } from '../../../aws/function/images.ts';
import { createRegistry } from '../../../aws/function/registry.ts';
import { createRepositoryLock } from '../../../aws/function/repository-lock.ts';
import { denyStatement } from '../../../aws/function/repository-policy.ts';
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import { allowing } from '../../../local/aws/principals.ts';
import { digestOf } from '../../../local/manifest.ts';
import { parsePolicy } from '../../../shared/policy/policy.ts';
import { fixtureGraph } from '../../local/aws/fixture-graph.ts';
import { ACCOUNT_ID } from './samples.ts';

const ABSENT = digestOf('never pushed');

let cloud: LocalAws;
let ecr: ECRClient;
let inspector: Inspector2Client;
/** A repository of its own for each test. */
let repository = '';
let repositories = 0;
beforeAll(async () => {
  cloud = await startAws(fixtureGraph());
  const config = cloud.clientConfig(cloud.principals.add(`arn:aws:iam::${ACCOUNT_ID}:role/admin`, [allowing('*')]));
  ecr = new ECRClient({ ...config, maxAttempts: 1 });
  inspector = new Inspector2Client(config);
});
afterAll(() => cloud.stop());
beforeEach(() => {
  cloud.faults.clear();
  repository = `team/app-${++repositories}`;
  cloud.ecr.createRepository(repository);
  cloud.calls.reset();
});

const push = (tag?: string) => cloud.ecr.pushImage(repository, tag === undefined ? {} : { tag });
const pushAll = (length: number) => Promise.all(Array.from({ length }, () => push()));
const pushIndex = (children: readonly string[], tag?: string) =>
  cloud.ecr.pushIndex(repository, { children, ...(tag === undefined ? {} : { tag }) });
const descendants = async (...indexes: readonly string[]) =>
  [...(await createImages(ecr, ACCOUNT_ID).descendants(repository, indexes))].toSorted();
const batches = () => cloud.calls.count()['ecr:BatchGetImage'] ?? 0;

describe('the descendants', () => {
  it('of an index are its children', async () => {
    const children = await pushAll(2);
    await push();
    expect(await descendants(await pushIndex(children))).toEqual(children.toSorted());
    expect(batches()).toBe(1);
  });

  it('of an index of indexes are those too, and what they lead to', async () => {
    const [amd, arm, other] = [await push(), await push(), await push()];
    const inner = await pushIndex([amd, arm]);
    const middle = await pushIndex([inner, other]);
    expect(await descendants(await pushIndex([middle]))).toEqual([middle, inner, amd, arm, other].toSorted());
    expect(batches()).toBe(3);
  });

  it('are there once, and asked for once, where several indexes lead to the same', async () => {
    const child = await push();
    const inner = await pushIndex([child]);
    const outer = await Promise.all([[inner], [inner, child], [inner, await push()]].map((one) => pushIndex(one)));
    const asked: unknown[] = [];
    const remove = cloud.calls.before(({ input }) => void asked.push(input['imageIds']));
    const found = await descendants(...outer);
    remove();
    expect(found).toHaveLength(3);
    expect(found).toEqual(expect.arrayContaining([child, inner]));
    expect(asked).toEqual([outer.map((imageDigest) => ({ imageDigest })), [{ imageDigest: inner }]]);
  });

  it('of more indexes than a call takes are asked for in several', async () => {
    const children = await pushAll(101);
    const indexes = await Promise.all(children.map((child) => pushIndex([child])));
    expect(await descendants(...indexes)).toEqual(children.toSorted());
    expect(batches()).toBe(2);
  });

  it.each<[string, () => Promise<string>]>([
    ['an image that is no index', () => push()],
    ['an index that is not there', async () => ABSENT],
    [
      'an index in the archive',
      async () => {
        const index = await pushIndex([await push()]);
        cloud.ecr.archive(repository, index);
        return index;
      },
    ],
  ])('of %s are none', async (_what, digest) => {
    expect(await descendants(await digest())).toEqual([]);
  });

  it('of nothing are none, without a call', async () => {
    expect(await descendants()).toEqual([]);
    expect(batches()).toBe(0);
  });

  it('are still those of the other indexes where one is not there', async () => {
    const child = await push();
    expect(await descendants(ABSENT, await pushIndex([child]))).toEqual([child]);
  });

  it.each(['ImageInaccessible', 'KmsError', 'UpstreamUnavailable'] as const)(
    'are not known where ECR does not give an index: %s',
    async (failureCode) => {
      const failures = [
        { imageId: { imageDigest: ABSENT }, failureCode: 'ImageNotFound' },
        { imageId: { imageDigest: digestOf('index') }, failureCode, failureReason: 'try later' },
      ];
      const send = async () => ({ images: [], failures });
      const images = createImages({ send } as unknown as ECRClient, ACCOUNT_ID);
      await expect(images.descendants('team/app', [ABSENT, digestOf('index')])).rejects.toThrow(
        `team/app: ECR does not give the index ${digestOf('index')} (${failureCode}: try later)`,
      );
    },
  );

  it.each([
    ['throttled', { kind: 'throttle' }, 'ThrottlingException'],
    [
      'denied',
      { kind: 'error', code: 'AccessDeniedException', message: 'explicit deny', status: 400 },
      'AccessDeniedException',
    ],
    ['broken', { kind: 'serverError' }, 'InternalServerException'],
  ] as const)('are not known where the call is %s, also of a nested index', async (_how, fault, name) => {
    const outer = await pushIndex([await pushIndex([await push()])]);
    cloud.faults.add({ ...fault, operation: 'BatchGetImage', nth: 2 });
    await expect(descendants(outer)).rejects.toMatchObject({ name });
  });
});

describe('an observation', () => {
  const observe = async (scope: 'all' | readonly string[], known: readonly string[] = [], images = 'tagged') => {
    const policy = parsePolicy('high', { images });
    if (!policy.ok) throw new Error('the policy of this test is wrong');
    const ours = {
      statementId: 'Pullgate',
      partition: 'aws',
      accountId: ACCOUNT_ID,
      roleArn: '',
      exemptPrincipals: [],
    };
    const registry = createRegistry({
      images: createImages(ecr, ACCOUNT_ID),
      scanner: createScanner(inspector, ACCOUNT_ID, policy.value),
      lock: createRepositoryLock({ ecr, ecrOnce: ecr }, ACCOUNT_ID, denyStatement(ours)),
      policy: policy.value,
    });
    const observations = await registry.observe({ registry: ACCOUNT_ID, repository }, scope, known);
    return Object.fromEntries(
      observations.map((one) => [
        one.digest,
        one.presence === 'gone' ? 'gone' : one.tagged ? 'counts' : 'does not count',
      ]),
    );
  };

  it('at an image is at that image, with one question for it', async () => {
    const [image] = [await push('v1'), await push('v2')];
    expect(await observe([image])).toEqual({ [image]: 'counts' });
    expect(cloud.calls.count()).toEqual({ 'ecr:DescribeImages': 1, 'inspector2:ListFindings': 1 });
  });

  it('at a tagged index is at its children too, nested ones as well: they count', async () => {
    const [amd, arm] = [await push(), await push()];
    const inner = await pushIndex([amd]);
    const index = await pushIndex([inner, arm], 'latest');
    expect(await observe([index])).toEqual({
      [index]: 'counts',
      [inner]: 'counts',
      [amd]: 'counts',
      [arm]: 'counts',
    });
  });

  it('at an index without a tag is at its children too, which do not count', async () => {
    const child = await push();
    const index = await pushIndex([child]);
    expect(await observe([index])).toEqual({ [index]: 'does not count', [child]: 'does not count' });
  });

  it('asks nobody whether a child counts where all images do', async () => {
    const child = await push();
    await pushIndex([child], 'latest');
    cloud.calls.reset();
    await observe([child], [], 'all');
    expect(cloud.calls.count()).toEqual({ 'ecr:DescribeImages': 1, 'inspector2:ListFindings': 1 });
  });

  it('says gone of a named image that is not there, beside one that is', async () => {
    const image = await push('v1');
    expect(await observe([image, ABSENT])).toEqual({ [image]: 'counts', [ABSENT]: 'gone' });
  });

  it('at an index with more children than a call names is at everything: what has findings, and what is known', async () => {
    const children = await pushAll(100);
    const index = await pushIndex(children, 'latest');
    const [vulnerable = '', known = ''] = children;
    await cloud.inspector.report(
      { repository, digest: vulnerable },
      { vulnerability: 'CVE-2026-1001', severity: 'CRITICAL' },
      { event: false },
    );
    expect(await observe([index], [known, ABSENT])).toEqual({
      [index]: 'counts',
      [known]: 'counts',
      [vulnerable]: 'counts',
      [ABSENT]: 'gone',
    });
  });
});
