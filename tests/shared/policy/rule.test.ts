// Rules: which one applies to a repository of a target, what it means for its mode and policy, and every problem.
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../shared/policy/policy.ts';
import {
  enforces,
  exceptionsOf,
  parseRules,
  policiesOf,
  type Rule,
  type RuledSettings,
  ruleChooser,
} from '../../../shared/policy/rule.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';
import { NOW, policy } from '../samples.ts';

const NO_EFFECT =
  'expected a rule with mode or policy; to keep the defaults of the stack for these repositories, write its mode';
const EXCEPTION = { id: 'CVE-2024-1', expires: '2030-01-01', reason: 'not reachable' };

function settingsOf(rules: unknown, severityThreshold?: unknown, refinements?: unknown): RuledSettings {
  const parsed = parsePolicy(severityThreshold, refinements);
  if (!parsed.ok) throw new Error(parsed.problems.map(describeProblem).join('\n'));
  const stack = { severityThreshold, policy: refinements, parsed: parsed.value };
  const checked = parseRules(rules, stack);
  if (!checked.ok) throw new Error(checked.problems.map(describeProblem).join('\n'));
  return { mode: 'audit', policy: parsed.value, rules: checked.value };
}

function problemsOf(rules: unknown): readonly string[] {
  const checked = parseRules(rules, undefined, NOW);
  return checked.ok ? [] : checked.problems.map(describeProblem);
}

const one = (given: object): Rule => settingsOf([given]).rules[0] as Rule;

describe('the rule of a repository', () => {
  const ruleFor = ruleChooser(
    settingsOf([
      { repositories: ['shop/legacy', 'shop/old-*'], mode: 'audit' },
      { repositories: ['shop/**'], mode: 'enforce' },
      { targets: ['east/*/one', 'west'], policy: { severityThreshold: 'low' } },
    ]),
  );

  it.each<[string, target: string, repository: string, rule: string | undefined, mode: string, threshold: string]>([
    ['the first that matches', 'east', 'shop/legacy', 'rules[0] (shop/legacy, shop/old-*)', 'audit', 'high'],
    ['any of its globs', 'east', 'shop/old-app', 'rules[0] (shop/legacy, shop/old-*)', 'audit', 'high'],
    ['a later one', 'west/a', 'shop/app', 'rules[1] (shop/**)', 'enforce', 'high'],
    ['one of a target', 'east/a/one', 'team/app', 'rules[2] (all on east/*/one, west)', 'audit', 'low'],
    ['one of everything below', 'west/a/two', 'team/app', 'rules[2] (all on east/*/one, west)', 'audit', 'low'],
    ['none: another target', 'east/a/two', 'team/app', undefined, 'audit', 'high'],
    ['none: a target that only begins the same', 'western/a', 'team/app', undefined, 'audit', 'high'],
  ])('is %s', (_case, target, repository, rule, mode, threshold) => {
    const ruling = ruleFor(target, repository);
    expect([ruling.rule, ruling.mode, ruling.policy.severityThreshold]).toEqual([rule, mode, threshold]);
  });

  it('is the same object for each repository that it applies to', () => {
    expect(ruleFor('east', 'shop/app')).toBe(ruleFor('west/a', 'shop/api'));
    expect(ruleFor('east', 'team/app')).toBe(ruleFor('north', 'team/api'));
  });
});

describe('a rule', () => {
  it('shows at most three globs of a list', () => {
    const globs = ['a/*', 'b/*', 'c/*', 'd/*', 'e/*'];
    expect(one({ repositories: globs, mode: 'enforce' }).label).toBe('rules[0] (a/*, b/*, c/* and 2 more)');
  });

  it('without a policy has the stack’s', () => {
    const { policy: stack, rules } = settingsOf([{ mode: 'enforce' }], 'low', { exceptions: [EXCEPTION] });
    expect(rules[0]?.policy).toBe(stack);
  });

  it.each<[string, refinements: object, own: object, wanted: object]>([
    [
      'the stack’s fields that it does not give',
      { graceDays: { low: 3 } },
      { images: 'all' },
      { graceDays: { low: 3 }, images: 'all' },
    ],
    [
      'its own field in place of the stack’s',
      { graceDays: { low: 3 } },
      { graceDays: { high: 1 } },
      { graceDays: { high: 1 } },
    ],
    [
      'its threshold for findings without a fix too',
      {},
      { severityThreshold: 'low' },
      { severityThreshold: 'low', unfixable: 'low' },
    ],
    [
      'the stack’s threshold for findings without a fix',
      { unfixable: 'never' },
      { severityThreshold: 'low' },
      { severityThreshold: 'low', unfixable: 'never' },
    ],
    [
      'the stack’s score for its own threshold',
      { exploited: 'high', epss: 0.5 },
      { exploited: 'low' },
      { exploited: 'low', epss: 0.5 },
    ],
    [
      'no score if it never counts exploits',
      { exploited: 'high', epss: 0.5 },
      { exploited: 'never' },
      { exploited: 'never', epss: 'never' },
    ],
  ])('has %s', (_case, refinements, own, wanted) => {
    expect(settingsOf([{ policy: own }], undefined, refinements).rules[0]?.policy).toEqual(policy(wanted));
  });

  it('adds its exceptions to the stack’s', () => {
    const own = { ...EXCEPTION, id: 'CVE-2024-2' };
    const { rules, policy: stack } = settingsOf([{ policy: { exceptions: [own] } }], 'high', {
      exceptions: [EXCEPTION],
    });
    expect(rules[0]?.policy.exceptions.map(({ id }) => id)).toEqual(['CVE-2024-1', 'CVE-2024-2']);
    expect(rules[0]?.policy.exceptions[0]).toBe(stack.exceptions[0]);
  });
});

