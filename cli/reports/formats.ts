// Which report a file is, by what it says at its beginning.
import { UsageError } from '../terminal/ending.ts';
import type { Beginning } from './documents.ts';

/** The reports that are read, with what makes one. */
export const FORMATS = ['inspector', 'defender', 'trivy', 'grype'] as const;
export type Format = (typeof FORMATS)[number];

export const FORMAT_NAMES: Readonly<Record<Format, string>> = {
  inspector: 'Amazon Inspector (aws inspector2 list-findings)',
  defender: 'Defender for Cloud (az graph query, or rows of Log Analytics)',
  trivy: 'Trivy (trivy image --format json)',
  grype: 'Grype (grype -o json)',
};

/** One of each list makes the format; the first format that fits counts. */
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

/** Reports of neighbours that are easily taken for one of ours, and what to give in their place. */
const NEIGHBOURS: readonly (readonly [key: string, what: string])[] = [
  [
    'imageScanFindings',
    'what `aws ecr describe-image-scan-findings` prints: give what `aws inspector2 list-findings` prints',
  ],
  ['Findings', 'findings of AWS Security Hub: give what `aws inspector2 list-findings` prints'],
  ['runs', 'a SARIF report: give the JSON of the scanner itself (trivy --format json, grype -o json)'],
  ['bomFormat', 'a bill of materials, which has no findings: give the report of a scan'],
  ['vulnerabilities', 'a report of a scanner that pullgate does not read'],
];

/** Undefined if it is not recognizable yet. */
export function formatOf({ keys }: Beginning): Format | undefined {
  return ORDER.find((format) => MARKS[format].some((marks) => marks.every((mark) => keys.has(mark))));
}

/** What to say if a file has none of these formats. */
export function unknownFormat(name: string, { keys, isList }: Beginning): UsageError {
  const neighbour = NEIGHBOURS.find(([key]) => keys.has(key));
  const seen = [...keys].slice(0, 5).map((key) => JSON.stringify(key));
  const what = isList ? 'a list' : 'an object';
  const found = seen.length === 0 ? `it is ${what} without any keys` : `it is ${what} with ${seen.join(', ')}`;
  const known = FORMATS.map((format) => `\n  ${format.padEnd(9)}  ${FORMAT_NAMES[format]}`).join('');
  return new UsageError(
    `${name} is not a report that pullgate knows: ${neighbour === undefined ? found : `it looks like ${neighbour[1]}`}.\nIt reads:${known}\n--format says which one it is if that cannot be seen at its beginning.`,
  );
}
