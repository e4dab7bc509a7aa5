// How long a closing took, counted from the provider's word of what violates: the number that the dashboards show.
import { describe, expect, it } from 'vitest';
import type { Finding, Instant } from '../../../shared/policy/finding.ts';
import type { ImageObservation, Report } from '../../../shared/reconcile/observation.ts';
import { digest, finding, hoursLater, NOW, present, rules } from '../samples.ts';
import { reconcileOnce, violating } from './reconciling.ts';

const CRITICAL = finding();
const WORSE = finding({ vulnerability: 'CVE-2026-1' });
const MILD = finding({ vulnerability: 'CVE-2026-2', severity: 'low' });

/** The decision about images that the world shows so, two seconds after they were observed. */
async function decided(...observations: readonly ImageObservation[]) {
  const world = await violating();
  world.ports.registry.observe = async () => observations;
  world.around = (call) => {
    if (call === 'notify') world.now = new Date(Date.parse(NOW) + 2_000).toISOString();
  };
  return reconcileOnce(world, { scope: 'all' });
}

/** A report of one finding, from that moment. */
const report = (one: Finding, reportedAt: Instant): Report => ({ status: 'active', reportedAt, findings: [one] });

describe('the seconds since the finding', () => {
  it.each<[string, readonly ImageObservation[], number | undefined]>([
    [
      'run from the provider’s word of it until everything is done',
      [present({ reports: [report(CRITICAL, hoursLater(-1))] })],
      3_602,
    ],
    [
      'run from the oldest of several, whatever image it is of',
      [
        present({ reports: [report(CRITICAL, hoursLater(-1)), report(WORSE, hoursLater(-3))] }),
        present({ digest: digest(2), reports: [report(CRITICAL, hoursLater(-2))] }),
      ],
      3 * 3_600 + 2,
    ],
    [
      'do not count what does not violate, nor an image that is gone',
      [
        present({ reports: [report(CRITICAL, hoursLater(-1)), report(MILD, hoursLater(-9))] }),
        present({ digest: digest(2), reports: [report(MILD, hoursLater(-9))] }),
        { digest: digest(3), presence: 'gone' },
      ],
      3_602,
    ],
    [
      'are never below zero, where the provider’s clock is ahead',
      [present({ reports: [report(CRITICAL, hoursLater(1))] })],
      0,
    ],
    ['are not known where the provider does not say when', [present({ findings: [CRITICAL] })], undefined],
  ])('%s', async (_name, observations, expected) => {
    expect(await decided(...observations)).toMatchObject({ action: 'closed', secondsSinceFinding: expected });
  });

  it('are of a closing only', async () => {
    const world = await violating();
    world.ports.registry.observe = async () => [present({ reports: [report(CRITICAL, hoursLater(-1))] })];
    const decision = await reconcileOnce(world, {}, rules({ mode: 'audit' }));
    expect([decision.action, decision.secondsSinceFinding]).toEqual(['waiting', undefined]);
  });
});
