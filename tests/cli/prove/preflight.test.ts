// Tests what stops `prove` before anything is made, on the local AWS.
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { obstaclesTo, RULE_LINES } from '../../../cli/prove/preflight.ts';
import { parseRules } from '../../../shared/policy/rule.ts';
import { type Config, CRITICAL, FOREIGN_POLICY, REPOSITORY, type Stage, stage } from '../../e2e/aws/stage.ts';
import { without } from '../command.ts';
import { leastToProve, provingOn, scratchRepositories } from './aws-proof.ts';

afterEach(() => void vi.unstubAllEnvs());

async function obstacles(s: Stage): Promise<readonly string[]> {
  const { scratchOf, now } = await provingOn(s);
  return obstaclesTo(scratchOf('one'), 'dev', now());
}

const EXCEPTION = { id: 'CVE-2023-38545', package: 'curl', expires: '2026-03-20', reason: 'it is not called' };
const nothing = async () => {};

describe('nothing is made, and a sentence says what to do', () => {
  it.each<[string, Config, (s: Stage) => Promise<unknown>, RegExp]>([
    [
      'in the mode audit, with the rule that closes scratch repositories only',
      { mode: 'audit' },
      nothing,
      /^the mode is audit for pullgate-prove\/one, .+Pulumi[.]dev[.]yaml.+`pulumi up`[.].+\n {4}config:\n {4} {2}pullgate:rules:\n {4} {4}- repositories: \["pullgate-prove\/\*\*"\]\n {4} {6}mode: enforce$/,
    ],
    [
      'if the stack includes other repositories only',
      { aws: { repositories: { include: ['team/**'] } } },
      nothing,
      /^the stack does not include pullgate-prove\/one: add "pullgate-prove\/\*\*" to repositories[.]include of pullgate:aws/,
    ],
    [
      'if the policy allows what the scanner is expected to find',
      { policy: { exceptions: [EXCEPTION] } },
      nothing,
      /^the policy allows the expected finding, .+CVE-2023-38545 in curl/,
    ],
    ['during a pause', {}, (s) => s.pause(), /^the stack has been paused since .+ by somebody, .+`pullgate resume`$/],
    [
      'if the brake has no room',
      { maxClosesPerHour: 1, maxClosesPerDay: 9 },
      async (s) => {
        await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
        await s.runUntilIdle();
      },
      /^the brake has no room: 1 of 1 gates closed within the last hour, and 1 of 9 within 24 hours[.] .+`pullgate limit`$/,
    ],
    [
      'if Inspector does not scan',
      {},
      async (s) => s.cloud.inspector.setAccountStatus('DISABLED'),
      /^the scanner cannot see the registry: Amazon Inspector scanning of ECR is DISABLED/,
    ],
    [
      'if a repository of this name exists',
      {},
      async (s) => s.cloud.ecr.createRepository('pullgate-prove/one', { policyText: FOREIGN_POLICY }),
      /^the repository pullgate-prove\/one exists already, and is not removed/,
    ],
  ])('%s', async (_name, config, prepare, sentence) => {
    const s = await stage(config);
    await prepare(s);
    expect(await obstacles(s)).toEqual([expect.stringMatching(sentence)]);
  });

  it('for each of several obstacles', async () => {
    const s = await stage({ mode: 'audit', policy: { exceptions: [EXCEPTION] } });
    await s.pause();
    expect(await obstacles(s)).toHaveLength(3);
  });
});

it('nothing stops a stack that enforces, or one in audit with the rule', async () => {
  expect(await obstacles(await stage())).toEqual([]);
  const rules = [{ repositories: ['pullgate-prove/**'], mode: 'enforce' }];
  const s = await stage({ mode: 'audit', rules });
  expect(await obstacles(s)).toEqual([]);
  expect((await (await provingOn(s)).run()).result).toBe('proven');
  await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  await s.runUntilIdle();
  expect(s.isClosed()).toBe(false);
});

it('the printed rule is what the config accepts', () => {
  const { config } = parse(RULE_LINES.join('\n')) as { config: Record<string, unknown> };
  expect(parseRules(config['pullgate:rules'])).toMatchObject({
    ok: true,
    value: [{ repositories: ['pullgate-prove/**'], mode: 'enforce' }],
  });
});

it('needs each of its rights: without any of them, the run does not succeed, and nothing is left that may be removed', async () => {
  const s = await stage({ maxClosesPerHour: 100 });
  const least = leastToProve(s.graph);
  const actions = (least.Statement as readonly { readonly Action: readonly string[] }[]).flatMap(
    ({ Action }) => Action,
  );
  const needless: string[] = [];
  for (const [index, action] of actions.entries()) {
    const { run, scratchOf, now } = await provingOn(s, without(least, action));
    try {
      const name = `right-${index}`;
      const before = await obstaclesTo(scratchOf(name), 'dev', now());
      if (before.length === 0 && (await run({ name })).result === 'proven') needless.push(action);
    } catch (error) {
      expect((error as Error).name).toBe('AccessDeniedException');
    }
    vi.unstubAllEnvs();
  }
  expect(needless).toEqual([]);
  expect(scratchRepositories(s.cloud).map(({ name }) => name)).toEqual([
    `pullgate-prove/right-${actions.indexOf('ecr:DeleteRepository')}`,
  ]);
});
