// The evaluation of an inactive blocker: its image is gone, out of scope or exempt, and any of these may end.
import { describe, expect, it } from 'vitest';
import type { Blocker } from '../../../shared/gate/record.ts';
import { blocker, daysLater, exception, finding, hoursLater, NOW, present } from '../samples.ts';
import { type Changes, evaluateChanges, excepted, GONE, inactive, inShort, scanned, UNTRIAGED } from './evaluating.ts';

describe('a blocker whose image is gone', () => {
  it.each<[string, Changes, string]>([
    ['is remembered', { image: GONE, blocker: inactive(29) }, 'inactive: gone'],
    [
      'is remembered until just before 30 days have passed',
      { image: GONE, blocker: inactive(30 - 1 / 24) },
      'inactive: gone',
    ],
    ['is forgotten after 30 days', { image: GONE, blocker: inactive(30) }, 'forgotten'],
    ['is forgotten after 30 days out of scope', { inScope: false, blocker: inactive(30, 'outOfScope') }, 'forgotten'],
    ['and pushed again with the same digest needs a scan', { blocker: inactive(5) }, 'needsScan'],
    [
      'and pushed again with the same digest is active again if no scan is newer',
      { blocker: inactive(5), scan: scanned(-121) },
      'holds: unproven: the last finished scan (2026-06-10T11:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-10T12:00:00.000Z)',
    ],
    [
      'and pushed again is active again if its last scan was between its last violation and its absence',
      {
        blocker: blocker({ violatedAt: hoursLater(-5), inactive: { at: hoursLater(-2), why: 'gone' } }),
        scan: scanned(-3),
      },
      'holds: unproven: the last finished scan (2026-06-15T09:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-15T10:00:00.000Z)',
    ],
    ['and pushed again is released by a clean scan', { blocker: inactive(5), scan: scanned(-1) }, 'released: scanned'],
    [
      'and pushed again is active again until its clean scan is five minutes old',
      { blocker: inactive(5), scan: scanned(0) },
      'holds: recentScan: its scan finished only minutes ago (2026-06-15T12:00:00.000Z); pullgate observes it again soon',
    ],
    [
      'and pushed again is exempt if its recorded finding has an exception now',
      { blocker: inactive(5), policy: excepted },
      'inactive: exempted',
    ],
    [
      'and pushed again with an exception stays inactive if another finding is undetermined',
      { blocker: inactive(5), policy: excepted, image: present({ findings: [UNTRIAGED] }) },
      'inactive: exempted',
    ],
    [
      'and pushed again without an exception is active again, without a scan, if a finding is undetermined',
      { blocker: inactive(5), image: present({ findings: [UNTRIAGED] }) },
      'holds: undetermined',
    ],
    [
      'and pushed again is active again if it violates',
      { blocker: inactive(5), image: present({ findings: [finding()] }) },
      'holds: violates',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges(changes))).toBe(expected);
  });

  it.each<[string, Changes, Blocker['inactive']]>([
    ['as gone from the first observation without it', { image: GONE }, { at: NOW, why: 'gone' }],
    [
      'as gone since the first of several observations without it',
      { image: GONE, blocker: inactive(3) },
      { at: daysLater(-3), why: 'gone' },
    ],
    [
      'as gone since it went out of scope',
      { image: GONE, blocker: inactive(3, 'outOfScope') },
      { at: daysLater(-3), why: 'gone' },
    ],
    ['as out of scope from the observation that showed it', { inScope: false }, { at: NOW, why: 'outOfScope' }],
    ['as exempt from the observation that showed it', { policy: excepted }, { at: NOW, why: 'exempted' }],
    [
      'as exempt since the last observation that exempted it, so that an older scan is no proof',
      { policy: excepted, blocker: inactive(3, 'exempted') },
      { at: NOW, why: 'exempted' },
    ],
    [
      'as exempt from the observation that exempted it, even if it was gone before',
      { policy: excepted, blocker: inactive(3) },
      { at: NOW, why: 'exempted' },
    ],
    [
      'as gone from the first observation without it, even if it was exempt before',
      { image: GONE, blocker: inactive(90, 'exempted') },
      { at: NOW, why: 'gone' },
    ],
  ])('is remembered %s', (_name, changes, expected) => {
    const evaluation = evaluateChanges(changes);
    expect(evaluation.kind === 'inactive' && evaluation.blocker).toEqual({
      ...(changes.blocker ?? blocker()),
      inactive: expected,
    });
  });

  it.each<[string, Changes]>([
    ['it violates', { image: present({ findings: [finding()] }) }],
    ['no scan proves it clean', { scan: scanned(-121) }],
    ['it is undetermined', { image: present({ findings: [UNTRIAGED] }) }],
  ])('is active since now if it came back and %s', (_name, changes) => {
    const evaluation = evaluateChanges({ blocker: inactive(5), ...changes });
    expect(evaluation.kind === 'holds' && [evaluation.blocker.since, evaluation.blocker.inactive]).toEqual([
      NOW,
      undefined,
    ]);
  });

  it.each<[string, Changes, string]>([
    ['now if it violates', { image: present({ findings: [finding()] }) }, NOW],
    ['its absence if no scan proves it clean', { scan: scanned(-9999) }, daysLater(-5)],
    ['its absence if it is undetermined', { image: present({ findings: [UNTRIAGED] }) }, daysLater(-5)],
    [
      'its last violation if that was later than its absence',
      { blocker: blocker({ inactive: { at: hoursLater(-3), why: 'exempted' } }), scan: scanned(-9) },
      hoursLater(-1),
    ],
  ])('and that came back needs a scan newer than %s', (_name, changes, violatedAt) => {
    const evaluation = evaluateChanges({ blocker: inactive(5), ...changes });
    expect(evaluation.kind === 'holds' && evaluation.blocker.violatedAt).toBe(violatedAt);
  });
});

