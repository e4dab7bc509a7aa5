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
    findings: report.findings.map((finding) => withFacts(finding, recorded.get(findingKey(finding)))),
  }));
  const [first, ...others] = blocker.findings;
  const update = (finding: Finding) => withFacts(finding, observed.get(findingKey(finding)));
  return { image: { ...image, reports }, blocker: { ...blocker, findings: [update(first), ...others.map(update)] } };
}

/** By identity. If a finding is listed twice, each has what is known of the other. */
function byKey(findings: readonly Finding[]): ReadonlyMap<string, Finding> {
  const known = new Map<string, Finding>();
  for (const finding of findings) {
    const key = findingKey(finding);
    known.set(key, withFacts(finding, known.get(key)));
  }
  return known;
}

/** The finding with the higher EPSS score, and with the other one's details if it has none of its own. */
function withFacts(finding: Finding, other: Finding | undefined): Finding {
  if (other === undefined) return finding;
  const isHigher = other.epss !== undefined && other.epss > (finding.epss ?? -1);
  const scored = isHigher ? { ...finding, epss: other.epss } : finding;
  if (hasDetails(finding)) return scored;
  if (!hasDetails(other)) return { ...scored, ...severityOfReport(finding.reportSeverity ?? other.reportSeverity) };
  const { severity, score, exploited, disclosedAt, state } = other;
  const isRejected = state === 'rejected' && finding.state === 'active';
  return { ...scored, severity, score, exploited, disclosedAt, ...(isRejected ? { state } : {}) };
}

function severityOfReport(reportSeverity: Finding['reportSeverity']): Pick<Finding, 'reportSeverity'> {
  return reportSeverity === undefined ? {} : { reportSeverity };
}

/** Is more known of the vulnerability than its name? Otherwise only the report that names it has a severity. */
function hasDetails({ severity, score, exploited, disclosedAt, state }: Finding): boolean {
  const isDated = disclosedAt !== undefined;
  return severity.kind === 'known' || score !== undefined || exploited || isDated || state === 'rejected';
}
