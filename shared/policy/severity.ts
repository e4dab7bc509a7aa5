// The severity scale, and how to derive a severity from a CVSS score.

/** Every severity, lowest first. The order of this list is the order of the scale. */
export const SEVERITIES = ['informational', 'low', 'medium', 'high', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** A severity as the scanner reports it: on the scale, or with another label (`untriaged`, or a new one). */
export type ReportedSeverity =
  | { readonly kind: 'known'; readonly severity: Severity }
  | { readonly kind: 'unknown'; readonly label: string };

/** Is `severity` at or above `threshold`? */
export function atLeast(severity: Severity, threshold: Severity): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(threshold);
}

/**
 * Parses a scanner's label for a severity, in any case. A label that is not on the scale is unknown and is kept.
 *
 * @example severityFrom('CRITICAL') // { kind: 'known', severity: 'critical' }
 * @example severityFrom('UNTRIAGED') // { kind: 'unknown', label: 'UNTRIAGED' }
 */
export function severityFrom(label: string): ReportedSeverity {
  const word = label.toLowerCase();
  const severity = SEVERITIES.find((known) => known === word);
  return severity === undefined ? { kind: 'unknown', label } : { kind: 'known', severity };
}

/**
 * The severity of a CVSS v3 or v4 base score (0 to 10), according to the bands in the specifications. A score of 0,
 * "None" there, is the lowest severity of the scale.
 * Source: https://www.first.org/cvss/v4.0/specification-document, "Qualitative Severity Rating Scale".
 */
export function severityOfScore(score: number): Severity {
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  if (score >= 4) return 'medium';
  return score > 0 ? 'low' : 'informational';
}
