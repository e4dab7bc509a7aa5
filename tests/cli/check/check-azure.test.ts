// The real `check --live` on Azure: what it prints, and its exit codes.
import { expect, test } from 'vitest';
import { stage } from '../../e2e/azure/stage.ts';
import { outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { leastToObserveOnAzure, leastToTestOnAzure } from '../command-observing.ts';

test('check --live tests a stack on Azure, changes nothing, and with --strict exits with 1 for what failed', async () => {
  const s = await stage({ azure: { enableDefender: true } });
  await s.report(s.push('v1'));
  const before = await s.world();
  const { records } = leastToObserveOnAzure(s.graph);
  const check = (lacking: string, ...words: readonly string[]) => {
    const grants = [records, ...leastToTestOnAzure(s.graph)].filter(({ role }) => role !== lacking);
    const environment = asAzureOperator(s.cloud, grants, `operator without ${lacking}`);
    return pullgate(['check', '--live', ...words, '--outputs', outputsOf(s.graph)], environment);
  };
  const well = await check('nothing', '--strict');
  expect([well.code, well.stderr]).toEqual([0, '']);
  expect(well.stdout.split('\n')).toEqual([
    expect.stringMatching(/: 0 exceptions, compared with 1 image that the policy does not plainly allow[.]$/),
    'No problems and no warnings.',
    '',
    'Self-test on Azure: all 9 checks are ok.',
    '  ok  plan Containers                  on',
    '  ok  plan FoundationalCspm            on',
    '  ok  findings in Log Analytics        1 row of the last 9 days, the newest at 2026-03-02 09:00 UTC',
    '  ok  images of the stack              1 of 1 image',
    '  ok  findings with a severity         1 of 1 row',
    '  ok  findings with CVEs               1 of 1 row',
    '  ok  acmeimages: network              open to the Internet, so the function reaches it',
    '  ok  acmeimages: role mode            rbac, as configured',
    '  ok  acmeimages: who may undo a lock  only pullgate',
    '',
  ]);

  s.cloud.plans.set('FoundationalCspm', { pricingTier: 'Free' });
  const [plain, strict, unknown] = [
    await check('nothing'),
    await check('nothing', '--strict', '--json'),
    await check('Security Reader', '--strict', '--json'),
  ];
  expect([plain.code, strict.code, unknown.code]).toEqual([0, 1, 1]);
  expect(plain.stdout).toContain('\nSelf-test on Azure: 1 failed.\n');
  expect(plain.stdout).not.toContain('No problems');
  expect(JSON.parse(strict.stdout).selfTest[1]).toEqual({
    check: 'plan',
    what: 'plan FoundationalCspm',
    state: 'failed',
    found: 'off (the tier is Free)',
    toDo: expect.stringContaining('Set pullgate:azure.enableDefender'),
  });
  expect(JSON.parse(unknown.stdout).selfTest[1]).toMatchObject({ state: 'unknown' });

  // The records cannot be read, so the exceptions are not compared. The self-test is printed all the same.
  const incomplete = await check(records.role);
  expect([incomplete.code, incomplete.stderr]).toEqual([
    2,
    expect.stringContaining('you need Storage Table Data Reader on the table of the stack'),
  ]);
  expect(incomplete.stdout).toMatch(
    /: 0 exceptions[.]\nNot certain: the exceptions were not compared with the findings[.]\n\nSelf-test on Azure: 1 failed[.]\n/,
  );
  expect(await s.world()).toEqual(before);
});
