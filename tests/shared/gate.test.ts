// How one image is accounted for: a finding closes, only proof opens, and what went away is remembered.
import { describe, expect, it } from 'vitest';
import {
  type Accounting,
  type AccountingInput,
  account,
  isExploited,
  MAX_FINDINGS,
  sameCloser,
} from '../../shared/gate.ts';
import type { Policy } from '../../shared/policy.ts';
import type { Closer, Departure } from '../../shared/record.ts';
import { judgeBy } from '../../shared/verdict.ts';
import { closer, daysLater, digest, exception, finding, hoursLater, NOW, policy, present } from './samples.ts';

type Changes = Partial<AccountingInput> & { policy?: Partial<Policy> };

function accountFor({ policy: policyChanges = {}, ...changes }: Changes): Accounting {
  const judge = judgeBy(policy(policyChanges));
  const input = { repository: 'team/app', image: present(), closer: closer(), inScope: true, scan: undefined };
  return account({ ...input, judge, lookedAt: NOW, now: NOW, ...changes });
}

/** The accounting in one line. */
function inShort(accounting: Accounting): string {
  switch (accounting.kind) {
    case 'holds':
      return `holds: ${accounting.why.kind}${'why' in accounting.why ? `: ${accounting.why.why}` : ''}`;
    case 'departed':
    case 'released':
      return `${accounting.kind}: ${accounting.how}`;
    case 'none':
      return `none: ${accounting.verdict.kind}`;
    default:
      return accounting.kind;
  }
}

const GONE = { digest: digest(1), presence: 'gone' } as const;
const UNTRIAGED = finding({ vulnerability: 'CVE-2026-1', severity: 'UNTRIAGED' });
const OTHER = finding({ vulnerability: 'CVE-2026-2' });
const scanned = (hours: number) => ({ kind: 'finished', at: hoursLater(hours) }) as const;
const departed = (days: number, why: Departure = 'gone') =>
  closer({ violatedAt: daysLater(-days - 1), departed: { at: daysLater(-days), why } });
const excepted = { exceptions: [exception()] };

describe('an image that was no closer', () => {
  it.each<[string, Changes, string]>([
    ['holds nothing where it has no findings, scanned or not', {}, 'none: allow'],
    [
      'holds nothing where its findings do not violate',
      { image: present({ findings: [finding({ severity: 'LOW' })] }) },
      'none: allow',
    ],
    ['holds nothing where they are undetermined', { image: present({ findings: [UNTRIAGED] }) }, 'none: undetermined'],
    ['holds the gate where one violates', { image: present({ findings: [finding()] }) }, 'holds: violates'],
    ['holds nothing where it is gone', { image: GONE }, 'none: allow'],
    [
      'holds nothing where it does not count',
      { image: present({ findings: [finding()] }), inScope: false },
      'none: allow',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(accountFor({ closer: undefined, ...changes }))).toBe(expected);
  });
});

