// A blocked fix is looked for while images disappear.
import { expect, it } from 'vitest';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import { digest, GATE, hoursLater, rules } from '../samples.ts';
import { violating } from './reconciling.ts';

it('an index that was deleted after it was listed is no fix, and an older fix is found', async () => {
  const world = await violating(true);
  const { images } = world.repository();
  images.set(digest(5), { tags: ['1.5'], pushedAt: hoursLater(-2), scan: { kind: 'finished', at: hoursLater(-1) } });
  images.set(digest(6), { tags: ['1.6'], pushedAt: hoursLater(-1), children: [digest(5)] });
  const fixes = { ...world.ports.fixes, childrenOf: async () => new Map() };
  const sweep = { gate: GATE, scope: 'all', triggers: ['sweep'], namedReports: [] } as const;
  await reconcile(sweep, rules(), { ...world.ports, fixes });
  expect(world.record(GATE)?.remedy?.blocked?.fix.digest).toBe(digest(5));
});
