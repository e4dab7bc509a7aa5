// Overrides on Azure, with the deployed function: it respects them until they end, then closes or opens, notifies at
// both ends, and logs.
import { expect, test } from 'vitest';
import { createClients } from '../../../azure/function/clients.ts';
import { createAzureClient } from '../../../cli/stack/azure-client.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import type { NewOverride } from '../../../shared/gate/override.ts';
import { createRules } from '../../../shared/reconcile/rules.ts';
import { outputsOf } from '../../cli/command.ts';
import { leastToOpenOnAzure } from '../../cli/command-azure.ts';
import { give } from '../override.ts';
import { HOUR, type Image, MINUTE, REGISTRY, REPOSITORY, type Stage, stage } from './stage.ts';

/** A stack, and an operator who uses its clock. */
async function stageWithOperator() {
  const s = await stage();
  const { azure } = await findStack({ outputs: outputsOf(s.graph) });
  if (azure === undefined) throw new Error('the stack is on Azure');
  const now = () => s.cloud.clock.now().toISOString();
  const operator = s.cloud.principals.add('operator', Object.values(leastToOpenOnAzure(s.graph)));
  const tools = {
    client: createAzureClient(azure, now, createClients(azure, operator, s.cloud.clientOptions)),
    rules: createRules(azure),
  };
  const wish = (kind: NewOverride['kind'], hours: number): NewOverride => {
    const until = new Date(s.cloud.clock.now().getTime() + hours * HOUR).toISOString();
    return { kind, at: now(), until, reason: 'the shop is down', approvedBy: 'Grace', by: 'ada' };
  };
  return { s, tools, wish };
}

const gateOf = ({ registry, repository, digest }: Image) => ({ registry, repository, digest });

/** What the function's log says about overrides, in order. */
const steps = (s: Stage) =>
  s.decisions().flatMap((line) => {
    const { override } = line as unknown as { override?: Record<string, unknown> };
    return override === undefined ? [] : [`${override['step']} ${override['kind']}: ${line.action}`];
  });

test('override open: an event and a sweep leave the gate open, the tick after the end closes it, and both changes are notified and logged', async () => {
  const { s, tools, wish } = await stageWithOperator();
  const image = await s.close('v1');
  const gate = gateOf(image);
  expect(await give(gate, wish('open', 7), tools)).toMatchObject({ word: 'opened', problem: undefined });
  expect([(await s.world()).locked, await s.pull('v1')]).toEqual([[], 'pulled']);
  await s.report(image, { package: { name: 'zlib', version: '1.2', fixedVersion: '1.3' } });
  await s.runUntilIdle();
  await s.sweep();
  expect([steps(s)[0], (await s.record(gate))?.blockers[0]?.findings.length]).toEqual(['begins open: nothing', 2]);
  expect(await s.world()).toMatchObject({
    locked: [],
    records: { 'team/app:v1': 'waiting: override' },
    notified: ['closed team/app:v1', 'open by override team/app:v1'],
  });
  s.cloud.clock.advance(50 * MINUTE);
  await s.tick();
  expect((await s.world()).locked).toEqual([]);
  s.cloud.clock.advance(20 * MINUTE);
  await s.tick();
  expect([steps(s).at(-1), await s.pull('v1')]).toEqual(['ends open: restored', 'refused']);
  expect(await s.world()).toMatchObject({
    records: { 'team/app:v1': 'closed' },
    notified: ['closed team/app:v1', 'open by override team/app:v1', 'closed again team/app:v1'],
    poison: [],
  });
  expect(s.cloud.mails.at(-1)?.plainText).toMatch(/^The override by ada that had kept .+ open since /m);
  expect((await s.record(gate))?.override).toBeUndefined();
});

test('override closed: nothing opens the gate before the end, even with another granularity, with which an override opens a whole repository', async () => {
  const { s, tools, wish } = await stageWithOperator();
  const image = s.push('v1');
  const gate = gateOf(image);
  expect(await give(gate, wish('closed', 7), tools)).toMatchObject({ word: 'closed', problem: undefined });
  await s.sweep();
  expect([steps(s)[0], await s.pull('v1')]).toEqual(['begins closed: nothing', 'refused']);
  await s.redeploy({ azure: { granularity: 'repository' } });
  expect([await s.pull('v1'), (await s.record(gate))?.override?.order.kind]).toEqual(['pulled', 'closed']);
  s.cloud.clock.advance(2 * HOUR);
  await s.tick();
  expect([steps(s).at(-1), (await s.record(gate))?.override]).toEqual(['ends closed: nothing', undefined]);
  expect((await s.world()).notified).toEqual([
    'closed by override team/app:v1',
    'opened team/app:v1',
    'override ended team/app:v1',
  ]);

  await s.close('v2');
  expect(await s.pull('v1')).toBe('refused');
  await give({ registry: REGISTRY, repository: REPOSITORY }, wish('open', 1), tools);
  expect(await s.pull('v1')).toBe('pulled');
  await s.tick();
  s.cloud.clock.advance(HOUR);
  await s.tick();
  expect([steps(s).at(-1), await s.pull('v1')]).toEqual(['ends open: restored', 'refused']);
});
