// The rules that the reconcile loop uses, from the config.
import { describe, expect, it } from 'vitest';
import { createRules, currentRules, type RuleSettings } from '../../../shared/reconcile/rules.ts';
import { digest, finding, hoursLater, NOW, policy } from '../samples.ts';

describe('the rules of a stack', () => {
  const repositories = { include: ['team/**'], exclude: ['team/legacy'] };
  const settings: RuleSettings = {
    policy: policy(),
    maxClosesPerHour: 25,
    maxClosesPerDay: 100,
    brakeExempt: 'never',
    closesInUse: true,
    repositories,
  };
  const rules = createRules(settings, 'audit');

  it('are those of the config', () => {
    expect(rules).toMatchObject({
      policy: policy(),
      mode: 'audit',
      maxClosesPerHour: 25,
      maxClosesPerDay: 100,
      brakeExempt: 'never',
      closesInUse: true,
    });
  });

  it('include the repositories that match the globs', () => {
    expect(['team/app', 'team/legacy', 'other/app'].filter(rules.includes)).toEqual(['team/app']);
  });

  it('judge by the policy', () => {
    const image = { repository: 'team/app', digest: digest(1) };
    expect([rules.judge(image, [finding()], NOW).kind, rules.judge(image, [], NOW).kind]).toEqual(['block', 'allow']);
  });

  it.each([
    ['the stack was never paused', undefined, 'audit'],
    ['the stack is paused', { paused: true }, 'pause'],
    ['the pause was ended', { paused: false }, 'audit'],
    ['the pause ends a moment later', { paused: true, until: hoursLater(0.001) }, 'pause'],
    ['the pause ends at this moment', { paused: true, until: NOW }, 'audit'],
    ['the pause was ended before its end', { paused: false, until: hoursLater(1) }, 'audit'],
  ])('have the current mode: %s', async (_case, pause, mode) => {
    const value = pause === undefined ? undefined : { at: hoursLater(-1), by: 'ada', ...pause };
    const now = await currentRules({ ...settings, mode: 'audit' }, { load: async () => ({ value, version: 0 }) }, NOW);
    expect([now.mode, now.pauseChangedAt]).toEqual([mode, value?.at]);
  });
});
