// The fields of a decision's line that count what the policy could judge: undetermined images.
import type { Finding } from '../policy/finding.ts';
import type { Decision, ImageDecision } from './decision.ts';

const MAX_LABELS = 5;
const MAX_LABEL_CHARACTERS = 60;

export function evidenceLine({ images, judged }: Decision): Record<string, unknown> {
  return { judgedImages: judged, ...undeterminedLine(images) };
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
