// Reads values from a resource graph: the inputs and outputs together, with secrets unwrapped.
import type { Graph } from '../graph.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** All resources of a type. */
export function all(graph: Graph, type: string): readonly Fields[] {
  return graph.resources
    .filter((resource) => resource.type === type)
    .map(({ inputs, outputs, id, urn }) => ({ ...(revealed({ ...inputs, ...outputs }) as Fields), id, urn }));
}

/** @throws Error unless there is exactly one */
export function named(graph: Graph, type: string): Fields {
  const [resource, ...others] = all(graph, type);
  if (resource !== undefined && others.length === 0) return resource;
  const count = others.length + (resource === undefined ? 0 : 1);
  throw new Error(`the local cloud runs one ${type} per stack; the graph has ${count}`);
}

/** A secret in a graph is `{ secret: value }`, at any depth. */
function revealed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revealed);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const [only] = entries;
  if (only !== undefined && entries.length === 1 && only[0] === 'secret') return revealed(only[1]);
  return Object.fromEntries(entries.map(([key, inner]) => [key, revealed(inner)]));
}

export function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value === 'string') return value;
  throw new Error(`the local cloud needs ${key} of a resource as text; got ${JSON.stringify(fields)}`);
}

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

export function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

/** The last part of an ARM id. */
export function lastOf(id: string): string {
  return id.split('/').at(-1) ?? id;
}
