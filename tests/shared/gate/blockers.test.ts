// The next blockers after an observation: which are active, which are remembered, when scans are read, and what does
// not fit.
import { describe, expect, it } from 'vitest';
import {
  countUndetermined,
  type EvaluatedImage,
  evaluateImages,
  isPlainlyAllowed,
  MAX_BLOCKERS,
  nextBlockers,
} from '../../../shared/gate/blockers.ts';
import type { Blocker, GateRecord } from '../../../shared/gate/record.ts';
import type { ImageObservation, Scan } from '../../../shared/reconcile/observation.ts';
import type { GateRules } from '../../../shared/reconcile/rules.ts';
import {
  blocker,
  digest,
  exception,
  finding,
  GATE,
  gateRules,
  hoursLater,
  NOW,
  policy,
  present,
  record,
} from '../samples.ts';

const VIOLATING = { findings: [finding()] };
const CLOSED_AT = hoursLater(-24);
const EXCEPTED = gateRules({ policy: policy({ exceptions: [exception()] }) });
const CLEAN_SCAN: readonly [string, Scan][] = [[digest(1), { kind: 'finished', at: hoursLater(-0.5) }]];
const gone = (number: number): ImageObservation => ({ digest: digest(number), presence: 'gone' });

/** Evaluates images, and returns which scans were read. */
async function observe(
  observations: readonly ImageObservation[],
  stored: GateRecord,
  byRules: GateRules = gateRules(),
  scans: readonly [string, Scan][] = [],
) {
  const asked: string[] = [];
  const registry = {
    scans: async (_gate: unknown, digests: readonly string[]) => {
      asked.push(...digests);
      return new Map(scans);
    },
  };
  const evaluated = await evaluateImages(
    observations,
    { record: stored, rules: byRules, observedAt: NOW, now: NOW },
    registry,
  );
  return { evaluated, asked, kinds: evaluated.map(({ evaluation }) => evaluation.kind) };
}

describe('the evaluation of all images of an observation', () => {
  it.each<[string, Parameters<typeof gateRules>[0], Partial<Parameters<typeof present>[0]>, string]>([
    ['a tagged image is in scope', {}, { tagged: true }, 'holds'],
    ['an untagged image is out of scope', {}, { tagged: false }, 'none'],
    [
      'an untagged image is in scope with `images: all`',
      { policy: policy({ images: 'all' }) },
      { tagged: false },
      'holds',
    ],
    [
      'an image in an excluded repository is out of scope',
      { repositories: { include: ['**'], exclude: ['team/*'] } },
      { tagged: true },
      'none',
    ],
  ])('%s', async (_name, settings, changes, kind) => {
    const { kinds } = await observe(
      [present({ ...VIOLATING, ...changes })],
      record({ blockers: [] }),
      gateRules(settings),
    );
    expect(kinds).toEqual([kind]);
  });

  it.each([
    [
      'of an image gate that was closed stays in scope without a tag',
      { ...GATE, digest: digest(1) },
      CLOSED_AT,
      'holds',
    ],
    ['of an image gate that was never closed needs a tag', { ...GATE, digest: digest(1) }, undefined, 'inactive'],
    ['of a repository gate needs a tag', GATE, CLOSED_AT, 'inactive'],
  ])('a blocker %s', async (_name, gate, closedAt, kind) => {
    const stored = record({ gate, blockers: [blocker({ closedAt })] });
    const { kinds } = await observe([present({ ...VIOLATING, tagged: false })], stored);
    expect(kinds).toEqual([kind]);
  });

  it('reads no scan if no evaluation needs one', async () => {
    const { asked, kinds } = await observe(
      [present(VIOLATING), gone(2)],
      record({ blockers: [blocker(), blocker({ digest: digest(2) })] }),
    );
    expect({ asked, kinds }).toEqual({ asked: [], kinds: ['holds', 'inactive'] });
  });

  it('reads the scans of all images that need one in one call', async () => {
    const blockers = [1, 2, 3].map((number) => blocker({ digest: digest(number) }));
    const observations = [present(VIOLATING), present({ digest: digest(2) }), present({ digest: digest(3) })];
    const scans: [string, Scan][] = [[digest(2), { kind: 'finished', at: hoursLater(-0.5) }]];
    const { evaluated, asked } = await observe(observations, record({ blockers }), gateRules(), scans);
    expect(asked).toEqual([digest(2), digest(3)]);
    expect(evaluated.map(({ evaluation }) => evaluation)).toMatchObject([
      { kind: 'holds', why: { kind: 'violates' } },
      { kind: 'released', how: 'scanned' },
      { kind: 'holds', why: { kind: 'unproven', detail: 'the scanner does not know the image' } },
    ]);
  });
});

