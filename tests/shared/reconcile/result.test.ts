// The result for the messages of a request: done, retried or dead-lettered.
import { expect, it } from 'vitest';
import { digest, GATE, hoursLater } from '../samples.ts';
import { reconcileOnce, resultOnce, violating } from './reconciling.ts';
import type { World } from './world.ts';

/** A world in which notices cannot be sent. */
async function speechless(): Promise<World> {
  const world = await violating();
  world.around = (call, when) => {
    if (call === 'notify' && when === 'before') throw new Error('no such topic');
  };
  return world;
}

it('a notice that cannot be sent stays pending for the tick, and the messages are done', async () => {
  const world = await speechless();
  expect(await resultOnce(world)).toMatchObject({
    kind: 'done',
    decision: { action: 'closed', notifyError: 'Error: no such topic' },
  });
  expect(world.record(GATE)?.pending).toHaveLength(1);
});

it('a registry that refuses to close a gate: the messages are done, because the gate waits and is notified', async () => {
  const world = await violating();
  world.repository().refuses = 'the policy is too large';
  expect(await resultOnce(world)).toMatchObject({ kind: 'done', decision: { action: 'refused' } });
});

it('a registry that refuses to open a gate dead-letters the messages', async () => {
  const world = await violating(true);
  world.repository().images.clear();
  world.repository().refuses = 'the policy is too large';
  expect(await resultOnce(world)).toMatchObject({ kind: 'deadLetter', why: 'the policy is too large' });
});

it('a scan that finished only minutes ago retries all messages', async () => {
  const world = await violating(true);
  world.repository().images.set(digest(1), { scan: { kind: 'finished', at: hoursLater(1) } });
  world.now = hoursLater(1.01);
  expect(await resultOnce(world)).toMatchObject({
    kind: 'retry',
    reports: 'all',
    decision: { to: { kind: 'closed' } },
  });
});

it('a report that the scanner does not list yet retries only the messages that named it', async () => {
  const world = await violating();
  await reconcileOnce(world);
  world.unknownReports.add('new');
  const namedReports = [{ id: 'new', digest: digest(1) }];
  expect(await resultOnce(world, { namedReports })).toMatchObject({
    kind: 'retry',
    reports: [{ id: 'new', why: 'the scanner does not list new yet', whenUsedUp: 'deadLetter' }],
  });
});

it('a reconciliation with nothing left to do is done', async () => {
  expect(await resultOnce(await violating())).toMatchObject({ kind: 'done', decision: { action: 'closed' } });
});
