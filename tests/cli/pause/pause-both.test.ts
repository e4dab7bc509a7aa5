// Tests `pause` and `resume` of a stack on both clouds: one run opens both, and if one cloud cannot be reached, nothing
// changes on the other.
import { describe, expect, test } from 'vitest';
import { stage as awsStage, CRITICAL, REPOSITORY } from '../../e2e/aws/stage.ts';
import { stage as azureStage, graphFor } from '../../e2e/azure/stage.ts';
import { asOperator, leastToOpen, outputsOf, pullgate } from '../command.ts';
import { asAzureOperator, leastToOpenOnAzure } from '../command-azure.ts';

const CONFIG = { clouds: ['aws', 'azure'], azure: { granularity: 'repository' } };

/** Closes the same repository on both clouds. */
async function closedOnBoth() {
  const graph = await graphFor(CONFIG);
  const [aws, azure] = [await awsStage(), await azureStage(CONFIG)];
  await aws.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  await aws.runUntilIdle();
  await azure.close('v1');
  const outputs = outputsOf(graph);
  const onAws = asOperator(aws.cloud, leastToOpen(graph));
  const onAzure = asAzureOperator(azure.cloud, Object.values(leastToOpenOnAzure(graph)));
  const closed = async () => ({ aws: aws.isClosed(), azure: (await azure.world()).locked });
  expect(await closed()).toEqual({ aws: true, azure: ['team/app readEnabled'] });
  const run = (command: string, environment: Record<string, string>) =>
    pullgate([...command.split(' '), '--outputs', outputs], environment);
  return { aws, azure, run, onAws, onAzure, closed };
}

describe('a stack on both clouds', () => {
  test('is paused by one run, with the registry in each name, and resumed by another', async () => {
    const { aws, azure, run, onAws, onAzure, closed } = await closedOnBoth();
    const both = { ...onAws, ...onAzure };
    const { code, stdout, stderr } = await run('pause --yes', both);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(
      /^The stack dev keeps 2 repositories closed[.] They will be opened regardless of their findings:\n/,
    );
    expect(stdout).toMatch(/\] {2}opened {4}123456789012\/team\/app\n/);
    expect(stdout).toMatch(/\] {2}opened {4}acmeimages\/team\/app\n/);
    expect(await closed()).toEqual({ aws: false, azure: [] });
    expect([aws.notified(), (await azure.world()).notified]).toEqual([
      ['closed', 'opened'],
      ['closed team/app', 'opened team/app'],
    ]);
    await aws.sweep();
    await azure.sweep();
    expect(await closed()).toEqual({ aws: false, azure: [] });
    const again = await run('pause', both);
    expect([again.code, again.stdout.split('\n')[0]]).toEqual([0, 'The stack dev keeps no gate closed.']);

    expect((await run('resume', both)).code).toBe(0);
    aws.cloud.queue.send('{"pullgate":"tick"}');
    await aws.runUntilIdle();
    await azure.tick();
    expect(await closed()).toEqual({ aws: true, azure: ['team/app readEnabled'] });
  });

  test('is paused and resumed on one cloud with --aws, without credentials for the other', async () => {
    const { run, onAws, onAzure, closed } = await closedOnBoth();
    const paused = await run('pause --aws --yes', onAws);
    expect([paused.code, paused.stderr]).toEqual([0, '']);
    expect(paused.stdout).toContain('\nPaused the stack dev on AWS: nothing closes until `pullgate resume`.\n');
    expect(await closed()).toEqual({ aws: false, azure: ['team/app readEnabled'] });
    const again = await run('pause --aws --azure --dry-run', { ...onAws, ...onAzure });
    expect([again.code, again.stdout.split('\n')[0]]).toEqual([
      0,
      'The stack dev keeps 1 repository closed. It will be opened regardless of its findings:',
    ]);
    expect((await run('resume --aws', onAws)).stdout).toMatch(/^Ended the pause of the stack dev on AWS[.] /);
  });

  test.each(['pause --yes', 'resume'])(
    '%s with credentials for only one cloud changes nothing and exits with 2',
    async (command) => {
      const { run, onAws, onAzure, closed } = await closedOnBoth();
      if (command === 'resume') await run('pause --yes', { ...onAws, ...onAzure });
      const before = await closed();
      const { code, stdout, stderr } = await run(command, { ...onAws, AZURE_TOKEN_CREDENTIALS: 'dev' });
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^pullgate: no Azure credentials found: log in/);
      expect(await closed()).toEqual(before);
      if (command === 'resume') {
        const { stdout: paused } = await run('pause', { ...onAws, ...onAzure });
        expect(paused).toContain('there is nothing to do');
      }
    },
  );
});
