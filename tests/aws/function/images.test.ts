// The images of a repository and what an index references, with a real ECR client on the local cloud.
import { ECRClient } from '@aws-sdk/client-ecr';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createImages, createIndexCache } from '../../../aws/function/images.ts';
import type { LocalAws } from '../../../local/aws/cloud.ts';
import { digestOf } from '../../../local/manifest.ts';
import { pushesTo, startStage } from '../../local/aws/stage.ts';
import { ACCOUNT_ID } from './samples.ts';

const ABSENT = digestOf('never pushed');

let cloud: LocalAws;
let ecr: ECRClient;
/** A separate repository for each test. */
let repository = '';
let repositories = 0;
beforeAll(async () => {
  const stage = await startStage();
  cloud = stage.cloud;
  ecr = new ECRClient(stage.config());
});
afterAll(() => cloud.stop());
beforeEach(() => {
  cloud.faults.clear();
  repository = `team/app-${++repositories}`;
  cloud.ecr.createRepository(repository);
  cloud.calls.reset();
});

const { push, pushAll, pushIndex } = pushesTo(() => ({ cloud, repository }));
const descendants = async (...indexes: readonly string[]) =>
  [...(await createImages(ecr, ACCOUNT_ID).descendants(repository, indexes))].toSorted();
const batches = () => cloud.calls.count()['ecr:BatchGetImage'] ?? 0;

describe('an image', () => {
  const both = async (digest: string) => {
    const images = createImages(ecr, ACCOUNT_ID);
    const [one, all] = [await images.describe(repository, [digest]), await images.describeAll(repository)];
    return [one.has(digest), all.has(digest)];
  };

  it.each<[string, (digest: string) => Promise<unknown>, boolean]>([
    ['that is active is there', async () => {}, true],
    ['that is archived is not', (digest) => cloud.ecr.archive(repository, digest), false],
    [
      'that is being reactivated is there',
      async (digest) => {
        await cloud.ecr.archive(repository, digest);
        cloud.ecr.reactivate(repository, digest);
      },
      true,
    ],
    [
      'that was reactivated is there',
      async (digest) => {
        await cloud.ecr.archive(repository, digest);
        cloud.ecr.reactivate(repository, digest);
        await cloud.advance(20 * 60_000);
      },
      true,
    ],
    [
      'that was archived and pushed again is there',
      async (digest) => {
        await cloud.ecr.archive(repository, digest);
        await cloud.ecr.tag(repository, 'again', digest);
      },
      true,
    ],
    ['that was deleted is not', (digest) => cloud.ecr.deleteImage(repository, digest), false],
  ])('%s, named or listed', async (_state, change, isThere) => {
    const digest = await push('v1');
    await change(digest);
    expect(await both(digest)).toEqual([isThere, isThere]);
  });
});

describe('the descendants', () => {
  it('of an index are its children', async () => {
    const children = await pushAll(2);
    await push();
    expect(await descendants(await pushIndex(children))).toEqual(children.toSorted());
    expect(batches()).toBe(1);
  });

  it('of an index of indexes are the inner indexes and their children', async () => {
    const [amd, arm, other] = [await push(), await push(), await push()];
    const inner = await pushIndex([amd, arm]);
    const middle = await pushIndex([inner, other]);
    expect(await descendants(await pushIndex([middle]))).toEqual([middle, inner, amd, arm, other].toSorted());
    expect(batches()).toBe(3);
  });

  it('that several indexes share are listed once and requested once', async () => {
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

  it('of more indexes than one call can name are requested in several calls', async () => {
    const children = await pushAll(101);
    const indexes = await Promise.all(children.map((child) => pushIndex([child])));
    expect(await descendants(...indexes)).toEqual(children.toSorted());
    expect(batches()).toBe(2);
  });

  it.each<[string, () => Promise<string>]>([
    ['an image that is not an index', () => push()],
    ['an index that does not exist', async () => ABSENT],
    [
      'an archived index',
      async () => {
        const index = await pushIndex([await push()]);
        await cloud.ecr.archive(repository, index);
        return index;
      },
    ],
  ])('of %s are empty', async (_what, digest) => {
    expect(await descendants(await digest())).toEqual([]);
  });

  it.each([
    ['of an entry', null],
    ['without an operating system', { os: null }],
  ])('are listed if one platform %s is null', async (_what, platform) => {
    const manifests = [
      { digest: 'one', platform },
      { digest: 'other', platform: { os: 'linux' } },
      { digest: 'built', platform: { os: 'unknown' } },
    ];
    const image = { imageId: { imageDigest: 'index' }, imageManifest: JSON.stringify({ manifests }) };
    const client = { send: async () => ({ images: [image] }) } as unknown as ECRClient;
    const images = createImages(client, ACCOUNT_ID);
    expect(await images.descendants(repository, ['index'])).toEqual(new Set(['one', 'other', 'built']));
    expect(await images.runnableIn(repository, ['index'])).toEqual(new Map([['index', ['one', 'other']]]));
  });

  it('of an index that was read before need no call, in any repository', async () => {
    const images = createImages(ecr, ACCOUNT_ID);
    const child = await push();
    const index = await pushIndex([child]);
    expect([...(await images.descendants(repository, [index]))]).toEqual([child]);
    expect([...(await images.descendants('team/copy', [index]))]).toEqual([child]);
    expect(batches()).toBe(1);
  });

  it('of the oldest indexes are forgotten if there are too many', () => {
    const cache = createIndexCache(7);
    const children = [{ digest: 'child', isIndex: false, isAttestation: false }];
    for (const digest of ['one', 'two', 'two', 'three', 'four']) cache.add(digest, children);
    expect(['one', 'two', 'three', 'four'].map((digest) => cache.get(digest))).toEqual([
      undefined,
      children,
      children,
      children,
    ]);
  });

  it('of an empty list are empty, without a call', async () => {
    expect(await descendants()).toEqual([]);
    expect(batches()).toBe(0);
  });

  it('of the other indexes are found if one index does not exist', async () => {
    const child = await push();
    expect(await descendants(ABSENT, await pushIndex([child]))).toEqual([child]);
  });

  it.each(['ImageInaccessible', 'KmsError', 'UpstreamUnavailable'] as const)(
    'are an error if ECR does not return an index: %s',
    async (failureCode) => {
      const failures = [
        { imageId: { imageDigest: ABSENT }, failureCode: 'ImageNotFound' },
        { imageId: { imageDigest: digestOf('index') }, failureCode, failureReason: 'try later' },
      ];
      const send = async () => ({ images: [], failures });
      const images = createImages({ send } as unknown as ECRClient, ACCOUNT_ID);
      await expect(images.descendants('team/app', [ABSENT, digestOf('index')])).rejects.toThrow(
        `team/app: ECR did not return the index ${digestOf('index')} (${failureCode}: try later)`,
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
  ] as const)('are an error if the call for a nested index is %s', async (_how, fault, name) => {
    const outer = await pushIndex([await pushIndex([await push()])]);
    cloud.faults.add({ ...fault, operation: 'BatchGetImage', nth: 2 });
    await expect(descendants(outer)).rejects.toMatchObject({ name });
  });
});
