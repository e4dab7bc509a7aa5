// Packs a finding into one string. A million findings may be kept until they are evaluated, and as objects they would
// need three times the memory.
import type { Finding } from '../../shared/policy/finding.ts';
import { SEVERITIES, type Severity } from '../../shared/policy/severity.ts';

/** A packed finding. Equal findings are equal strings. */
export type Packed = string;

const STATES = ['active', 'suppressed', 'rejected'] as const;
const FIXES = ['available', 'none', 'unknown'] as const;

/**
 * Packs a finding without its report. The report shows what a provider resolves or suppresses as a whole, which a
 * simulation without records does not need.
 */
export function pack(finding: Finding): Packed {
  const { vulnerability, aliases, package: found, severity, score, reportSeverity } = finding;
  const { fix, exploited, epss, disclosedAt, state, link } = finding;
  return JSON.stringify([
    vulnerability,
    aliases,
    found.name,
    found.version,
    found.fixedVersion ?? null,
    severity.kind === 'known' ? SEVERITIES.indexOf(severity.severity) : severity.label,
    score ?? null,
    reportSeverity ?? null,
    FIXES.indexOf(fix),
    exploited,
    epss ?? null,
    disclosedAt ?? null,
    STATES.indexOf(state),
    link ?? null,
  ]);
}

type Fields = readonly [
  vulnerability: string,
  aliases: readonly string[],
  name: string,
  version: string,
  fixedVersion: string | null,
  severity: number | string,
  score: number | null,
  reportSeverity: Severity | null,
  fix: number,
  exploited: boolean,
  epss: number | null,
  disclosedAt: string | null,
  state: number,
  link: string | null,
];

export function unpack(packed: Packed): Finding {
  const fields: Fields = JSON.parse(packed);
  const [
    vulnerability,
    aliases,
    name,
    version,
    fixedVersion,
    severity,
    score,
    reportSeverity,
    fix,
    exploited,
    epss,
    disclosedAt,
    state,
    link,
  ] = fields;
  return {
    vulnerability,
    aliases,
    package: { name, version, fixedVersion: fixedVersion ?? undefined },
    severity:
      typeof severity === 'number'
        ? { kind: 'known', severity: SEVERITIES[severity] as Severity }
        : { kind: 'unknown', label: severity },
    score: score ?? undefined,
    reportSeverity: reportSeverity ?? undefined,
    fix: FIXES[fix] ?? 'unknown',
    exploited,
    epss: epss ?? undefined,
    disclosedAt: disclosedAt ?? undefined,
    state: STATES[state] ?? 'active',
    link: link ?? undefined,
  };
}
