// Converts Grype's matches and image to the core's types.
import * as v from 'valibot';
import type { Finding } from '../../shared/policy/finding.ts';
import { otherNames, plainVersion } from '../../shared/policy/names.ts';
import { severityFrom } from '../../shared/policy/severity.ts';
import { required } from '../../shared/runtime/problem.ts';
import type { ReportedImage } from './gathering.ts';
import { imageAmong } from './image-name.ts';

const text = v.string('text');
const texts = v.nullish(v.array(text, 'a list of texts'));
const scores = v.nullish(
  v.array(
    v.object({
      version: v.nullish(text),
      metrics: v.nullish(v.object({ baseScore: v.nullish(v.number('a score')) }, 'the metrics of a score')),
    }),
    'a list of scores',
  ),
);
/**
 * One score for each CVE of the advisory.
 * Source: https://github.com/anchore/grype/blob/main/grype/presenter/models/vulnerability_metadata.go
 */
const epss = v.nullish(v.array(v.object({ epss: v.number('a score') }, 'an EPSS score'), 'a list of EPSS scores'));
const vulnerability = v.object(
  {
    id: required(v.string('the id of a vulnerability')),
    dataSource: v.nullish(text),
    severity: v.nullish(text),
    cvss: scores,
    epss,
    knownExploited: v.nullish(v.array(v.unknown(), 'a list of exploits')),
    fix: v.nullish(v.object({ versions: texts, state: v.nullish(text) }, 'a fix')),
  },
  'a vulnerability',
);
const related = v.object({ id: text, cvss: scores, epss }, 'a related vulnerability');

export const grypeMatch = v.object(
  {
    vulnerability: required(vulnerability),
    relatedVulnerabilities: v.nullish(v.array(related, 'a list of vulnerabilities')),
    artifact: required(
      v.object({ name: required(v.string('the name of a package')), version: v.nullish(text) }, 'a package'),
    ),
    /** The rules that made Grype ignore the match. */
    appliedIgnoreRules: v.nullish(v.array(v.unknown(), 'a list of rules')),
  },
  'a match',
);
export const grypeSource = v.nullish(
  v.object(
    {
      type: v.nullish(text),
      target: v.nullish(
        v.union(
          [
            text,
            v.object({ userInput: v.nullish(text), tags: texts, repoDigests: texts, manifestDigest: v.nullish(text) }),
          ],
          'what was scanned',
        ),
      ),
    },
    'the source of the packages',
  ),
);

export function grypeFinding(match: v.InferOutput<typeof grypeMatch>): Finding {
  const { vulnerability: found, relatedVulnerabilities, artifact, appliedIgnoreRules } = match;
  const others = relatedVulnerabilities ?? [];
  const link = found.dataSource ?? '';
  return {
    vulnerability: found.id,
    aliases: otherNames(
      found.id,
      others.map(({ id }) => id),
    ),
    package: {
      name: artifact.name,
      version: plainVersion(artifact.version ?? ''),
      fixedVersion: plainVersion(found.fix?.versions?.join(', ') ?? '') || undefined,
    },
    severity: severityFrom(wordOf(found.severity ?? '')),
    score: highestScore(found.cvss) ?? highestScore(others.flatMap(({ cvss }) => cvss ?? [])),
    fix: fixOf(found.fix?.state ?? ''),
    exploited: (found.knownExploited ?? []).length > 0,
    epss: highestEpss([found, ...others]),
    state: (appliedIgnoreRules ?? []).length > 0 ? 'suppressed' : 'active',
    link: link.startsWith('https://') ? link : undefined,
  };
}

/**
 * Grype's lowest severity is Negligible.
 * Source: https://github.com/anchore/grype/blob/main/grype/vulnerability/severity.go
 */
function wordOf(severity: string): string {
  return severity.toLowerCase() === 'negligible' ? 'informational' : severity || 'none given';
}

/** Source: https://github.com/anchore/grype/blob/main/grype/vulnerability/fix.go */
function fixOf(state: string): Finding['fix'] {
  if (state === 'fixed') return 'available';
  return state === 'not-fixed' || state === 'wont-fix' ? 'none' : 'unknown';
}

/** Only CVSS v3 and v4, because a severity is derived from their bands. */
function highestScore(cvss: v.InferOutput<typeof scores>): number | undefined {
  const known = (cvss ?? []).flatMap(({ version, metrics }) =>
    /^[34]/.test(version ?? '') && typeof metrics?.baseScore === 'number' ? [metrics.baseScore] : [],
  );
  return known.length === 0 ? undefined : Math.max(...known);
}

function highestEpss(all: readonly { readonly epss?: v.InferOutput<typeof epss> }[]): number | undefined {
  const known = all.flatMap((one) => (one.epss ?? []).map((given) => given.epss));
  return known.length === 0 ? undefined : Math.max(...known);
}

/** The image's name in a registry or, if it is in none, the name that was given to Grype. */
export function grypeImage(source: v.InferOutput<typeof grypeSource>): ReportedImage {
  const target = source?.target;
  if (typeof target !== 'object' || target === null) return imageAmong(target ?? undefined, [], []);
  const { userInput, tags, repoDigests } = target;
  return imageAmong(userInput ?? undefined, tags ?? [], repoDigests ?? []);
}
