// Tests `status` of a stack on both clouds with credentials for one of them, and what a command says if it is denied.
import { expect, test } from 'vitest';
import { stage as awsStage, CRITICAL, REPOSITORY } from '../../e2e/aws/stage.ts';
import { stage as azureStage, graphFor } from '../../e2e/azure/stage.ts';
import { asOperator, outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { leastForStatus, leastToObserveOnAzure } from '../command-observing.ts';

const CONFIG = { clouds: ['aws', 'azure'], azure: { granularity: 'repository' } };
const DENIED = 'docs/permissions.md lists the permissions that each command needs.';

test('status shows the cloud that it can read, names the other one, and exits with 2', async () => {
  const graph = await graphFor(CONFIG);
  const [aws, azure] = [await awsStage(), await azureStage(CONFIG)];
  await aws.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  await aws.runUntilIdle();
  await azure.close('v1');
  const onAws = asOperator(aws.cloud, leastForStatus(graph));
  const { records } = leastToObserveOnAzure(graph);
  const onAzure = asAzureOperator(azure.cloud, [records]);
  const refused = asOperator(aws.cloud, { Version: '2012-10-17', Statement: [] });
  const status = (environment: Record<string, string>, ...options: readonly string[]) =>
    pullgate(['status', '--outputs', outputsOf(graph), ...options], environment);

  const aloneOnAws = await status(onAws);
  expect([aloneOnAws.code, aloneOnAws.stderr]).toEqual([2, '']);
  expect(aloneOnAws.stdout).toMatch(
    /^Status of .*\n\nAzure could not be read, so nothing of it is shown:\n {2}no Azure credentials found/,
  );
  expect(aloneOnAws.stdout).toMatch(/^AWS: mode enforce(.|\n)+Closed by pullgate: 1\n {4}team\/app/m);
  expect(aloneOnAws.stdout).not.toContain('No action required');

  const denied = await status({ ...refused, ...onAzure });
  expect([denied.code, denied.stderr]).toEqual([2, '']);
  expect(denied.stdout).toMatch(/^AWS could not be read, so nothing of it is shown:\n {2}the request to AWS failed/m);
  expect(denied.stdout).toContain(`\n  ${DENIED}\n`);
  expect(denied.stdout).toMatch(/^Azure: mode enforce(.|\n)+Closed by pullgate: 1\n {4}team\/app/m);

  const json = await status(onAws, '--json');
  expect(JSON.parse(json.stdout)).toMatchObject({
    unseen: [{ cloud: 'azure', problem: expect.stringContaining('no Azure credentials found') }],
    clouds: [{ cloud: 'aws', gates: [{ gate: { repository: 'team/app' } }] }],
  });

  const neither = await status(refused, '--aws');
  expect([neither.code, neither.stdout]).toEqual([2, '']);
  expect(neither.stderr).toMatch(/^pullgate: the request to AWS failed[.] AccessDeniedException: /);
  expect(neither.stderr.endsWith(`\n${DENIED}\n`)).toBe(true);
});
