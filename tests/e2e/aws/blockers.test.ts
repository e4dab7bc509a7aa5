// Who holds a gate: deleted, returning, untagged and nested images. The rows of the case table about blockers.
import { describe, expect, test } from 'vitest';
import { CRITICAL, DAY, REPOSITORY, stage } from './stage.ts';

describe('blockers', () => {
  test('the blocker is deleted, another blocker remains; then none: stays closed; opens', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, notified } = await stage();
    const { digest: first } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    const { digest: second } = await pushVulnerable(REPOSITORY, 'v2', CRITICAL);
    await runUntilIdle();
    await cloud.ecr.deleteImage(REPOSITORY, first);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    await cloud.ecr.deleteImage(REPOSITORY, second);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    expect(notified()).toEqual(['closed', 'opened']);
  });

  test('the deleted blocker is pushed again (same digest) within 30 days: closes again, without a new scan', async () => {
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
    expect(notified()).toEqual(['closed', 'opened', 'closed']);
  });

  test('the deleted blocker is pushed again after 30 days: it is a new image, and waits for its scan', async () => {
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

  test('50 signatures, attestations and expired images beside one blocker that is deleted: opens, they hold nothing', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, pull } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    for (let number = 0; number < 50; number++) {
      if (number % 2 === 0) {
        await cloud.ecr.pushArtifact(REPOSITORY, {
          subject: digest,
          artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
          content: `signature ${number}`,
        });
      } else {
        const old = await cloud.ecr.pushImage(REPOSITORY, { tag: `old-${number}`, content: `old ${number}` });
        cloud.inspector.cover({
          repository: REPOSITORY,
          digest: old,
          statusCode: 'INACTIVE',
          reason: 'SCAN_ELIGIBILITY_EXPIRED',
        });
      }
    }
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    expect(await pull('old-1')).toBe('pulled');
  });

  test('tag moved to a clean image, the blocker untagged, images: tagged: opens, and says what is still pullable', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, notified } = await stage();
    const { digest: vulnerable } = await pushVulnerable(REPOSITORY, 'latest', CRITICAL);
    await runUntilIdle();
    const fixed = await cloud.ecr.pushImage(REPOSITORY, { tag: 'latest', content: 'fixed' });
    cloud.inspector.scanned(REPOSITORY, fixed);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    expect(notified()).toEqual(['closed', 'opened']);
    expect(cloud.notices.at(-1)?.message).toContain(
      `Still pullable, although it has findings:\n  ${vulnerable} (latest) with CVE-2026-1001: it does not count, since no tag leads to it or the config leaves its repository out.`,
    );
  });

  test('the same with images: all: stays closed', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed } = await stage({ policy: { images: 'all' } });
    await pushVulnerable(REPOSITORY, 'latest', CRITICAL);
    await runUntilIdle();
    await cloud.ecr.pushImage(REPOSITORY, { tag: 'latest', content: 'fixed' });
    await runUntilIdle();
    expect(isClosed()).toBe(true);
  });

  test('vulnerable child of a tagged index: closes; once the tag leaves the index: opens', async () => {
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

  test('vulnerable child of an index in a tagged index: closes', async () => {
    const { cloud, runUntilIdle, isClosed } = await stage();
    cloud.ecr.createRepository(REPOSITORY);
    const image = await cloud.ecr.pushImage(REPOSITORY, { content: 'deep' });
    const inner = await cloud.ecr.pushIndex(REPOSITORY, { children: [image] });
    await cloud.ecr.pushIndex(REPOSITORY, { tag: 'v1', children: [inner] });
    await cloud.inspector.report({ repository: REPOSITORY, digest: image }, CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
  });

  test('an untagged vulnerable image becomes the child of a tagged index: closes with the push of the index', async () => {
    const { cloud, runUntilIdle, isClosed } = await stage();
    cloud.ecr.createRepository(REPOSITORY);
    const image = await cloud.ecr.pushImage(REPOSITORY, { content: 'promoted' });
    await cloud.inspector.report({ repository: REPOSITORY, digest: image }, CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    await cloud.ecr.pushIndex(REPOSITORY, { tag: 'v1', children: [image] });
    await runUntilIdle();
    expect(isClosed()).toBe(true);
  });

  test('the tag goes from a bad image to a good one, and back: closed, open, closed', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed, notified } = await stage();
    const { digest: bad } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    const good = await cloud.ecr.pushImage(REPOSITORY, { tag: 'v1', content: 'good' });
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    await cloud.ecr.tag(REPOSITORY, 'v1', bad);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    await cloud.ecr.tag(REPOSITORY, 'v1', good);
    await runUntilIdle();
    expect(notified()).toEqual(['closed', 'opened', 'closed', 'opened']);
  });

  test('the deleted blocker is pushed again, and its coverage from before is still there: closes again', async () => {
    const { cloud, pushVulnerable, runUntilIdle, isClosed } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    cloud.clock.advance(DAY);
    cloud.inspector.scanned(REPOSITORY, digest);
    cloud.clock.advance(DAY);
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await cloud.inspector.closeAllOf(REPOSITORY, digest);
    await runUntilIdle();
    await cloud.ecr.pushImage(REPOSITORY, { tag: 'v1', content: `${REPOSITORY}:v1` });
    await runUntilIdle();
    expect(isClosed()).toBe(true);
  });

  test('ECR does not give the index: nothing opens, and the message comes back', async () => {
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

  test('an untagged vulnerable image that no index leads to: holds nothing, until it is tagged', async () => {
    const { cloud, runUntilIdle, isClosed } = await stage();
    cloud.ecr.createRepository(REPOSITORY);
    const digest = await cloud.ecr.pushImage(REPOSITORY, { content: 'untagged' });
    await cloud.inspector.report({ repository: REPOSITORY, digest }, CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(false);
    await cloud.ecr.tag(REPOSITORY, 'v1', digest);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
  });

  test('a repository that the config leaves out from now on: opens', async () => {
    const { pushVulnerable, runUntilIdle, redeploy, isClosed } = await stage();
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    await redeploy({ aws: { repositories: { include: ['**'], exclude: ['team/*'] } } });
    expect(isClosed()).toBe(false);
  });

  test('the repository is deleted while it is closed: nothing fails, and the gate counts as open', async () => {
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
