// Rules in a policy file: their problems with positions, the exceptions in them, and rules that apply to nothing.
import { describe, expect, it } from 'vitest';
import { usageOf, warningsOf } from '../../../cli/check/check.ts';
import { checkText } from '../../../cli/check/file.ts';
import { ruleUsageOf } from '../../../cli/check/rules.ts';
import type { PolicyWithRules } from '../../../shared/policy/rule.ts';
import { daysLater, digest, finding, NOW } from '../../shared/samples.ts';

const RULE = '{"repositories":["shop/**"],"mode":"enforce"}';

function policiesIn(text: string): PolicyWithRules {
  const checked = checkText(text);
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.policies;
}

describe('the rules of a file', () => {
  it.each([
    ['next to the fields of the policy', `{"unfixable":"never","rules":[${RULE}]}`],
    ['next to the policy', `{"policy":{},"rules":[${RULE}]}`],
    ['in the output of `pulumi config --json`', `{"pullgate:rules":{"value":"","objectValue":[${RULE}]}}`],
  ])('are read: %s', (_form, text) => {
    expect(policiesIn(text).rules).toMatchObject([{ label: 'rules[0] (shop/**)', mode: 'enforce' }]);
  });

  it.each([
    ['a wrong value', '{\n"rules": [\n{"mode": "block"}]}', 3, 'rules[0].mode is "block"'],
    [
      'a wrong value of a policy',
      '{"pullgate:rules":[\n{"policy":{\n"images":"some"}}]}',
      3,
      'rules[0].policy.images is',
    ],
    [
      'a rule that never applies',
      `{"rules":[${RULE},\n${RULE}]}`,
      2,
      'rules[1] is {"repositories":["shop/**"]}: expected',
    ],
    ['a mistake in the policy, too', '{\n"severityThreshold":"dire",\n"rules":[{}]}', 2, 'severityThreshold is "dire"'],
  ])('are refused with the line: %s', (_case, text, line, words) => {
    const checked = checkText(text);
    if (checked.ok) throw new Error('the text must be rejected');
    const [first] = checked.problems;
    expect([first?.text.slice(0, words.length), first?.line]).toEqual([words, line]);
  });
});

describe('the exceptions of rules', () => {
  const exception = (id: string, expires: string) => ({ id, expires, reason: 'not reachable' });
  const soon = exception('CVE-2024-1', daysLater(3));
  const late = exception('CVE-2024-6119', daysLater(100));
  const policies = policiesIn(
    JSON.stringify({
      exceptions: [soon],
      rules: [
        { repositories: ['a'], policy: { exceptions: [late, late] } },
        { repositories: ['b'], policy: { exceptions: [exception('CVE-2024-1', daysLater(2))] } },
      ],
    }),
  );

  it('have the warnings of exceptions, with their own keys; those of the stack are named once', () => {
    const found = warningsOf(policies, NOW, 14).map(({ kind, key, text }) => [kind, key, / by (\S+):/.exec(text)?.[1]]);
    expect(found).toEqual([
      ['soon', 'policy.exceptions[0]', undefined],
      ['redundant', 'rules[0].policy.exceptions[1]', 'rules[0].policy.exceptions[0]'],
      ['soon', 'rules[1].policy.exceptions[0]', undefined],
      ['redundant', 'rules[1].policy.exceptions[0]', 'policy.exceptions[0]'],
    ]);
  });

  it('are used only by what their rule applies to', () => {
    const usage = usageOf(policies);
    const image = { repository: 'a', digest: digest(1) };
    const seen = (place: number) => {
      const policy = [policies.policy, ...policies.rules.map((rule) => rule.policy)][place] ?? policies.policy;
      usage.see(image, [finding({ vulnerability: 'CVE-2024-6119' })], { policy, now: NOW });
      return usage.unused(NOW, []).map(({ key }) => key);
    };
    const own = ['rules[0].policy.exceptions[0]', 'rules[0].policy.exceptions[1]'];
    expect(seen(0)).toEqual(['policy.exceptions[0]', ...own, 'rules[1].policy.exceptions[0]']);
    expect(seen(2)).toEqual(['policy.exceptions[0]', ...own, 'rules[1].policy.exceptions[0]']);
    expect(seen(1)).toEqual(['policy.exceptions[0]', 'rules[1].policy.exceptions[0]']);
  });
});

it('a rule that applies to no repository is named', () => {
  const { rules } = policiesIn(`{"rules":[${RULE},{"repositories":["a"],"mode":"audit"}]}`);
  const usage = ruleUsageOf(rules);
  usage.see('rules[0] (shop/**)');
  usage.see(undefined);
  expect(usage.unused()).toEqual([
    {
      kind: 'unusedRule',
      key: 'rules[1]',
      text: 'rules[1] (a) applies to no repository that has findings or a record: remove it, unless you expect such a repository',
    },
  ]);
});
