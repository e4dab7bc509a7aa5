// Which image is the fix that a closed repository blocks, and what has to go so that it can be pulled.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  blockedFix,
  findCandidates,
  findFix,
  indexesToRead,
  nestedIndexes,
  type RepositoryImages,
} from '../../../shared/gate/remedy.ts';
import type { JudgedImage, PushedImage } from '../../../shared/reconcile/observation.ts';
import { digest, exception, finding, gateRules, hoursLater, NOW, policy } from '../samples.ts';

/** An image with the tag `1.NUMBER` that was pushed in that hour. */
function image(number: number, changes: Partial<PushedImage> = {}): PushedImage {
  return {
    digest: digest(number),
    tags: [`1.${number}`],
    pushedAt: hoursLater(number - 100),
    isIndex: false,
    ...changes,
  };
}

const only = (...pushed: readonly PushedImage[]): RepositoryImages => ({ pushed, children: new Map() });
const blockers = (...numbers: readonly number[]) => numbers.map((number) => ({ digest: digest(number) }));
const digestsOf = (images: RepositoryImages, ...numbers: readonly number[]) =>
  findCandidates(images, blockers(...numbers)).map((one) => one.image.digest);

describe('the candidates', () => {
  it('are the tagged images that were pushed after every blocker, the newest first', () => {
    const images = only(image(6), image(1), image(3), image(4, { tags: [] }), image(5), image(2));
    expect(digestsOf(images, 1, 3)).toEqual([digest(6), digest(5)]);
  });

  it('do not include an image that was pushed together with a blocker', () => {
    const { pushedAt } = image(1);
    expect(digestsOf(only(image(1), image(2, { pushedAt })), 1)).toEqual([]);
  });

  it('are none if the registry does not list a blocker, because nobody knows when it was pushed', () => {
    expect(digestsOf(only(image(1), image(5)), 1, 2)).toEqual([]);
  });

  it('of one time are in a fixed order', () => {
    const { pushedAt } = image(5);
    const [one, other] = [image(5), image(6, { pushedAt })];
    for (const pushed of [
      [one, other],
      [other, one],
    ])
      expect(digestsOf(only(image(1), ...pushed), 1)).toEqual([digest(6), digest(5)]);
  });

  /** The index 1.4 lists the blocker; 1.9 lists an index, which lists images; 1.8 lists nothing. */
  const INDEXES: RepositoryImages = {
    pushed: [
      ...[image(1, { tags: [] }), image(2, { tags: [] }), image(5)],
      ...[image(4, { isIndex: true }), image(7, { isIndex: true, tags: [] })],
      ...[image(8, { isIndex: true }), image(9, { isIndex: true })],
    ],
    children: new Map([
      [digest(4), [digest(1)]],
      [digest(9), [digest(7), digest(99)]],
      [digest(7), [digest(2)]],
    ]),
  };

  it('of an index have the images that it and its indexes list; what lists none is no candidate', () => {
    expect(findCandidates(INDEXES, blockers(1)).map(({ image: { tags }, parts }) => [tags, parts])).toEqual([
      [['1.9'], [digest(2)]],
      [['1.5'], [digest(5)]],
    ]);
  });

  it('were pushed after every index that lists a blocker', () => {
    const late = INDEXES.pushed.map((one) => (one.digest === digest(4) ? { ...one, pushedAt: hoursLater(-94) } : one));
    expect(digestsOf({ ...INDEXES, pushed: late }, 1)).toEqual([digest(9)]);
  });

  it('take the indexes that may be the fix, and all tagged ones if a blocker has no tag', () => {
    expect(indexesToRead(INDEXES.pushed, blockers(5))).toEqual([digest(8), digest(9)]);
    expect(indexesToRead(INDEXES.pushed, blockers(1))).toEqual([digest(4), digest(8), digest(9)]);
    const children = new Map([[digest(9), [digest(7), digest(2)]]]);
    expect(nestedIndexes({ ...INDEXES, children })).toEqual([digest(7)]);
    expect(nestedIndexes(INDEXES)).toEqual([]);
  });

  it('are blocked by the index that lists a blocker, and by the blocker itself only if that counts, too', () => {
    const [fix] = INDEXES.pushed.slice(-1);
    if (fix === undefined) throw new Error('there are images');
    const blockedBy = (images: RepositoryImages, ...by: readonly ['tagged' | 'all', ...number[]]) => {
      const [counted, ...numbers] = by;
      const found = blockedFix('host/team/app', fix, blockers(...numbers), {
        images,
        policy: policy({ images: counted }),
      });
      return found.blockedBy.map((one) => one.digest);
    };
    expect(blockedBy(INDEXES, 'tagged', 1)).toEqual([digest(4)]);
    expect(blockedBy(INDEXES, 'all', 1)).toEqual([digest(4), digest(1)]);
    expect(blockedBy(INDEXES, 'tagged', 5, 1)).toEqual([digest(4), digest(5)]);
    expect(blockedBy(only(image(1, { tags: [] })), 'all', 1)).toEqual([digest(1)]);
  });

  it('are blocked by at most five named images, the older first, and the rest is counted', () => {
    const pushed = [7, 6, 5, 4, 3, 2, 1].map((number) => image(number, { tags: ['b', 'a'] }));
    const found = blockedFix('host/team/app', image(9), blockers(1, 2, 3, 4, 5, 6, 7), {
      images: only(...pushed),
      policy: policy(),
    });
    expect(found).toEqual({
      repository: 'host/team/app',
      fix: { digest: digest(9), tags: ['1.9'] },
      blockedBy: [1, 2, 3, 4, 5].map((number) => ({ digest: digest(number), tags: ['a', 'b'] })),
      moreBlockedBy: 2,
    });
  });
});

