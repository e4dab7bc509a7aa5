// Undo on Azure, by the real command against the local cloud: what it shows, what it asks, what it opens, and that locks of others stay.
import { describe, expect, test } from 'vitest';
import { HOUR, type Image, REPOSITORY, stage } from '../../e2e/azure/stage.ts';
import { runOn } from '../command-azure.ts';

const WORST = '1 image, worst: CVE-2026-1001 (critical, inherited from the report) in openssl 3.0.13: fixed in 3.0.14.';
const SAFE =
  /\nEverything that this stack had closed is open[.] What its function had begun before the pause may still close a gate:\nbefore `pulumi destroy`, wait a few minutes and run this command once more[.]\n$/;
const nameOf = ({ repository, digest }: Image) => `${repository}@${digest}`;

/** Two closed images, one that somebody else has locked, and one that waits for the brake. */
async function twoClosedTwoWaiting() {
  const s = await stage({ maxClosesPerHour: 2 });
  const alone = await s.close('v1', 'team/alone');
  const first = await s.close('v1');
  const foreign = s.push('v2');
  s.registry.setAttributes(REPOSITORY, { readEnabled: false, writeEnabled: false }, { digest: foreign.digest });
  await s.report(foreign);
  await s.settle();
  await s.close('v1', 'team/braked');
  return { s, alone, first, foreign, ...runOn(s) };
}

const FOREIGN_LOCK = 'team/app:v2 writeEnabled readEnabled';
const CLOSED = { 'team/alone:v1': 'closed', 'team/app:v1': 'closed' };
const WAITING = { 'team/app:v2': 'waiting: lockedByOthers', 'team/braked:v1': 'waiting: brake' };
const PAUSED = { 'team/alone:v1': 'waiting: pause', 'team/app:v1': 'waiting: pause' };

describe('release --all', () => {
  test('without a terminal and without --yes it shows what it would do, changes nothing and exits with 2', async () => {
    const { s, alone, first, run } = await twoClosedTwoWaiting();
    const before = await s.world();
    expect(before.locked).toEqual(['team/alone:v1 readEnabled', 'team/app:v1 readEnabled', FOREIGN_LOCK]);
    const { code, stdout, stderr } = await run('release --all');
    expect(stdout).toBe(`The stack dev keeps 2 images closed. To be opened, whatever is inside:

  ${nameOf(alone)}  closed since 2026-03-02 09:00 UTC  ${WORST}
  ${nameOf(first)}    closed since 2026-03-02 09:00 UTC  ${WORST}

Not closed by this stack, and will stay so although the policy names them: 2 images.

Nothing was changed: nobody answered. In a script, say --yes.
`);
    expect([code, stderr]).toEqual([2, '']);
    expect(await s.world()).toEqual(before);
  });

  test('with --yes its images open, the lock of somebody else stays, records say so, people are told once each', async () => {
    const { s, run } = await twoClosedTwoWaiting();
    const before = await s.world();
    expect(before.records).toEqual({ ...CLOSED, ...WAITING });
    const { code, stdout, stderr } = await run('release --all --yes');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('\nThe stack dev is paused: it closes nothing until `pullgate resume`.\n');
    expect(stdout.match(/\[\d\/2\] {2}opened {4}team\/a/g)).toHaveLength(2);
    expect(stdout).toMatch(SAFE);
    const { locked, records, told } = await s.world();
    expect(locked).toEqual([FOREIGN_LOCK]);
    expect(records).toEqual({ ...PAUSED, ...WAITING });
    expect(told.slice(before.told.length).toSorted()).toEqual(['opened team/alone:v1', 'opened team/app:v1']);
    expect(await s.pull('v1')).toBe('pulled');
    expect(await s.pull('v1', 'team/alone')).toBe('pulled');
  });

  test('a second run is a no-op and exits with 0', async () => {
    const { s, run } = await twoClosedTwoWaiting();
    await run('release --all --yes');
    const before = await s.world();
    s.cloud.calls.reset();
    const { code, stdout, stderr } = await run('release --all');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^The stack dev keeps no gate closed[.]\n/);
    expect(stdout).toMatch(/: there is nothing to do[.] It is safe to run `pulumi destroy` now[.]\n$/);
    expect(await s.world()).toEqual(before);
    expect(Object.keys(s.cloud.calls.count()).toSorted()).toEqual(['table:Get', 'table:Query']);
  });

  test('events and sweeps close nothing until `resume`; after it and a tick the images close again', async () => {
    const s = await stage();
    const { run } = runOn(s);
    await s.close('v1');
    await run('release --all --yes');
    await s.close('v2');
    await s.sweep();
    await s.cloud.advance(HOUR);
    expect((await s.world()).locked).toEqual([]);
    expect(await run('resume')).toEqual({
      code: 0,
      stdout:
        'The stack dev is awake again: within five minutes it looks at everything, and closes what its policy names.\n',
      stderr: '',
    });
    await s.tick();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled', 'team/app:v2 readEnabled']);
    expect((await run('resume')).stdout).toBe('The stack dev is not paused: there is nothing to do.\n');
  });

  test('a repository that is closed as a whole opens, with its good images', async () => {
    const s = await stage({ azure: { granularity: 'repository' } });
    const { run } = runOn(s);
    s.push('v0');
    await s.close('v1');
    expect([(await s.world()).locked, await s.pull('v0')]).toEqual([['team/app readEnabled'], 'refused']);
    const { code, stdout } = await run('release --all --yes');
    expect(code).toBe(0);
    expect(stdout).toContain(
      'The stack dev keeps 1 repository closed. To be opened, whatever is inside:\n\n  team/app  closed',
    );
    expect(await s.world()).toMatchObject({ locked: [], records: { 'team/app': 'waiting: pause' } });
    expect([await s.pull('v0'), await s.pull('v1')]).toEqual(['pulled', 'pulled']);
  });
});