describe('a closer', () => {
  it.each<[string, Changes, string]>([
    ['holds on while a finding violates', { image: present({ findings: [finding()] }) }, 'holds: violates'],
    ['holds on while another finding violates', { image: present({ findings: [OTHER] }) }, 'holds: violates'],
    [
      'UNTRIAGED, no score: undetermined releases no closer',
      { image: present({ findings: [UNTRIAGED] }), policy: excepted },
      'holds: undetermined',
    ],
    ['its findings went away: only a scan can tell', {}, 'needsScan'],
    [
      'CLOSED event for the only finding; coverage INACTIVE, expired: stays, for want of proof',
      { scan: { kind: 'unproven', why: 'coverage INACTIVE: SCAN_ELIGIBILITY_EXPIRED' } },
      'holds: unproven: coverage INACTIVE: SCAN_ELIGIBILITY_EXPIRED',
    ],
    [
      'CLOSED event; coverage ACTIVE and SUCCESSFUL, scanned after the closing, nothing violates: released',
      { scan: scanned(-0.5) },
      'released: scanned',
    ],
    [
      'scanned before it was last seen to violate: stays',
      { scan: scanned(-2) },
      'holds: unproven: the last finished scan (2026-06-15T10:00:00.000Z) is not newer than when it was last seen to violate or to be away (2026-06-15T11:00:00.000Z)',
    ],
    [
      'scanned at the very moment that it was seen to violate: stays',
      { scan: scanned(-1) },
      'holds: unproven: the last finished scan (2026-06-15T11:00:00.000Z) is not newer than when it was last seen to violate or to be away (2026-06-15T11:00:00.000Z)',
    ],
    [
      'scanned five minutes before the look began: released',
      { scan: { kind: 'finished', at: '2026-06-15T11:55:00.000Z' } },
      'released: scanned',
    ],
    [
      'scanned less than five minutes before the look began: stays until its findings must have come',
      { scan: { kind: 'finished', at: '2026-06-15T11:55:00.001Z' } },
      'holds: unsettled: its scan finished only just (2026-06-15T11:55:00.001Z); it is looked at again in some minutes',
    ],
    [
      'scanned while the look took its time: stays, since the look may have begun before',
      { scan: scanned(-0.5), lookedAt: hoursLater(-0.55) },
      'holds: unsettled: its scan finished only just (2026-06-15T11:30:00.000Z); it is looked at again in some minutes',
    ],
    [
      'a newer scan, and a finding of today that violates: stays',
      { scan: scanned(0), image: present({ findings: [OTHER] }) },
      'holds: violates',
    ],
    [
      'an exception is added for a finding that Inspector still has: spared',
      { image: present({ findings: [finding()] }), policy: excepted },
      'departed: spared',
    ],
    [
      'an exception is added for a finding that Inspector has meanwhile deleted: spared, on the recorded finding',
      { policy: excepted },
      'departed: spared',
    ],
    [
      'the policy was relaxed: spared, on the recorded finding',
      { closer: closer({ findings: [finding({ severity: 'HIGH' })] }), policy: { severityThreshold: 'critical' } },
      'departed: spared',
    ],
    [
      'its finding is suppressed now: spared',
      { image: present({ findings: [finding({ state: 'suppressed' })] }) },
      'departed: spared',
    ],
    [
      'its finding is rated milder now: spared',
      { image: present({ findings: [finding({ severity: 'LOW' })] }) },
      'departed: spared',
    ],
    [
      'one recorded finding is excepted, another merely went away: only a scan can tell',
      { closer: closer({ findings: [finding(), OTHER] }), policy: excepted },
      'needsScan',
    ],
    [
      'a recorded finding of unknown severity went away: only a scan can tell',
      { closer: closer({ findings: [UNTRIAGED] }) },
      'needsScan',
    ],
    [
      'an exception, but findings that the record had no room for: only a scan can tell',
      { closer: closer({ omittedFindings: 1 }), policy: excepted },
      'needsScan',
    ],
    [
      'an exception, a clean scan, and a finding of unknown severity: undetermined releases no closer',
      { image: present({ findings: [UNTRIAGED] }), scan: scanned(-0.5), policy: excepted },
      'holds: undetermined',
    ],
    ['is deleted: departs', { image: GONE }, 'departed: gone'],
    [
      'tag moved to a clean image, the closer untagged, `images: tagged`: departs',
      { inScope: false },
      'departed: outOfScope',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(accountFor(changes))).toBe(expected);
  });

  it('keeps since when it holds, and takes the findings and tags of today', () => {
    const image = present({ findings: [OTHER, finding({ severity: 'LOW' })], tags: ['1.0', 'latest'] });
    expect(accountFor({ image })).toMatchObject({
      closer: {
        digest: digest(1),
        tags: ['1.0', 'latest'],
        since: hoursLater(-24),
        violatedAt: NOW,
        findings: [OTHER],
        omittedFindings: 0,
      },
    });
  });

  it.each<[string, Changes, readonly string[]]>([
    [
      'keeps its last tags where it violates untagged',
      { image: present({ findings: [finding()], tags: [] }) },
      ['1.0'],
    ],
    [
      'keeps its last tags where it holds for want of proof',
      { image: present({ tags: [] }), scan: scanned(-9) },
      ['1.0'],
    ],
    [
      'takes new tags where it holds for want of proof',
      { image: present({ tags: ['2.0'] }), scan: scanned(-9) },
      ['2.0'],
    ],
    [
      'has them sorted',
      { image: present({ findings: [finding()], tags: ['b', 'c', 'a'] }), closer: undefined },
      ['a', 'b', 'c'],
    ],
    [
      'keeps ten of many',
      { image: present({ tags: [...'lkjihgfedcba'] }), scan: scanned(-9) },
      ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'],
    ],
    ['has none where it never had any', { image: present({ findings: [finding()], tags: [] }), closer: undefined }, []],
  ])('%s', (_name, changes, tags) => {
    const accounting = accountFor(changes);
    expect(accounting.kind === 'holds' && accounting.closer.tags).toEqual(tags);
  });

  it('keeps as many findings as a record has room for, and counts the others', () => {
    const findings = Array.from({ length: MAX_FINDINGS + 2 }, (_, number) =>
      finding({ vulnerability: `CVE-2026-${number}` }),
    );
    const accounting = accountFor({ image: present({ findings }), closer: undefined });
    expect(accounting.kind === 'holds' && accounting.closer.findings).toEqual(findings.slice(0, 200));
    expect(accounting.kind === 'holds' && accounting.closer.omittedFindings).toBe(2);
  });

  it('keeps known exploits first, then the worst, whether they are still reported or not', () => {
    const of = (vulnerability: string, severity: string, exploited = false) =>
      finding({ vulnerability, severity, exploited });
    const known = closer({ findings: [of('absent high', 'HIGH'), of('absent exploit', 'MEDIUM', true)] });
    const findings = [
      of('high', 'HIGH'),
      of('unknown', 'UNTRIAGED'),
      of('exploit', 'HIGH', true),
      of('worst', 'CRITICAL'),
    ];
    const accounting = accountFor({
      closer: known,
      image: present({ findings }),
      policy: { unknownSeverity: 'block' },
    });
    expect(accounting.kind === 'holds' && accounting.closer.findings.map((one) => one.vulnerability)).toEqual([
      'exploit',
      'absent exploit',
      'worst',
      'high',
      'absent high',
      'unknown',
    ]);
  });

  it('never counts fewer omitted findings while it holds', () => {
    const known = closer({ omittedFindings: 7 });
    const violating = accountFor({ closer: known, image: present({ findings: [OTHER] }) });
    const unproven = accountFor({ closer: known, scan: scanned(-9) });
    expect([violating, unproven].map((one) => one.kind === 'holds' && one.closer.omittedFindings)).toEqual([7, 7]);
  });
});

