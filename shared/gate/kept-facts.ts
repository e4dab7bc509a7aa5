// Keeps with a recorded finding what was once read of it, so that a failed read or a score that falls changes nothing.
import { type Finding, findingKey } from '../policy/finding.ts';
import type { ImageObservation } from '../reconcile/observation.ts';
import type { Blocker } from './record.ts';

/** An image and its blocker. */
interface Known {
  readonly image: ImageObservation;
  readonly blocker: Blocker;
}

/** The observation and the record of an image, each with what the other one knows of the same findings. */
export function shareFacts({ image, blocker }: Known): Known {
  if (image.presence === 'gone') return { image, blocker };
  const recorded = byKey(blocker.findings);
  const observed = byKey(image.reports.flatMap(({ findings }) => findings));
  const reports = image.reports.map((report) => ({
    ...report,
    findings: report.findings.map((finding) => withHighestEpss(finding, recorded.get(findingKey(finding)))),
  }));
  const [first, ...others] = blocker.findings;
  const update = (finding: Finding) => withHighestEpss(finding, observed.get(findingKey(finding)));
  return { image: { ...image, reports }, blocker: { ...blocker, findings: [update(first), ...others.map(update)] } };
}

/** By identity. If a finding is listed twice, the one with the higher EPSS score counts. */
function byKey(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  const known = new Map<string, Finding>();
  for (const finding of findings) {
    const key = findingKey(finding);
    known.set(key, withHighestEpss(finding, known.get(key)));
  }
  return known;
}

function withHighestEpss(finding: Finding, other: Finding | undefined): Finding {
  const isHigher = other?.epss !== undefined && other.epss > (finding.epss ?? -1);
  return isHigher ? { ...finding, epss: other.epss } : finding;
}
