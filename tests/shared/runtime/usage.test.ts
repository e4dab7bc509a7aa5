// The usage line of an invocation: it counts every call exactly once.
import { expect, it } from 'vitest';
import { createUsage } from '../../../shared/runtime/usage.ts';

it('counts the calls by service since the previous line', () => {
  const usage = createUsage();
  for (const service of ['ecr', 'sqs', 'ecr']) usage.count(service);
  expect(usage.takeLine({ messages: 2 })).toEqual({
    kind: 'usage',
    messages: 2,
    allCalls: 3,
    calls: { ecr: 2, sqs: 1 },
  });
  usage.count('sns');
  expect([usage.takeLine(), usage.takeLine()]).toEqual([
    { kind: 'usage', allCalls: 1, calls: { sns: 1 } },
    { kind: 'usage', allCalls: 0, calls: {} },
  ]);
});
