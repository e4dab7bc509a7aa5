// How the tests account for one image, and the images and blockers that they do it with.
import { type Accounting, type AccountingInput, account, MAX_FINDINGS } from '../../../shared/gate/image-evaluation.ts';
import type { Departure } from '../../../shared/gate/record.ts';
import type { Policy } from '../../../shared/policy/policy.ts';
import { judgeBy } from '../../../shared/policy/verdict.ts';
import { blocker, daysLater, digest, exception, finding, hoursLater, NOW, policy, present } from '../samples.ts';

export type Changes = Partial<AccountingInput> & { policy?: Partial<Policy> };

/** Accounts for the first image, a blocker without findings of today but for what is given. */
export function accountFor({ policy: policyChanges = {}, ...changes }: Changes): Accounting {
  const judge = judgeBy(policy(policyChanges));
  const input = { repository: 'team/app', image: present(), blocker: blocker(), inScope: true, scan: undefined };
  const { maxFindings = MAX_FINDINGS } = changes;
  return account({ ...input, maxFindings, judge, observedAt: NOW, now: NOW, ...changes });
}

/** The accounting in one line. */
export function inShort(accounting: Accounting): string {
  switch (accounting.kind) {
    case 'holds':
      return `holds: ${accounting.why.kind}${'why' in accounting.why ? `: ${accounting.why.why}` : ''}`;
    case 'departed':
    case 'released':
      return `${accounting.kind}: ${accounting.how}`;
    case 'none':
      return `none: ${accounting.verdict.kind}`;
    default:
      return accounting.kind;
  }
}

export const GONE = { digest: digest(1), presence: 'gone' } as const;
export const UNTRIAGED = finding({ vulnerability: 'CVE-2026-1', severity: 'UNTRIAGED' });
export const OTHER = finding({ vulnerability: 'CVE-2026-2' });
export const scanned = (hours: number) => ({ kind: 'finished', at: hoursLater(hours) }) as const;
export const departed = (days: number, why: Departure = 'gone') =>
  blocker({ violatedAt: daysLater(-days - 1), departed: { at: daysLater(-days), why } });
export const excepted = { exceptions: [exception()] };