describe('the next blockers', () => {
  it('add an image that violates', async () => {
    const stored = record({ blockers: [] });
    const { evaluated } = await observe([present(VIOLATING)], stored);
    const added = blocker({ since: NOW, violatedAt: NOW });
    expect(nextBlockers(stored, evaluated)).toEqual({
      blockers: [added],
      active: [added],
      omitted: 0,
      clearances: [],
    });
  });

  it('do not change if nothing is new', async () => {
    const stored = record({ blockers: [blocker({ violatedAt: hoursLater(-1 / 120) })] });
    const { evaluated } = await observe([present(VIOLATING)], stored);
    expect(nextBlockers(stored, evaluated).blockers).toEqual(stored.blockers);
  });

  it('keep blockers that were not observed', () => {
    const stored = record();
    expect(nextBlockers(stored, [])).toEqual({
      blockers: stored.blockers,
      active: stored.blockers,
      omitted: 0,
      clearances: [],
    });
  });

  it('keep a blocker that is gone as inactive', async () => {
    const stored = record();
    const { evaluated } = await observe([gone(1)], stored);
    expect(nextBlockers(stored, evaluated)).toEqual({
      blockers: [blocker({ closedAt: CLOSED_AT, inactive: { at: NOW, why: 'gone' } })],
      active: [],
      omitted: 0,
      clearances: [{ digest: digest(1), how: 'gone' }],
    });
  });

  it('do not clear a blocker again that was gone before', async () => {
    const stored = record({ blockers: [blocker({ inactive: { at: hoursLater(-5), why: 'gone' } })] });
    const { evaluated } = await observe([gone(1)], stored);
    expect(nextBlockers(stored, evaluated)).toMatchObject({ clearances: [], blockers: stored.blockers });
  });

  it('keep an exempt blocker as inactive', async () => {
    const stored = record();
    const { evaluated } = await observe([present()], stored, EXCEPTED);
    const clearances = [{ digest: digest(1), how: 'exempted' }];
    const blockers = [blocker({ closedAt: CLOSED_AT, inactive: { at: NOW, why: 'exempted' } })];
    expect(nextBlockers(stored, evaluated)).toEqual({ blockers, active: [], omitted: 0, clearances });
  });

  it('do not clear a blocker that was gone, is back, and is exempt', async () => {
    const stored = record({ blockers: [blocker({ inactive: { at: hoursLater(-5), why: 'gone' } })] });
    const { evaluated } = await observe([present()], stored, EXCEPTED);
    const blockers = [blocker({ inactive: { at: NOW, why: 'exempted' } })];
    expect(nextBlockers(stored, evaluated)).toEqual({
      blockers,
      active: [],
      omitted: 0,
      clearances: [],
    });
  });

  it('drop a released blocker', async () => {
    const stored = record();
    const { evaluated } = await observe([present()], stored, gateRules(), CLEAN_SCAN);
    const clearances = [{ digest: digest(1), how: 'scanned' }];
    expect(nextBlockers(stored, evaluated)).toEqual({
      blockers: [],
      active: [],
      omitted: 0,
      clearances,
    });
  });

  it('drop a released blocker that was inactive without reporting it as cleared', async () => {
    const stored = record({ blockers: [blocker({ inactive: { at: hoursLater(-5), why: 'gone' } })] });
    const { evaluated } = await observe([present()], stored, gateRules(), CLEAN_SCAN);
    expect(nextBlockers(stored, evaluated)).toEqual({
      blockers: [],
      active: [],
      omitted: 0,
      clearances: [],
    });
  });

  it('drop a forgotten blocker', async () => {
    const stored = record({ blockers: [blocker({ inactive: { at: hoursLater(-24 * 30), why: 'gone' } })] });
    const { evaluated } = await observe([gone(1)], stored);
    expect(nextBlockers(stored, evaluated)).toEqual({
      blockers: [],
      active: [],
      omitted: 0,
      clearances: [],
    });
  });

  it('do not change for images that never violated', async () => {
    const stored = record();
    const { evaluated } = await observe([gone(1), present({ digest: digest(2) }), gone(3)], stored);
    expect(nextBlockers(stored, evaluated)).toMatchObject({
      active: [],
      clearances: [{ digest: digest(1), how: 'gone' }],
    });
  });
});

