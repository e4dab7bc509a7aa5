// Finds exceptions of a valid policy that have expired, expire soon, are redundant, or match nothing.

import { ANY_ADVISORY, type Exception } from '../../shared/policy/exceptions.ts';
import type { Finding, ImageId, Instant } from '../../shared/policy/finding.ts';
import { globMatcher } from '../../shared/policy/glob.ts';
import { isPlaceholder } from '../../shared/policy/placeholder.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { judgeBy } from '../../shared/policy/verdict.ts';
import { endOf, minute } from '../../shared/report/times.ts';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import { exceptionName } from '../terminal/words.ts';

export interface Warning {
  /**
   * `redundant`: another exception covers it. `unused`: it matches no current finding. `unreviewed`: it has a
   * placeholder, which a stack of an older version may have deployed.
   */
  readonly kind: 'expired' | 'soon' | 'redundant' | 'unused' | 'unreviewed';
  /** The key of the exception: `policy.exceptions[2]`. */
  readonly key: string;
  readonly exception: Exception;
  readonly text: string;
}

/**
 * Checks the exceptions of a policy, without looking at findings.
 *
 * @param withinDays warn about exceptions that expire within this many days
 */
export function warningsOf({ exceptions }: Policy, now: Instant, withinDays: number): readonly Warning[] {
  return exceptions.flatMap((exception, index): readonly Warning[] => {
    const shared = { key: keyOf(index), exception };
    const name = exceptionName(exception);
    const { expiresAt } = exception;
    if (expiresAt <= now) {
      const text = `the exception for ${name} expired at ${minute(expiresAt)} and exempts nothing: renew it or remove it`;
      return [{ ...shared, kind: 'expired', text }];
    }
    const otherIndex = exceptions.findIndex((one, other) => other !== index && covers(one, exception, other < index));
    const isSoon = Date.parse(expiresAt) - Date.parse(now) <= withinDays * DAY_MILLISECONDS;
    return [
      ...([exception.reason, exception.approvedBy ?? 'nobody'].some(isPlaceholder)
        ? [
            {
              ...shared,
              kind: 'unreviewed' as const,
              text: `the exception for ${name} has a placeholder: fill in the reason and the approver, or remove it`,
            },
          ]
        : []),
      ...(isSoon
        ? [{ ...shared, kind: 'soon' as const, text: `the exception for ${name} expires at ${endOf(expiresAt, now)}` }]
        : []),
      ...(otherIndex === -1
        ? []
        : [
            {
              ...shared,
              kind: 'redundant' as const,
              text: `the exception for ${name} is covered by ${keyOf(otherIndex)}: remove one of them`,
            },
          ]),
    ];
  });
}

function keyOf(index: number): string {
  return `policy.exceptions[${index}]`;
}

/**
 * Does the first exception exempt everything that the other does, for at least as long? If two exceptions are equal,
 * the later one is redundant.
 */
function covers(one: Exception, other: Exception, isEarlier: boolean): boolean {
  const isWider =
    one.id.toUpperCase() === other.id.toUpperCase() &&
    (one.package === undefined || one.package === other.package) &&
    (one.digest === undefined || one.digest === other.digest) &&
    coversGlob(one.repository, other.repository) &&
    one.expiresAt >= other.expiresAt &&
    (!one.untilFixed || other.untilFixed);
  return isWider && (isEarlier || !covers(other, one, true));
}

/** Compares a glob only with a plain name. Does not compute whether one glob covers another. */
function coversGlob(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || one === other) return true;
  return other !== undefined && !/[*?]/.test(other) && globMatcher(one)(other);
}

/** Finds the exceptions that match nothing, from one image after another. */
export interface Usage {
  see(image: ImageId, findings: readonly Finding[], now: Instant): void;
  /**
   * The exceptions that are still in force and match no finding that was seen.
   *
   * @param unseen repositories that could not be observed; an exception may match a finding there
   */
  unused(now: Instant, unseen: readonly string[]): readonly Warning[];
}

/** Evaluates each exception alone. If several match, the core names only the one that lasts longest. */
export function usageOf(policy: Policy): Usage {
  const open = new Map(
    policy.exceptions.map((exception, index) => [
      index,
      { exception, judge: judgeBy({ ...policy, exceptions: [exception] }) },
    ]),
  );
  return {
    see(image, findings, now) {
      for (const [index, { exception, judge }] of open) {
        const id = exception.id.toUpperCase();
        const named = findings.filter(({ vulnerability, aliases }) =>
          [vulnerability, ...aliases, ANY_ADVISORY].some((one) => one.toUpperCase() === id),
        );
        if (named.length === 0) continue;
        const { exempted } = judge(image, named, now);
        if (exempted.some(({ exemption }) => exemption.kind === 'exception')) open.delete(index);
      }
    },
    unused: (now, unseen) =>
      [...open].flatMap(([index, { exception }]): readonly Warning[] => {
        const isInPlace = globMatcher(exception.repository ?? '**');
        if (exception.expiresAt <= now || unseen.some(isInPlace)) return [];
        const text = `the exception for ${exceptionName(exception)} matches no current finding that would violate the policy: remove it, unless you expect the finding`;
        return [{ kind: 'unused', key: keyOf(index), exception, text }];
      }),
  };
}