describe('the search stays short', () => {
  it('with many images, indexes and blockers, each is looked at a few times only', () => {
    let reads = 0;
    const counted = (one: PushedImage): PushedImage => ({
      ...one,
      get digest() {
        reads++;
        return one.digest;
      },
    });
    const numbers = Array.from({ length: 300 }, (_, number) => number + 1);
    const isIndex = (number: number) => number > 200;
    const pushed = numbers.map((number) => counted(image(number, { isIndex: isIndex(number) })));
    const children = new Map(numbers.filter(isIndex).map((number) => [digest(number), [digest(number - 100)]]));
    const images = { pushed, children };
    const active = blockers(...numbers.slice(0, 20));
    expect(findCandidates(images, active)).toHaveLength(280);
    blockedFix('host/team/app', image(300), active, { images, policy: policy() });
    expect(reads).toBeLessThan(20 * numbers.length);
  });

  it('if indexes share what they list, on many levels', () => {
    const levels = Array.from({ length: 40 }, (_, level) => level);
    const pair = (level: number) => [2 * level + 2, 2 * level + 3];
    const pushed = [
      image(1),
      ...levels.flatMap((level) => pair(level).map((one) => image(one, { isIndex: true, pushedAt: hoursLater(1) }))),
    ];
    const children = new Map(
      levels.flatMap((level) => {
        const listed = level === 0 ? [1] : pair(level - 1);
        return pair(level).map((one): [string, string[]] => [digest(one), listed.map(digest)]);
      }),
    );
    expect(digestsOf({ pushed, children }, 1)).toEqual([]);
    const [fix] = pushed;
    if (fix === undefined) throw new Error('there are images');
    const found = blockedFix('host/team/app', fix, blockers(1), { images: { pushed, children }, policy: policy() });
    expect([found.blockedBy.length, found.moreBlockedBy]).toEqual([5, 76]);
  });
});

