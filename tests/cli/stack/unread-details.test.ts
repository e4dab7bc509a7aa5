// Tests that the commands say if details of CVEs could not be read, with the local Resource Graph failing.
import { expect, test } from 'vitest';
import { describeUnreadDetails } from '../../../cli/stack/unread-details.ts';
import { stage } from '../../e2e/azure/stage.ts';
import { outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { leastToObserveOnAzure } from '../command-observing.ts';

const ID = 'CVE-2026-4711';
const DETAILS = { role: 'Security Reader', scope: '/providers/Microsoft.Management/managementGroups/platform' };

/** A stack with an image whose CVE is named by id alone. The operator may read its details. */
async function staged() {
  const s = await stage({ azure: { cveDetails: { managementGroupId: 'platform' } } });
  s.cloud.cveDetails.set({ id: ID, severity: 'Critical', score: 9.8 });
  await s.report(s.push('v1'), { cves: [{ id: ID }], severity: 'Critical' });
  await s.runUntilIdle();
  const roles = [...Object.values(leastToObserveOnAzure(s.graph)), DETAILS];
  const run = (...command: readonly string[]) =>
    pullgate([...command, '--outputs', outputsOf(s.graph)], asAzureOperator(s.cloud, roles));
  const fail = () =>
    s.cloud.faults.add({ kind: 'error', status: 400, code: 'BadRequest', message: 'no', service: 'graph', times: 99 });
  return { ...s, run, fail };
}

const SAID = 'details of 1 of 1 CVE could not be read, so the severity of their recommendations counts (RestError: ';

test('why says it, and that its answer is not certain', async () => {
  const s = await staged();
  const image = 'acmeimages.azurecr.io/team/app:v1';
  const well = await s.run('why', image);
  expect([well.code, well.stderr]).toEqual([1, '']);
  expect(well.stdout).not.toContain('Not certain');
  s.fail();
  const { code, stdout } = await s.run('why', image);
  expect([code, stdout]).toEqual([1, expect.stringContaining(`\nNot certain: ${SAID}`)]);
  const { unsure } = JSON.parse((await s.run('why', image, '--json')).stdout) as { readonly unsure: string };
  expect(unsure).toContain(SAID);
});

test('simulate says it in a note', async () => {
  const s = await staged();
  expect((await s.run('simulate')).stderr).not.toContain('details of');
  s.fail();
  const { code, stderr } = await s.run('simulate');
  expect([code, stderr]).toEqual([1, expect.stringContaining(`pullgate: note: ${SAID}`)]);
});

test('if the answer lacks some, no error is named', () => {
  expect(describeUnreadDetails({ asked: 40, unread: 12 })).toBe(
    'details of 12 of 40 CVEs could not be read, so the severity of their recommendations counts',
  );
});
