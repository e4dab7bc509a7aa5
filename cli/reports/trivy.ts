// Converts Trivy's vulnerabilities and image to the core's types.
import * as v from 'valibot';
import type { Finding, Instant } from '../../shared/policy/finding.ts';
import { otherNames, plainVersion } from '../../shared/policy/names.ts';
import { severityFrom } from '../../shared/policy/severity.ts';
import { required } from '../../shared/runtime/problem.ts';
import type { ReportedImage } from './gathering.ts';
import { imageAmong } from './image-name.ts';

const text = v.string('text');
const texts = v.nullish(v.array(text, 'a list of texts'));

export const trivyMetadata = v.object({ RepoTags: texts, RepoDigests: texts }, 'the metadata of an image');
const score = v.nullish(v.number('a score'));
export const trivyVulnerability = v.object(
  {
    VulnerabilityID: required(v.string('the id of a vulnerability')),
    VendorIDs: texts,
    PkgName: required(v.string('the name of a package')),
    InstalledVersion: v.nullish(text),
    FixedVersion: v.nullish(text),
    Status: v.nullish(text),
    Severity: v.nullish(text),
    PublishedDate: v.nullish(text),
    PrimaryURL: v.nullish(text),
    CVSS: v.nullish(v.record(v.string(), v.object({ V3Score: score, V40Score: score }, 'scores'), 'scores by source')),
  },
  'a vulnerability',
);
/** A finding that was ignored or does not affect the image. Trivy shows it with `--show-suppressed`. */
export const trivyModified = v.object({ Type: v.nullish(text), Finding: v.unknown() }, 'a suppressed finding');

/**
 * Statuses without a fix; `affected` means that there is no fix yet.
 * Source: https://trivy.dev/latest/docs/configuration/filtering/#by-status
 */
const NO_FIX: readonly string[] = ['affected', 'will_not_fix', 'fix_deferred', 'end_of_life'];

export function trivyFinding(found: v.InferOutput<typeof trivyVulnerability>, isSuppressed: boolean): Finding {
  const fixedVersion = plainVersion(found.FixedVersion ?? '') || undefined;
  const link = found.PrimaryURL ?? '';
  return {
    vulnerability: found.VulnerabilityID,
    aliases: otherNames(found.VulnerabilityID, found.VendorIDs ?? []),
    package: { name: found.PkgName, version: plainVersion(found.InstalledVersion ?? ''), fixedVersion },
    severity: severityFrom(found.Severity || 'none given'),
    score: highestScore(found.CVSS),
    fix: fixedVersion !== undefined ? 'available' : fixOf(found.Status ?? ''),
    // Trivy does not report known exploits.
    exploited: false,
    disclosedAt: instantOf(found.PublishedDate),
    state: isSuppressed ? 'suppressed' : 'active',
    link: link.startsWith('https://') ? link : undefined,
  };
}

/** The date, if it can be read. */
export function instantOf(given: string | null | undefined): Instant | undefined {
  const date = new Date(given ?? '');
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

function fixOf(status: string): Finding['fix'] {
  if (status === 'fixed') return 'available';
  return NO_FIX.includes(status) ? 'none' : 'unknown';
}

function highestScore(cvss: v.InferOutput<typeof trivyVulnerability>['CVSS']): number | undefined {
  const scores = Object.values(cvss ?? {}).flatMap(({ V3Score, V40Score }) => [V3Score, V40Score]);
  const known = scores.filter((one) => typeof one === 'number');
  return known.length === 0 ? undefined : Math.max(...known);
}

/**
 * The image's name in a registry or, if it is in none, the name that was given to Trivy.
 *
 * @param artifact undefined if it is not the name of an image, but for example that of a bill of materials
 * @returns undefined if no image is named, and none was scanned
 */
export function trivyImage(
  artifact: string | undefined,
  { RepoTags: names, RepoDigests: digests }: v.InferOutput<typeof trivyMetadata>,
): ReportedImage | undefined {
  const isNamed = [...(names ?? []), ...(digests ?? [])].some((name) => name !== '');
  return artifact === undefined && !isNamed ? undefined : imageAmong(artifact, names ?? [], digests ?? []);
}
