// The daily summary of the images that no scan judges, from Inspector's coverage to the topic.
import { expect, test } from 'vitest';
import { DAY, HOUR, REPOSITORY, stage } from './stage.ts';

test('one summary a day names the images that Inspector has not scanned for aws.unscannedHours', async () => {
  const { cloud, lines } = await stage({ aws: { unscannedHours: 12, repositories: { exclude: ['scratch/*'] } } });
  const uncover = async (repository: string, reason: string) => {
    cloud.ecr.createRepository(repository);
    const digest = await cloud.ecr.pushImage(repository, { tag: 'v1', content: repository });
    cloud.inspector.cover({ repository, digest, statusCode: 'INACTIVE', reason });
    return digest;
  };
  const digest = await uncover(REPOSITORY, 'UNSUPPORTED_OS');
  await uncover('scratch/app', 'UNSUPPORTED_OS');
  await cloud.advance(7 * HOUR);
  await uncover('team/new', 'SCAN_FREQUENCY_MANUAL');
  expect(cloud.notices).toEqual([]);

  await cloud.advance(12 * HOUR);
  expect(cloud.notices.map(({ subject, attributes }) => [subject, attributes])).toEqual([
    ['[pullgate] 1 image that no scan judges', { cloud: 'aws', change: 'unscanned', registry: '123456789012' }],
  ]);
  expect(cloud.notices[0]?.message).toContain(
    `\n  1 UNSUPPORTED_OS: Inspector does not support the operating system, the architecture or the type of the manifest; build on a supported one.\n\nWhere:\n  ${REPOSITORY}: 1 UNSUPPORTED_OS\n`,
  );

  cloud.inspector.scanned(REPOSITORY, digest);
  await cloud.advance(DAY);
  const [, second, ...others] = cloud.notices;
  expect(others).toEqual([]);
  expect(second?.message).toContain(
    "\n  1 SCAN_FREQUENCY_MANUAL: the registry's scanning rules leave the repository out; add it to continuous scanning.\n\nWhere:\n  team/new: 1",
  );
  expect(lines('failed')).toEqual([]);
});
