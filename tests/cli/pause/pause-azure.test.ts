// Tests the real `pause` and `resume` against the local Azure: what `pause` shows, asks and opens, and that foreign
// locks stay.
import { describe, expect, test } from 'vitest';
import { HOUR, type Image, REPOSITORY, stage } from '../../e2e/azure/stage.ts';
import { breakBody } from '../../local/azure/stage.ts';
import { runOn } from '../command-azure.ts';

const WORST =
  '1 blocker, worst: CVE-2026-1001 (critical, inherited from the report) in openssl 3.0.13: fixed in 3.0.14.';
const SAFE =
  /\nEvery gate that this stack had closed is open[.]\nAn invocation that began before the pause may still close a gate until \d{4}-\d\d-\d\d \d\d:\d\d UTC[.]\nBefore `pulumi destroy`, wait until \d{4}-\d\d-\d\d \d\d:\d\d UTC and run this command again, or run `pullgate pause --wait`[.]\n$/;
const nameOf = ({ repository, digest }: Image) => `${repository}@${digest}`;

/** Two closed images, one with a foreign lock, and one that waits for the brake. */
async function twoClosedTwoWaiting() {
  const s = await stage({ maxClosesPerHour: 2 });
  const alone = await s.close('v1', 'team/alone');
  const first = await s.close('v1');
  const foreign = s.push('v2');
  s.registry.setAttributes(REPOSITORY, { readEnabled: false, writeEnabled: false }, { digest: foreign.digest });
  await s.report(foreign);
  await s.runUntilIdle();
  await s.close('v1', 'team/braked');
  // The tick sends the notices of the images that wait.
  await s.tick();
  return { s, alone, first, foreign, ...runOn(s) };
}

const FOREIGN_LOCK = 'team/app:v2 writeEnabled readEnabled';
const CLOSED = { 'team/alone:v1': 'closed', 'team/app:v1': 'closed' };
const WAITING = { 'team/app:v2': 'waiting: foreignLock', 'team/braked:v1': 'waiting: brake' };
const PAUSED = { 'team/alone:v1': 'waiting: pause', 'team/app:v1': 'waiting: pause' };

describe('pause', () => {
  test('without a terminal and --yes, it shows what it would do, changes nothing and exits with 2', async () => {
    const { s, alone, first, run } = await twoClosedTwoWaiting();
    const before = await s.world();
    expect(before.locked).toEqual(['team/alone:v1 readEnabled', 'team/app:v1 readEnabled', FOREIGN_LOCK]);
    const { code, stdout, stderr } = await run('pause');
    expect(stdout).toBe(`The stack dev keeps 2 images closed. They will be opened regardless of their findings:

  ${nameOf(alone)}  closed since 2026-03-02 09:01 UTC  ${WORST}
  ${nameOf(first)}    closed since 2026-03-02 09:03 UTC  ${WORST}

Violating the policy but not closed by this stack: 2 images. The pause does not change this.

Nothing was changed: there was no answer. In a script, use --yes.
`);
    expect([code, stderr]).toEqual([2, '']);
    expect(await s.world()).toEqual(before);
  });

  test('with --yes, its images open, the foreign lock stays, the records agree, and one notice is sent for each', async () => {
    const { s, run } = await twoClosedTwoWaiting();
    const before = await s.world();
    expect(before.records).toEqual({ ...CLOSED, ...WAITING });
    const { code, stdout, stderr } = await run('pause --yes');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toContain('\nPaused the stack dev: nothing closes until `pullgate resume`.\n');
    expect(stdout.match(/\[\d\/2\] {2}opened {4}team\/a/g)).toHaveLength(2);
    expect(stdout).toMatch(SAFE);
    const { locked, records, notified } = await s.world();
    expect(locked).toEqual([FOREIGN_LOCK]);
    expect(records).toEqual({ ...PAUSED, ...WAITING });
    expect(notified.slice(before.notified.length).toSorted()).toEqual(['opened team/alone:v1', 'opened team/app:v1']);
    expect(await s.pull('v1')).toBe('pulled');
    expect(await s.pull('v1', 'team/alone')).toBe('pulled');
  });

  test('a row that cannot be read is named with the command that unlocks its image, and the others open', async () => {
    const { s, alone, first, run } = await twoClosedTwoWaiting();
    breakBody(s.cloud.table.entities().find(({ rowKey }) => rowKey === first.digest));
    const { code, stdout, stderr } = await run('pause --yes');
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toContain(`opened    ${nameOf(alone)}\n`);
    expect(stdout).toContain(
      `REFUSED   ${nameOf(first)}\n      it is locked, and without its record it is unknown who locked it. If pullgate did, run: az acr repository update --name acmeimages --image ${nameOf(first)} --read-enabled true\n`,
    );
    expect(stdout).toMatch(/\n1 image could not be opened: .+\n\n1 record cannot be read: /);
    s.registry.setAttributes(REPOSITORY, { readEnabled: true }, { digest: first.digest });
    const again = await run('pause --yes');
    expect([again.code, again.stdout.includes(`was open  ${nameOf(first)}\n`)]).toEqual([1, true]);
  });

  test('a second run is a no-op and exits with 0', async () => {
    const { s, run } = await twoClosedTwoWaiting();
    await run('pause --yes');
    const before = await s.world();
    s.cloud.calls.reset();
    const { code, stdout, stderr } = await run('pause');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^The stack dev keeps no gate closed[.]\n/);
    expect(stdout).toMatch(
      /: there is nothing to do[.]\nAn invocation .+\nBefore `pulumi destroy`, wait until .+ UTC and run this command again, or run `pullgate pause --wait`[.]\n$/,
    );
    expect(await s.world()).toEqual(before);
    expect(Object.keys(s.cloud.calls.count()).toSorted()).toEqual(['table:Get', 'table:Query']);
  });

  test('events and sweeps close nothing until `resume`; the next tick closes the images again', async () => {
    const s = await stage();
    const { run } = runOn(s);
    await s.close('v1');
    await run('pause --yes');
    await s.close('v2');
    await s.sweep();
    await s.cloud.advance(HOUR);
    expect((await s.world()).locked).toEqual([]);
    expect(await run('resume')).toEqual({
      code: 0,
      stdout: 'Ended the pause of the stack dev. Within five minutes, the gates that violate the policy close.\n',
      stderr: '',
    });
    await s.tick();
    expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled', 'team/app:v2 readEnabled']);
    expect((await run('resume')).stdout).toBe('There is nothing to do: the stack dev is not paused.\n');
  });

  test('a closed repository opens with all its images', async () => {
    const s = await stage({ azure: { granularity: 'repository' } });
    const { run } = runOn(s);
    s.push('v0');
    await s.close('v1');
    expect([(await s.world()).locked, await s.pull('v0')]).toEqual([['team/app readEnabled'], 'refused']);
    const { code, stdout } = await run('pause --yes');
    expect(code).toBe(0);
    expect(stdout).toContain(
      'The stack dev keeps 1 repository closed. It will be opened regardless of its findings:\n\n  team/app  closed',
    );
    expect(await s.world()).toMatchObject({ locked: [], records: { 'team/app': 'waiting: pause' } });
    expect([await s.pull('v0'), await s.pull('v1')]).toEqual(['pulled', 'pulled']);
  });
});
