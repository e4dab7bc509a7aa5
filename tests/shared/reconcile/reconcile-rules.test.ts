// A gate is reconciled by its rule: the mode, the policy, what its decision and its notices say, and all of it for any
// rules.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher } from '../../../shared/policy/glob.ts';
import type { Rule } from '../../../shared/policy/rule.ts';
import { renderNotice } from '../../../shared/report/notice-text.ts';
import { CONTEXT, finding, GATE, policy, ruleSettings, rules } from '../samples.ts';
import { reconcileOnce, violating } from './reconciling.ts';
import { newWorld } from './world.ts';

const RULE: Rule = { label: 'rules[0] (team/*)', repositories: ['team/*'], mode: 'enforce', policy: policy() };
const OTHER: Rule = { ...RULE, label: 'rules[0] (shop/*)', repositories: ['shop/*'] };
const SAYS = /The mode and the policy are those of (.*) in the stack's config[.]/;

describe('the decision about a gate', () => {
  it.each<[string, readonly Rule[], action: string, mode: string, rule: string | undefined]>([
    ['its rule enforces', [RULE], 'closed', 'enforce', 'rules[0] (team/*)'],
    ['another rule enforces', [OTHER], 'waiting', 'audit', undefined],
    ['there is no rule', [], 'waiting', 'audit', undefined],
  ])('is made by its mode, and its notice names the rule: %s', async (_case, given, action, mode, rule) => {
    const world = await violating();
    const decision = await reconcileOnce(world, {}, rules({ mode: 'audit', rules: given }));
    expect([decision.action, decision.mode, decision.rule]).toEqual([action, mode, rule]);
    const [notice] = world.created();
    if (notice === undefined) throw new Error('there must be a notice');
    expect([notice.rule, SAYS.exec(renderNotice(GATE, notice, CONTEXT).text)?.[1]]).toEqual([rule, rule]);
  });

  it('names the rule if nothing has to be done', async () => {
    const decision = await reconcileOnce(newWorld(), { triggers: ['lock'] }, rules({ rules: [RULE] }));
    expect([decision.action, decision.rule]).toEqual(['nothing', 'rules[0] (team/*)']);
  });

  it('closes nothing in a pause, whatever the rule', async () => {
    const decision = await reconcileOnce(await violating(), {}, rules({ mode: 'pause', rules: [RULE] }));
    expect([decision.to, decision.mode]).toEqual([{ kind: 'waiting', for: 'pause' }, 'pause']);
  });

  it('opens what another mode of the rule had closed', async () => {
    const world = await violating();
    await reconcileOnce(world, {}, rules({ mode: 'audit', rules: [RULE] }));
    const watched = rules({ rules: [{ ...RULE, mode: 'audit' }] });
    expect(await reconcileOnce(world, { triggers: ['settings'] }, watched)).toMatchObject({
      action: 'opened',
      to: { kind: 'waiting', for: 'audit' },
    });
  });
});

describe('for any rules', () => {
  const part = fc.constantFrom('a', 'b', '/', '?', '*', '**');
  const glob = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
  const globs = fc.option(fc.array(glob, { minLength: 1, maxLength: 2 }), { nil: undefined });
  const rule = fc.record({
    targets: globs,
    repositories: globs,
    mode: fc.constantFrom('enforce' as const, 'audit' as const, undefined),
    severityThreshold: fc.constantFrom('low' as const, 'critical' as const),
  });
  const name = fc.array(fc.constantFrom('a', 'b', '/'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));

  it('the mode and the policy of a gate are those of the first match', () => {
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 4 }), name, name, (drawn, registry, repository) => {
        const given = drawn.map(({ severityThreshold, ...one }, index) => ({
          ...{ ...one, label: `rules[${index}]`, policy: policy({ severityThreshold }) },
        }));
        const stack = ruleSettings({ mode: 'audit', rules: given, targetOf: (one) => one });
        const own = rules(stack).of({ registry, repository });
        const isIn = (list: readonly string[] | undefined, one: string) =>
          list === undefined || list.some((pattern) => globMatcher(pattern)(one));
        const first = given.find(
          ({ targets, repositories }) =>
            // A target's glob also matches what is below the names that it matches.
            [...registry, ''].some((_, end) =>
              registry[end] === '/' || end === registry.length ? isIn(targets, registry.slice(0, end)) : false,
            ) && isIn(repositories, repository),
        );
        expect([own.rule, own.mode]).toEqual([first?.label, first?.mode ?? 'audit']);
        expect(own.policy).toBe(first?.policy ?? stack.policy);
        const low = finding({ severity: 'LOW' });
        const verdict = own.judge({ repository, digest: 'sha256:0' }, [low], '2026-06-15T12:00:00.000Z');
        expect(verdict.kind).toBe(own.policy.severityThreshold === 'low' ? 'block' : 'allow');
      }),
      { numRuns: 2_000 },
    );
  });
});
