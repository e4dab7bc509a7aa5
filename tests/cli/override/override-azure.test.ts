// Tests overrides and releases of single gates with the real commands against the local Azure, as an operator with only
// the roles that the commands need.
import { expect, test } from 'vitest';
import { MINUTE, REPOSITORY, stage } from '../../e2e/azure/stage.ts';
import { outputsOf, pullgate } from '../command.ts';
import { asAzureOperator, leastToOpenOnAzure } from '../command-azure.ts';

const HOST = 'acmeimages.azurecr.io';
const ORDER = ['--for', '30m', '--reason', 'the shop is down', '--approved-by', 'Grace'];

test('override open, close and clear, and release, print, change and notify one image', {
  timeout: 60_000,
}, async () => {
  const s = await stage();
  const bad = await s.close('v1');
  const good = s.push('v2');
  const foreign = s.push('v3');
  s.registry.setAttributes(REPOSITORY, { readEnabled: false }, { digest: foreign.digest });
  const environment = asAzureOperator(s.cloud, Object.values(leastToOpenOnAzure(s.graph)));
  const outputs = outputsOf(s.graph);
  const run = (...args: readonly string[]) => pullgate([...args, '--outputs', outputs], environment);
  const LOCKED_BY_OTHERS = 'team/app:v3 readEnabled';

  const opened = await run('override', 'open', `${HOST}/team/app:v1`, ...ORDER);
  expect([opened.code, opened.stderr, await s.pull('v1')]).toEqual([0, '', 'pulled']);
  expect(opened.stdout).toContain(`  opened  team/app@${bad.digest}  was closed; 1 blocker\n`);
  const closed = await run('override', 'close', `${HOST}/team/app@${good.digest}`, ...ORDER);
  expect([closed.code, await s.pull('v2')]).toEqual([0, 'refused']);
  expect(await run('override', 'open', `${HOST}/team/app:v3`, ...ORDER)).toEqual({
    code: 2,
    stdout: '',
    stderr: `pullgate: team/app@${foreign.digest} has a lock that pullgate did not set and does not change: remove the lock yourself\n`,
  });
  expect(await s.world()).toMatchObject({
    locked: ['team/app:v2 readEnabled', LOCKED_BY_OTHERS],
    records: { 'team/app:v1': 'waiting: override', 'team/app:v2': 'closed' },
    notified: ['closed team/app:v1', 'open by override team/app:v1', 'closed by override team/app:v2'],
  });

  const resumed = await run('override', 'clear', `${HOST}/team/app:v1`, '--json');
  expect([resumed.code, JSON.parse(resumed.stdout).gates]).toEqual([
    0,
    [
      {
        registry: bad.registry,
        repository: REPOSITORY,
        digest: bad.digest,
        before: {
          state: 'open, waiting: an override is in force',
          blockers: 1,
          override: expect.objectContaining({ kind: 'open', reason: 'the shop is down' }),
        },
        action: 'restored',
        state: 'closed',
      },
    ],
  ]);
  const released = await run('release', `${HOST}/team/*`, '--yes', '--json');
  expect([released.code, JSON.parse(released.stdout)]).toEqual([
    0,
    {
      stack: 'dev',
      dryRun: false,
      paused: false,
      gates: expect.arrayContaining(
        [bad, good].map(({ registry, repository, digest }) => ({
          registry,
          repository,
          digest,
          was: 'closed',
          action: 'opened',
        })),
      ),
    },
  ]);
  expect((await s.world()).locked).toEqual([LOCKED_BY_OTHERS]);
  await s.sweep();
  expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled', LOCKED_BY_OTHERS]);

  // The fix is pushed under the same tag. The override belongs to the old image, and can be cleared by the tag and by
  // the name that `open` printed.
  const named = `${HOST}/team/app@${bad.digest}`;
  const again = await run('override', 'open', `${HOST}/team/app:v1`, ...ORDER);
  expect(again.stdout).toContain(`\nTo end it earlier: pullgate override clear ${named}\n`);
  s.push('v1');
  const moved = await run('override', 'clear', `${HOST}/team/app:v1`);
  expect([moved.code, moved.stderr]).toEqual([0, '']);
  expect(moved.stdout).toContain(`  closed  team/app@${bad.digest}  was waiting; 1 blocker\n      before: `);
  expect(moved.stdout).toContain(`\n${HOST}/team/app:v1 now refers to another image, which has no override`);
  expect(await s.pull(bad.digest)).toBe('refused');

  // After the image is deleted, its override can still be cleared by its name.
  await run('override', 'open', named, ...ORDER);
  s.registry.delete(REPOSITORY, bad.digest);
  const gone = await run('override', 'clear', named);
  expect([gone.code, gone.stderr]).toEqual([0, '']);
  expect(gone.stdout).toContain(`\n${named} is no longer in the registry.\n`);
  expect(gone.stdout).toContain(`  is gone  team/app@${bad.digest}  was waiting; 1 blocker\n`);
  expect((await s.record(bad))?.override).toMatchObject({ order: { endedBy: expect.any(String) } });
  expect(await run('override', 'clear', named)).toEqual({
    code: 2,
    stdout: '',
    stderr: `pullgate: ${named}: the registry has no such image\n`,
  });
  // One tick handles the beginning of the override, and the next one its end.
  for (let ticks = 0; ticks < 2; ticks++) {
    s.cloud.clock.advance(MINUTE);
    await s.tick();
  }
  expect((await s.record(bad))?.override).toBeUndefined();
});
