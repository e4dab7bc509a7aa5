// One case for each trigger, from the cloud's event to the pull: the deployed bundle on the real protocols. The
// repository has a name that only ECR's own rules allow.
import { expect, test } from 'vitest';
import type { FunctionTrigger } from '../../../shared/reconcile/trigger.ts';
import { CRITICAL, HOUR, type Stage, stage } from './stage.ts';

const NAME = 'team---shop/check__out';
const MINUTE = 60_000;

interface Case {
  readonly name: string;
  /** Brings the gate to the point at which the trigger is the only thing missing, then triggers. */
  readonly happens: (stage: Stage) => Promise<void>;
  readonly action: 'closed' | 'opened';
}

/** Pushes a vulnerable image, and loses every event about it. */
async function pushUnheard({ cloud, pushVulnerable, runUntilIdle }: Stage): Promise<string> {
  cloud.faults.addToBus({ kind: 'lose' });
  const { digest } = await pushVulnerable(NAME, 'v1', CRITICAL);
  await runUntilIdle();
  cloud.faults.clear();
  return digest;
}

const CASES: Readonly<Record<FunctionTrigger, Case>> = {
  finding: {
    name: 'an Inspector finding closes the gate',
    async happens({ cloud, pushVulnerable, runUntilIdle, pull }) {
      const { digest } = await pushVulnerable(NAME, 'v1');
      await runUntilIdle();
      expect(await pull('v1', NAME)).toBe('pulled');
      await cloud.inspector.report({ repository: NAME, digest }, CRITICAL);
    },
    action: 'closed',
  },
  scan: {
    name: 'a finished scan closes the gate if the finding event is lost',
    async happens(s) {
      const digest = await pushUnheard(s);
      await s.cloud.inspector.reportScanComplete(NAME, digest);
    },
    action: 'closed',
  },
  push: {
    name: 'a push closes the gate if the finding event is lost',
    async happens(s) {
      const digest = await pushUnheard(s);
      await s.cloud.ecr.tag(NAME, 'v2', digest);
    },
    action: 'closed',
  },
  delete: {
    name: 'the deletion of the image opens the gate',
    async happens({ cloud, pushVulnerable, runUntilIdle }) {
      const { digest } = await pushVulnerable(NAME, 'v1', CRITICAL);
      await runUntilIdle();
      await cloud.ecr.pushImage(NAME, { tag: 'v2' });
      await runUntilIdle();
      await cloud.ecr.deleteImage(NAME, digest);
    },
    action: 'opened',
  },
  sweep: {
    name: 'a sweep closes the gate if every event is lost',
    async happens(s) {
      await pushUnheard(s);
      await s.sweep();
    },
    action: 'closed',
  },
  settings: {
    name: 'a sweep with new settings closes the gate if every event is lost',
    async happens(s) {
      await pushUnheard(s);
      await s.redeploy({ maxClosesPerHour: 2 });
    },
    action: 'closed',
  },
  tick: {
    name: 'a tick closes the gate once the brake admits it',
    async happens({ cloud, pushVulnerable, runUntilIdle }) {
      await pushVulnerable('team/first', 'v1', CRITICAL);
      await runUntilIdle();
      await pushVulnerable(NAME, 'v1', CRITICAL);
      await runUntilIdle();
      await cloud.advance(HOUR + 5 * MINUTE);
    },
    action: 'closed',
  },
};

const rows = Object.entries(CASES).map(([trigger, one]) => ({ trigger, ...one }));

test.each(rows)('$trigger: $name', async ({ trigger, happens, action }) => {
  const s = await stage({ maxClosesPerHour: 1 });
  await happens(s);
  await s.runUntilIdle();
  expect(s.lastDecision(NAME)).toMatchObject({ action, triggers: [trigger] });
  expect(s.notified(NAME).at(-1)).toBe(action);
  expect(await s.pull(action === 'closed' ? 'v1' : 'v2', NAME)).toBe(action === 'closed' ? 'refused' : 'pulled');
  expect(s.cloud.deadLetters.messages()).toEqual([]);
});
