// How a record is stored: what is shared once, what is left out to fit, and what is refused.
import { describe, expect, it } from 'vitest';
import { packRecord, unpackRecord, withFewerFindings } from '../../../shared/gate/record-codec.ts';
import { anOverride, blocker, digest, finding, NOW, notice, record } from '../samples.ts';

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
      blocker({ digest: digest(2), findings: [other], inactive: { at: NOW, why: 'outOfScope' }, omittedFindings: 4 }),
    ],
    omittedBlockers: 2,
    pending: [notice()],
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
      'a record in the table has format 3, but this version of pullgate reads only format 1; deploy the version that wrote it, or a newer one',
    );
  });

  it.each([
    ['no finding is there', record(), { findings: [] }],
    ['one finding of several is missing', full, { findings: [finding()] }],
    ['a blocker’s list is missing', record(), { lists: [] }],
  ])('of which %s was edited, and is refused', (_name, whole, change) => {
    const text = JSON.stringify({ ...JSON.parse(packRecord(whole)), ...change });
    expect(() => unpackRecord(text)).toThrow(`the record's blocker ${digest(1)} lacks findings; the row was edited`);
  });
});
