// The fields of a decision's line about the evidence: undetermined images, and closings on inherited severities.
import type { Finding } from '../policy/finding.ts';
import type { Decision, ImageDecision } from './decision.ts';

const MAX_LABELS = 5;
const MAX_LABEL_CHARACTERS = 60;

export function evidenceLine(decision: Decision): Record<string, unknown> {
  const { judged, images } = decision;
  return { judgedImages: judged, onlyInherited: restsOnInherited(decision), ...undeterminedLine(images) };
}

/**
 * Do the findings that closed the gate have only severities inherited from their reports? Undefined: no finding closed
 * it now.
 */
function restsOnInherited({ action, images }: Decision): boolean | undefined {
  const reasons = images.flatMap((image) =>
    image.kind === 'holds' && image.verdict.kind === 'block' ? image.verdict.reasons : [],
  );
  if (action !== 'closed' || reasons.length === 0) return undefined;
  return reasons.every(({ inherited }) => inherited === true);
}

/** How many of the observed images are undetermined, and the severity labels that are not on the scale. */
function undeterminedLine(images: readonly ImageDecision[]): Record<string, unknown> {
  const findings = images.flatMap((image) =>
    image.kind !== 'cleared' && image.verdict.kind === 'undetermined' ? [image.verdict.undetermined] : [],
  );
  const labels = [...new Set(findings.flat().map((finding) => labelOf(finding).slice(0, MAX_LABEL_CHARACTERS)))];
  return {
    undeterminedImages: findings.length,
    ...(labels.length === 0 ? {} : { undeterminedWhy: labels.slice(0, MAX_LABELS).join(', ') }),
  };
}

/** The severity of a finding as the scanner reported it. */
export function labelOf({ severity }: Finding): string {
  return severity.kind === 'known' ? severity.severity : severity.label;
}
