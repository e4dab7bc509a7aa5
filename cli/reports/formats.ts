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
    ['Data'],
    ['value'],
    ['id', 'properties'],
    ['RecommendationId'],
    ['NestedRecommendationId'],
    ['AssessmentId'],
  ],
};
const ORDER = ['trivy', 'grype', 'inspector', 'defender'] as const satisfies readonly Format[];

/** The AWS Security Finding Format. */
export const SECURITY_HUB = 'findings from AWS Security Hub: give the output of `aws inspector2 list-findings`';
const BILL_OF_MATERIALS =
  'a bill of materials, from which pullgate reads no findings: give the report of a scan (trivy image --format json, grype -o json)';
const ONE_BY_ONE = 'scan the images one by one (trivy image --format json) and give these reports';

/**
 * Unsupported reports that are easily confused with a supported one, by a key or its beginning, and what to give
 * instead.
 */
const NEIGHBOURS: readonly (readonly [key: string, what: string])[] = [
  [
    'detail-type',
    'an event of EventBridge, which may leave out other findings: give the output of `aws inspector2 list-findings`',
  ],
  ['ProductArn', SECURITY_HUB],
  ['ClusterName', `a report of \`trivy k8s\`: ${ONE_BY_ONE}`],
  ['apiVersion', `an object of Kubernetes, such as the VulnerabilityReport of trivy-operator: ${ONE_BY_ONE}`],
  ['Target', 'a report of Trivy before version 0.20: scan again with a newer Trivy'],
  [
    'application/vnd.security.vulnerability.report',
    "a report of Harbor: give the scanner's own JSON (trivy image --format json)",
  ],
  ['spdxVersion', BILL_OF_MATERIALS],
  ['@graph', BILL_OF_MATERIALS],
  [
    'imageScanFindings',
    'the output of `aws ecr describe-image-scan-findings`: give the output of `aws inspector2 list-findings`',
  ],
  ['Findings', SECURITY_HUB],
  ['runs', "a SARIF report: give the scanner's own JSON (trivy --format json, grype -o json)"],
  ['bomFormat', BILL_OF_MATERIALS],
  ['vulnerabilities', 'a report of a scanner that pullgate does not support'],
];

/** The format of a report; undefined if it is not recognizable yet. */
export function formatOf({ keys }: Beginning): Format | undefined {
  return ORDER.find((format) => MARKS[format].some((marks) => marks.every((mark) => keys.has(mark))));
}

/** The error for a file in none of these formats. */
export function unknownFormat(name: string, { keys, isList, isNothing }: Beginning): UsageError {
  const neighbour = NEIGHBOURS.find(([mark]) => [...keys].some((key) => key.startsWith(mark)));
  const seen = [...keys].slice(0, 5).map((key) => JSON.stringify(key));
  const what = isNothing ? 'a value' : isList ? 'a list' : 'an object';
  const found = seen.length === 0 ? `it is ${what} without any keys` : `it is ${what} with ${seen.join(', ')}`;
  const known = FORMATS.map((format) => `\n  ${format.padEnd(9)}  ${FORMAT_NAMES[format]}`).join('');
  return new UsageError(
    `${name} is not a supported report: ${neighbour === undefined ? found : `it looks like ${neighbour[1]}`}.\nSupported formats:${known}\nIf the beginning of the file does not show the format, use --format.`,
  );
}
