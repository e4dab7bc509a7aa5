// Records: their keys, what they remember and for how long, and that packing them loses nothing.
import { describe, expect, it } from 'vitest';
import {
  type Gate,
  type GateRecord,
  gateKey,
  holding,
  isForgettable,
  isLongAgo,
  newRecord,
  packRecord,
  unpackRecord,
  withFewerFindings,
} from '../../../shared/gate/record.ts';
import { byHand, closer, daysLater, digest, finding, GATE, hoursLater, NOW, record } from '../samples.ts';

const notice = {
  kind: 'closed',
  at: NOW,
  images: [],
  moreImages: 0,
  omittedImages: 0,
  stillPullable: [],
  accounts: [],
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
      closers: [],
      omittedClosers: 0,
      untold: [],
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

  const empty = record({ state: { kind: 'open' }, since: daysLater(-30), closers: [] });
  it.each<[string, GateRecord, boolean]>([
    ['may drop an open gate that had nothing to say for 30 days', empty, true],
    ['keeps one that opened a day ago', { ...empty, since: daysLater(-1) }, false],
    ['keeps one that is closed', { ...empty, state: { kind: 'closed' } }, false],
    [
      'keeps one with a closer that went away',
      { ...empty, closers: [closer({ departed: { at: hoursLater(-1), why: 'gone' } })] },
      false,
    ],
    ['keeps one with closers that it had no room for', { ...empty, omittedClosers: 1 }, false],
    ['keeps one with something to tell', { ...empty, untold: [notice] }, false],
    ['keeps one that a person keeps open', { ...empty, byHand: byHand() }, false],
  ])('%s', (_name, stored, forgettable) => {
    expect(isForgettable(stored, NOW)).toBe(forgettable);
  });
});

describe('the closers that hold a gate', () => {
  it('are those that have not departed', () => {
    const there = closer();
    const gone = closer({ digest: digest(2), departed: { at: NOW, why: 'gone' } });
    expect(holding({ closers: [gone, there] })).toEqual([there]);
  });
});

describe('a record with fewer findings', () => {
  const of = (number: number) => finding({ vulnerability: `CVE-2026-${number}` });
  const full = record({
    closers: [
      closer({ findings: [of(1), of(2), of(3)], omittedFindings: 1 }),
      closer({ digest: digest(2), findings: [of(4)] }),
    ],
  });

  it.each<[string, number, readonly (readonly [readonly string[], number])[]]>([
    [
      'keeps the first of each closer, and counts at least the others',
      2,
      [
        [['CVE-2026-1', 'CVE-2026-2'], 1],
        [['CVE-2026-4'], 0],
      ],
    ],
    [
      'keeps one of each closer',
      1,
      [
        [['CVE-2026-1'], 2],
        [['CVE-2026-4'], 0],
      ],
    ],
    [
      'keeps one of each closer, however few it may',
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
    const { closers, ...rest } = withFewerFindings(full, most);
    expect(closers.map((one) => [one.findings.map((each) => each.vulnerability), one.omittedFindings])).toEqual(
      expected,
    );
    expect(rest).toEqual({ ...full, closers: undefined });
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
    closers: [
      closer({ findings: [finding(), other] }),
      closer({ digest: digest(2), findings: [other], departed: { at: NOW, why: 'outOfScope' }, omittedFindings: 4 }),
    ],
    omittedClosers: 2,
    untold: [notice],
  });

  it('is unpacked as it was', () => {
    expect(unpackRecord(packRecord(full))).toEqual(full);
  });

  it('has a finding that images share only once', () => {
    const { findings, lists, closers } = JSON.parse(packRecord(full));
    expect(findings).toEqual([finding(), other]);
    expect(lists).toEqual([[0, 1], [1]]);
    expect(closers.map((one: { findings: number }) => one.findings)).toEqual([0, 1]);
  });

  it('stays below a row’s 400 KB with a thousand images of one base', () => {
    const [first, ...others] = Array.from({ length: 200 }, (_, number) =>
      finding({ vulnerability: `CVE-2026-${number}` }),
    );
    if (first === undefined) throw new Error('200 findings were needed');
    const closers = Array.from({ length: 1000 }, (_, number) =>
      closer({ digest: digest(number), findings: [first, ...others] }),
    );
    expect(Buffer.byteLength(packRecord(record({ closers })))).toBeLessThan(400_000);
  });

  it('has a format of its own with an order by hand: a version that knows of none must not close what a person opened', () => {
    const ordered = record({ byHand: byHand({ endedBy: 'eve' }) });
    expect(unpackRecord(packRecord(ordered))).toEqual(ordered);
    expect([ordered, full].map((one) => JSON.parse(packRecord(one)).format)).toEqual([2, 1]);
  });

  it('of another format is refused, with the way out', () => {
    const text = JSON.stringify({ ...JSON.parse(packRecord(full)), format: 3 });
    expect(() => unpackRecord(text)).toThrow(
      'a record in the table has the format 3; this version of pullgate knows 1 and 2: deploy the version that wrote it, or a newer one',
    );
  });

  it.each([
    ['no finding is there', record(), { findings: [] }],
    ['one finding of several is missing', full, { findings: [finding()] }],
    ['a closer’s list is missing', record(), { lists: [] }],
  ])('of which %s was changed by hand, and is refused', (_name, whole, change) => {
    const text = JSON.stringify({ ...JSON.parse(packRecord(whole)), ...change });
    expect(() => unpackRecord(text)).toThrow(
      `the record's closer ${digest(1)} lacks findings: the row was changed by hand`,
    );
  });
});
