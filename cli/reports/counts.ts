// Counts findings by the severity that the scanner gave them.
import { type Finding, knownSeverity } from '../../shared/policy/finding.ts';
import { SEVERITIES, type Severity } from '../../shared/policy/severity.ts';

/** The severities, worst first, and a last word for unknown severities. */
export const SEVERITY_WORDS = [...SEVERITIES.toReversed(), 'unknown'] as const;
export type SeverityWord = Severity | 'unknown';
export type SeverityCounts = Readonly<Record<SeverityWord, number>>;

export const NO_FINDINGS: SeverityCounts = { critical: 0, high: 0, medium: 0, low: 0, informational: 0, unknown: 0 };

/**
 * The severity that a finding is counted by: its own, or the severity that it inherits from the report that names it.
 */
export function severityWord(finding: Finding): SeverityWord {
  const known = knownSeverity(finding);
  return known === undefined || known.from === 'score' ? 'unknown' : known.severity;
}
