// The last pulls in the answers of `why`, `status` and `simulate` on Azure, and a read of them that fails.
import { describe, expect, test } from 'vitest';
import { parseImageName } from '../../../cli/stack/image-name.ts';
import { readStatus } from '../../../cli/status/status.ts';
import { statusLines } from '../../../cli/status/text.ts';
import { whyLines } from '../../../cli/why/text.ts';
import { explainImage } from '../../../cli/why/why.ts';
import type { Call } from '../../../local/azure/calls.ts';
import { minute } from '../../../shared/report/times.ts';
import { MINUTE, REPOSITORY, stage } from '../../e2e/azure/stage.ts';
import { outputsOf, pullgate } from '../command.ts';
import { asAzureOperator } from '../command-azure.ts';
import { azureClientHere, leastToObserveOnAzure } from '../command-observing.ts';

const isOfPulls = ({ input }: Call) => String(input['query']).includes('ContainerRegistryRepositoryEvents');

/** A closed gate, whose image was pulled, and a client that may only read. */
async function pulledAndClosed() {
  const s = await stage({ azure: { pullLogs: true } });
  const image = s.push('v1');
  const at = s.cloud.clock.now().toISOString();
  await s.pull('v1');
  await s.cloud.advance(5 * MINUTE);
  await s.report(image);
  await s.runUntilIdle();
  const now = () => s.cloud.clock.now().toISOString();
  const grants = leastToObserveOnAzure(s.graph);
  const { records, registry, images, findings, queue } = grants;
  const clients = [await azureClientHere(s, now, [records, registry, images, findings, queue])];
  const name = parseImageName(`acmeimages.azurecr.io/${REPOSITORY}:v1`);
  return {
    ...{ s, at, grants },
    why: async () => explainImage({ name, stack: 'dev', label: 'the stack dev', clients, now }),
    status: (isLive: boolean) => readStatus({ stack: 'dev', clients, now, isLive }),
    text: async (answer: Parameters<typeof whyLines>[0]) => whyLines(answer, now()).join('\n'),
  };
}

describe('the last pull of an image', () => {
  test('is in the answers of why and status, and of simulate --azure', async () => {
    const { s, at, grants, why, status, text } = await pulledAndClosed();
    const use = `hether it runs is not known; last pull recorded at ${minute(at)}`;
    expect(await text(await why())).toContain(`\n  W${use}.\n`);
    for (const isLive of [false, true]) {
      const answer = await status(isLive);
      expect(answer.clouds[0]?.gates[0]?.usage).toMatchObject({ images: 1, unknown: 1, lastPulledAt: at });
      expect(statusLines(answer).join('\n')).toContain(`; w${use}\n`);
    }
    const { records, registry, images, findings } = grants;
    const environment = asAzureOperator(s.cloud, [records, registry, images, findings]);
    const { stdout } = await pullgate(['simulate', '--azure', '--outputs', outputsOf(s.graph)], environment);
    expect(stdout).toContain('Use on Azure of the images that would be blocked: whether it runs is not known');
  });

  test('is unknown if it cannot be read, and the answers say why', async () => {
    const { s, why, status, text } = await pulledAndClosed();
    s.cloud.faults.add({ kind: 'error', status: 403, code: 'Denied', message: 'no', where: isOfPulls, times: 2 });
    expect(await text(await why())).toMatch(
      /Whether it runs is not known[.]\n[\s\S]*Not certain: the last pulls could not be read: /,
    );
    const answer = await status(false);
    expect(answer.clouds[0]?.gates[0]?.usage).not.toHaveProperty('lastPulledAt', expect.anything());
    expect(statusLines(answer).join('\n')).toMatch(/\n {2}Evidence:\n[\s\S]*the last pulls could not be read: /);
  });
});
