// Findings, as a scanner reports them, and the image that they are about.
import { plainVersion } from './names.ts';
import { type ReportedSeverity, SEVERITIES, type Severity, severityOfScore } from './severity.ts';

/** A time as ISO 8601 in UTC with milliseconds (`2026-01-31T12:00:00.000Z`), so that text order is time order. */
export type Instant = string;

/** The earlier of two times. The first is optional. */
export function earlier(a: Instant | undefined, b: Instant): Instant {
  return a !== undefined && a < b ? a : b;
}

/** The later of two times. */
export function later(a: Instant, b: Instant): Instant {
  return a > b ? a : b;
}

/** One vulnerability in one package of one image. An advisory for several packages is several findings. */
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
  /** Whether a fix exists. `unknown` counts as fixable. */
  readonly fix: 'available' | 'none' | 'unknown';
  /** Whether the provider knows of an exploit. */
  readonly exploited: boolean;
  /** The EPSS score, 0 to 1: the probability of an exploitation within 30 days. Undefined: the scanner has none. */
  readonly epss?: number | undefined;
  /** When the vulnerability was disclosed. */
  readonly disclosedAt?: Instant | undefined;
  /**
   * `suppressed`: the finding is hidden or exempted at the provider. `rejected`: the advisory was withdrawn.
   */
  readonly state: 'active' | 'suppressed' | 'rejected';
  /**
   * The id of the finding's report, if the provider resolves whole reports instead of single findings. All findings of
   * the report have the same id.
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
 * The identity of a finding in an image. It stays the same if the provider reports the finding again under a new id, or
 * its version with or without the epoch 0.
 */
export function findingKey(finding: Finding): string {
  return `${finding.vulnerability}\n${finding.package.name}\n${plainVersion(finding.package.version)}`;
}

/** A finding's severity, and its source: the scanner, the CVSS base score, or the report that names the finding. */
export interface KnownSeverity {
  readonly severity: Severity;
  readonly from: 'scanner' | 'score' | 'report';
}

/** The severity of a finding from the best source. Undefined if scanner, score and report have none. */
export function knownSeverity({ severity, score, reportSeverity }: Finding): KnownSeverity | undefined {
  if (severity.kind === 'known') return { severity: severity.severity, from: 'scanner' };
  if (score !== undefined) return { severity: severityOfScore(score), from: 'score' };
  return reportSeverity === undefined ? undefined : { severity: reportSeverity, from: 'report' };
}

/** Does the finding have a severity or score of its own? Otherwise only the report that names it may have one. */
export function hasSeverity(finding: Finding): boolean {
  const known = knownSeverity(finding);
  return known !== undefined && known.from !== 'report';
}

/** The higher of two EPSS scores. Undefined if neither is known. */
export function higherEpss(a: Finding['epss'], b: Finding['epss']): Finding['epss'] {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.max(a, b);
}

/** The rank of a finding, by which the worst is shown or handled first. An unknown severity ranks below all others. */
export function rankOf(finding: Finding): number {
  const known = knownSeverity(finding);
  return known === undefined ? -1 : SEVERITIES.indexOf(known.severity);
}

/** Sorts findings: known exploits first, then by severity and EPSS, so that a shortened list keeps the worst. */
export function worstFirst(findings: readonly [Finding, ...Finding[]]): readonly [Finding, ...Finding[]] {
  // `toSorted` keeps all elements, but its type does not say so.
  return findings.toSorted(
    (a, b) => Number(b.exploited) - Number(a.exploited) || rankOf(b) - rankOf(a) || (b.epss ?? 0) - (a.epss ?? 0),
  ) as [Finding, ...Finding[]];
}
