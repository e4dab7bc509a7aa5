// How long a closing took, counted from the provider's word of what violates: the number that the dashboards show.
import { describe, expect, it } from 'vitest';
import { findingKey, type Instant } from '../../../shared/policy/finding.ts';
import type { ImageObservation } from '../../../shared/reconcile/observation.ts';
import { digest, finding, hoursLater, NOW, present, rules } from '../samples.ts';
import { reconcileOnce, violating } from './reconciling.ts';

const CRITICAL = finding();
const WORSE = finding({ vulnerability: 'CVE-2026-1' });
const MILD = finding({ vulnerability: 'CVE-2026-2', severity: 'low' });
const [KEY, WORSE_KEY, MILD_KEY] = [CRITICAL, WORSE, MILD].map(findingKey) as [string, string, string];

/** The decision about images that the world shows so, two seconds after they were observed. */
async function decided(...observations: readonly ImageObservation[]) {
  const world = await violating();
  world.ports.registry.observe = async () => observations;
  world.around = (call) => {
    if (call === 'notify') world.now = new Date(Date.parse(NOW) + 2_000).toISOString();
  };
  return reconcileOnce(world, { scope: 'all' });
}

const said = (...words: readonly (readonly [string, Instant])[]) => new Map(words);

describe('the seconds since the finding', () => {
  it.each<[string, readonly ImageObservation[], number | undefined]>([
    [
      'run from the provider’s word of it until everything is done',
      [present({ findings: [CRITICAL], saidAt: said([KEY, hoursLater(-1)]) })],
      3_602,
    ],
    [
      'run from the oldest of several, whatever image it is of',
      [
        present({ findings: [CRITICAL, WORSE], saidAt: said([KEY, hoursLater(-1)], [WORSE_KEY, hoursLater(-3)]) }),
        present({ digest: digest(2), findings: [CRITICAL], saidAt: said([KEY, hoursLater(-2)]) }),
      ],
      3 * 3_600 + 2,
    ],
    [
      'do not count what does not violate, nor an image that is gone',
      [
        present({ findings: [CRITICAL, MILD], saidAt: said([KEY, hoursLater(-1)], [MILD_KEY, hoursLater(-9)]) }),
        present({ digest: digest(2), findings: [MILD], saidAt: said([MILD_KEY, hoursLater(-9)]) }),
        { digest: digest(3), presence: 'gone' },
      ],
      3_602,
    ],
    [
      'are never below zero, where the provider’s clock is ahead',
      [present({ findings: [CRITICAL], saidAt: said([KEY, hoursLater(1)]) })],
      0,
    ],
    ['are not known where the provider does not say when', [present({ findings: [CRITICAL] })], undefined],
  ])('%s', async (_name, observations, expected) => {
    expect(await decided(...observations)).toMatchObject({ action: 'closed', secondsSinceFinding: expected });
  });

  it('are of a closing only', async () => {
    const world = await violating();
    world.ports.registry.observe = async () => [present({ findings: [CRITICAL], saidAt: said([KEY, hoursLater(-1)]) })];
    const decision = await reconcileOnce(world, {}, rules({ mode: 'audit' }));
    expect([decision.action, decision.secondsSinceFinding]).toEqual(['waiting', undefined]);
  });
});
