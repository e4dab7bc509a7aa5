// One vulnerability affects 400 gates, and many workers call the brake at the same time. Each makes a bounded number of
// calls, and none gives up.
import { describe, expect, it } from 'vitest';
import type { Ports } from '../../shared/reconcile/ports.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import { limitedTo, mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { newWorld } from '../shared/reconcile/world.ts';
import { digest, finding, rules } from '../shared/samples.ts';

const GATES = 400;
/** As many as AWS allows concurrently: five invocations with eight gates each. */
const PROCESSES = 5;
const GATES_AT_ONCE = 8;

/** Calls take one to eight turns of the event loop, always in the same sequence. */
function unevenly(): () => Promise<void> {
  let state = 1;
  return async () => {
    state = (state * 48_271) % 2_147_483_647;
    const turns = 1 + (state % 8);
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
}

/** Closes all gates. */
async function hit(portsOf: (ports: Ports<string>) => Ports<string>) {
  const world = newWorld();
  world.around = unevenly();
  const names = Array.from({ length: GATES }, (_, number) => `team/app-${number}`);
  for (const name of names) world.repository(name).images.set(digest(1), { findings: [finding()] });
  const gaveUp: string[] = [];
  const share = GATES / PROCESSES;
  await Promise.all(
    Array.from({ length: PROCESSES }, async (_, process) => {
      const ports = portsOf(world.ports);
      await mapConcurrently(names.slice(process * share, (process + 1) * share), GATES_AT_ONCE, async (repository) => {
        const gate = { registry: '123456789012', repository };
        const request = { gate, scope: [digest(1)], triggers: ['finding'], namedReports: [] } as const;
        await reconcile(request, rules({ maxClosesPerHour: 1_000, maxClosesPerDay: 1_000 }), ports).catch(
          ({ message }: Error) => gaveUp.push(message),
        );
      });
    }),
  );
  const closed = names.filter((name) => world.repository(name).ours === 'current');
  const saves = world.calls.filter((call) => call === 'save brake').length;
  return { closed: closed.length, gaveUp, savesEach: saves / GATES };
}

describe('a brake with many concurrent callers', () => {
  it('admits every worker if the workers of each process take turns', async () => {
    const { closed, gaveUp, savesEach } = await hit((ports) => ({ ...ports, inTurn: limitedTo(1) }));
    expect([closed, gaveUp]).toEqual([GATES, []]);
    expect(savesEach).toBeLessThanOrEqual(PROCESSES);
  });

  it('costs more calls per gate with more racing workers if they do not take turns', async () => {
    const inTurn = await hit((ports) => ({ ...ports, inTurn: limitedTo(1) }));
    const racing = await hit((ports) => ports);
    expect(racing.savesEach).toBeGreaterThan(3 * inTurn.savesEach);
  });
});
