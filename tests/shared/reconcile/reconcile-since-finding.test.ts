// The time from the provider's report of a violation to the closing, which the dashboards show.
import { describe, expect, it } from 'vitest';
import type { Finding, Instant } from '../../../shared/policy/finding.ts';
import type { ImageObservation, Report } from '../../../shared/reconcile/observation.ts';
import { digest, finding, hoursLater, NOW, present, rules } from '../samples.ts';
import { reconcileOnce, violating } from './reconciling.ts';

const CRITICAL = finding();
const WORSE = finding({ vulnerability: 'CVE-2026-1' });
const MILD = finding({ vulnerability: 'CVE-2026-2', severity: 'low' });

/** The decision about these observations, two seconds after they were made. */
async function decided(...observations: readonly ImageObservation[]) {
  const world = await violating();
  world.ports.registry.observe = async () => observations;
  world.around = (call) => {
    if (call === 'notify') world.now = new Date(Date.parse(NOW) + 2_000).toISOString();
  };
  return reconcileOnce(world, { scope: 'all' });
}

/** A report of one finding, updated at this time. */
const report = (one: Finding, reportedAt: Instant): Report => ({ status: 'active', reportedAt, findings: [one] });

describe('the seconds since the finding', () => {
  it.each<[string, readonly ImageObservation[], number | undefined]>([
    [
      'start at the provider’s report and end when everything is done',
      [present({ reports: [report(CRITICAL, hoursLater(-1))] })],
      3_602,
    ],
    [
      'start at the oldest of several reports, whichever image it is about',
      [
        present({ reports: [report(CRITICAL, hoursLater(-1)), report(WORSE, hoursLater(-3))] }),
        present({ digest: digest(2), reports: [report(CRITICAL, hoursLater(-2))] }),
      ],
      3 * 3_600 + 2,
    ],
    [
      'ignore reports that do not violate, and images that are gone',
      [
        present({ reports: [report(CRITICAL, hoursLater(-1)), report(MILD, hoursLater(-9))] }),
        present({ digest: digest(2), reports: [report(MILD, hoursLater(-9))] }),
        { digest: digest(3), presence: 'gone' },
      ],
      3_602,
    ],
    [
      'are never below zero if the provider’s clock is ahead',
      [present({ reports: [report(CRITICAL, hoursLater(1))] })],
      0,
    ],
    ['are undefined if the provider gives no time', [present({ findings: [CRITICAL] })], undefined],
  ])('%s', async (_name, observations, expected) => {
    expect(await decided(...observations)).toMatchObject({ action: 'closed', secondsSinceFinding: expected });
  });

  it('are defined only for a closing', async () => {
    const world = await violating();
    world.ports.registry.observe = async () => [present({ reports: [report(CRITICAL, hoursLater(-1))] })];
    const decision = await reconcileOnce(world, {}, rules({ mode: 'audit' }));
    expect([decision.action, decision.secondsSinceFinding]).toEqual(['waiting', undefined]);
  });
});
