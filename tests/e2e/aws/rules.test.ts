// Rules: one repository enforces, while the stack watches.
import { expect, test } from 'vitest';
import { CRITICAL, REPOSITORY, stage } from './stage.ts';

const SHOP = 'shop/app';
const ENFORCES = { repositories: ['shop/**'], mode: 'enforce' };

test('a repository of a rule closes, and all others stay open until the stack enforces', async () => {
  const s = await stage({ mode: 'audit', rules: [ENFORCES] });
  for (const repository of [REPOSITORY, SHOP]) await s.pushVulnerable(repository, 'v1', CRITICAL);
  await s.runUntilIdle();
  expect([s.isClosed(SHOP), s.isClosed(REPOSITORY)]).toEqual([true, false]);
  expect([await s.pull('v1', SHOP), await s.pull('v1')]).toEqual(['refused', 'pulled']);
  expect(s.lastDecision(SHOP)).toMatchObject({ action: 'closed', mode: 'enforce', rule: 'rules[0] (shop/**)' });
  expect(s.lastDecision()).toMatchObject({ action: 'waiting', to: 'waiting: audit', mode: 'audit', rule: null });
  await s.tick();
  const texts = s.cloud.notices.map(({ message }) => message);
  const ofRule = "The mode and the policy are those of rules[0] (shop/**) in the stack's config.";
  expect(texts.map((text) => text.includes(ofRule))).toEqual([true, false]);

  await s.redeploy({ mode: 'enforce', rules: [{ ...ENFORCES, mode: 'audit' }] });
  expect([s.isClosed(SHOP), s.isClosed(REPOSITORY)]).toEqual([false, true]);
});

test('the policy of a rule closes what the stack’s would not, and its events and findings are not left out', async () => {
  const low = { ...CRITICAL, severity: 'LOW' };
  const s = await stage({ rules: [{ repositories: ['shop/**'], policy: { severityThreshold: 'low' } }] });
  for (const repository of [REPOSITORY, SHOP]) await s.pushVulnerable(repository, 'v1', low);
  await s.runUntilIdle();
  expect([s.isClosed(SHOP), s.isClosed(REPOSITORY)]).toEqual([true, false]);
});

test('a rule for another region or account does not apply', async () => {
  const target = (targets: readonly string[]) => ({ mode: 'audit', rules: [{ targets, mode: 'enforce' }] });
  const s = await stage(target(['aws/123456789012/us-*', 'aws/210987654321']));
  await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  await s.runUntilIdle();
  expect(s.isClosed()).toBe(false);
  await s.redeploy(target(['aws/123456789012/eu-*']));
  expect(s.isClosed()).toBe(true);
});
