// The evaluation of one image, and the images and blockers that its tests use.
import {
  type EvaluationInput,
  evaluateImage,
  type ImageEvaluation,
  MAX_FINDINGS,
} from '../../../shared/gate/image-evaluation.ts';
import type { InactiveReason } from '../../../shared/gate/record.ts';
import type { Policy } from '../../../shared/policy/policy.ts';
import { judgeBy } from '../../../shared/policy/verdict.ts';
import { blocker, daysLater, digest, exception, finding, hoursLater, NOW, policy, present } from '../samples.ts';

export type Changes = Partial<EvaluationInput> & { policy?: Partial<Policy> };

/** Evaluates the first image. By default it is a blocker without current findings. */
export function evaluateChanges({ policy: policyChanges = {}, ...changes }: Changes): ImageEvaluation {
  const judge = judgeBy(policy(policyChanges));
  const input = { repository: 'team/app', image: present(), blocker: blocker(), inScope: true, scan: undefined };
  const { maxFindings = MAX_FINDINGS } = changes;
  return evaluateImage({ ...input, maxFindings, judge, observedAt: NOW, now: NOW, ...changes });
}

/** An evaluation as one line. */
export function inShort(evaluation: ImageEvaluation): string {
  switch (evaluation.kind) {
    case 'holds':
      return `holds: ${evaluation.why.kind}${'detail' in evaluation.why ? `: ${evaluation.why.detail}` : ''}`;
    case 'inactive':
    case 'released':
      return `${evaluation.kind}: ${evaluation.how}`;
    case 'none':
      return `none: ${evaluation.verdict.kind}`;
    default:
      return evaluation.kind;
  }
}

export const GONE = { digest: digest(1), presence: 'gone' } as const;
export const UNTRIAGED = finding({ vulnerability: 'CVE-2026-1', severity: 'UNTRIAGED' });
export const OTHER = finding({ vulnerability: 'CVE-2026-2' });
export const scanned = (hours: number) => ({ kind: 'finished', at: hoursLater(hours) }) as const;
export const inactive = (days: number, why: InactiveReason = 'gone') =>
  blocker({ violatedAt: daysLater(-days - 1), inactive: { at: daysLater(-days), why } });
export const excepted = { exceptions: [exception()] };
