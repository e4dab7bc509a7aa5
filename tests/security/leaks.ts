// Searches for secrets where they must not appear, both as they are and in the encodings that programs produce.
import type { Graph } from '../../local/graph.ts';
import type { Secret } from '../../local/secrets.ts';

/** A place to search: its name for the report, and its text. */
export type Places = Readonly<Record<string, string>>;

/** The encodings in which a secret may appear in text. */
function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  // Inside longer base64, text appears in one of three alignments, and its ends mix with the neighboring bytes.
  const within = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    return text.slice(shift === 0 ? 0 : 4, -4);
  });
  return [
    value,
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    bytes.toString('base64url'),
    bytes.toString('hex'),
    ...within,
  ];
}

/** The secrets that were found, and where. */
export function leaksOf(secrets: readonly Secret[], places: Places): readonly string[] {
  const short = secrets.find(({ value }) => value.length < 16);
  if (short !== undefined) throw new Error(`${short.what} is too short to search for`);
  const wanted = new Map(secrets.map(({ what, value }) => [value, what]));
  return Object.entries(places).flatMap(([place, text]) =>
    [...wanted].flatMap(([value, what]) =>
      formsOf(value).some((form) => text.includes(form)) ? [`${what} is in ${place}`] : [],
    ),
  );
}

/** A value without the secrets in it, `{ secret: ... }`. */
export function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === 'secret') return 'secret';
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unmarked(inner)]));
}

/** Everything that a reader of the stack can see: its resources, outputs, warnings and code. */
export function placesIn({ resources, outputs, archives, warnings }: Graph): Places {
  return {
    ...Object.fromEntries(
      resources.map(({ name, type, inputs, outputs: made, id }) => [
        `the resource ${type} ${name}`,
        JSON.stringify(unmarked({ id, inputs, made })),
      ]),
    ),
    "the stack's outputs": JSON.stringify(unmarked(outputs)),
    'the warnings': warnings.join('\n'),
    ...Object.fromEntries(
      Object.values(archives).flatMap((files) =>
        Object.entries(files).map(([name, text]) => [`the file ${name} of the bundle`, text]),
      ),
    ),
  };
}
