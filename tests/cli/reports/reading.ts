// Reads reports from texts and samples in tests, as the command does, and returns what was gathered.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Format } from '../../../cli/reports/formats.ts';
import { type Gathered, gatheringFor } from '../../../cli/reports/gathering.ts';
import { unpack } from '../../../cli/reports/packed.ts';
import { readReports, STDIN } from '../../../cli/reports/read.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { type Policy, parsePolicy } from '../../../shared/policy/policy.ts';

export const NOW = '2026-03-02T09:00:00.000Z';
const EVENTS = join(import.meta.dirname, '../../events');

/** The path of a sample, such as `reports/trivy-alpine-310.json`. */
export function sample(name: string): string {
  return join(EVENTS, name);
}

/** The parsed sample, for changes. */
export function jsonOf(name: string) {
  return JSON.parse(readFileSync(sample(name), 'utf8'));
}

/** Creates a policy from its fields. */
export function policy({ severityThreshold, ...fields }: Readonly<Record<string, unknown>> = {}): Policy {
  const parsed = parsePolicy(severityThreshold ?? 'informational', fields);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

export interface Read extends Gathered {
  /** The format of the first file. */
  readonly format: Format | undefined;
  readonly notes: readonly string[];
  /** The findings of all images, in order. */
  readonly findings: readonly Finding[];
}

interface Options {
  readonly format?: Format;
  readonly policies?: readonly Policy[];
  readonly includes?: Readonly<Record<'aws' | 'azure', (repository: string) => boolean>>;
  /** The size of the pieces in which the text arrives, in bytes. Default: one piece. */
  readonly piece?: number;
}

/** Reads files, or this text or value as stdin for `-`. */
export async function read(
  file: string | readonly string[],
  input: unknown = '',
  options: Options = {},
): Promise<Read> {
  const { policies = [policy()], includes = { aws: () => true, azure: () => true }, format, piece } = options;
  const gathering = gatheringFor(policies, NOW);
  const progress = { show: (text: () => string) => void text(), end: () => {} };
  const text = typeof input === 'string' || input instanceof Uint8Array ? input : JSON.stringify(input);
  const stdin = inPieces(Buffer.from(text), piece);
  const found = await readReports([file].flat(), gathering, {
    format,
    stdin,
    progress,
    includes,
    now: Date.parse(NOW),
  });
  const gathered = gathering.result();
  return {
    ...gathered,
    format: found.formats[0],
    notes: found.notes,
    findings: gathered.images.flatMap(({ findings }) => [...findings].map(unpack)),
  };
}

/** Reads a text or a value as stdin. */
export function readText(input: unknown, options?: Options): Promise<Read> {
  return read(STDIN, input, options);
}

async function* inPieces(bytes: Buffer, piece = bytes.length): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += piece) yield bytes.subarray(from, from + piece);
}
