// Rules that can never apply: each reason, and rules that could apply.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globFilter } from '../../../shared/policy/glob.ts';
import { ruleChooser } from '../../../shared/policy/rule.ts';
import { ANY_TARGET, type KnownTarget, unreachableRules } from '../../../shared/policy/rule-reach.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';
import { policy } from '../samples.ts';

type Globs = readonly [repositories?: readonly string[] | undefined, targets?: readonly string[] | undefined];

const ALL = { include: ['**'], exclude: [] };
const EAST: KnownTarget = { name: 'east/???/*', repositories: ALL };
const WEST: KnownTarget = {
  name: 'west/one',
  repositories: { include: ['team/**', 'shop/*'], exclude: ['shop/old*'] },
};

const rulesOf = (globs: readonly Globs[]) =>
  globs.map(([repositories, targets], index) => ({
    ...{ label: `rules[${index}]`, repositories, targets, mode: 'enforce' as const, policy: policy() },
  }));
const problemsOf = (
  globs: readonly Globs[],
  targets: readonly KnownTarget[] = [EAST, WEST],
  others: 'refused' | 'allowed' = 'refused',
) => unreachableRules(rulesOf(globs), targets, others).map(describeProblem);

describe('a rule that can never apply', () => {
  it.each<[string, readonly Globs[], KnownTarget[], string]>([
    ['after the same rule', [[['a/*']], [['a/*']]], [EAST, WEST], 'rules[1] is {"repositories":["a/*"]}'],
    ['after a wider one', [[['shop/**']], [['shop/app', 'shop/b/*']]], [EAST], 'rules[1] is'],
    ['after a rule for everything', [[], [['a']]], [ANY_TARGET], 'rules[1] is'],
    ['after several that together take all', [[['a']], [['b']], [['a', 'b']]], [EAST], 'rules[2] is'],
    ['after a rule for the only target', [[undefined, ['west']], [['team/a']]], [WEST], 'rules[1] is'],
    [
      'after a rule for the same targets',
      [
        [['a'], ['east/12?']],
        [['a'], ['east/12?']],
      ],
      [EAST],
      'rules[1] is',
    ],
    [
      'after a rule for wider targets',
      [
        [['a'], ['east/12?']],
        [['a'], ['east/123/n*']],
      ],
      [EAST],
      'rules[1] is',
    ],
    ['after a rule for all that is included', [[['team/**', 'shop/*']], []], [WEST], 'rules[1] is'],
    ['for another target', [[undefined, ['south']]], [EAST, WEST], 'rules[0].targets is ["south"]'],
    ['for a target of another form', [[undefined, ['east/1234']]], [EAST], 'rules[0].targets is'],
    ['for repositories that are not included', [[['other/*']]], [WEST], 'rules[0].repositories is ["other/*"]'],
    ['for excluded repositories', [[['shop/old', 'shop/old-*']]], [WEST], 'rules[0].repositories is'],
  ])('is refused: %s', (_case, globs, targets, begins) => {
    const problems = problemsOf(globs, targets);
    expect(problems.map((text) => text.slice(0, begins.length))).toEqual([begins]);
  });

  it('is refused with what is needed', () => {
    expect(problemsOf([[['shop/**']], [['shop/a']], [undefined, ['south']], [['x'], ['west']]])).toEqual([
      'rules[1] is {"repositories":["shop/a"]}: expected a rule that can apply, but rules[0] matches first: move this rule up, or remove it',
      'rules[2].targets is ["south"]: expected globs for targets of the stack: east/???/*, west/one',
      'rules[3].repositories is ["x"]: expected globs for repositories that the config does not leave out',
    ]);
  });
});

describe('a rule that could apply', () => {
  it.each<[string, readonly Globs[], KnownTarget[]]>([
    ['before a wider one', [[['shop/app']], [['shop/**']], []], [EAST, WEST]],
    ['after one for another target', [[['team/*'], ['west']], [['team/*']]], [EAST, WEST]],
    [
      'after one for some of its targets',
      [
        [['a'], ['east/123']],
        [['a'], ['east']],
      ],
      [EAST],
    ],
    ['after one for some of its repositories', [[['a']], [['a', 'b']]], [EAST]],
    ['for repositories of which one is not excluded', [[['shop/old', 'shop/new']]], [WEST]],
    ['for a target that is only known in part', [[undefined, ['east/123/north']]], [EAST]],
    ['for all repositories, of which some are excluded', [[]], [WEST]],
  ])('is not refused: %s', (_case, globs, targets) => {
    expect(problemsOf(globs, targets)).toEqual([]);
  });

  it('is not refused for another target if several stacks share it, or if no target is known', () => {
    expect(problemsOf([[undefined, ['south']]], [EAST], 'allowed')).toEqual([]);
    expect(problemsOf([[], []], [])).toEqual([]);
  });

  const part = fc.constantFrom('a', 'b', '/', '?', '*', '**');
  const globs = fc.array(
    fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
    {
      minLength: 1,
      maxLength: 2,
    },
  );
  const name = fc.array(fc.constantFrom('a', 'b', '/'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
  const rule = fc.tuple(fc.option(globs, { nil: undefined }), fc.option(globs, { nil: undefined }));

  it('is never refused, whatever the rules', () => {
    fc.assert(
      fc.property(
        fc.array(rule, { maxLength: 4 }),
        globs,
        globs,
        name,
        name,
        (drawn, include, exclude, at, repository) => {
          const rules = rulesOf(drawn);
          const target = { name: at, repositories: { include, exclude } };
          if (!globFilter(include, exclude)(repository)) return;
          const applied = ruleChooser({ mode: 'audit', policy: policy(), rules })(at, repository).rule;
          const refused = unreachableRules(rules, [target], 'refused').map(({ key }) => /^rules\[\d+\]/.exec(key)?.[0]);
          expect(refused).not.toContain(applied ?? 'none');
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
