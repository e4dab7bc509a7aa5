// The stored form of a record: what it shares, what it omits to fit, and what it refuses to read.
import { describe, expect, it } from 'vitest';
import { packRecord, packToFit, unpackRecord, withFewerFindings } from '../../../shared/gate/record-codec.ts';
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
      'keeps the first finding of each blocker, and counts the others',
      2,
      [
        [['CVE-2026-1', 'CVE-2026-2'], 1],
        [['CVE-2026-4'], 0],
      ],
    ],
    [
      'keeps one finding of each blocker',
      1,
      [
        [['CVE-2026-1'], 2],
        [['CVE-2026-4'], 0],
      ],
    ],
    [
      'keeps one finding of each blocker even with a limit of zero',
      0,
      [
        [['CVE-2026-1'], 2],
        [['CVE-2026-4'], 0],
      ],
    ],
    [
      'does not change if all findings fit',
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

describe('a record that must fit', () => {
  const findings = [1, 2, 3, 4, 5].map((number) => finding({ vulnerability: `CVE-2026-${number}` }));
  const [first, ...others] = findings;
  if (first === undefined) throw new Error('a finding was needed');
  const full = record({ blockers: [blocker({ findings: [first, ...others] })] });
  const keptIn = (text: string) => unpackRecord(text).blockers.map((one) => one.findings.length);
  const sizeWith = (most: number) => packRecord(withFewerFindings(full, most)).length;
  const pack = (size: number) => packToFit(full, (text) => text, { findings: 4, size });

  it('keeps as many findings as it may', () => {
    expect(keptIn(pack(sizeWith(4)))).toEqual([4]);
  });

  it('keeps half as many until it fits', () => {
    expect(keptIn(pack(sizeWith(4) - 1))).toEqual([2]);
    expect(keptIn(pack(sizeWith(1)))).toEqual([1]);
  });

  it('is refused if it does not fit with one finding for each image', () => {
    expect(() => pack(sizeWith(1) - 1)).toThrow(
      /^the record of \S+ does not fit into a row, even with one finding for each of its 1 images$/,
    );
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

  it('is the same after unpacking', () => {
    expect(unpackRecord(packRecord(full))).toEqual(full);
  });

  it('contains a shared finding only once', () => {
    const { findings, lists, blockers } = JSON.parse(packRecord(full));
    expect(findings).toEqual([finding(), other]);
    expect(lists).toEqual([[0, 1], [1]]);
    expect(blockers.map((one: { findings: number }) => one.findings)).toEqual([0, 1]);
  });

  it('stays below the 400 KB of a row with a thousand images that share a base image', () => {
    const [first, ...others] = Array.from({ length: 200 }, (_, number) =>
      finding({ vulnerability: `CVE-2026-${number}` }),
    );
    if (first === undefined) throw new Error('200 findings were needed');
    const blockers = Array.from({ length: 1000 }, (_, number) =>
      blocker({ digest: digest(number), findings: [first, ...others] }),
    );
    expect(Buffer.byteLength(packRecord(record({ blockers })))).toBeLessThan(400_000);
  });

  it('has the same format with and without an override', () => {
    const ordered = record({ override: anOverride({ endedBy: 'eve' }) });
    expect(unpackRecord(packRecord(ordered))).toEqual(ordered);
    expect([ordered, full].map((one) => JSON.parse(packRecord(one)).format)).toEqual([1, 1]);
  });

  it('in another format is refused with a message that says what to do', () => {
    const text = JSON.stringify({ ...JSON.parse(packRecord(full)), format: 3 });
    expect(() => unpackRecord(text)).toThrow(
      'a record in the table has format 3, but this version of pullgate reads only format 1; deploy the version that wrote it, or a newer one',
    );
  });

  it.each([
    ['without its findings', record(), { findings: [] }],
    ['without one of several findings', full, { findings: [finding()] }],
    ['without the list of a blocker', record(), { lists: [] }],
  ])('%s is refused as edited', (_name, whole, change) => {
    const text = JSON.stringify({ ...JSON.parse(packRecord(whole)), ...change });
    expect(() => unpackRecord(text)).toThrow(`the record's blocker ${digest(1)} lacks findings; the row was edited`);
  });
});
