// The rules that the reconcile loop uses, from the config.
import { describe, expect, it } from 'vitest';
import {
  createRules,
  currentRules,
  imagesChooser,
  type RuleSettings,
  withNothingIncluded,
} from '../../../shared/reconcile/rules.ts';
import { digest, finding, GATE, hoursLater, NOW, policy, ruleSettings } from '../samples.ts';

const IMAGE = { repository: 'team/app', digest: digest(1) };
const LOW = policy({ severityThreshold: 'low', images: 'all' });
const SHOP = { registry: 'west', repository: 'shop/app' };
const settings: RuleSettings = ruleSettings({
  mode: 'audit',
  closesInUse: true,
  repositories: { include: ['team/**', 'shop/**'], exclude: ['team/legacy'] },
  rules: [
    { label: 'rules[0] (shop/**)', repositories: ['shop/**'], mode: 'enforce', policy: policy() },
    { label: 'rules[1] (all on cloud/west)', targets: ['cloud/west'], policy: LOW },
  ],
});
const rules = createRules(settings);

describe('the rules of a stack', () => {
  it('are those of the config', () => {
    const ofAll = { maxClosesPerHour: 25, maxClosesPerDay: 100, brakeExempt: 'never', closesInUse: true };
    expect(rules).toMatchObject({ ...ofAll, suspended: undefined });
    expect(rules.of(GATE)).toMatchObject({ ...ofAll, rule: undefined, mode: 'audit', policy: policy() });
  });

  it('include the repositories that match the globs', () => {
    const names = ['team/app', 'team/legacy', 'other/app'];
    expect([names.filter(rules.includes), names.filter(rules.of(GATE).includes)]).toEqual([['team/app'], ['team/app']]);
  });

  it('judge by the policy', () => {
    const { judge } = rules.of(GATE);
    expect([judge(IMAGE, [finding()], NOW).kind, judge(IMAGE, [], NOW).kind]).toEqual(['block', 'allow']);
  });

  it('give a gate the mode and the policy of its rule', () => {
    expect(rules.of(SHOP)).toMatchObject({ rule: 'rules[0] (shop/**)', mode: 'enforce', policy: policy() });
    const west = rules.of({ ...SHOP, repository: 'team/app' });
    expect(west).toMatchObject({ rule: 'rules[1] (all on cloud/west)', mode: 'audit', policy: LOW });
    const low = [finding({ severity: 'LOW' })];
    expect([west, rules.of(GATE)].map(({ judge }) => judge(IMAGE, low, NOW).kind)).toEqual(['block', 'allow']);
  });

  it('prepare a policy once', () => {
    expect(rules.of(SHOP).judge).toBe(rules.of({ ...SHOP, repository: 'shop/api' }).judge);
  });

  it('say which images of a repository are evaluated', () => {
    const imagesOf = imagesChooser(settings);
    expect([imagesOf(SHOP), imagesOf({ ...SHOP, repository: 'team/app' }), imagesOf(GATE)]).toEqual([
      'tagged',
      'all',
      'tagged',
    ]);
  });

  it('can include nothing, and are the same otherwise', () => {
    const none = withNothingIncluded(rules);
    expect([none.includes('team/app'), none.of(SHOP).includes('shop/app'), none.of(SHOP).mode]).toEqual([
      false,
      false,
      'enforce',
    ]);
  });

  it.each([
    ['the stack was never paused', undefined, undefined],
    ['the stack is paused', { paused: true }, 'pause'],
    ['the pause was ended', { paused: false }, undefined],
    ['the pause ends a moment later', { paused: true, until: hoursLater(0.001) }, 'pause'],
    ['the pause ends at this moment', { paused: true, until: NOW }, undefined],
    ['the pause was ended before its end', { paused: false, until: hoursLater(1) }, undefined],
  ])('have the current mode: %s', async (_case, pause, suspended) => {
    const value = pause === undefined ? undefined : { at: hoursLater(-1), by: 'ada', ...pause };
    const now = await currentRules(settings, { load: async () => ({ value, version: 0 }) }, NOW);
    expect([now.suspended, now.pauseChangedAt]).toEqual([suspended, value?.at]);
    expect([now.of(GATE).mode, now.of(SHOP).mode]).toEqual([suspended ?? 'audit', suspended ?? 'enforce']);
  });
});