describe('a recorded finding that went away while another still violates', () => {
  const both = closer({ findings: [finding(), OTHER] });

  it('stays recorded, so that it still wants proof when the other is excepted', () => {
    const first = accountFor({ closer: both, image: present({ findings: [finding()] }) });
    expect(first.kind === 'holds' && first.closer.findings.map((one) => one.vulnerability)).toEqual([
      finding().vulnerability,
      OTHER.vulnerability,
    ]);
    const held = first.kind === 'holds' ? first.closer : both;
    expect(inShort(accountFor({ closer: held, policy: excepted }))).toBe('needsScan');
  });

  it('stays recorded where the policy spares it for now: that may end', () => {
    const spares = { exceptions: [exception({ id: OTHER.vulnerability })] };
    const accounting = accountFor({ closer: both, policy: spares, image: present({ findings: [finding()] }) });
    expect(accounting.kind === 'holds' && accounting.closer.findings).toEqual([finding(), OTHER]);
  });
});

describe('an image that went away', () => {
  it.each<[string, Changes, string]>([
    ['is remembered', { image: GONE, closer: departed(29) }, 'departed: gone'],
    ['is remembered for less than 30 days', { image: GONE, closer: departed(30 - 1 / 24) }, 'departed: gone'],
    ['is forgotten after 30 days', { image: GONE, closer: departed(30) }, 'forgotten'],
    ['is forgotten after 30 days out of scope', { inScope: false, closer: departed(30, 'outOfScope') }, 'forgotten'],
    [
      'is pushed again with the same digest, without a new scan: only a scan can tell',
      { closer: departed(5) },
      'needsScan',
    ],
    [
      'is pushed again with the same digest, and no scan is newer: holds again',
      { closer: departed(5), scan: scanned(-121) },
      'holds: unproven: the last finished scan (2026-06-10T11:00:00.000Z) is not newer than when it was last seen to violate or to be away (2026-06-10T12:00:00.000Z)',
    ],
    [
      'is pushed again, and was scanned between the last look that saw it violate and its going away: holds again',
      {
        closer: closer({ violatedAt: hoursLater(-5), departed: { at: hoursLater(-2), why: 'gone' } }),
        scan: scanned(-3),
      },
      'holds: unproven: the last finished scan (2026-06-15T09:00:00.000Z) is not newer than when it was last seen to violate or to be away (2026-06-15T10:00:00.000Z)',
    ],
    ['is pushed again and scanned clean: released', { closer: departed(5), scan: scanned(-1) }, 'released: scanned'],
    [
      'is pushed again and only just scanned: holds again until the scan has settled',
      { closer: departed(5), scan: scanned(0) },
      'holds: unsettled: its scan finished only just (2026-06-15T12:00:00.000Z); it is looked at again in some minutes',
    ],
    [
      'is pushed again, and its recorded finding is excepted meanwhile: is spared',
      { closer: departed(5), policy: excepted },
      'departed: spared',
    ],
    [
      'is pushed again, is excepted, and something else is undetermined: does not begin to hold because of that',
      { closer: departed(5), policy: excepted, image: present({ findings: [UNTRIAGED] }) },
      'departed: spared',
    ],
    [
      'is pushed again, not excepted, and undetermined: holds again, without asking for a scan',
      { closer: departed(5), image: present({ findings: [UNTRIAGED] }) },
      'holds: undetermined',
    ],
    [
      'is pushed again and violates: holds again',
      { closer: departed(5), image: present({ findings: [finding()] }) },
      'holds: violates',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(accountFor(changes))).toBe(expected);
  });

  it.each<[string, Changes, Closer['departed']]>([
    ['from the moment that it was missed', { image: GONE }, { at: NOW, why: 'gone' }],
    [
      'from the first moment, however often it is missed',
      { image: GONE, closer: departed(3) },
      { at: daysLater(-3), why: 'gone' },
    ],
    [
      'from the first moment, also where it first was out of scope',
      { image: GONE, closer: departed(3, 'outOfScope') },
      { at: daysLater(-3), why: 'gone' },
    ],
    ['from the moment that it went out of scope', { inScope: false }, { at: NOW, why: 'outOfScope' }],
    ['from the moment that it was spared', { policy: excepted }, { at: NOW, why: 'spared' }],
    [
      'as spared from the last look that spared it: a scan from before that proves nothing',
      { policy: excepted, closer: departed(3, 'spared') },
      { at: NOW, why: 'spared' },
    ],
    [
      'as spared from the look that spared it, also where it was gone before',
      { policy: excepted, closer: departed(3) },
      { at: NOW, why: 'spared' },
    ],
    [
      'as gone from the moment that it was missed, also where it was spared for long before',
      { image: GONE, closer: departed(90, 'spared') },
      { at: NOW, why: 'gone' },
    ],
  ])('is remembered %s', (_name, changes, expected) => {
    const accounting = accountFor(changes);
    expect(accounting.kind === 'departed' && accounting.closer).toEqual({
      ...(changes.closer ?? closer()),
      departed: expected,
    });
  });

  it.each<[string, Changes]>([
    ['it violates', { image: present({ findings: [finding()] }) }],
    ['no scan proves it clean', { scan: scanned(-121) }],
    ['it is undetermined', { image: present({ findings: [UNTRIAGED] }) }],
  ])('holds the gate since now where it came back and %s', (_name, changes) => {
    const accounting = accountFor({ closer: departed(5), ...changes });
    expect(accounting.kind === 'holds' && [accounting.closer.since, accounting.closer.departed]).toEqual([
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
      { closer: closer({ departed: { at: hoursLater(-3), why: 'spared' } }), scan: scanned(-9) },
      hoursLater(-1),
    ],
  ])('that came back wants a scan newer than %s', (_name, changes, violatedAt) => {
    const accounting = accountFor({ closer: departed(5), ...changes });
    expect(accounting.kind === 'holds' && accounting.closer.violatedAt).toBe(violatedAt);
  });
});

describe('a closer that is spared', () => {
  const spared = departed(1, 'spared');
  const expired = { exceptions: [exception({ expiresAt: NOW })] };

  it.each<[string, Changes, string]>([
    [
      'is remembered as long as the image is there',
      { closer: departed(400, 'spared'), policy: excepted },
      'departed: spared',
    ],
    [
      'holds again where the exception has expired and the finding is there',
      { closer: spared, policy: expired, image: present({ findings: [finding()] }) },
      'holds: violates',
    ],
    [
      'wants a scan where the exception has expired and the finding is not there',
      { closer: spared, policy: expired },
      'needsScan',
    ],
    [
      'holds again where the exception has expired and no scan is newer than when it was last spared',
      { closer: spared, policy: expired, scan: scanned(-24) },
      'holds: unproven: the last finished scan (2026-06-14T12:00:00.000Z) is not newer than when it was last seen to violate or to be away (2026-06-14T12:00:00.000Z)',
    ],
    [
      'is released where the exception has expired and a scan is newer',
      { closer: spared, policy: expired, scan: scanned(-23) },
      'released: scanned',
    ],
    [
      'holds again where the threshold was lowered',
      {
        closer: closer({ findings: [finding({ severity: 'HIGH' })], departed: { at: hoursLater(-1), why: 'spared' } }),
        scan: scanned(-2),
      },
      'holds: unproven: the last finished scan (2026-06-15T10:00:00.000Z) is not newer than when it was last seen to violate or to be away (2026-06-15T11:00:00.000Z)',
    ],
    [
      'goes on to be spared by the record, also where what is there is undetermined',
      { closer: spared, policy: excepted, image: present({ findings: [UNTRIAGED] }) },
      'departed: spared',
    ],
    [
      'goes on to be spared where its own finding is excepted and there, and another is undetermined',
      { closer: spared, policy: excepted, image: present({ findings: [finding(), UNTRIAGED] }) },
      'departed: spared',
    ],
    ['goes away like any other', { closer: spared, policy: excepted, image: GONE }, 'departed: gone'],
    ['goes out of scope like any other', { closer: spared, policy: excepted, inScope: false }, 'departed: outOfScope'],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(accountFor(changes))).toBe(expected);
  });
});

