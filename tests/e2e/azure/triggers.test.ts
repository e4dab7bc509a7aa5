// One case for each trigger that Azure has, from Defender to the pull: the deployed bundle on the real protocols. The
// repository has a name that only ACR's own rules allow. Pushes and deletions send no event to pullgate.
import { expect, test } from 'vitest';
import type { FunctionTrigger } from '../../../shared/reconcile/trigger.ts';
import { HOUR, type Image, MINUTE, type Stage, stage } from './stage.ts';

const NAME = 'team---shop/check__out';

interface Case {
  readonly name: string;
  /** Brings the gate to the point at which the trigger is the only thing missing, then triggers. */
  readonly happens: (stage: Stage) => Promise<Image>;
  readonly action: 'closed' | 'restored';
}

const CASES: Readonly<Record<Extract<FunctionTrigger, 'finding' | 'sweep' | 'tick' | 'lock'>, Case>> = {
  finding: {
    name: 'an event from Defender closes the gate',
    async happens(s) {
      const image = s.push('v1', NAME);
      await s.report(image);
      expect(await s.pull('v1', NAME)).toBe('pulled');
      return image;
    },
    action: 'closed',
  },
  sweep: {
    name: 'a sweep closes the gate if the event is lost',
    async happens(s) {
      // The first sweep of a stack is one for new settings.
      await s.sweep();
      s.cloud.faults.addToBus({ kind: 'lose' });
      const image = s.push('v1', NAME);
      await s.report(image);
      await s.runUntilIdle();
      expect((await s.world()).locked).toEqual([]);
      await s.sweep();
      return image;
    },
    action: 'closed',
  },
  tick: {
    name: 'a tick closes the gate once the brake admits it',
    async happens(s) {
      await s.close('v1', 'team/first');
      const image = s.push('v1', NAME);
      await s.report(image);
      await s.runUntilIdle();
      expect((await s.world()).records).toMatchObject({ [`${NAME}:v1`]: 'waiting: brake' });
      await s.cloud.advance(HOUR + 5 * MINUTE);
      return image;
    },
    action: 'closed',
  },
  lock: {
    name: 'a tick restores a lock that a person has removed',
    async happens(s) {
      await s.tick();
      const image = await s.close('v1', NAME);
      s.registry.setAttributes(NAME, { readEnabled: true }, { digest: image.digest });
      expect(await s.pull('v1', NAME)).toBe('pulled');
      await s.cloud.advance(10 * MINUTE);
      return image;
    },
    action: 'restored',
  },
};

const rows = Object.entries(CASES).map(([trigger, one]) => ({ trigger, ...one }));

test.each(rows)('$trigger: $name', async ({ trigger, happens, action }) => {
  const s = await stage({ maxClosesPerHour: 1 });
  const image = await happens(s);
  await s.runUntilIdle();
  expect(s.lastDecision(image)).toMatchObject({ action, triggers: [trigger] });
  await s.tick();
  const { locked, records, notified, poison } = await s.world();
  expect([locked.includes(`${NAME}:v1 readEnabled`), records[`${NAME}:v1`]]).toEqual([true, 'closed']);
  expect([notified.at(-1), poison]).toEqual([`${action === 'closed' ? action : 'closed again'} ${NAME}:v1`, []]);
  expect(await s.pull('v1', NAME)).toBe('refused');
});
