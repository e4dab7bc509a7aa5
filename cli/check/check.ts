// Finds exceptions of a valid policy that have expired, expire soon, are redundant, or match nothing.

import { ANY_ADVISORY, type Exception } from '../../shared/policy/exceptions.ts';
import type { Finding, ImageId, Instant } from '../../shared/policy/finding.ts';
import { globMatcher } from '../../shared/policy/glob.ts';
import { isPlaceholder } from '../../shared/policy/placeholder.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import type { PolicyWithRules } from '../../shared/policy/rule.ts';
import { judgeBy } from '../../shared/policy/verdict.ts';
import { endOf, minute } from '../../shared/report/times.ts';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import { exceptionName } from '../terminal/words.ts';

export interface Warning {
  /**
   * `redundant`: another exception covers it. `unused`: it matches no current finding. `unreviewed`: it has a
   * placeholder, which a stack of an older version may have deployed. `unusedRule`: a rule that applies to no
   * repository.
   */
  readonly kind: 'expired' | 'soon' | 'redundant' | 'unused' | 'unreviewed' | 'unusedRule';
  /** The key of the exception or the rule: `policy.exceptions[2]`. */
  readonly key: string;
  readonly exception?: Exception;
  readonly text: string;
}

/** An exception and its key. */
interface Keyed {
  readonly exception: Exception;
  readonly key: string;
}

/** The stack's exceptions, and for each rule all that apply to its repositories: the stack's, then its own. */
function listsOf({ policy, rules }: PolicyWithRules): readonly (readonly Keyed[])[] {
  const stack = policy.exceptions.map((exception, index) => ({ exception, key: `policy.exceptions[${index}]` }));
  const ofRules = rules.map((rule, place) => [
    ...stack,
    ...rule.policy.exceptions
      .slice(stack.length)
      .map((exception, index) => ({ exception, key: `rules[${place}].policy.exceptions[${index}]` })),
  ]);
  return [stack, ...ofRules];
}

/**
 * Checks the exceptions of the policy and the rules, without looking at findings.
 *
 * @param withinDays warn about exceptions that expire within this many days
 */
export function warningsOf(policies: PolicyWithRules, now: Instant, withinDays: number): readonly Warning[] {
  const stack = policies.policy.exceptions.length;
  return listsOf(policies).flatMap((list, place) =>
    warningsIn(list, now, withinDays).flatMap((warnings, index) => (place > 0 && index < stack ? [] : warnings)),
  );
}

/** The warnings about each exception of a list. */
function warningsIn(list: readonly Keyed[], now: Instant, withinDays: number): readonly (readonly Warning[])[] {
  return list.map(({ exception, key }, index): readonly Warning[] => {
    const shared = { key, exception };
    const name = exceptionName(exception);
    const { expiresAt } = exception;
    if (expiresAt <= now) {
      const text = `the exception for ${name} expired at ${minute(expiresAt)} and exempts nothing: renew it or remove it`;
      return [{ ...shared, kind: 'expired', text }];
    }
    const wider = list.find((one, other) => other !== index && covers(one.exception, exception, other < index));
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
      ...(wider === undefined
        ? []
        : [
            {
              ...shared,
              kind: 'redundant' as const,
              text: `the exception for ${name} is covered by ${wider.key}: remove one of them`,
            },
          ]),
    ];
  });
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
  see(image: ImageId, findings: readonly Finding[], by: { readonly policy: Policy; readonly now: Instant }): void;
  /**
   * The exceptions that are still in force and match no finding that was seen.
   *
   * @param unseen repositories that could not be observed; an exception may match a finding there
   */
  unused(now: Instant, unseen: readonly string[]): readonly Warning[];
}

/** Evaluates each exception alone. If several match, the core names only the one that lasts longest. */
export function usageOf(policies: PolicyWithRules): Usage {
  const open = new Map(listsOf(policies).flatMap((list) => list.map(({ exception, key }) => [exception, key])));
  return {
    see(image, findings, { policy, now }) {
      for (const exception of open.keys()) {
        if (!policy.exceptions.includes(exception)) continue;
        const id = exception.id.toUpperCase();
        const named = findings.filter(({ vulnerability, aliases }) =>
          [vulnerability, ...aliases, ANY_ADVISORY].some((one) => one.toUpperCase() === id),
        );
        if (named.length === 0) continue;
        const { exempted } = judgeBy({ ...policy, exceptions: [exception] })(image, named, now);
        if (exempted.some(({ exemption }) => exemption.kind === 'exception')) open.delete(exception);
      }
    },
    unused: (now, unseen) =>
      [...open].flatMap(([exception, key]): readonly Warning[] => {
        const isInPlace = globMatcher(exception.repository ?? '**');
        if (exception.expiresAt <= now || unseen.some(isInPlace)) return [];
        const text = `the exception for ${exceptionName(exception)} matches no current finding that would violate the policy: remove it, unless you expect the finding`;
        return [{ kind: 'unused', key, exception, text }];
      }),
  };
}