describe('an image without a tag', () => {
  const image = { ...GATE, digest: digest(1) };
  const untagged = { tags: [], tagged: false };

  it.each<[string, true | undefined, ImageObservation, true | undefined]>([
    ['is marked when it is closed and violates', undefined, present({ ...VIOLATING, ...untagged }), true],
    ['is marked while proof is missing', undefined, present(untagged), true],
    ['is no longer marked once it has a tag', true, present(VIOLATING), undefined],
    ['is not marked if a tagged index contains it', undefined, present({ ...VIOLATING, tags: [] }), undefined],
    ['stays marked when it is gone', true, gone(1), true],
  ])('%s', async (_name, before, seen, after) => {
    const closed = blocker({ closedAt: CLOSED_AT, violatedAt: NOW, untagged: before });
    const stored = record({ gate: image, blockers: [closed] });
    const { evaluated } = await observe([seen], stored);
    expect(nextBlockers(stored, evaluated).blockers[0]?.untagged).toBe(after);
  });
});

describe('the use of an image', () => {
  const USAGE = { inUseCount: 3, lastInUseAt: hoursLater(-2) };
  const storedWith = (usage: Blocker['usage']) => record({ blockers: [blocker({ usage })] });
  const untagged = { tags: [], tagged: false };

  it.each<[string, Blocker['usage'], ImageObservation, Blocker['usage']]>([
    ['is recorded when it violates', undefined, present({ ...VIOLATING, usage: USAGE }), USAGE],
    ['is kept if nothing is known now', USAGE, present(VIOLATING), USAGE],
    [
      'is replaced by what is known now, fact by fact',
      USAGE,
      present({ ...VIOLATING, usage: { inUseCount: 0 } }),
      { ...USAGE, inUseCount: 0 },
    ],
    ['is recorded with a change while proof is missing', undefined, present({ tags: ['2.0'], usage: USAGE }), USAGE],
    ['is no change by itself', undefined, present({ usage: USAGE }), undefined],
    ['is recorded when it goes out of scope', undefined, present({ ...untagged, usage: USAGE }), USAGE],
    ['is kept when it is gone', USAGE, gone(1), USAGE],
  ])('%s', async (_name, before, image, after) => {
    const stored = storedWith(before);
    const { evaluated } = await observe([image], stored);
    expect(nextBlockers(stored, evaluated).blockers[0]?.usage).toEqual(after);
  });

  it.each<[string, ImageObservation, object]>([
    ['is in the clearance of an image that is gone', gone(1), { how: 'gone', usage: USAGE }],
    [
      'is in the clearance of an image that is out of scope',
      present({ ...untagged, usage: { lastPulledAt: NOW } }),
      { how: 'outOfScope', usage: { ...USAGE, lastPulledAt: NOW } },
    ],
  ])('%s', async (_name, image, clearance) => {
    const stored = storedWith(USAGE);
    const { evaluated } = await observe([image], stored);
    expect(nextBlockers(stored, evaluated).clearances).toEqual([{ digest: digest(1), ...clearance }]);
  });

  it('is in no clearance of an image that may be pulled', async () => {
    const stored = storedWith(USAGE);
    const { evaluated } = await observe([present()], stored, EXCEPTED);
    expect(nextBlockers(stored, evaluated).clearances).toEqual([{ digest: digest(1), how: 'exempted' }]);
  });
});

