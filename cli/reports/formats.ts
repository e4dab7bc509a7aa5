// Recognizes the format of a report by its beginning.
import { UsageError } from '../terminal/ending.ts';
import type { Beginning } from './documents.ts';

/** The supported formats. */
export const FORMATS = ['inspector', 'defender', 'trivy', 'grype'] as const;
export type Format = (typeof FORMATS)[number];

export const FORMAT_NAMES: Readonly<Record<Format, string>> = {
  inspector: 'Amazon Inspector (aws inspector2 list-findings)',
  defender: 'Defender for Cloud (az graph query, or rows from Log Analytics)',
  trivy: 'Trivy (trivy image --format json)',
  grype: 'Grype (grype -o json)',
};

/** A file has a format if it has all keys of one of the lists. The first matching format is used. */
const MARKS: Readonly<Record<Format, readonly (readonly string[])[]>> = {
  trivy: [
    ['SchemaVersion', 'ArtifactName'],
    ['SchemaVersion', 'Results'],
  ],
  grype: [['matches']],
  inspector: [['findings'], ['findingArn']],
  defender: [
    ['data'],
    ['value'],
    ['id', 'properties'],
    ['RecommendationId'],
    ['NestedRecommendationId'],
    ['AssessmentId'],
  ],
};
const ORDER = ['trivy', 'grype', 'inspector', 'defender'] as const satisfies readonly Format[];

/** Unsupported reports that are easily confused with a supported one, and what to give instead. */
const NEIGHBOURS: readonly (readonly [key: string, what: string])[] = [
  [
    'imageScanFindings',
    'the output of `aws ecr describe-image-scan-findings`: give the output of `aws inspector2 list-findings`',
  ],
  ['Findings', 'findings from AWS Security Hub: give the output of `aws inspector2 list-findings`'],
  ['runs', "a SARIF report: give the scanner's own JSON (trivy --format json, grype -o json)"],
  ['bomFormat', 'a bill of materials, which has no findings: give the report of a scan'],
  ['vulnerabilities', 'a report of a scanner that pullgate does not support'],
];

/** The format of a report; undefined if it is not recognizable yet. */
export function formatOf({ keys }: Beginning): Format | undefined {
  return ORDER.find((format) => MARKS[format].some((marks) => marks.every((mark) => keys.has(mark))));
}

/** The error for a file in none of these formats. */
export function unknownFormat(name: string, { keys, isList }: Beginning): UsageError {
  const neighbour = NEIGHBOURS.find(([key]) => keys.has(key));
  const seen = [...keys].slice(0, 5).map((key) => JSON.stringify(key));
  const what = isList ? 'a list' : 'an object';
  const found = seen.length === 0 ? `it is ${what} without any keys` : `it is ${what} with ${seen.join(', ')}`;
  const known = FORMATS.map((format) => `\n  ${format.padEnd(9)}  ${FORMAT_NAMES[format]}`).join('');
  return new UsageError(
    `${name} is not a supported report: ${neighbour === undefined ? found : `it looks like ${neighbour[1]}`}.\nSupported formats:${known}\nIf the beginning of the file does not show the format, use --format.`,
  );
}
