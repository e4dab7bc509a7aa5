// Undo of a stack that is on both clouds: one run opens both sides, and where one side cannot be asked nothing is changed on the other.
import { describe, expect, test } from 'vitest';
import { stage as awsStage, CRITICAL, REPOSITORY } from '../../e2e/aws/stage.ts';
import { stage as azureStage, graphFor } from '../../e2e/azure/stage.ts';
import { asOperator, leastToRelease, outputsOf, pullgate } from '../command.ts';
import { asAzureOperator, leastToReleaseOnAzure } from '../command-azure.ts';

const CONFIG = { clouds: ['aws', 'azure'], azure: { granularity: 'repository' } };

/** The same repository is closed on both clouds. */
async function closedOnBoth() {
  const graph = await graphFor(CONFIG);
  const [aws, azure] = [await awsStage(), await azureStage(CONFIG)];
  await aws.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  await aws.settle();
  await azure.close('v1');
  const outputs = outputsOf(graph);
  const onAws = asOperator(aws.cloud, leastToRelease(graph));
  const onAzure = asAzureOperator(azure.cloud, Object.values(leastToReleaseOnAzure(graph)));
  const closed = async () => ({ aws: aws.isClosed(), azure: (await azure.world()).locked });
  expect(await closed()).toEqual({ aws: true, azure: ['team/app readEnabled'] });
  const run = (command: string, environment: Record<string, string>) =>
    pullgate([...command.split(' '), '--outputs', outputs], environment);
  return { aws, azure, run, onAws, onAzure, closed };
}

describe('a stack on both clouds', () => {
  test('is released by one run, with the registry in each name, and awake again by another', async () => {
    const { aws, azure, run, onAws, onAzure, closed } = await closedOnBoth();
    const both = { ...onAws, ...onAzure };
    const { code, stdout, stderr } = await run('release --all --yes', both);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^The stack dev keeps 2 repositories closed[.] To be opened, whatever is inside:\n/);
    expect(stdout).toMatch(/\] {2}opened {4}123456789012\/team\/app\n/);
    expect(stdout).toMatch(/\] {2}opened {4}acmeimages\/team\/app\n/);
    expect(await closed()).toEqual({ aws: false, azure: [] });
    expect([aws.told(), (await azure.world()).told]).toEqual([
      ['closed', 'opened'],
      ['closed team/app', 'opened team/app'],
    ]);
    await aws.sweep();
    await azure.sweep();
    expect(await closed()).toEqual({ aws: false, azure: [] });
    const again = await run('release --all', both);
    expect([again.code, again.stdout.split('\n')[0]]).toEqual([0, 'The stack dev keeps no gate closed.']);

    expect((await run('resume', both)).code).toBe(0);
    aws.cloud.queue.send('{"pullgate":"tick"}');
    await aws.settle();
    await azure.tick();
    expect(await closed()).toEqual({ aws: true, azure: ['team/app readEnabled'] });
  });

  test.each(['release --all --yes', 'resume'])(
    '%s with the credentials of one cloud only: nothing is changed, and the exit code is 2',
    async (command) => {
      const { run, onAws, onAzure, closed } = await closedOnBoth();
      if (command === 'resume') await run('release --all --yes', { ...onAws, ...onAzure });
      const before = await closed();
      const { code, stdout, stderr } = await run(command, { ...onAws, AZURE_TOKEN_CREDENTIALS: 'dev' });
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^pullgate: there are no Azure credentials here: log in/);
      expect(await closed()).toEqual(before);
      if (command === 'resume') {
        const { stdout: paused } = await run('release --all', { ...onAws, ...onAzure });
        expect(paused).toContain('there is nothing to do');
      }
    },
  );
});
