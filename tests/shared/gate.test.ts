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
import type { Closer } from '../../shared/record.ts';
import { judgeBy } from '../../shared/verdict.ts';
import { closer, daysLater, digest, exception, finding, hoursLater, NOW, policy, present } from './samples.ts';

type Changes = Partial<AccountingInput> & { policy?: Partial<Policy> };

function accountFor({ policy: policyChanges = {}, ...changes }: Changes): Accounting {
  const judge = judgeBy(policy(policyChanges));
  const input = { repository: 'team/app', image: present(), closer: closer(), inScope: true, scan: undefined };
  return account({ ...input, judge, now: NOW, ...changes });
}

/** The accounting in one line. */
function inShort(accounting: Accounting): string {
  switch (accounting.kind) {
    case 'holds':
      return `holds: ${accounting.why.kind === 'unproven' ? accounting.why.why : accounting.why.kind}`;
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
const departed = (days: number, why: 'gone' | 'outOfScope' = 'gone') =>
  closer({ departed: { at: daysLater(-days), why } });
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
      'holds: coverage INACTIVE: SCAN_ELIGIBILITY_EXPIRED',
    ],
    [
      'CLOSED event; coverage ACTIVE and SUCCESSFUL, scanned after the closing, nothing violates: released',
      { scan: scanned(-0.5) },
      'released: scanned',
    ],
    [
      'scanned before it was last seen to violate: stays',
      { scan: scanned(-2) },
      'holds: the last finished scan (2026-06-15T10:00:00.000Z) is not newer than the last look that saw it violate (2026-06-15T11:00:00.000Z)',
    ],
    [
      'scanned at the very moment that it was seen to violate: stays',
      { scan: scanned(-1) },
      'holds: the last finished scan (2026-06-15T11:00:00.000Z) is not newer than the last look that saw it violate (2026-06-15T11:00:00.000Z)',
    ],
    [
      'a newer scan, and a finding of today that violates: stays',
      { scan: scanned(0), image: present({ findings: [OTHER] }) },
      'holds: violates',
    ],
    [
      'an exception is added for a finding that Inspector still has: released',
      { image: present({ findings: [finding()] }), policy: excepted },
      'released: spared',
    ],
    [
      'an exception is added for a finding that Inspector has meanwhile deleted: released, on the recorded finding',
      { policy: excepted },
      'released: spared',
    ],
    [
      'the policy was relaxed: released, on the recorded finding',
      { closer: closer({ findings: [finding({ severity: 'HIGH' })] }), policy: { severityThreshold: 'critical' } },
      'released: spared',
    ],
    [
      'its finding is suppressed now: released',
      { image: present({ findings: [finding({ state: 'suppressed' })] }) },
      'released: spared',
    ],
    [
      'its finding is rated milder now: released',
      { image: present({ findings: [finding({ severity: 'LOW' })] }) },
      'released: spared',
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

  it('is dropped where the policy spares it', () => {
    const spares = { exceptions: [exception({ id: OTHER.vulnerability })] };
    const accounting = accountFor({ closer: both, policy: spares, image: present({ findings: [finding()] }) });
    expect(accounting.kind === 'holds' && accounting.closer.findings).toEqual([finding()]);
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
      { closer: departed(5), scan: scanned(-2) },
      'holds: the last finished scan (2026-06-15T10:00:00.000Z) is not newer than the last look that saw it violate (2026-06-15T11:00:00.000Z)',
    ],
    ['is pushed again and scanned clean: released', { closer: departed(5), scan: scanned(0) }, 'released: scanned'],
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
  ])('is remembered %s', (_name, changes, expected) => {
    const accounting = accountFor(changes);
    expect(accounting.kind === 'departed' && accounting.closer).toEqual({
      ...(changes.closer ?? closer()),
      departed: expected,
    });
  });

  it.each<[string, Changes]>([
    ['it violates', { image: present({ findings: [finding()] }) }],
    ['no scan proves it clean', { scan: scanned(-2) }],
    ['it is undetermined', { image: present({ findings: [UNTRIAGED] }) }],
  ])('holds the gate since now where it came back and %s', (_name, changes) => {
    const accounting = accountFor({ closer: departed(5), ...changes });
    expect(accounting.kind === 'holds' && [accounting.closer.since, accounting.closer.departed]).toEqual([
      NOW,
      undefined,
    ]);
  });
});

describe('two closers', () => {
  const b = finding({ vulnerability: 'CVE-2026-2' });

  it.each<[string, Partial<Closer>, boolean]>([
    ['are the same', {}, true],
    [
      'are the same where it was seen to violate less than an hour later',
      { violatedAt: '2026-06-15T11:59:59.999Z' },
      true,
    ],
    ['differ where it was seen to violate an hour later', { violatedAt: NOW }, false],
    ['are the same where the findings come in another order', { findings: [b, finding()] }, true],
    ['differ by a finding', { findings: [finding()] }, false],
    ['differ by what is said of a finding', { findings: [finding({ exploited: true }), b] }, false],
    ['differ by the findings that there was no room for', { omittedFindings: 1 }, false],
    ['differ by their tags', { tags: ['1.0', 'latest'] }, false],
    ['differ where one has departed', { departed: { at: NOW, why: 'gone' } }, false],
  ])('%s', (_name, changes, same) => {
    const one = closer({ findings: [finding(), b] });
    expect(sameCloser(one, { ...one, ...changes })).toBe(same);
  });

  it.each<[string, Closer['departed'], boolean]>([
    ['are the same where both are gone', { at: NOW, why: 'gone' }, true],
    ['differ where one is gone and one out of scope', { at: NOW, why: 'outOfScope' }, false],
  ])('%s', (_name, other, same) => {
    expect(sameCloser(departed(3), closer({ departed: other }))).toBe(same);
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
