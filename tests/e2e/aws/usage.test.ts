// The use of images in the notices of closings. It closes and opens nothing, and costs no call.
import { describe, expect, test } from 'vitest';
import { minute } from '../../../shared/report/times.ts';
import { CRITICAL, HOUR, REPOSITORY, type Stage, stage } from './stage.ts';

/** Pushes an image that violates into an existing repository, and does not send the event of its finding. */
async function pushQuietly({ cloud }: Stage, tag: string, repository = REPOSITORY) {
  const digest = await cloud.ecr.pushImage(repository, { tag, content: `${repository}:${tag}` });
  await cloud.inspector.report({ repository, digest }, CRITICAL, { event: false });
  return digest;
}

/** The lines of the notices of closings. */
function linesOf({ cloud }: Stage): readonly string[] {
  const closings = cloud.notices.filter(({ attributes }) => attributes['change'] === 'closed');
  return closings.flatMap(({ message }) => message.split('\n'));
}

describe('the notice of a closing', () => {
  test('says by how much the blockers are in use, when they were pulled, and where the use is not known', async () => {
    const s = await stage({ mode: 'audit' });
    const { cloud, pull, isClosed, calls } = s;
    cloud.ecr.createRepository(REPOSITORY);
    const first = await pushQuietly(s, 'v1');
    const second = await pushQuietly(s, 'v2');
    await pushQuietly(s, 'v3');
    const pulledAt = cloud.clock.now().toISOString();
    expect(await pull('v1')).toBe('pulled');
    const lastInUseAt = new Date(cloud.clock.now().getTime() - HOUR);
    cloud.inspector.setUse(REPOSITORY, first, { inUseCount: 3, lastInUseAt });
    cloud.inspector.setUse(REPOSITORY, second, { inUseCount: 0 });
    await s.runUntilIdle();
    await s.redeploy({});
    expect(isClosed()).toBe(true);
    expect(linesOf(s).filter((line) => / use|runs/.test(line))).toEqual([
      `    In use by 3 ECS tasks or EKS pods, last at ${minute(lastInUseAt.toISOString())}; last pull recorded at ${minute(pulledAt)}.`,
      '    Not in use by ECS tasks or EKS pods.',
      '    Whether it runs is not known.',
      expect.stringContaining('  1 of 3 blockers is in use, by 3 ECS tasks or EKS pods, last at '),
    ]);
    expect(linesOf(s).join()).toContain('the use of 1 is not known');
    expect(calls('inspector2:GetClustersForImage')).toBe(0);
  });

  test('has the use at the closing, not that of the first observation', async () => {
    const s = await stage({ mode: 'audit' });
    s.cloud.ecr.createRepository(REPOSITORY);
    const digest = await pushQuietly(s, 'v1');
    s.cloud.inspector.setUse(REPOSITORY, digest, { inUseCount: 1 });
    await s.runUntilIdle();
    expect(s.lastDecision()).toMatchObject({ to: 'waiting: audit' });
    s.cloud.inspector.setUse(REPOSITORY, digest, { inUseCount: 7 });
    await s.redeploy({});
    expect(s.isClosed()).toBe(true);
    expect(linesOf(s)).toContain('    In use by 7 ECS tasks or EKS pods.');
  });

  test('of many gates adds up the use of all blockers', async () => {
    const s = await stage({ mode: 'audit' });
    for (let number = 0; number < 21; number++) {
      const repository = `team/app-${number}`;
      s.cloud.ecr.createRepository(repository);
      const digest = await pushQuietly(s, 'v1', repository);
      if (number < 2) s.cloud.inspector.setUse(repository, digest, { inUseCount: 2 });
    }
    await s.runUntilIdle();
    await s.redeploy({});
    expect(linesOf(s)).toContain(
      '2 of 21 blockers are in use, by 4 ECS tasks or EKS pods; the use of 19 is not known.',
    );
  });
});

test('ECR records one pull a day', async () => {
  const s = await stage({ mode: 'audit' });
  s.cloud.ecr.createRepository(REPOSITORY);
  await pushQuietly(s, 'v1');
  const first = s.cloud.clock.now().toISOString();
  for (const hours of [0, 12, 11.9]) {
    s.cloud.clock.advance(hours * HOUR);
    expect(await s.pull('v1')).toBe('pulled');
  }
  await s.redeploy({});
  expect(linesOf(s)).toContain(`    Whether it runs is not known; last pull recorded at ${minute(first)}.`);
});
