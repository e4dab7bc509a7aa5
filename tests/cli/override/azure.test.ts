// Orders by hand and releases of single gates, by the real command against the local Azure, as an operator with the least roles.
import { expect, test } from 'vitest';
import { MINUTE, REPOSITORY, stage } from '../../e2e/azure/stage.ts';
import { outputsOf, pullgate } from '../command.ts';
import { asAzureOperator, leastToReleaseOnAzure } from '../command-azure.ts';

const HOST = 'acmeimages.azurecr.io';
const ORDER = ['--for', '30m', '--reason', 'the shop is down', '--approved-by', 'Grace'];

test('open, close, resume and release of one image: what each shows, changes and tells', {
  timeout: 60_000,
}, async () => {
  const s = await stage();
  const bad = await s.close('v1');
  const good = s.push('v2');
  const foreign = s.push('v3');
  s.registry.setAttributes(REPOSITORY, { readEnabled: false }, { digest: foreign.digest });
  const environment = asAzureOperator(s.cloud, Object.values(leastToReleaseOnAzure(s.graph)));
  const outputs = outputsOf(s.graph);
  const run = (...args: readonly string[]) => pullgate([...args, '--outputs', outputs], environment);
  const LOCKED_BY_OTHERS = 'team/app:v3 readEnabled';

  const opened = await run('open', `${HOST}/team/app:v1`, ...ORDER);
  expect([opened.code, opened.stderr, await s.pull('v1')]).toEqual([0, '', 'pulled']);
  expect(opened.stdout).toContain(`  opened  team/app@${bad.digest}  was closed; 1 image holds it\n`);
  const closed = await run('close', `${HOST}/team/app@${good.digest}`, ...ORDER);
  expect([closed.code, await s.pull('v2')]).toEqual([0, 'refused']);
  expect(await run('open', `${HOST}/team/app:v3`, ...ORDER)).toEqual({
    code: 2,
    stdout: '',
    stderr: `pullgate: somebody else has locked team/app@${foreign.digest}, and pullgate leaves that lock alone: take it away yourself\n`,
  });
  expect(await s.world()).toMatchObject({
    locked: ['team/app:v2 readEnabled', LOCKED_BY_OTHERS],
    records: { 'team/app:v1': 'waiting: byHand', 'team/app:v2': 'closed' },
    told: ['closed team/app:v1', 'open by hand team/app:v1', 'closed by hand team/app:v2'],
  });

  const resumed = await run('resume', `${HOST}/team/app:v1`, '--json');
  expect([resumed.code, JSON.parse(resumed.stdout).gates]).toEqual([
    0,
    [
      {
        registry: bad.registry,
        repository: REPOSITORY,
        digest: bad.digest,
        before: {
          state: 'open, waiting: somebody keeps it open by hand for a while',
          heldBy: 1,
          byHand: expect.objectContaining({ kind: 'open', reason: 'the shop is down' }),
        },
        done: 'closed',
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
          done: 'opened',
        })),
      ),
    },
  ]);
  expect((await s.world()).locked).toEqual([LOCKED_BY_OTHERS]);
  await s.sweep();
  expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled', LOCKED_BY_OTHERS]);

  // The fix is pushed under the same tag: what was ordered is the old image's, and ends by the tag as well as by what `open` said.
  const named = `${HOST}/team/app@${bad.digest}`;
  const again = await run('open', `${HOST}/team/app:v1`, ...ORDER);
  expect(again.stdout).toContain(` To end it before: pullgate resume ${named}\n`);
  s.push('v1');
  const moved = await run('resume', `${HOST}/team/app:v1`);
  expect([moved.code, moved.stderr]).toEqual([0, '']);
  expect(moved.stdout).toContain(`  closed  team/app@${bad.digest}  was waiting; 1 image holds it\n      until now: `);
  expect(moved.stdout).toContain(`\n${HOST}/team/app:v1 leads to another image now, for which nobody has ordered`);
  expect(await s.pull(bad.digest)).toBe('refused');

  // Once the image is gone, its order still ends by its name.
  await run('open', named, ...ORDER);
  s.registry.delete(REPOSITORY, bad.digest);
  const gone = await run('resume', named);
  expect([gone.code, gone.stderr]).toEqual([0, '']);
  expect(gone.stdout).toContain(`\n${named} is not in the registry any more.\n`);
  expect(gone.stdout).toContain(`  is gone  team/app@${bad.digest}  was waiting; 1 image holds it\n`);
  expect((await s.record(bad))?.byHand).toMatchObject({ endedBy: expect.any(String) });
  expect(await run('resume', named)).toEqual({
    code: 2,
    stdout: '',
    stderr: `pullgate: ${named}: the registry has no such image\n`,
  });
  // The function hears of the order first, and then of its end.
  for (let ticks = 0; ticks < 2; ticks++) {
    s.cloud.clock.advance(MINUTE);
    await s.tick();
  }
  expect((await s.record(bad))?.byHand).toBeUndefined();
});
