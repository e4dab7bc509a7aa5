// How an image is evaluated that holds nothing for now: it went away, or something exempts it, and either may end.
import { describe, expect, it } from 'vitest';
import type { Blocker } from '../../../shared/gate/record.ts';
import { blocker, daysLater, exception, finding, hoursLater, NOW, present } from '../samples.ts';
import { type Changes, evaluateChanges, excepted, GONE, inactive, inShort, scanned, UNTRIAGED } from './evaluating.ts';

describe('an image that went away', () => {
  it.each<[string, Changes, string]>([
    ['is remembered', { image: GONE, blocker: inactive(29) }, 'inactive: gone'],
    ['is remembered for less than 30 days', { image: GONE, blocker: inactive(30 - 1 / 24) }, 'inactive: gone'],
    ['is forgotten after 30 days', { image: GONE, blocker: inactive(30) }, 'forgotten'],
    ['is forgotten after 30 days out of scope', { inScope: false, blocker: inactive(30, 'outOfScope') }, 'forgotten'],
    [
      'is pushed again with the same digest, without a new scan: only a scan can tell',
      { blocker: inactive(5) },
      'needsScan',
    ],
    [
      'is pushed again with the same digest, and no scan is newer: holds again',
      { blocker: inactive(5), scan: scanned(-121) },
      'holds: unproven: the last finished scan (2026-06-10T11:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-10T12:00:00.000Z)',
    ],
    [
      'is pushed again, and was scanned between the last observation that saw it violate and its going away: holds again',
      {
        blocker: blocker({ violatedAt: hoursLater(-5), inactive: { at: hoursLater(-2), why: 'gone' } }),
        scan: scanned(-3),
      },
      'holds: unproven: the last finished scan (2026-06-15T09:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-15T10:00:00.000Z)',
    ],
    ['is pushed again and scanned clean: released', { blocker: inactive(5), scan: scanned(-1) }, 'released: scanned'],
    [
      'is pushed again and only just scanned: holds again until the scan is five minutes old',
      { blocker: inactive(5), scan: scanned(0) },
      'holds: recentScan: its scan finished only minutes ago (2026-06-15T12:00:00.000Z); pullgate observes it again soon',
    ],
    [
      'is pushed again, and its recorded finding is excepted meanwhile: is exempted',
      { blocker: inactive(5), policy: excepted },
      'inactive: exempted',
    ],
    [
      'is pushed again, is excepted, and something else is undetermined: does not begin to hold because of that',
      { blocker: inactive(5), policy: excepted, image: present({ findings: [UNTRIAGED] }) },
      'inactive: exempted',
    ],
    [
      'is pushed again, not excepted, and undetermined: holds again, without asking for a scan',
      { blocker: inactive(5), image: present({ findings: [UNTRIAGED] }) },
      'holds: undetermined',
    ],
    [
      'is pushed again and violates: holds again',
      { blocker: inactive(5), image: present({ findings: [finding()] }) },
      'holds: violates',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges(changes))).toBe(expected);
  });

  it.each<[string, Changes, Blocker['inactive']]>([
    ['from the moment that it was missed', { image: GONE }, { at: NOW, why: 'gone' }],
    [
      'from the first moment, however often it is missed',
      { image: GONE, blocker: inactive(3) },
      { at: daysLater(-3), why: 'gone' },
    ],
    [
      'from the first moment, also where it first was out of scope',
      { image: GONE, blocker: inactive(3, 'outOfScope') },
      { at: daysLater(-3), why: 'gone' },
    ],
    ['from the moment that it went out of scope', { inScope: false }, { at: NOW, why: 'outOfScope' }],
    ['from the moment that it was exempted', { policy: excepted }, { at: NOW, why: 'exempted' }],
    [
      'as exempted from the last observation that exempted it: a scan from before that proves nothing',
      { policy: excepted, blocker: inactive(3, 'exempted') },
      { at: NOW, why: 'exempted' },
    ],
    [
      'as exempted from the observation that exempted it, also where it was gone before',
      { policy: excepted, blocker: inactive(3) },
      { at: NOW, why: 'exempted' },
    ],
    [
      'as gone from the moment that it was missed, also where it was exempted for long before',
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
  ])('holds the gate since now where it came back and %s', (_name, changes) => {
    const evaluation = evaluateChanges({ blocker: inactive(5), ...changes });
    expect(evaluation.kind === 'holds' && [evaluation.blocker.since, evaluation.blocker.inactive]).toEqual([
      NOW,
      undefined,
    ]);
  });

  it.each<[string, Changes, string]>([
    ['now, where it violates', { image: present({ findings: [finding()] }) }, NOW],
    ['when it went away, where no scan proves it clean', { scan: scanned(-9999) }, daysLater(-5)],
    ['when it went away, where it is undetermined', { image: present({ findings: [UNTRIAGED] }) }, daysLater(-5)],
    [
      'when it was last seen to violate, where that was later',
      { blocker: blocker({ inactive: { at: hoursLater(-3), why: 'exempted' } }), scan: scanned(-9) },
      hoursLater(-1),
    ],
  ])('that came back wants a scan newer than %s', (_name, changes, violatedAt) => {
    const evaluation = evaluateChanges({ blocker: inactive(5), ...changes });
    expect(evaluation.kind === 'holds' && evaluation.blocker.violatedAt).toBe(violatedAt);
  });
});

