// The use of a gate's blockers in `pullgate status`.
import { describe, expect, test } from 'vitest';
import { createUsages, usageNote } from '../../../cli/status/usage.ts';
import { sumUsage } from '../../../shared/gate/usage.ts';
import { blocker, digest, GATE, present } from '../../shared/samples.ts';

describe('the use of the blockers of a gate', () => {
  const record = {
    gate: GATE,
    blockers: [
      blocker({ digest: digest(1), usage: { inUseCount: 1 } }),
      blocker({ digest: digest(2), usage: { inUseCount: 2 } }),
      blocker({ digest: digest(3), usage: { inUseCount: 4 }, inactive: { at: '2026-06-15T12:00:00Z', why: 'gone' } }),
    ],
    omittedBlockers: 2,
  };

  test('is that of its record', () => {
    expect(createUsages().of(record)).toMatchObject({ images: 4, inUse: 2, workloads: 3, unknown: 2 });
  });

  test('is that of the observation, of the same repository, if there is one', () => {
    const usages = createUsages();
    const image = present({ digest: digest(1), usage: { inUseCount: 10 } });
    usages.see({ gate: { ...GATE, repository: 'other' }, images: [{ ...image, usage: { inUseCount: 99 } }] });
    usages.see({
      gate: GATE,
      images: [image, present({ digest: digest(2) }), { digest: digest(3), presence: 'gone' }],
    });
    expect(usages.of(record)).toMatchObject({ images: 4, inUse: 2, workloads: 12, unknown: 2 });
    const gate = { ...GATE, digest: digest(1) };
    expect(usages.of({ gate, blockers: [blocker()], omittedBlockers: 0 })).toMatchObject({ images: 1, workloads: 10 });
  });

  test('is not given if it has no blocker', () => {
    expect(createUsages().of({ ...record, blockers: [], omittedBlockers: 0 })).toBeUndefined();
    expect(usageNote('aws', undefined, true)).toBeUndefined();
  });

  test.each([
    ['aws', true, { inUseCount: 2 }, 'in use by 2 ECS tasks or EKS pods'],
    ['azure', true, { inUseCount: 2 }, 'in use by 2 workloads'],
    ['aws', false, { inUseCount: 2 }, 'when last recorded: in use by 2 ECS tasks or EKS pods'],
    ['aws', false, undefined, 'whether it runs is not known'],
  ] as const)('on %s, observed: %s, %j: %s', (cloud, isLive, usage, text) => {
    expect(usageNote(cloud, sumUsage([usage]), isLive)).toBe(text);
  });
});
