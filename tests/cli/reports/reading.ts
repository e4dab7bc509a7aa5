// Reads reports in tests as the command does, from texts and samples, and shows what was gathered.
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

/** What a sample says, to be changed. */
export function jsonOf(name: string) {
  return JSON.parse(readFileSync(sample(name), 'utf8'));
}

/** A policy by its fields. */
export function policy({ severityThreshold, ...fields }: Readonly<Record<string, unknown>> = {}): Policy {
  const parsed = parsePolicy(severityThreshold ?? 'informational', fields);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

export interface Read extends Gathered {
  /** Of the first file. */
  readonly format: Format | undefined;
  readonly notes: readonly string[];
  /** Of all images, in order. */
  readonly findings: readonly Finding[];
}

interface Options {
  readonly format?: Format;
  readonly policies?: readonly Policy[];
  readonly includes?: (repository: string) => boolean;
  /** The text comes in pieces of so many bytes. Default: in one. */
  readonly piece?: number;
}

/** Reads files, or `-` with this text or these values. */
export async function read(
  file: string | readonly string[],
  input: unknown = '',
  options: Options = {},
): Promise<Read> {
  const { policies = [policy()], includes = () => true, format, piece } = options;
  const gathering = gatheringFor(policies);
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

/** The same of a value or a text on stdin. */
export function readText(input: unknown, options?: Options): Promise<Read> {
  return read(STDIN, input, options);
}

async function* inPieces(bytes: Buffer, piece = bytes.length): AsyncGenerator<Buffer> {
  for (let from = 0; from < bytes.length; from += piece) yield bytes.subarray(from, from + piece);
}
