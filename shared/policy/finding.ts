// What a scanner reports: findings, and the image that they are about.
import { type ReportedSeverity, SEVERITIES, type Severity, severityOfScore } from './severity.ts';

/** A moment as ISO 8601 in UTC with milliseconds (`2026-01-31T12:00:00.000Z`), so that text order is time order. */
export type Instant = string;

/** The earlier of two moments, the first of which may not be there. */
export function earlier(a: Instant | undefined, b: Instant): Instant {
  return a !== undefined && a < b ? a : b;
}

/** The later of two moments. */
export function later(a: Instant, b: Instant): Instant {
  return a > b ? a : b;
}

/** One vulnerability in one package of one image. An advisory that names several packages is several findings. */
export interface Finding {
  /** The advisory: `CVE-2024-6119`, `GHSA-...`. */
  readonly vulnerability: string;
  /** Other names of the same advisory. */
  readonly aliases: readonly string[];
  readonly package: {
    readonly name: string;
    readonly version: string;
    /** The first version without the vulnerability, if the scanner names one. */
    readonly fixedVersion?: string | undefined;
  };
  readonly severity: ReportedSeverity;
  /** The highest CVSS v3 or v4 base score, if there is one. */
  readonly score?: number | undefined;
  /** The severity of the report that names the finding, if the finding itself has none. */
  readonly reportSeverity?: Severity | undefined;
  /** `unknown` counts as fixable: a fix that nobody can rule out is not an excuse. */
  readonly fix: 'available' | 'none' | 'unknown';
  /** The provider knows of an exploit. */
  readonly exploited: boolean;
  /** When the vulnerability was disclosed. */
  readonly disclosedAt?: Instant | undefined;
  /** `suppressed`: hidden or exempted at the provider. */
  readonly state: 'active' | 'suppressed';
  /**
   * The report that it came in, if the provider resolves whole reports and not single findings. Other findings of the
   * same report carry the same name.
   */
  readonly report?: string | undefined;
  /** Where to read about the vulnerability. */
  readonly link?: string | undefined;
}

/** One image of a repository. */
export interface ImageId {
  readonly repository: string;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest: string;
}

/**
 * What makes two findings of an image the same one, also when the provider has closed it and reported it anew under
 * another id.
 */
export function findingKey(finding: Finding): string {
  return `${finding.vulnerability}\n${finding.package.name}\n${finding.package.version}`;
}

/**
 * A finding's severity, and where it comes from: the scanner's word, the CVSS base score, or the report that names the
 * finding.
 */
export interface KnownSeverity {
  readonly severity: Severity;
  readonly from: 'scanner' | 'score' | 'report';
}

/** The best known severity of a finding. Undefined if neither the scanner nor a score nor a report has one. */
export function knownSeverity({ severity, score, reportSeverity }: Finding): KnownSeverity | undefined {
  if (severity.kind === 'known') return { severity: severity.severity, from: 'scanner' };
  if (score !== undefined) return { severity: severityOfScore(score), from: 'score' };
  return reportSeverity === undefined ? undefined : { severity: reportSeverity, from: 'report' };
}

/**
 * Where a finding stands among others, for what is shown or done first: the higher the worse. Of no known severity:
 * below all others.
 */
export function rankOf(finding: Finding): number {
  const known = knownSeverity(finding);
  return known === undefined ? -1 : SEVERITIES.indexOf(known.severity);
}

/**
 * The same findings, known exploits first, then by severity: what is shown is the worst, and what is left out the
 * least.
 */
export function worstFirst(findings: readonly [Finding, ...Finding[]]): readonly [Finding, ...Finding[]] {
  // The cast says what the type of `toSorted` does not: it leaves none out.
  return findings.toSorted((a, b) => Number(b.exploited) - Number(a.exploited) || rankOf(b) - rankOf(a)) as [
    Finding,
    ...Finding[],
  ];
}
