// Rules: one repository enforces, while the stack watches.
import { expect, test } from 'vitest';
import { CRITICAL, REPOSITORY, stage } from './stage.ts';

const SHOP = 'shop/app';
const ENFORCES = { repositories: ['shop/**'], mode: 'enforce' };

test('an image of a rule closes, and all others stay open until the stack enforces', async () => {
  const s = await stage({ mode: 'audit', rules: [ENFORCES] });
  const watched = await s.close('v1');
  const enforced = await s.close('v1', SHOP);
  await s.tick();
  expect(await s.world()).toMatchObject({
    locked: ['shop/app:v1 readEnabled'],
    records: { 'shop/app:v1': 'closed', 'team/app:v1': 'waiting: audit' },
  });
  expect([await s.pull('v1', SHOP), await s.pull('v1')]).toEqual(['refused', 'pulled']);
  expect(s.decisions(enforced)[0]).toMatchObject({ action: 'closed', mode: 'enforce', rule: 'rules[0] (shop/**)' });
  expect(s.decisions(watched)[0]).toMatchObject({ to: 'waiting: audit', mode: 'audit', rule: null });
  const ofRule = "The mode and the policy are those of rules[0] (shop/**) in the stack's config.";
  const texts = s.cloud.mails.map(({ plainText }) => plainText);
  expect(texts.filter((text) => text?.includes(ofRule))).toHaveLength(1);

  await s.redeploy({ mode: 'enforce', rules: [{ ...ENFORCES, mode: 'audit' }] });
  expect((await s.world()).locked).toEqual(['team/app:v1 readEnabled']);
});

test('the policy of a rule closes what the stack’s would not, and its findings are not left out', async () => {
  const policy = { severityThreshold: 'low' };
  const s = await stage({ rules: [{ targets: ['azure/acme*'], repositories: ['shop/**'], policy }] });
  for (const repository of [REPOSITORY, SHOP])
    await s.report(s.push('v1', repository), { cves: [{ ...CRITICAL, severity: 'Low', score: 2 }] });
  await s.runUntilIdle();
  await s.sweep();
  expect((await s.world()).locked).toEqual(['shop/app:v1 readEnabled']);
});
