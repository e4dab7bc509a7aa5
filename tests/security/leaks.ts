// Looks for secrets where they must not be: as they are, and in the forms that a program gives them on the way.
import type { Graph } from '../../local/graph.ts';
import type { Secret } from '../../local/secrets.ts';

/** Where to look: a name for people, and the text. */
export type Places = Readonly<Record<string, string>>;

/** The ways in which a secret may stand in a text. */
function formsOf(value: string): readonly string[] {
  const bytes = Buffer.from(value);
  // Inside of longer base64 a text stands in one of three ways, and its ends mix with what is around it.
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

/** What was found where. */
export function leaksOf(secrets: readonly Secret[], places: Places): readonly string[] {
  const short = secrets.find(({ value }) => value.length < 16);
  if (short !== undefined) throw new Error(`${short.what} is too short to be looked for`);
  const wanted = new Map(secrets.map(({ what, value }) => [value, what]));
  return Object.entries(places).flatMap(([place, text]) =>
    [...wanted].flatMap(([value, what]) =>
      formsOf(value).some((form) => text.includes(form)) ? [`${what} is in ${place}`] : [],
    ),
  );
}

/** A value without what stands in it as `{ secret: ... }`. */
export function unmarked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unmarked);
  if (typeof value !== 'object' || value === null) return value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === 'secret') return 'secret';
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unmarked(inner)]));
}

/** What anybody sees who may see a stack: its resources, its outputs, what it warns of, and its code. */
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
