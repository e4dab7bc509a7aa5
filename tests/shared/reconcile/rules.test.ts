// The config's rules as the reconcile loop reads them.
import { describe, expect, it } from 'vitest';
import { rulesNow, rulesOf } from '../../../shared/reconcile/rules.ts';
import { digest, finding, NOW, policy } from '../samples.ts';

describe('the rules of a stack', () => {
  const repositories = { include: ['team/**'], exclude: ['team/legacy'] };
  const settings = { policy: policy(), maxClosesPerHour: 25, closeLambdaRepositories: true, repositories };
  const rules = rulesOf(settings, 'audit');

  it('are the config’s own', () => {
    expect(rules).toMatchObject({
      policy: policy(),
      mode: 'audit',
      maxClosesPerHour: 25,
      closeLambdaRepositories: true,
    });
  });

  it('include the repositories that the globs say', () => {
    expect(['team/app', 'team/legacy', 'other/app'].filter(rules.includes)).toEqual(['team/app']);
  });

  it('judge by the policy', () => {
    const image = { repository: 'team/app', digest: digest(1) };
    expect([rules.judge(image, [finding()], NOW).kind, rules.judge(image, [], NOW).kind]).toEqual(['block', 'allow']);
  });

  it.each([
    ['nobody has paused the stack', undefined, 'audit'],
    ['somebody has paused it', true, 'pause'],
    ['the pause was lifted', false, 'audit'],
  ])('have the mode of now: %s', async (_case, paused, mode) => {
    const value = paused === undefined ? undefined : { paused, at: NOW, by: 'somebody' };
    const now = await rulesNow({ ...settings, mode: 'audit' }, { load: async () => ({ value, version: 0 }) });
    expect(now.mode).toBe(mode);
  });
});
