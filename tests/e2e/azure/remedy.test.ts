// With unique tags, a fix is another image: the closed repository blocks it, and people are notified once.
import { expect, test } from 'vitest';
import { registryIn } from '../../../azure/function/registry-id.ts';
import { outputsOf, pullgate } from '../../cli/command.ts';
import { asAzureOperator } from '../../cli/command-azure.ts';
import { leastToObserveOnAzure } from '../../cli/command-observing.ts';
import { messagesIn } from '../../mail-subjects.ts';
import { HOUR, type Image, REPOSITORY, type Stage, stage } from './stage.ts';

const CONFIG = { azure: { granularity: 'repository' } };
const IMAGE_NAME = `acmeimages.azurecr.io/${REPOSITORY}`;
const remedies = ({ cloud }: Stage) =>
  cloud.mails.flatMap(messagesIn).filter(({ subject }) => subject === `[pullgate] fix blocked: ${REPOSITORY}`);

/** A repository that 1.4 has closed an hour ago. */
async function closedBy14(): Promise<readonly [Stage, Image]> {
  const s = await stage(CONFIG);
  const bad = await s.close('1.4');
  s.cloud.clock.advance(HOUR);
  return [s, bad];
}

test('a fix is announced once Defender has judged it, why and status name it, and it opens when 1.4 is untagged', async () => {
  const [s, bad] = await closedBy14();
  const fix = s.push('1.5');
  for (let turn = 0; turn < 2; turn++) await s.sweep();
  // Without rows of its own, nobody knows whether it is clean.
  expect([remedies(s), await s.pull('1.5')]).toEqual([[], 'refused']);
  await s.report(fix, { status: 'Healthy' });
  await s.runUntilIdle();
  expect(s.lastDecision()).toMatchObject({ to: 'closed', triggers: ['finding'], blockedFix: fix.digest });
  for (let turn = 0; turn < 3; turn++) await s.sweep();
  const [notice, ...others] = remedies(s);
  expect(others).toEqual([]);
  const override = `pullgate override open ${IMAGE_NAME}:1.5 --for 4h --reason TEXT --approved-by NAME`;
  const place = `--subscription ${registryIn(s.registry.id)?.subscription} --name acmeimages`;
  const commands = [
    '  - Delete or untag 1.4:',
    `      az acr repository delete ${place} --image ${REPOSITORY}@${bad.digest}`,
    `      or: az acr repository untag ${place} --image ${REPOSITORY}:1.4`,
    `  - Or, while the fix rolls out, run \`${override}\`.`,
  ];
  expect(notice?.text).toContain(
    `the fix 1.5 is blocked by 1.4. No gate opens by itself for a fix. To let it out:\n${commands.join('\n')}\n`,
  );

  const environment = asAzureOperator(s.cloud, Object.values(leastToObserveOnAzure(s.graph)));
  const run = (...words: string[]) => pullgate([...words, '--outputs', outputsOf(s.graph)], environment);
  const ofFix = (await run('why', `${IMAGE_NAME}:1.5`)).stdout;
  expect(ofFix).toContain('  This image is the fix. Its repository blocks it because of older images.\n');
  const ofBlocker = (await run('why', `${IMAGE_NAME}:1.4`)).stdout;
  for (const answer of [ofFix, ofBlocker]) expect(answer).toContain(commands.map((line) => `  ${line}\n`).join(''));
  expect((await run('status')).stdout).toContain(
    `Azure: ${REPOSITORY}: the fix 1.5 is blocked by 1.4: delete or untag 1.4 (`,
  );

  s.registry.untag(REPOSITORY, '1.4');
  await s.sweep();
  expect([await s.pull('1.5'), remedies(s).length]).toEqual(['pulled', 1]);
});

test('an image that Defender judged before 1.4 was pushed, and one that violates, too, are no fix', async () => {
  const s = await stage(CONFIG);
  await s.report(s.push('1.3'), { status: 'Healthy' });
  s.cloud.clock.advance(HOUR);
  await s.close('1.4');
  s.cloud.clock.advance(HOUR);
  await s.close('1.5');
  await s.sweep();
  expect([await s.pull('1.5'), remedies(s)]).toEqual(['refused', []]);
});

test('rows about the same digest in another repository do not make an image the fix', async () => {
  const [s] = await closedBy14();
  const { digest } = s.push('1.5');
  await s.report({ registry: s.registry.id, repository: 'team/other', digest }, { status: 'Healthy' });
  await s.sweep();
  expect(remedies(s)).toEqual([]);
});

test('an index is the fix once Defender has judged each image that it lists', async () => {
  const [s] = await closedBy14();
  const children = ['1.5-amd', '1.5-arm'].map((tag) => s.push(tag));
  const index = s.registry.pushIndex(REPOSITORY, { tag: '1.5', children: children.map(({ digest }) => digest) });
  for (const tag of ['1.5-amd', '1.5-arm']) s.registry.untag(REPOSITORY, tag);
  const [first, second] = children;
  if (first === undefined || second === undefined) throw new Error('two images were pushed');
  await s.report(first, { status: 'Healthy' });
  await s.sweep();
  expect(remedies(s)).toEqual([]);
  await s.report(second, { status: 'Healthy' });
  await s.sweep();
  expect(remedies(s).map(({ text }) => text)).toEqual([expect.stringContaining(`The fix 1.5 (${index}) is ready`)]);
});