describe('an exempt blocker', () => {
  const exempted = inactive(1, 'exempted');
  const expired = { exceptions: [exception({ expiresAt: NOW })] };

  it.each<[string, Changes, string]>([
    [
      'is remembered as long as the image exists',
      { blocker: inactive(400, 'exempted'), policy: excepted },
      'inactive: exempted',
    ],
    [
      'is active again if the exception has expired and the finding is reported',
      { blocker: exempted, policy: expired, image: present({ findings: [finding()] }) },
      'holds: violates',
    ],
    [
      'needs a scan if the exception has expired and the finding is not reported',
      { blocker: exempted, policy: expired },
      'needsScan',
    ],
    [
      'is active again if the exception has expired and no scan is newer than the last exemption',
      { blocker: exempted, policy: expired, scan: scanned(-24) },
      'holds: unproven: the last finished scan (2026-06-14T12:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-14T12:00:00.000Z)',
    ],
    [
      'is released if the exception has expired and a scan is newer',
      { blocker: exempted, policy: expired, scan: scanned(-23) },
      'released: scanned',
    ],
    [
      'is active again if the threshold was lowered',
      {
        blocker: blocker({
          findings: [finding({ severity: 'HIGH' })],
          inactive: { at: hoursLater(-1), why: 'exempted' },
        }),
        scan: scanned(-2),
      },
      'holds: unproven: the last finished scan (2026-06-15T10:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-15T11:00:00.000Z)',
    ],
    [
      'stays exempt if its recorded finding is exempt and a current one is undetermined',
      { blocker: exempted, policy: excepted, image: present({ findings: [UNTRIAGED] }) },
      'inactive: exempted',
    ],
    [
      'stays exempt if its reported finding has an exception and another finding is undetermined',
      { blocker: exempted, policy: excepted, image: present({ findings: [finding(), UNTRIAGED] }) },
      'inactive: exempted',
    ],
    ['is gone if its image is gone', { blocker: exempted, policy: excepted, image: GONE }, 'inactive: gone'],
    [
      'goes out of scope if its image does',
      { blocker: exempted, policy: excepted, inScope: false },
      'inactive: outOfScope',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges(changes))).toBe(expected);
  });
});

describe('an image that is out of scope', () => {
  it.each<[string, Changes['image'], string]>([
    [
      'and violates updates the time of the last violation, so that an older scan is no proof later',
      present({ findings: [finding()] }),
      NOW,
    ],
    ['and does not violate keeps the time of the last violation', present(), daysLater(-6)],
  ])('%s', (_name, image, violatedAt) => {
    const away = evaluateChanges({ inScope: false, blocker: inactive(5, 'outOfScope'), ...(image && { image }) });
    expect(away.kind === 'inactive' && away.blocker.violatedAt).toBe(violatedAt);
  });
});
