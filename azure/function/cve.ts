// Reads what Defender says about one CVE: in an assessment, or in `microsoft.security/cvedetails`.
import { isObject, numberOf, parsed, pick, textOf } from './loose-json.ts';

/**
 * A list of `{key, value: {base}}`, or an object that maps a CVSS version to `{base}`. Either may be JSON text. Only v3
 * and v4 count, because severities are derived from their bands.
 */
export function highestScore(cvss: unknown): number | undefined {
  const given = parsed(cvss);
  const pairs: readonly (readonly [unknown, unknown])[] = Array.isArray(given)
    ? given.map((one) => [pick(one, 'key'), pick(one, 'value')] as const)
    : Object.entries(isObject(given) ? given : {});
  const scores = pairs.flatMap(([version, value]) => {
    const base = numberOf(pick(value, 'base'));
    return base !== undefined && /^[34]/.test(textOf(version)) ? [base] : [];
  });
  return scores.length === 0 ? undefined : Math.max(...scores);
}

/** What the assessments and the details of CVEs call the existence of a public exploit. */
const EXPLOITS = [
  'isInExploitKit',
  'isPubliclyDisclosed',
  'exploitStepsPublished',
  'isVerified',
  'exploitStepsVerified',
];

function isExploited(details: unknown): boolean {
  return EXPLOITS.some((fact) => {
    const said = pick(details, fact);
    return said === true || /^true$/i.test(textOf(said));
  });
}

/** Defender omits the time zone if it is UTC. */
export function instantOf(value: unknown): string | undefined {
  const given = textOf(value);
  if (given === '') return undefined;
  const time = Date.parse(/(Z|[+-]\d{2}:?\d{2})$/i.test(given) ? given : `${given}Z`);
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** What is known about exploits of a CVE. The assessments of both models and the details name it differently. */
export function exploitabilityOf(cve: unknown): { readonly exploited: boolean; readonly epss: number | undefined } {
  const given = pick(cve, 'exploitabilityDetails') ?? pick(cve, 'exploitabilityAssessment');
  return { exploited: isExploited(given), epss: numberOf(pick(given, 'epss', 'score')) };
}
