// Records: their keys, what they remember and for how long, and that packing them loses nothing.
import { describe, expect, it } from 'vitest';
import { type Gate, gateKey } from '../../../shared/gate/gate.ts';
import { activeBlockers, type GateRecord, isForgettable, isLongAgo, newRecord } from '../../../shared/gate/record.ts';
import { packRecord, unpackRecord, withFewerFindings } from '../../../shared/gate/record-codec.ts';
import { anOverride, blocker, daysLater, digest, finding, GATE, hoursLater, NOW, record } from '../samples.ts';

const notice = {
  kind: 'closed',
  at: NOW,
  images: [],
  moreImages: 0,
  omittedImages: 0,
  stillPullable: [],
  clearances: [],
} as const;

describe('the key of a gate', () => {
  it.each<[string, Gate, string]>([
    ['of a repository names registry and repository', GATE, '123456789012/team/app'],
    ['of an image names its digest too', { ...GATE, digest: 'sha256:ab' }, '123456789012/team/app@sha256:ab'],
  ])('%s', (_name, gate, key) => {
    expect(gateKey(gate)).toBe(key);
  });
});

describe('a new record', () => {
  it('is that of an open gate', () => {
    expect(newRecord(GATE, NOW)).toEqual({
      gate: GATE,
      state: { kind: 'open' },
      since: NOW,
      blockers: [],
      omittedBlockers: 0,
      pending: [],
    });
  });
});

describe('memory', () => {
  it.each([
    ['reaches back to this moment', NOW, false],
    ['reaches back a millisecond less than 30 days', '2026-05-16T12:00:00.001Z', false],
    ['ends after 30 days', '2026-05-16T12:00:00.000Z', true],
  ])('%s', (_name, at, longAgo) => {
    expect(isLongAgo(at, NOW)).toBe(longAgo);
  });

  const empty = record({ state: { kind: 'open' }, since: daysLater(-30), blockers: [] });
  it.each<[string, GateRecord, boolean]>([
    ['may drop an open gate that had nothing to say for 30 days', empty, true],
    ['keeps one that opened a day ago', { ...empty, since: daysLater(-1) }, false],
    ['keeps one that is closed', { ...empty, state: { kind: 'closed' } }, false],
    [
      'keeps one with a blocker that went away',
      { ...empty, blockers: [blocker({ departed: { at: hoursLater(-1), why: 'gone' } })] },
      false,
    ],
    ['keeps one with blockers that it had no room for', { ...empty, omittedBlockers: 1 }, false],
    ['keeps one with something to tell', { ...empty, pending: [notice] }, false],
    ['keeps one that a person keeps open', { ...empty, override: anOverride() }, false],
  ])('%s', (_name, stored, forgettable) => {
    expect(isForgettable(stored, NOW)).toBe(forgettable);
  });
});

describe('the blockers that hold a gate', () => {
  it('are those that have not departed', () => {
    const there = blocker();
    const gone = blocker({ digest: digest(2), departed: { at: NOW, why: 'gone' } });
    expect(activeBlockers({ blockers: [gone, there] })).toEqual([there]);
  });
});

describe('a record with fewer findings', () => {
  const of = (number: number) => finding({ vulnerability: `CVE-2026-${number}` });
  const full = record({
    blockers: [
      blocker({ findings: [of(1), of(2), of(3)], omittedFindings: 1 }),
      blocker({ digest: digest(2), findings: [of(4)] }),
    ],
  });

  it.each<[string, number, readonly (readonly [readonly string[], number])[]]>([
    [
      'keeps the first of each blocker, and counts at least the others',
      2,
      [
        [['CVE-2026-1', 'CVE-2026-2'], 1],
        [['CVE-2026-4'], 0],
      ],
    ],
    [
      'keeps one of each blocker',
      1,
      [
        [['CVE-2026-1'], 2],
        [['CVE-2026-4'], 0],
      ],
    ],
    [
      'keeps one of each blocker, however few it may',
      0,
      [
        [['CVE-2026-1'], 2],
        [['CVE-2026-4'], 0],
      ],
    ],
    [
      'is what it was where they all fit',
      3,
      [
        [['CVE-2026-1', 'CVE-2026-2', 'CVE-2026-3'], 1],
        [['CVE-2026-4'], 0],
      ],
    ],
  ])('%s', (_name, most, expected) => {
    const { blockers, ...rest } = withFewerFindings(full, most);
    expect(blockers.map((one) => [one.findings.map((each) => each.vulnerability), one.omittedFindings])).toEqual(
      expected,
    );
    expect(rest).toEqual({ ...full, blockers: undefined });
  });
});

describe('a packed record', () => {
  const other = finding({
    vulnerability: 'CVE-2026-2',
    score: 9.1,
    disclosedAt: NOW,
    aliases: ['GHSA-1'],
    link: 'https://example.com',
  });
  const full = record({
    state: { kind: 'waiting', for: 'brake' },
    blockers: [
      blocker({ findings: [finding(), other] }),
      blocker({ digest: digest(2), findings: [other], departed: { at: NOW, why: 'outOfScope' }, omittedFindings: 4 }),
    ],
    omittedBlockers: 2,
    pending: [notice],
  });

  it('is unpacked as it was', () => {
    expect(unpackRecord(packRecord(full))).toEqual(full);
  });

  it('has a finding that images share only once', () => {
    const { findings, lists, blockers } = JSON.parse(packRecord(full));
    expect(findings).toEqual([finding(), other]);
    expect(lists).toEqual([[0, 1], [1]]);
    expect(blockers.map((one: { findings: number }) => one.findings)).toEqual([0, 1]);
  });

  it('stays below a row’s 400 KB with a thousand images of one base', () => {
    const [first, ...others] = Array.from({ length: 200 }, (_, number) =>
      finding({ vulnerability: `CVE-2026-${number}` }),
    );
    if (first === undefined) throw new Error('200 findings were needed');
    const blockers = Array.from({ length: 1000 }, (_, number) =>
      blocker({ digest: digest(number), findings: [first, ...others] }),
    );
    expect(Buffer.byteLength(packRecord(record({ blockers })))).toBeLessThan(400_000);
  });

  it('has one format, with an override and without', () => {
    const ordered = record({ override: anOverride({ endedBy: 'eve' }) });
    expect(unpackRecord(packRecord(ordered))).toEqual(ordered);
    expect([ordered, full].map((one) => JSON.parse(packRecord(one)).format)).toEqual([1, 1]);
  });

  it('of another format is refused, with the way out', () => {
    const text = JSON.stringify({ ...JSON.parse(packRecord(full)), format: 3 });
    expect(() => unpackRecord(text)).toThrow(
      'a record in the table has the format 3; this version of pullgate reads 1: deploy the version that wrote it, or a newer one',
    );
  });

  it.each([
    ['no finding is there', record(), { findings: [] }],
    ['one finding of several is missing', full, { findings: [finding()] }],
    ['a blocker’s list is missing', record(), { lists: [] }],
  ])('of which %s was edited, and is refused', (_name, whole, change) => {
    const text = JSON.stringify({ ...JSON.parse(packRecord(whole)), ...change });
    expect(() => unpackRecord(text)).toThrow(`the record's blocker ${digest(1)} lacks findings: the row was edited`);
  });
});