describe('the fix', () => {
  const CLEAN: JudgedImage = { reports: [], scannedAt: hoursLater(-1) };
  const withFinding = (changes: Parameters<typeof finding>[0] = {}): JudgedImage => ({
    reports: [{ status: 'active', findings: [finding(changes)] }],
  });
  const find = (judged: Readonly<Record<number, JudgedImage>>, by = gateRules()) => {
    const byDigest = new Map(Object.entries(judged).map(([number, one]) => [digest(Number(number)), one]));
    const candidates = findCandidates(only(image(1), image(2), image(3)), blockers(1));
    const { fix, recent } = findFix(candidates, {
      repository: 'team/app',
      judged: byDigest,
      judge: by.judge,
      now: NOW,
    });
    return [fix?.tags[0], recent];
  };

  it.each<[string, Readonly<Record<number, JudgedImage>>, string | undefined]>([
    ['the newest image that is clean', { 2: CLEAN, 3: CLEAN }, '1.3'],
    ['an older one if the newest has no finished scan', { 2: CLEAN }, '1.2'],
    ['an older one if the newest violates', { 2: CLEAN, 3: withFinding() }, '1.2'],
    ['an image with a finding below the threshold', { 3: withFinding({ severity: 'low' }) }, '1.3'],
    ['no image that is undetermined', { 3: withFinding({ severity: 'UNTRIAGED' }) }, undefined],
    ['no image if none is scanned', {}, undefined],
  ])('is %s', (_name, judged, expected) => {
    expect(find(judged)).toEqual([expected, []]);
  });

  it('is an image whose finding is exempt', () => {
    const excepted = gateRules({ policy: policy({ exceptions: [exception()] }) });
    expect(find({ 3: withFinding() }, excepted)).toEqual(['1.3', []]);
  });

  it('is no image that was scanned less than five minutes ago, because its findings may not be listed yet', () => {
    const at = (minutes: number) => ({ ...CLEAN, scannedAt: hoursLater(-minutes / 60) });
    expect(find({ 2: CLEAN, 3: at(4) })).toEqual(['1.2', [digest(3)]]);
    expect(find({ 3: at(4) })).toEqual([undefined, [digest(3)]]);
    expect(find({ 3: at(5) })).toEqual(['1.3', []]);
  });

  it('is never named unless it is newer than every blocker, scanned to the end, and allowed', () => {
    const number = fc.integer({ min: 1, max: 6 });
    const judgedOne = fc.option(
      fc.record({
        findings: fc.array(
          fc.constantFrom(...['low', 'low', 'critical', 'UNTRIAGED'].map((severity) => finding({ severity }))),
          { maxLength: 2 },
        ),
        minutes: fc.integer({ min: 0, max: 10 }),
      }),
      { nil: undefined },
    );
    const world = fc.record({
      pushed: fc.uniqueArray(
        fc.record({ number, hour: fc.integer({ min: 0, max: 5 }), tagged: fc.boolean(), isIndex: fc.boolean() }),
        { selector: (one) => one.number, minLength: 4 },
      ),
      children: fc.dictionary(number.map(String), fc.array(number)),
      judged: fc.array(judgedOne, { minLength: 7, maxLength: 7 }),
      blockers: fc.uniqueArray(number, { minLength: 1, maxLength: 2 }),
    });
    let named = 0;
    fc.assert(
      fc.property(world, (given) => {
        const pushed = given.pushed.map(({ number: one, hour, tagged, isIndex }) =>
          image(one, { pushedAt: hoursLater(hour - 10), tags: tagged ? [`1.${one}`] : [], isIndex }),
        );
        // An index lists only older ones: a digest cannot contain itself.
        const children = new Map(
          Object.entries(given.children).map(([one, listed]) => [
            digest(Number(one)),
            listed.filter((child) => child < Number(one)).map(digest),
          ]),
        );
        const judged = new Map(
          Object.entries(given.judged).flatMap(([one, found]): [string, JudgedImage][] => {
            if (found === undefined) return [];
            const { findings, minutes } = found;
            return [
              [
                digest(Number(one)),
                { reports: [{ status: 'active', findings }], scannedAt: hoursLater(-minutes / 60) },
              ],
            ];
          }),
        );
        const active = blockers(...given.blockers);
        const { judge } = gateRules();
        const images = { pushed, children };
        const { fix } = findFix(findCandidates(images, active), { repository: 'team/app', judged, judge, now: NOW });
        if (fix === undefined) return;
        named++;
        const parts = (of: PushedImage): readonly string[] =>
          of.isIndex
            ? pushed.filter((one) => children.get(of.digest)?.includes(one.digest)).flatMap((one) => parts(one))
            : [of.digest];
        for (const blocker of active) {
          const older = pushed.filter(
            (one) => one.digest === blocker.digest || (one.tags.length > 0 && parts(one).includes(blocker.digest)),
          );
          expect(older.length).toBeGreaterThan(0);
          for (const one of older) expect(fix.pushedAt > one.pushedAt).toBe(true);
        }
        expect(parts(fix).length).toBeGreaterThan(0);
        for (const part of parts(fix)) {
          const one = judged.get(part);
          const findings = one?.reports.flatMap((report) => report.findings) ?? [];
          expect(one?.scannedAt !== undefined && Date.parse(NOW) - Date.parse(one.scannedAt) >= 5 * 60_000).toBe(true);
          expect(judge({ repository: 'team/app', digest: part }, findings, NOW).kind).toBe('allow');
        }
      }),
      { numRuns: 2_000, seed: 1 },
    );
    expect(named).toBeGreaterThan(50);
  });
});