describe('a blocker that is exempted', () => {
  const exempted = inactive(1, 'exempted');
  const expired = { exceptions: [exception({ expiresAt: NOW })] };

  it.each<[string, Changes, string]>([
    [
      'is remembered as long as the image is there',
      { blocker: inactive(400, 'exempted'), policy: excepted },
      'inactive: exempted',
    ],
    [
      'holds again where the exception has expired and the finding is there',
      { blocker: exempted, policy: expired, image: present({ findings: [finding()] }) },
      'holds: violates',
    ],
    [
      'wants a scan where the exception has expired and the finding is not there',
      { blocker: exempted, policy: expired },
      'needsScan',
    ],
    [
      'holds again where the exception has expired and no scan is newer than when it was last exempted',
      { blocker: exempted, policy: expired, scan: scanned(-24) },
      'holds: unproven: the last finished scan (2026-06-14T12:00:00.000Z) is not newer than the last time it violated or was absent (2026-06-14T12:00:00.000Z)',
    ],
    [
      'is released where the exception has expired and a scan is newer',
      { blocker: exempted, policy: expired, scan: scanned(-23) },
      'released: scanned',
    ],
    [
      'holds again where the threshold was lowered',
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
      'goes on to be exempted by the record, also where what is there is undetermined',
      { blocker: exempted, policy: excepted, image: present({ findings: [UNTRIAGED] }) },
      'inactive: exempted',
    ],
    [
      'goes on to be exempted where its own finding is excepted and there, and another is undetermined',
      { blocker: exempted, policy: excepted, image: present({ findings: [finding(), UNTRIAGED] }) },
      'inactive: exempted',
    ],
    ['goes away like any other', { blocker: exempted, policy: excepted, image: GONE }, 'inactive: gone'],
    [
      'goes out of scope like any other',
      { blocker: exempted, policy: excepted, inScope: false },
      'inactive: outOfScope',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges(changes))).toBe(expected);
  });
});

describe('an image that does not count', () => {
  it.each<[string, Changes['image'], string]>([
    [
      'is seen to violate: a scan from before that proves nothing once it counts again',
      present({ findings: [finding()] }),
      NOW,
    ],
    ['shows nothing that violates: when it was last seen to stays', present(), daysLater(-6)],
  ])('%s', (_name, image, violatedAt) => {
    const away = evaluateChanges({ inScope: false, blocker: inactive(5, 'outOfScope'), ...(image && { image }) });
    expect(away.kind === 'inactive' && away.blocker.violatedAt).toBe(violatedAt);
  });
});
