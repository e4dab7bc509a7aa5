// Defender for Cloud's assessments of registry images in the local cloud: individual (one per image and package) or
// grouped (one per image and CVE).
import { guidOf } from './principals.ts';
import type { Json } from './tables.ts';

/** The details of a vulnerability. Many assessments may share one object. */
export interface Cve {
  readonly id: string;
  /** Critical, High, Medium, Low, Unknown, '' or an unknown word. Absent to omit it. */
  readonly severity?: string;
  /** The base score of CVSS 3.1. */
  readonly score?: number;
  readonly publishedAt?: Date;
  /** FixAvailable, NoFix, NoFixAvailable, WillNotFix, Scheduled, Unknown. Absent: the package's status. */
  readonly fixStatus?: string;
  readonly fixedVersion?: string;
  readonly isInExploitKit?: boolean;
  /** The EPSS score. Absent to omit it. */
  readonly epss?: number;
  readonly additionalIdentifiers?: readonly string[];
  readonly link?: string;
}

export interface Package {
  readonly name: string;
  readonly version?: string;
  readonly fixedVersion?: string;
  /** Default: FixAvailable with a fixed version, NoFix without. */
  readonly fixStatus?: string;
}

export type Status = 'Unhealthy' | 'Healthy' | 'NotApplicable';

/** An assessment in the local Defender. */
export interface Assessment {
  /** The ARM id, unique. */
  readonly id: string;
  /** The registry's ARM id. */
  readonly registry: string;
  readonly loginServer: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly package: Package;
  /** For a grouped assessment: exactly one. */
  readonly cves: readonly Cve[];
  /** The severity of the recommendation or sub-assessment itself. */
  readonly severity: string;
  readonly status: Status;
  /** The reason for NotApplicable; empty if Defender gives none. Default: Exempt. */
  readonly cause?: string;
  readonly shape: 'individual' | 'grouped';
  /** The case of Defender's own keys. */
  readonly casing: 'pascal' | 'camel';
  /** How an individual assessment contains its CVEs. */
  readonly cvesAs: 'array' | 'text' | 'missing';
  /** What an individual assessment says about each CVE: only its id (`bare`, as since July 2026), or all details. */
  readonly details: 'bare' | 'rich';
  /**
   * How an individual assessment identifies its image: by a path below the registry's id; dashed below that id; dashed
   * directly after it; dashed without a registry; or not at all.
   */
  readonly naming: 'path' | 'dashed' | 'joined' | 'nameless' | 'nothing';
  /** Whether and how an individual assessment contains its repository and digest in `resourceAdditionalData`. */
  readonly additionalAs: 'object' | 'text' | 'missing';
  readonly firstSeenAt: Date;
}

/** The recommendation whose sub-assessments contained all findings of registry images until July 2026. */
export const GROUPED_KEY = 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5';

/**
 * The id of an assessment: one per image and package, or per image and CVE, so that a repeated report has the same id.
 */
export function assessmentId(
  of: Pick<Assessment, 'registry' | 'repository' | 'digest' | 'shape' | 'naming'>,
  part: string,
): string {
  const base = `${isNamed(of) ? of.registry : subscriptionOf(of)}/providers/Microsoft.Security/assessments`;
  const guid = guidOf(`${of.shape} ${of.registry.toLowerCase()}/${of.repository}@${of.digest} ${part}`);
  return of.shape === 'individual' ? `${base}/${guid}` : `${base}/${GROUPED_KEY}/subassessments/${guid}`;
}

/** Whether the assessment identifies its registry. */
export function isNamed({ shape, naming }: Pick<Assessment, 'shape' | 'naming'>): boolean {
  return shape === 'grouped' || (naming !== 'nameless' && naming !== 'nothing');
}

export function subscriptionOf({ registry }: Pick<Assessment, 'registry'>): string {
  return registry.split('/').slice(0, 3).join('/');
}

export function statusOf(assessment: Assessment): Json {
  const cause = causeOf(assessment);
  return cause === '' ? { code: assessment.status } : { code: assessment.status, cause };
}

export function causeOf({ status, cause = 'Exempt' }: Assessment): string {
  return status === 'NotApplicable' ? cause : '';
}

export function fixStatusOf({ fixStatus, fixedVersion }: Package): string {
  return fixStatus ?? (fixedVersion === undefined ? 'NoFix' : 'FixAvailable');
}

/** The vector of every CVSS score. */
export const VECTOR = 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H';