describe('more blockers than fit into a record', () => {
  const many = (count: number, changes: Partial<Blocker> = {}, from = 1): readonly Blocker[] =>
    Array.from({ length: count }, (_, number) => blocker({ digest: digest(from + number), ...changes }));
  const seen = (blockers: readonly Blocker[]): readonly EvaluatedImage[] =>
    blockers.map((one) => ({
      image: present({ digest: one.digest }),
      evaluation: {
        kind: 'holds',
        blocker: one,
        why: { kind: 'undetermined' },
        verdict: { kind: 'allow', exempted: [] },
      },
    }));
  const inactive = { inactive: { at: NOW, why: 'gone' } } as const;

  it('lose none at the limit', () => {
    const next = nextBlockers(record({ blockers: [] }), seen(many(MAX_BLOCKERS)));
    expect([next.blockers.length, next.active.length, next.omitted]).toEqual([1000, 1000, 0]);
  });

  it('are limited, and the omitted active ones are counted', () => {
    const next = nextBlockers(record({ blockers: [] }), seen(many(MAX_BLOCKERS + 3)));
    expect([next.blockers.length, next.active.length, next.omitted]).toEqual([1000, 1000, 3]);
  });

  it('keep active blockers before inactive ones', () => {
    const stored = record({ blockers: many(10, inactive, 5_001) });
    const next = nextBlockers(stored, seen(many(MAX_BLOCKERS - 1)));
    expect([next.blockers.length, next.active.length, next.omitted]).toEqual([1000, 999, 0]);
    expect(next.blockers.at(-1)?.digest).toBe(digest(5_001));
  });

  it('stay counted, so that only a command opens the gate', () => {
    const next = nextBlockers(record({ blockers: [], omittedBlockers: 3 }), []);
    expect(next).toEqual({ blockers: [], active: [], omitted: 3, clearances: [] });
  });

  it('are recorded as soon as one is omitted', () => {
    const stored = record({ blockers: many(MAX_BLOCKERS) });
    const next = nextBlockers(stored, seen(many(1, {}, 5_001)));
    expect(next.omitted).toBe(1);
  });
});

describe('an image without a record', () => {
  const outside = gateRules({ repositories: { include: ['**'], exclude: ['team/*'] } });
  const suppressed = finding({ state: 'suppressed' });
  it.each<[string, ImageObservation, GateRules, boolean]>([
    ['that is gone is plainly allowed', gone(1), gateRules(), true],
    ['without findings is plainly allowed', present(), gateRules(), true],
    [
      'with findings below the threshold is plainly allowed',
      present({ findings: [finding({ severity: 'LOW' })] }),
      gateRules(),
      true,
    ],
    [
      'that is out of scope is plainly allowed, even with findings',
      present({ ...VIOLATING, tagged: false }),
      gateRules(),
      true,
    ],
    ['in an excluded repository is plainly allowed, even with findings', present(VIOLATING), outside, true],
    ['that violates is not', present(VIOLATING), gateRules(), false],
    [
      'with an unknown severity is not',
      present({ findings: [finding({ severity: 'UNTRIAGED' })] }),
      gateRules(),
      false,
    ],
    [
      'with a suppressed finding is not, because the log names the exemption',
      present({ findings: [suppressed] }),
      gateRules(),
      false,
    ],
    ['with an exception is not', present(VIOLATING), EXCEPTED, false],
  ])('%s', (_name, image, byRules, expected) => {
    expect(isPlainlyAllowed(image, 'team/app', byRules, NOW)).toBe(expected);
  });
});

describe('the count of undetermined images', () => {
  const unknown = { findings: [finding({ severity: 'UNTRIAGED' })] };
  it('is of those in scope', () => {
    const images = [present(unknown), present(VIOLATING), present(), present({ ...unknown, tagged: false }), gone(5)];
    expect(countUndetermined(images, 'team/app', gateRules(), NOW)).toEqual({ judgedImages: 3, undeterminedImages: 1 });
  });
});
