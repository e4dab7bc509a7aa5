// Fuzz inputs: text, JSON and nearly valid samples, and long, deep or hostile values.
import fc from 'fast-check';

/** Characters that queries, paths, headers and logs interpret, mixed with characters of names. */
const HOSTILE = [...'a0._-/:~()AZ \n\0"\'`|;\\%?#*[]{}<>,=!@&$', '..', 'sha256:', '__proto__', '\u2028', '\ud800'];
export const hostile = fc.string({ unit: fc.constantFrom(...HOSTILE), maxLength: 40 });

/** A short text repeated many times, which is slow for a regular expression that backtracks. */
export const stretched = fc
  .tuple(
    fc.string({ unit: fc.constantFrom(...HOSTILE), minLength: 1, maxLength: 6 }),
    fc.integer({ min: 10, max: 1_000 }),
    hostile,
  )
  .map(([piece, times, end]) => piece.repeat(times) + end);

/** Nested lists and objects, as deep as a message can contain. */
export const deepText = fc
  .tuple(fc.constantFrom(['[', ']'], ['{"a":', '}'], ['{"detail":[', ']}']), fc.integer({ min: 1, max: 1_000 }))
  .map(([[open = '', close = ''], depth]) => `${open.repeat(depth)}1${close.repeat(depth)}`);

/** A repository name, or nearly one. */
export const nearlyName = fc.string({ unit: fc.constantFrom('a', '0', '.', '_', '-', '/', 'A', '\n'), maxLength: 12 });
/** A digest, or nearly one. */
export const nearlyDigest = fc
  .tuple(
    fc.constantFrom('sha256:', 'sha256', '', 'SHA256:'),
    fc.string({ unit: fc.constantFrom('0', 'f', 'g'), minLength: 63, maxLength: 65 }),
  )
  .map((parts) => parts.join(''));

/** Any text. */
export const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 4, arbitrary: hostile },
  { weight: 1, arbitrary: stretched },
);

/** Any JSON value, and words with a special meaning somewhere. */
export const anyValue = fc.oneof(
  { weight: 3, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  { weight: 3, arbitrary: anyText },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(
      null,
      true,
      -1,
      0,
      1e308,
      '',
      [],
      {},
      [[]],
      [null],
      { length: 3 },
      'Critical',
      'Healthy',
    ),
  },
  { weight: 1, arbitrary: fc.constant(undefined) },
);

type Path = readonly (string | number)[];

/** Every path into a value, the shortest first. */
function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null || value instanceof Date) return [];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => [[...path, key], ...pathsOf(Reflect.get(value, key), [...path, key])]);
}

/**
 * A change of the value at one path: another value, no value, text with something inserted, or a second key in another
 * case.
 */
type Change =
  | { readonly kind: 'put'; readonly value: unknown }
  | { readonly kind: 'splice'; readonly share: number; readonly text: string }
  | { readonly kind: 'twin'; readonly value: unknown };

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: anyValue.map((value): Change => ({ kind: 'put', value })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.integer({ min: 0, max: 100 }), hostile)
      .map(([share, text]): Change => ({ kind: 'splice', share, text })),
  },
  { weight: 1, arbitrary: anyValue.map((value): Change => ({ kind: 'twin', value })) },
);

/** A sample with some values changed. */
export function spoiled<Sample>(samples: readonly Sample[], maxChanges = 3): fc.Arbitrary<Sample> {
  // Computed once per sample, because drawing inputs takes most of the time of a million runs.
  const spoiledOnes = samples.map((sample) =>
    fc
      .array(fc.tuple(fc.constantFrom(...pathsOf(sample)), change), { minLength: 1, maxLength: maxChanges })
      .map((changes) => changes.reduce<unknown>((value, [path, one]) => changed(value, path, one), sample) as Sample),
  );
  return fc.oneof(...spoiledOnes);
}

function changed(value: unknown, [key, ...rest]: Path, what: Change): unknown {
  if (typeof value !== 'object' || value === null || key === undefined) return value;
  const before: unknown = Reflect.get(value, key);
  if (rest.length > 0) return withKey(value, key, changed(before, rest, what));
  switch (what.kind) {
    case 'put':
      return withKey(value, key, what.value);
    case 'splice': {
      const text = typeof before === 'string' ? before : '';
      const place = Math.floor((what.share * text.length) / 100);
      return withKey(value, key, text.slice(0, place) + what.text + text.slice(place));
    }
    case 'twin':
      return Array.isArray(value) ? [what.value, ...value] : { [String(key).toUpperCase()]: what.value, ...value };
  }
}

function withKey(value: object, key: string | number, inner: unknown): unknown {
  if (!Array.isArray(value)) return { ...value, [key]: inner };
  // An earlier change may have replaced an object with a list, or removed paths.
  return typeof key === 'number' && key < value.length ? value.with(key, inner) : value;
}