describe('two closers', () => {
  const b = finding({ vulnerability: 'CVE-2026-2' });

  it.each<[string, Partial<Closer>, boolean]>([
    ['are the same', {}, true],
    [
      'are the same where it was seen to violate less than a minute later',
      { violatedAt: '2026-06-15T11:00:59.999Z' },
      true,
    ],
    ['differ where it was seen to violate a minute later', { violatedAt: '2026-06-15T11:01:00.000Z' }, false],
    ['are the same where the findings come in another order', { findings: [b, finding()] }, true],
    ['differ by a finding', { findings: [finding()] }, false],
    ['differ by what is said of a finding', { findings: [finding({ exploited: true }), b] }, false],
    ['differ by the findings that there was no room for', { omittedFindings: 1 }, false],
    ['are the same where the tags come in another order', { tags: ['latest', '1.0'] }, true],
    ['differ by their tags', { tags: ['1.0', 'stable'] }, false],
    ['differ where one has departed', { departed: { at: NOW, why: 'gone' } }, false],
  ])('%s', (_name, changes, same) => {
    const one = closer({ tags: ['1.0', 'latest'], findings: [finding(), b] });
    expect(sameCloser(one, { ...one, ...changes })).toBe(same);
  });

  it.each<[string, Departure, Closer['departed'], boolean]>([
    ['are the same where both are gone', 'gone', { at: NOW, why: 'gone' }, true],
    ['differ where one is gone and one out of scope', 'gone', { at: NOW, why: 'outOfScope' }, false],
    [
      'are the same where both are spared within a minute',
      'spared',
      { at: '2026-06-12T12:00:59.999Z', why: 'spared' },
      true,
    ],
    ['differ where one is spared a minute later', 'spared', { at: '2026-06-12T12:01:00.000Z', why: 'spared' }, false],
  ])('%s', (_name, why, other, same) => {
    expect(sameCloser(departed(3, why), { ...departed(3), departed: other })).toBe(same);
  });
});

describe('a known exploit', () => {
  it.each<[string, readonly Closer[], boolean]>([
    ['is none without closers', [], false],
    ['is none among ordinary findings', [closer(), closer()], false],
    [
      'is found in any finding of any closer',
      [closer(), closer({ findings: [finding(), finding({ exploited: true })] })],
      true,
    ],
  ])('%s', (_name, closers, exploited) => {
    expect(isExploited(closers)).toBe(exploited);
  });
});
