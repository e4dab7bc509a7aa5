// Keeps with a recorded finding what was once read of it, so that a failed read or a score that falls changes nothing.
import { type Finding, findingKey, hasSeverity, higherEpss } from '../policy/finding.ts';
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

/** The finding, with each fact that only the other one has, and with the higher EPSS score. */
function withFacts(finding: Finding, other: Finding | undefined): Finding {
  if (other === undefined) return finding;
  const disclosedAt = finding.disclosedAt ?? other.disclosedAt;
  const reportSeverity = finding.reportSeverity ?? other.reportSeverity;
  const epss = higherEpss(finding.epss, other.epss);
  return {
    ...finding,
    ...(hasSeverity(finding) ? {} : severityOf(finding, other)),
    ...(disclosedAt === undefined ? {} : { disclosedAt }),
    ...(reportSeverity === undefined ? {} : { reportSeverity }),
    ...(epss === undefined ? {} : { epss }),
  };
}

/** What the other one knows of the severity, of exploits and of a rejection. A suppression stays. */
function severityOf(finding: Finding, { severity, score, exploited, state }: Finding): Partial<Finding> {
  const isRejected = state === 'rejected' && finding.state === 'active';
  return {
    ...{ severity, score, exploited: finding.exploited || exploited },
    ...(isRejected ? { state } : {}),
  };
}
