// Counts of findings by what the scanner called their severity.
import { type Finding, knownSeverity } from '../../shared/policy/finding.ts';
import { SEVERITIES, type Severity } from '../../shared/policy/severity.ts';

/** The words of the scale, the worst first, and last the one for what is not of the scale. */
export const SEVERITY_WORDS = [...SEVERITIES.toReversed(), 'unknown'] as const;
export type SeverityWord = Severity | 'unknown';
export type SeverityCounts = Readonly<Record<SeverityWord, number>>;

export const NO_FINDINGS: SeverityCounts = { critical: 0, high: 0, medium: 0, low: 0, informational: 0, unknown: 0 };

/**
 * The word that a finding is counted by, as the scanner gave it: its own severity, or the one that it inherits from the
 * report that names it.
 */
export function severityWord(finding: Finding): SeverityWord {
  const known = knownSeverity(finding);
  return known === undefined || known.from === 'score' ? 'unknown' : known.severity;
}
