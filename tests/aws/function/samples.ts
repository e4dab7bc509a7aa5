// The providers' samples for the tests of this folder: with valid digests, and optionally with one value changed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '@aws-sdk/client-inspector2';

export const ACCOUNT_ID = '123456789012';

const FOLDER = join(import.meta.dirname, '../../events/aws');

export const SAMPLES = [
  'ecr-basic-scan',
  'ecr-image-archive',
  'ecr-image-delete',
  'ecr-image-push',
  'ecr-image-reactivate',
  'ecr-policy-call',
  'ecr-replication',
  'ecr-scan-frequency',
  'inspector-finding-2021',
  'inspector-finding-2026',
  'inspector-finding-ec2-closed',
  'inspector-finding-of-an-acr-image',
  'inspector-scan-complete',
] as const;
export type Sample = (typeof SAMPLES)[number];

/**
 * The text of a sample, as an event would contain it. The documentation shortens digests (`...5EXAMPLE`, or 60 digits
 * instead of 64), and pullgate correctly rejects such a digest. The existing digits are kept and padded with zeros.
 */
export function sampleText(name: Sample | 'ecr-enhanced-finding-api'): string {
  const text = readFileSync(join(FOLDER, `${name}.json`), 'utf8');
  return text.replace(/sha256:([0-9a-f]+)(?:EXAMPLE)?/g, (_, digits: string) => `sha256:${digits.padEnd(64, '0')}`);
}

type Path = readonly (string | number)[];

/** The text of a sample with another value at a path; `undefined` removes the key. */
export function changed(name: Sample, path: Path, value: unknown): string {
  const event: unknown = JSON.parse(sampleText(name));
  setAt(event, path, value);
  return JSON.stringify(event);
}

/** Every path in a value; a parent comes before its children. */
export function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  return keys.flatMap((key) => [[...path, key], ...pathsOf(Reflect.get(value, key), [...path, key])]);
}

function setAt(target: unknown, path: Path, value: unknown): void {
  let node = target;
  for (const key of path.slice(0, -1)) node = Reflect.get(Object(node), key);
  const last = path.at(-1);
  if (last !== undefined) Reflect.set(Object(node), last, value);
}

/** The finding from the documentation as the SDK returns it, with `Date` objects. */
export function apiFinding(changes: Partial<Finding> = {}): Finding {
  const finding: Finding = JSON.parse(sampleText('ecr-enhanced-finding-api'));
  const details = finding.packageVulnerabilityDetails;
  if (details === undefined) throw new Error('the sample has no packageVulnerabilityDetails');
  return {
    ...finding,
    firstObservedAt: date(finding.firstObservedAt),
    lastObservedAt: date(finding.lastObservedAt),
    updatedAt: date(finding.updatedAt),
    packageVulnerabilityDetails: {
      ...details,
      vendorCreatedAt: date(details.vendorCreatedAt),
      vendorUpdatedAt: date(details.vendorUpdatedAt),
    },
    ...changes,
  };
}

function date(text: unknown): Date {
  return new Date(String(text));
}
