// Finds rules that can never apply, because nothing is left for them. A rule that could apply is never among them.
import type { Problem } from '../runtime/problem.ts';
import { covers, overlap } from './glob-sets.ts';
import { below, type Rule } from './rule.ts';

/** What is known of a target before it is deployed. */
export interface KnownTarget {
  /** A glob for its name: what is not known yet is a wildcard. */
  readonly name: string;
  readonly repositories: { readonly include: readonly string[]; readonly exclude: readonly string[] };
}

/** A target that nothing is known about. */
export const ANY_TARGET: KnownTarget = { name: '**', repositories: { include: ['**'], exclude: [] } };

/** Repositories to which a rule may apply: those in a target that match a glob of the rule and one of the config. */
interface Part {
  readonly target: KnownTarget;
  readonly glob: string;
  readonly included: string;
}

/**
 * The problems of rules that can never apply: their targets are not the stack's, the config leaves out all of their
 * repositories, or earlier rules match first.
 *
 * @param targets those of the stack. None: they are not known, and nothing is refused
 * @param foreign whether rules may be for other targets, because several stacks share them
 */
export function unreachableRules(
  rules: readonly Rule[],
  targets: readonly KnownTarget[],
  foreign: 'refused' | 'allowed',
): readonly Problem[] {
  if (targets.length === 0) return [];
  return rules.flatMap((rule, index): readonly Problem[] => {
    const key = `rules[${index}]`;
    const own = targets.filter((target) => mayBeIn(rule, target));
    if (own.length === 0) {
      const allowed = `globs for targets of the stack: ${targets.map(({ name }) => name).join(', ')}`;
      return foreign === 'allowed' ? [] : [{ key: `${key}.targets`, given: rule.targets, allowed }];
    }
    const parts = own.flatMap((target) => partsIn(rule, target));
    if (parts.length === 0) {
      const allowed = 'globs for repositories that the config does not leave out';
      return [{ key: `${key}.repositories`, given: rule.repositories, allowed }];
    }
    const earlier = rules.slice(0, index);
    const first = parts.map((part) => earlier.find((one) => takesAll(one, rule, part))?.label);
    if (first.includes(undefined)) return [];
    const { targets: given, repositories } = rule;
    const allowed = `a rule that can apply, but ${[...new Set(first)].join(' and ')} matches first: move this rule up, or remove it`;
    return [{ key, given: { targets: given, repositories }, allowed }];
  });
}

function mayBeIn({ targets }: Rule, { name }: KnownTarget): boolean {
  return targets === undefined || targets.some((glob) => isNear(glob, name));
}

function isNear(glob: string, name: string): boolean {
  return overlap(glob, name) || overlap(below(glob), name);
}

function partsIn({ repositories = ['**'] }: Rule, target: KnownTarget): readonly Part[] {
  const { include, exclude } = target.repositories;
  return repositories.flatMap((glob) =>
    include
      .filter((included) => overlap(glob, included))
      .filter((included) => !exclude.some((excluded) => covers(excluded, glob) || covers(excluded, included)))
      .map((included) => ({ target, glob, included })),
  );
}

/** Does an earlier rule match everything in this part of a rule? */
function takesAll(earlier: Rule, { targets }: Rule, { target, glob, included }: Part): boolean {
  const { targets: globs, repositories = ['**'] } = earlier;
  const isTaken = (name: string) => globs?.some((one) => covers(one, name) || covers(below(one), name)) ?? true;
  const near = targets?.filter((one) => isNear(one, target.name));
  return (
    (isTaken(target.name) || near?.every((one) => isTaken(one)) === true) &&
    repositories.some((one) => covers(one, glob) || covers(one, included))
  );
}
