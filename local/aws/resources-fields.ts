// Reads values from a resource graph: the inputs and outputs together.
import type { Graph } from '../graph.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** All resources of a type. */
export function all(graph: Graph, type: string): readonly Fields[] {
  return graph.resources
    .filter((resource) => resource.type === type)
    .map(({ inputs, outputs, id }) => ({ ...inputs, ...outputs, id }));
}

/** @throws Error unless there is exactly one */
export function only(graph: Graph, type: string): Fields {
  const [resource, ...others] = all(graph, type);
  if (resource !== undefined && others.length === 0) return resource;
  const count = others.length + (resource === undefined ? 0 : 1);
  throw new Error(`the local cloud runs one ${type} per stack; the graph has ${count}`);
}

/** Whether this id, name or ARN in another resource refers to this resource. */
export function isNamed({ id, name, arn }: Fields, reference: unknown): boolean {
  return [id, name, arn].includes(reference);
}

export function text(fields: Fields, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string')
    throw new Error(`the local cloud needs ${key} of a resource as text; got ${JSON.stringify(fields)}`);
  return value;
}

export function policyText(policy: unknown): string | undefined {
  if (policy === undefined || policy === null) return undefined;
  return typeof policy === 'string' ? policy : JSON.stringify(policy);
}

/** An input that Pulumi accepts as an object or as JSON text. */
export function json(value: unknown): Fields | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? JSON.parse(value) : (value as Fields);
}

export function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value : [];
}