describe('the policies of a stack', () => {
  const own = { ...EXCEPTION, id: 'CVE-2024-2' };
  const settings = settingsOf(
    [{ mode: 'enforce' }, { policy: { exceptions: [own] } }, { mode: 'audit', policy: { images: 'all' } }],
    'high',
    { exceptions: [EXCEPTION] },
  );

  it('are each there once, and so are their exceptions', () => {
    expect(policiesOf(settings).map(({ images, exceptions }) => [images, exceptions.length])).toEqual([
      ['tagged', 1],
      ['tagged', 2],
      ['all', 1],
    ]);
    expect(exceptionsOf(settings).map(({ id }) => id)).toEqual(['CVE-2024-1', 'CVE-2024-2']);
  });

  it('enforce if the stack or a rule does', () => {
    const { rules } = settingsOf([{ mode: 'audit' }, { policy: { images: 'all' } }]);
    expect([enforces(settings), enforces({ mode: 'audit', rules }), enforces({ mode: 'enforce', rules })]).toEqual([
      true,
      false,
      true,
    ]);
  });
});

describe('the rules', () => {
  it('are none by default', () => {
    expect(problemsOf(undefined)).toEqual([]);
    expect(settingsOf(undefined).rules).toEqual([]);
  });

  it.each<[string, unknown, readonly string[]]>([
    ['no list', 'shop', ['rules is "shop": expected a list of rules']],
    [
      'no object',
      ['shop'],
      ['rules[0] is "shop": expected an object with repositories or targets, and mode or policy'],
    ],
    ['nothing', [{}], [`rules[0] is {}: ${NO_EFFECT}`]],
    [
      'no effect',
      [{ repositories: ['a'], policy: {} }],
      [`rules[0] is {"repositories":["a"],"policy":{}}: ${NO_EFFECT}`],
    ],
    [
      'no glob',
      [{ repositories: [], mode: 'audit' }],
      ['rules[0].repositories is []: expected a list of globs for repository names; leave it out for all'],
    ],
    [
      'an invalid glob',
      [{ targets: ['A'], mode: 'audit' }],
      ['rules[0].targets[0] is "A": expected a glob for targets in lower case, such as "*/images"'],
    ],
    [
      'an invalid glob for repositories',
      [{ repositories: ['A'], mode: 'audit' }],
      ['rules[0].repositories[0] is "A": expected a glob for repository names, such as "team/*" or "team/**"'],
    ],
    [
      'no glob for targets',
      [{ targets: [], mode: 'audit' }],
      ['rules[0].targets is []: expected a list of globs for targets; leave it out for all'],
    ],
    ['an unknown mode', [{ mode: 'block' }], ['rules[0].mode is "block": expected one of enforce, audit']],
    ['an unknown key', [{ mode: 'audit', repository: ['a'] }], ['rules[0].repository: unknown key']],
    [
      'a policy that is no object',
      [{ policy: 5 }],
      [
        'rules[0].policy is 5: expected an object with severityThreshold and refinements, such as { "severityThreshold": "critical" }',
      ],
    ],
    [
      'a misspelt threshold',
      [{ policy: { treshold: 'low' } }],
      ['rules[0].policy.treshold: unknown key; did you mean "severityThreshold"?'],
    ],
    [
      'wrong values',
      [{ mode: 'audit' }, { policy: { severityThreshold: 'dire', images: 'some' } }],
      [
        'rules[1].policy.severityThreshold is "dire": expected one of informational, low, medium, high, critical',
        'rules[1].policy.images is "some": expected one of tagged, all',
      ],
    ],
    [
      'a score without effect',
      [{ policy: { epss: 0.5 } }],
      [
        'rules[0].policy.epss is 0.5: expected a score only together with policy.exploited, which is never; set policy.exploited, or remove policy.epss',
      ],
    ],
    [
      'an exception that lasts too long',
      [{ policy: { exceptions: [{ ...EXCEPTION, id: '*', package: 'openssl', repository: 'a' }] } }],
      [
        'rules[0].policy.exceptions[0].expires is "2030-01-02T00:00:00.000Z": expected a date at most 30 days ahead, because its id is *',
      ],
    ],
  ])('with %s are refused', (_case, given, problems) => {
    expect(problemsOf(given)).toEqual(problems);
  });
});
