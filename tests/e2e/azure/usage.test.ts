// The last pulls in the notices, with `azure.pullLogs`. They close and open nothing, and nothing waits for them.
import { describe, expect, test } from 'vitest';
import type { Call } from '../../../local/azure/calls.ts';
import { minute } from '../../../shared/report/times.ts';
import { MINUTE, REPOSITORY, type Stage, stage } from './stage.ts';

const LOGGING = { azure: { pullLogs: true } };
/** Does the call query the pulls? */
const isOfPulls = ({ input }: Call) => String(input['query']).includes('ContainerRegistryRepositoryEvents');
const UNKNOWN = '    Whether it runs is not known.';

/** The lines of all mails. */
function linesOf({ cloud }: Stage): readonly string[] {
  return cloud.mails.flatMap(({ plainText = '' }) => plainText.split('\n'));
}

/** Pulls an image that was pushed now, and waits until the workspace has the row. */
async function pulled(s: Stage, tag: string, wait = 5 * MINUTE): Promise<string> {
  const at = s.cloud.clock.now().toISOString();
  expect(await s.pull(tag)).toBe('pulled');
  await s.cloud.advance(wait);
  return at;
}

describe('the notice of a closing', () => {
  test('says when the image was last pulled', async () => {
    const s = await stage(LOGGING);
    const image = s.push('v1');
    s.push('v2');
    await pulled(s, 'v1', 2 * MINUTE);
    const at = await pulled(s, 'v1');
    await pulled(s, 'v2');
    await s.report(image);
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled']);
    expect(linesOf(s)).toContain(`    Whether it runs is not known; last pull recorded at ${minute(at)}.`);
  });

  test.each([
    ['never', LOGGING, false],
    ['in a registry whose pulls are not logged', {}, true],
  ])('says that nothing is known of an image that was pulled %s', async (_when, config, isPulled) => {
    const s = await stage(config);
    const image = s.push('v1');
    if (isPulled) await pulled(s, 'v1');
    await s.report(image);
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled']);
    expect(linesOf(s)).toContain(UNKNOWN);
  });

  test('is sent without pulls if they cannot be read, and the gate closes all the same', async () => {
    const s = await stage(LOGGING);
    const image = s.push('v1');
    await pulled(s, 'v1');
    await s.report(image);
    s.cloud.faults.add({ kind: 'error', status: 403, code: 'Denied', message: 'no', where: isOfPulls });
    await s.runUntilIdle();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled']);
    expect(linesOf(s)).toContain(UNKNOWN);
    expect(s.lines('pulls')).toMatchObject([{ error: expect.stringContaining('403') }]);
    expect(s.lines('failed')).toEqual([]);
  });

  test('of an image that is gone says when it was pulled', async () => {
    const s = await stage(LOGGING);
    const image = s.push('v1');
    const at = await pulled(s, 'v1');
    await s.report(image);
    await s.runUntilIdle();
    s.registry.delete(REPOSITORY, image.digest);
    await s.sweep();
    expect(linesOf(s)).toContainEqual(
      expect.stringContaining(`Whether it runs is not known; last pull recorded at ${minute(at)}.`),
    );
  });
});

test('one query reads the pulls of all images that a sweep closes', async () => {
  const s = await stage({ ...LOGGING, mode: 'audit' });
  const images = ['v1', 'v2', 'v3'].map((tag) => s.push(tag));
  const at = await pulled(s, 'v2');
  for (const image of images) await s.report(image);
  await s.runUntilIdle();
  await s.tick();
  s.cloud.mails.splice(0);
  let queries = 0;
  s.cloud.calls.before((call) => {
    if (isOfPulls(call)) queries += 1;
  });
  await s.redeploy(LOGGING);
  await s.tick();
  expect((await s.world()).locked).toHaveLength(3);
  expect(queries).toBe(1);
  const lines = linesOf(s).filter((line) => line.includes('Whether it runs'));
  expect(lines.toSorted()).toEqual(
    [UNKNOWN, UNKNOWN, `    Whether it runs is not known; last pull recorded at ${minute(at)}.`].toSorted(),
  );
});
