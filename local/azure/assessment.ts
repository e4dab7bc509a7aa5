// Defender for Cloud's assessments of registry images as the local cloud keeps them: individual (one an image and
// package) or grouped (one an image and CVE).
import { guidOf } from './principals.ts';
import type { Json } from './tables.ts';

/** What is known of a vulnerability. Many assessments may share one object of it. */
export interface Cve {
  readonly id: string;
  /** Critical, High, Medium, Low, Unknown, '' or a word never seen. Absent: not said. */
  readonly severity?: string;
  /** The base score of CVSS 3.1. */
  readonly score?: number;
  readonly publishedAt?: Date;
  /** FixAvailable, NoFix, NoFixAvailable, WillNotFix, Scheduled, Unknown. Absent: the package's. */
  readonly fixStatus?: string;
  readonly fixedVersion?: string;
  readonly isInExploitKit?: boolean;
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

/** An assessment as Defender keeps it. */
export interface Assessment {
  /** The ARM id, unique. */
  readonly id: string;
  /** Of the registry: its ARM id. */
  readonly registry: string;
  readonly loginServer: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly package: Package;
  /** Of a grouped one: the only one. */
  readonly cves: readonly Cve[];
  /** Its own: of the recommendation, or of the sub-assessment. */
  readonly severity: string;
  readonly status: Status;
  /** Why it is NotApplicable; empty if Defender does not say. Default: Exempt. */
  readonly cause?: string;
  readonly shape: 'individual' | 'grouped';
  /** How Defender writes the keys that are its own. */
  readonly casing: 'pascal' | 'camel';
  /** How an individual one carries its CVEs. */
  readonly cvesAs: 'array' | 'text' | 'missing';
  /**
   * What an individual one says of each CVE: its id alone (`bare`, as since July 2026), or everything that is known of
   * it.
   */
  readonly details: 'bare' | 'rich';
  /**
   * How an individual one names its image: by a path below the registry's id; dashed below it, or right behind it;
   * dashed with no registry anywhere; or not at all.
   */
  readonly naming: 'path' | 'dashed' | 'joined' | 'nameless' | 'nothing';
  /** Does an individual one say its repository and digest in `resourceAdditionalData`, and as what? */
  readonly additionalAs: 'object' | 'text' | 'missing';
  readonly firstSeenAt: Date;
}

/** The recommendation whose sub-assessments grouped all findings of registry images until July 2026. */
export const GROUPED_KEY = 'c0b7cfc6-3172-465a-b378-53c7ff2cc0d5';

/** One for each image and package, or for each image and CVE: the same one when it is reported again. */
export function assessmentId(
  of: Pick<Assessment, 'registry' | 'repository' | 'digest' | 'shape' | 'naming'>,
  part: string,
): string {
  const base = `${isNamed(of) ? of.registry : subscriptionOf(of)}/providers/Microsoft.Security/assessments`;
  const guid = guidOf(`${of.shape} ${of.registry.toLowerCase()}/${of.repository}@${of.digest} ${part}`);
  return of.shape === 'individual' ? `${base}/${guid}` : `${base}/${GROUPED_KEY}/subassessments/${guid}`;
}

/** Does it say its registry? */
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
