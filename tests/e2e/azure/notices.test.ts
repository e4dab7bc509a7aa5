// Changes of hundreds of gates at once: how many mails people get, and that nothing is lost while none can be sent.
import { expect, test } from 'vitest';
import { type Image, MINUTE, type Stage, stage } from './stage.ts';

const COUNT = 300;
const closedCount = (s: Stage, images: readonly Image[]) =>
  images.filter(({ repository, digest }) => !s.registry.attributes(repository, { digest }).readEnabled).length;
/** The subjects of the mails since the last call, without the prefix. */
const newSubjects = ({ cloud }: Stage) =>
  cloud.mails.splice(0).map(({ subject }) => subject.replace('[pullgate] ', ''));

test('300 images are locked while mail is refused, are unlocked at once, and open for a pause: one mail each', {
  timeout: 600_000,
}, async () => {
  const s = await stage({ maxClosesPerHour: 1_000 });
  const end = s.cloud.faults.add({ kind: 'throttle', service: 'mail', times: Number.POSITIVE_INFINITY });
  const images = Array.from({ length: COUNT }, (_, number) => s.push(`v${number}`, `team/app-${number % 10}`));
  for (const image of images) await s.report(image);
  await s.runUntilIdle();
  s.cloud.clock.advance(2 * MINUTE);
  await s.tick();
  expect([closedCount(s, images), newSubjects(s), (await s.world()).poison]).toEqual([COUNT, [], []]);
  end();
  await s.tick();
  expect(newSubjects(s)).toEqual(['300 closed']);

  for (const { repository, digest } of images) s.registry.setAttributes(repository, { readEnabled: true }, { digest });
  await s.tick();
  expect([closedCount(s, images), newSubjects(s)]).toEqual([COUNT, ['300 closed again']]);

  await s.setPause(true);
  await s.tick();
  expect([closedCount(s, images), newSubjects(s)]).toEqual([0, ['300 opened']]);
  await s.setPause(false);
  await s.tick();
  expect([closedCount(s, images), newSubjects(s)]).toEqual([COUNT, ['300 closed again']]);
});
