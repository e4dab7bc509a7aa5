// What keeps a gate closed: images that are deleted and pushed again, children of an index, repositories that leave the
// scope.
import { describe, expect, test } from 'vitest';
import { minute } from '../../../shared/report/times.ts';
import { CRITICAL, DAY, HOUR, REPOSITORY, stage } from './stage.ts';

describe('blockers', () => {
  test('a deleted blocker that is pushed again within 30 days closes the gate again without a new scan', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, notified } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await cloud.inspector.closeAllOf(REPOSITORY, digest);
    cloud.inspector.uncover(REPOSITORY, digest);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    cloud.clock.advance(29 * DAY);
    expect(await cloud.ecr.pushImage(REPOSITORY, { tag: 'v1', content: `${REPOSITORY}:v1` })).toBe(digest);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    expect(notified()).toEqual(['closed', 'opened', 'restored']);
  });

  test.each<[string, 'outOfScope' | 'gone']>([
    ['whose tag moved', 'outOfScope'],
    ['that was deleted', 'gone'],
  ])('the notice names the use of a blocker %s, and no call is made for it', async (_name, how) => {
    const { cloud, runUntilIdle, pull, calls } = await stage();
    cloud.ecr.createRepository(REPOSITORY);
    const digest = await cloud.ecr.pushImage(REPOSITORY, { tag: 'v1', content: 'v1' });
    const pulledAt = cloud.clock.now().toISOString();
    expect(await pull('v1')).toBe('pulled');
    const arn = await cloud.inspector.report({ repository: REPOSITORY, digest }, CRITICAL, { event: false });
    const lastInUseAt = new Date(cloud.clock.now().getTime() - HOUR);
    cloud.inspector.setUse(REPOSITORY, digest, { inUseCount: 3, lastInUseAt });
    await cloud.bus.put(cloud.inspector.eventOf(arn));
    await runUntilIdle();
    cloud.calls.reset();
    if (how === 'outOfScope') await cloud.ecr.pushImage(REPOSITORY, { tag: 'v1', content: 'v2' });
    else {
      await cloud.ecr.deleteImage(REPOSITORY, digest);
      await cloud.inspector.closeAllOf(REPOSITORY, digest);
    }
    await runUntilIdle();
    const [notice = ''] = cloud.notices.map(({ message }) => message).filter((text) => text.includes('opened'));
    const line = notice.split('\n').find((one) => one.startsWith(`  ${digest}: `));
    expect(line).toContain(
      `. In use by 3 ECS tasks or EKS pods, last at ${minute(lastInUseAt.toISOString())}; last pull recorded at ${minute(pulledAt)}.`,
    );
    expect(calls('inspector2:ListCoverage')).toBe(0);
  });

  test('a deleted blocker that is pushed again after 30 days is a new image and waits for its scan', async () => {
    const { cloud, pushVulnerable, runUntilIdle, sweep, isClosed } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await cloud.inspector.closeAllOf(REPOSITORY, digest);
    cloud.inspector.uncover(REPOSITORY, digest);
    await runUntilIdle();
    cloud.clock.advance(31 * DAY);
    await sweep();
    await cloud.ecr.pushImage(REPOSITORY, { tag: 'v1', content: `${REPOSITORY}:v1` });
    await runUntilIdle();
    expect(isClosed()).toBe(false);
  });

  test('a vulnerable child of a tagged index closes the gate, which opens once the tag leaves the index', async () => {
    const { cloud, runUntilIdle, isClosed, pull } = await stage();
    cloud.ecr.createRepository(REPOSITORY);
    const amd64 = await cloud.ecr.pushImage(REPOSITORY, { content: 'amd64' });
    const arm64 = await cloud.ecr.pushImage(REPOSITORY, { content: 'arm64' });
    await cloud.ecr.pushIndex(REPOSITORY, { tag: 'v1', children: [amd64, arm64] });
    await cloud.inspector.report({ repository: REPOSITORY, digest: arm64 }, CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    expect(await pull('v1')).toBe('refused');
    await cloud.ecr.pushIndex(REPOSITORY, { tag: 'v1', children: [amd64] });
    await runUntilIdle();
    expect(isClosed()).toBe(false);
  });

  test("an image that has only a tool's tag closes the gate, which opens once a purge deletes it", async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'buildcache-main', CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
  });

  test('nothing opens and the message is retried if ECR does not return the index', async () => {
    const { cloud, runUntilIdle, isClosed } = await stage();
    cloud.ecr.createRepository(REPOSITORY);
    const image = await cloud.ecr.pushImage(REPOSITORY, { content: 'child' });
    await cloud.ecr.pushIndex(REPOSITORY, { tag: 'v1', children: [image] });
    await cloud.inspector.report({ repository: REPOSITORY, digest: image }, CRITICAL);
    await runUntilIdle();
    cloud.faults.add({ kind: 'serverError', service: 'ecr', operation: 'BatchGetImage', times: 20 });
    await cloud.ecr.pushImage(REPOSITORY, { tag: 'v2', content: 'other' });
    await runUntilIdle();
    expect(isClosed()).toBe(true);
  });

  test('a repository that the config newly excludes opens', async () => {
    const { pushVulnerable, runUntilIdle, redeploy, isClosed } = await stage();
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    await redeploy({ aws: { repositories: { include: ['**'], exclude: ['team/*'] } } });
    expect(isClosed()).toBe(false);
  });

  test('the gate of a repository that is deleted while closed counts as open, without a failure', async () => {
    const { cloud, pushVulnerable, runUntilIdle, sweep, notified, lastDecision } = await stage();
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    await cloud.ecr.deleteRepository(REPOSITORY);
    await runUntilIdle();
    await sweep();
    expect(notified()).toEqual(['closed', 'opened']);
    expect(lastDecision()).toMatchObject({ action: 'nothing', to: 'open' });
    expect(cloud.deadLetters.messages()).toEqual([]);
  });
});
