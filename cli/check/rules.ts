// Finds the rules that apply to nothing that was seen.
import type { Rule } from '../../shared/policy/rule.ts';
import type { Warning } from './check.ts';

/** Finds the rules that apply to no repository, from one repository after another. */
export interface RuleUsage {
  /** @param label the rule that applies to the repository; undefined if none does */
  see(label: string | undefined): void;
  unused(): readonly Warning[];
}

export function ruleUsageOf(rules: readonly Rule[]): RuleUsage {
  const open = new Map(rules.map(({ label }, index) => [label, index]));
  return {
    see(label) {
      if (label !== undefined) open.delete(label);
    },
    unused: () =>
      [...open].map(([label, index]) => ({
        kind: 'unusedRule',
        key: `rules[${index}]`,
        text: `${label} applies to no repository that has findings or a record: remove it, unless you expect such a repository`,
      })),
  };
}
