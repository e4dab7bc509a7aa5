// Overrides on AWS with the deployed function. The function respects an override until it ends, then closes or opens
// the gate. It notifies and logs when the override begins and when it ends.
import { afterEach, expect, test, vi } from 'vitest';
import { createAwsClient } from '../../../cli/stack/aws-client.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import type { NewOverride } from '../../../shared/gate/override.ts';
import { createRules } from '../../../shared/reconcile/rules.ts';
import { asOperator, leastToOpen, outputsOf } from '../../cli/command.ts';
import { end, give } from '../override.ts';
import { CRITICAL, HOUR, REPOSITORY, type Stage, stage } from './stage.ts';

afterEach(() => void vi.unstubAllEnvs());

const GATE = { registry: '123456789012', repository: REPOSITORY };
const MINUTE = HOUR / 60;

/** A stack, and an operator that uses the clock of the stack. */
async function stageWithOperator() {
  const s = await stage();
  for (const [name, value] of Object.entries(asOperator(s.cloud, leastToOpen(s.graph)))) vi.stubEnv(name, value);
  const { aws } = await findStack({ outputs: outputsOf(s.graph) });
  if (aws === undefined) throw new Error('the stack is on AWS');
  const now = () => s.cloud.clock.now().toISOString();
  const tools = { client: createAwsClient(aws, now), rules: createRules(aws) };
  const wish = (kind: NewOverride['kind'], hours: number): NewOverride => {
    const until = new Date(s.cloud.clock.now().getTime() + hours * HOUR).toISOString();
    return { kind, at: now(), until, reason: 'the shop is down', approvedBy: 'Grace', by: 'ada' };
  };
  const record = async () => (await tools.client.records.load(GATE)).value;
  return { s, tools, wish, now, record };
}

/** The steps of overrides in the function's log, in order. */
const steps = (s: Stage) =>
  s.decisions().flatMap((line) => {
    const { override } = line as unknown as { override?: Record<string, unknown> };
    return override === undefined ? [] : [`${override['step']} ${override['kind']}: ${line.action}`];
  });

test('an open override: an event and a sweep keep the gate open, the tick after the end closes it, and begin and end are notified and logged', async () => {
  const { s, tools, wish, record } = await stageWithOperator();
  await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  await s.runUntilIdle();
  expect(s.isClosed()).toBe(true);

  expect(await give(GATE, wish('open', 1), tools)).toMatchObject({ word: 'opened', problem: undefined });
  expect([s.isClosed(), await s.pull('v1'), steps(s)]).toEqual([false, 'pulled', []]);
  await s.pushVulnerable(REPOSITORY, 'v2', { ...CRITICAL, vulnerability: 'CVE-2026-1002' });
  await s.runUntilIdle();
  await s.sweep();
  expect([s.isClosed(), steps(s)[0]]).toEqual([false, 'begins open: waiting']);
  expect(s.lastDecision()).toMatchObject({
    action: 'nothing',
    to: 'waiting: override',
    override: { step: 'runs', kind: 'open', reason: 'the shop is down', approvedBy: 'Grace', by: 'ada' },
  });
  expect((await record())?.blockers).toHaveLength(2);

  await s.cloud.advance(HOUR - 10 * MINUTE);
  expect([s.isClosed(), s.notified()]).toEqual([false, ['closed', 'opened', 'waiting']]);
  await s.cloud.advance(16 * MINUTE);
  expect([s.isClosed(), await s.pull('v1'), steps(s).at(-1)]).toEqual([true, 'refused', 'ends open: restored']);
  expect(s.notified()).toEqual(['closed', 'opened', 'waiting', 'restored']);
  const [, opened, , closed] = s.cloud.notices;
  expect(opened?.message).toContain('Reason: the shop is down\nApproved by: Grace\n');
  expect(closed?.message).toContain('The override by ada that had kept team/app (registry 123456789012) open since ');
  expect((await record())?.override).toBeUndefined();
});

test('a closed override: nothing opens the gate before the end; a second override, an early end, a crashed command and an override that is too long', async () => {
  const { s, tools, wish, now, record } = await stageWithOperator();
  await s.pushVulnerable(REPOSITORY, 'v1');
  await s.runUntilIdle();
  expect(await give(GATE, wish('closed', 1), tools)).toMatchObject({ word: 'closed', problem: undefined });
  expect([s.isClosed(), await s.pull('v1')]).toEqual([true, 'refused']);
  await s.sweep();
  expect([s.isClosed(), steps(s)]).toEqual([true, ['begins closed: nothing']]);
  await s.cloud.advance(HOUR + 6 * MINUTE);
  expect([s.isClosed(), await s.pull('v1'), s.notified()]).toEqual([false, 'pulled', ['closed', 'opened']]);
  expect(steps(s).at(-1)).toBe('ends closed: opened');

  await give(GATE, wish('closed', 2), tools);
  expect(await give(GATE, wish('open', 2), tools)).toMatchObject({ word: 'opened' });
  expect((await record())?.override?.order.replaces).toMatchObject({ kind: 'closed', by: 'ada' });
  await give(GATE, wish('closed', 24), tools);
  expect(await end(GATE, 'eve', now(), tools)).toMatchObject({ word: 'opened', state: { kind: 'open' } });
  const before = s.notified();
  await s.cloud.advance(6 * MINUTE);
  expect([s.isClosed(), steps(s).at(-1), s.notified(), (await record())?.override]).toEqual([
    false,
    'ends closed: nothing',
    before,
    undefined,
  ]);

  const dying = { ...tools, client: { ...tools.client, reconcile: () => Promise.reject(new Error('killed')) } };
  expect(await give(GATE, wish('closed', 4), dying)).toEqual({
    gate: GATE,
    word: 'failed',
    problem: 'killed; the change is recorded, and the function applies it within a few minutes',
  });
  expect([s.isClosed(), s.notified()]).toEqual([false, before]);
  await s.cloud.advance(6 * MINUTE);
  expect([s.isClosed(), steps(s).at(-1), s.notified()]).toEqual([true, 'begins closed: closed', [...before, 'closed']]);

  await give(GATE, wish('closed', 240), dying);
  await s.cloud.advance(6 * MINUTE);
  expect([s.isClosed(), steps(s).at(-1), (await record())?.override]).toEqual([
    false,
    'ends closed: opened',
    undefined,
  ]);
});
