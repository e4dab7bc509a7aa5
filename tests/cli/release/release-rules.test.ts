// What `release` says and does for gates whose rule has another mode than the stack.
import { expect, it } from 'vitest';
import { parseSelection, releaseGates } from '../../../cli/release/release.ts';
import type { Client } from '../../../cli/stack/client.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { Suspension } from '../../../shared/reconcile/mode.ts';
import { decision, GATE, NOW, policy, record, ruleSettings } from '../../shared/samples.ts';

const SHOP: Gate = { ...GATE, repository: 'shop/app' };
const RULE = { label: 'rules[0] (shop/**)', repositories: ['shop/**'], mode: 'enforce' as const, policy: policy() };

async function release(selected: string, mode: 'enforce' | 'audit', paused = false) {
  const asked: [string, Suspension | undefined][] = [];
  const records = [record(), record({ gate: SHOP })];
  const client = {
    cloud: 'aws',
    settings: { ...ruleSettings({ mode, rules: [RULE] }), sweepHours: 6 },
    pause: { load: async () => ({ value: paused ? { paused, at: NOW, by: 'ada' } : undefined, version: 0 }) },
    async *gates() {
      for (const { gate } of records) yield { ...gate, state: 'closed' };
    },
    records: {
      load: async ({ repository }: Gate) => ({
        value: records.find(({ gate }) => gate.repository === repository),
        version: 1,
      }),
    },
    async reconcile(gate: Gate, suspended: Suspension | undefined) {
      asked.push([gate.repository, suspended]);
      return decision({ gate, action: 'opened', to: { kind: 'open' } });
    },
    deliver: async () => ({ gates: 0, failures: [] }),
  } as unknown as Client;
  const lines: string[] = [];
  const terminal = { print: (line: string) => void lines.push(line), ask: async () => undefined };
  const selection = parseSelection(selected);
  const stack = { stack: 'dev', label: 'the stack dev', clients: [client] };
  const code = await releaseGates({ ...stack, selection, terminal, now: () => NOW, yes: true });
  return { code, asked, text: lines.join('\n') };
}

it.each<[string, string, 'enforce' | 'audit', boolean, [string, Suspension | undefined][], string]>([
  ['whose rule enforces', 'shop/*', 'audit', false, [['shop/app', 'release']], 'closes a gate again if it still'],
  ['that no rule enforces', 'team/*', 'audit', false, [['team/app', undefined]], 'currently closes no gates'],
  [
    'of both kinds',
    '**',
    'audit',
    false,
    [
      ['shop/app', 'release'],
      ['team/app', undefined],
    ],
    'closes a gate again if it still',
  ],
  ['in a pause', 'shop/*', 'audit', true, [['shop/app', 'pause']], 'stay open until the pause ends'],
])('a gate %s is opened by its mode', async (_case, selected, mode, paused, asked, says) => {
  const done = await release(selected, mode, paused);
  expect([done.code, done.asked.toSorted()]).toEqual([0, asked]);
  expect(done.text).toContain(says);
});
