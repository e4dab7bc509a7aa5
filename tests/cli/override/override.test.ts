// Tests overrides, releases and pauses on AWS with the least permissions: with the real commands, or in this process if
// only the answer matters.
import { afterEach, expect, test, vi } from 'vitest';
import { clearOverride, setOverride } from '../../../cli/override/run.ts';
import { type PauseAnswer, pauseStack } from '../../../cli/pause/pause.ts';
import { type ResumeAnswer, resumeStack } from '../../../cli/pause/resume.ts';
import { parseSelection, type ReleaseAnswer, releaseGates } from '../../../cli/release/release.ts';
import { connect } from '../../../cli/stack/clients.ts';
import { parseImageName } from '../../../cli/stack/image-name.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import { UsageError } from '../../../cli/terminal/ending.ts';
import type { PolicyDocument } from '../../../local/aws/principals.ts';
import type { NewOverride } from '../../../shared/gate/override.ts';
import { CRITICAL, type Stage, stage } from '../../e2e/aws/stage.ts';
import { actionsOf, asOperator, leastToOpen, OPERATOR, outputsOf, pullgate, without } from '../command.ts';

afterEach(() => void vi.unstubAllEnvs());

const HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const IMAGE = `${HOST}/team/app:v1`;
const ORDER = ['--for', '4h', '--reason', 'the shop is down', '--approved-by', 'Grace'];
const WHY = { reason: 'the shop is down', approvedBy: 'Grace', by: 'ada' };
const now = () => new Date().toISOString();

function wish(kind: NewOverride['kind'], at: string): NewOverride {
  return { kind, at, until: new Date(Date.parse(at) + 3_600_000).toISOString(), ...WHY };
}

/** What `override` needs: the permissions of a release without the list of records, and permission to resolve a tag. */
function leastToOverride(s: Stage): PolicyDocument {
  const release = without(leastToOpen(s.graph), 'dynamodb:Scan');
  const find = {
    Sid: 'FindImages',
    Effect: 'Allow',
    Action: 'ecr:DescribeImages',
    Resource: 'arn:aws:ecr:eu-west-1:123456789012:repository/*',
  };
  return { ...release, Statement: [...(release.Statement as readonly object[]), find] } as PolicyDocument;
}

/** The commands in this process, run as the operator with this policy. Default: on the machine's own clock. */
async function commandsOf(s: Stage, policy: PolicyDocument, clock = now) {
  for (const [name, value] of Object.entries(asOperator(s.cloud, policy))) vi.stubEnv(name, value);
  const stack = await findStack({ outputs: outputsOf(s.graph) });
  const clients = await connect(stack, clock);
  const printed: string[] = [];
  const common = {
    stack: stack.name,
    clients,
    now: clock,
    dryRun: false,
    json: true,
    print: (text: string) => void printed.push(text),
  };
  const said: string[] = [];
  const terminal = { print: (line: string) => void said.push(line), ask: async () => undefined };
  const answered: (ReleaseAnswer | PauseAnswer)[] = [];
  const printJson = (one: ReleaseAnswer | PauseAnswer) => void answered.push(one);
  const shared = { ...common, label: stack.label, isWhole: true, terminal, by: 'ada' };
  return {
    order: async (kind: NewOverride['kind'], image: string, changes: Partial<typeof common> = {}) => ({
      code: await setOverride({ ...common, ...changes, name: parseImageName(image), order: wish(kind, clock()) }),
      answer: printed.at(-1) ?? '',
    }),
    clear: async (image: string, changes: Partial<typeof common> = {}) => ({
      code: await clearOverride({ ...common, ...changes, name: parseImageName(image), by: 'eve' }),
      answer: printed.at(-1) ?? '',
    }),
    resume: (changes: Pick<Parameters<typeof resumeStack>[0], 'dryRun' | 'printJson'>) =>
      resumeStack({ ...shared, ...changes }),
    pause: async (changes: { readonly dryRun?: boolean } = {}) => {
      const code = await pauseStack({ ...shared, printJson, yes: true, ...changes });
      return { code, said: said.splice(0).join('\n'), answer: answered.splice(0).at(-1) };
    },
    release: async (what: string, changes: { readonly dryRun?: boolean; readonly yes?: boolean } = {}) => {
      const code = await releaseGates({ ...shared, printJson, yes: true, ...changes, selection: parseSelection(what) });
      return { code, said: said.splice(0).join('\n'), answer: answered.splice(0).at(-1) };
    },
  };
}

test('what a command opens stays open in an account with a trail, which reports the change of the policy', async () => {
  const s = await stage();
  s.cloud.trail.start();
  await s.pushVulnerable('team/app', 'v1', CRITICAL);
  await s.runUntilIdle();
  const statements = [leastToOpen(s.graph), leastToOverride(s)].flatMap(({ Statement }) => Statement as object[]);
  const policy = { Version: '2012-10-17', Statement: statements };
  const { order, clear, release, pause } = await commandsOf(s, policy, () => s.cloud.clock.now().toISOString());
  /** Delivers the event about the command's own call, and returns the function's decision about it. */
  const afterEvent = async () => {
    expect(s.cloud.queue.messages()).toHaveLength(1);
    await s.runUntilIdle();
    const { action, from, to } = s.lastDecision();
    expect(s.lastDecision()).toMatchObject({ triggers: ['lock'], from: to });
    return [action, from, s.isClosed()];
  };
  await order('open', IMAGE);
  expect(await afterEvent()).toEqual(['nothing', 'waiting: override', false]);
  await clear(IMAGE);
  expect(await afterEvent()).toEqual(['nothing', 'closed', true]);
  await release('team/app');
  expect(await afterEvent()).toEqual(['nothing', 'waiting: release', false]);
  await s.sweep();
  await pause();
  expect(await afterEvent()).toEqual(['nothing', 'waiting: pause', false]);
  expect(s.notified()).toEqual(['closed', 'opened', 'restored', 'opened', 'restored', 'opened']);
});

test('the real commands open and clear an override, and release one gate', { timeout: 60_000 }, async () => {
  const s = await stage();
  await s.pushVulnerable('team/app', 'v1', CRITICAL);
  await s.runUntilIdle();
  const outputs = outputsOf(s.graph);
  const least = leastToOverride(s);
  const run = (policy: PolicyDocument, ...args: readonly string[]) =>
    pullgate([...args, '--outputs', outputs], asOperator(s.cloud, policy));

  const opened = await run(least, 'override', 'open', IMAGE, ...ORDER);
  expect([opened.code, opened.stderr, s.isClosed(), await s.pull('v1')]).toEqual([0, '', false, 'pulled']);
  expect(opened.stdout).toMatch(
    /^Override set: open until \d{4}-\d\d-\d\d \d\d:\d\d UTC [(]in \d hours?[)], approved by Grace[.] Reason: the shop is down\n\n {2}opened {2}team\/app {2}was closed; 1 blocker\n\nOn AWS, the gate is the whole repository team\/app with all its images[.]\nWhen the override ends, pullgate closes it again if it still has a blocker[.]\nTo end it earlier: pullgate override clear 123456789012[.]dkr[.]ecr[.]eu-west-1[.]amazonaws[.]com\/team\/app:v1\n$/,
  );
  expect(s.notified()).toEqual(['closed', 'opened']);
  expect(s.cloud.notices.at(-1)?.subject).toBe('[pullgate] open by override: team/app');
  // The command uses every permission of its policy. The encrypted topic itself requests the key.
  const asked = actionsOf(least).filter((action) => !/^kms:|SetRepositoryPolicy/.test(action));
  expect(Object.keys(s.cloud.calls.count(OPERATOR))).toEqual(asked.toSorted());

  const cleared = await run(least, 'override', 'clear', IMAGE);
  expect([cleared.code, s.isClosed()]).toEqual([0, true]);
  expect(cleared.stdout).toMatch(
    /^Override cleared[.] The policy applies again:\n\n {2}closed {2}team\/app {2}was waiting; 1 blocker\n {6}before: an override by .+ keeps it open until .+, approved by Grace: the shop is down\n$/,
  );
  const released = await run(leastToOpen(s.graph), 'release', 'team/*', '--yes');
  expect([released.code, released.stderr, s.isClosed()]).toEqual([0, '', false]);
  expect(released.stdout).toMatch(
    /^1 repository of the stack dev will be opened regardless of the findings:\n\n {2}team\/app {2}closed since .+\n\nThe stack is not paused: the next event, or the sweep within 6 hours, closes a gate again if it still violates the policy[.]\n.+\n\n {2}\[1\/1\] {2}opened {4}team\/app\n$/,
  );
  await s.sweep();
  expect([s.isClosed(), s.notified()]).toEqual([true, ['closed', 'opened', 'restored', 'opened', 'restored']]);

  const wrong = await run(least, 'override', 'open', IMAGE, '--for', '2d');
  expect([wrong.code, wrong.stdout, wrong.stderr.split('\n').length]).toEqual([2, '', 5]);
});

test('override, release, pause and resume answer with data, and a dry run changes nothing', {
  timeout: 60_000,
}, async () => {
  const s = await stage();
  await s.pushVulnerable('team/app', 'v1', CRITICAL);
  await s.pushVulnerable('team/clean', 'v1');
  await s.runUntilIdle();
  const least = leastToOverride(s);
  const { order, clear } = await commandsOf(s, least);
  const writes = () => Object.keys(s.cloud.calls.count(OPERATOR)).filter((call) => /Put|Set|Delete|Publish/.test(call));
  const gate = (repository: string) => ({ registry: '123456789012', repository });
  const CLEAN = `${HOST}/team/clean:v1`;

  const dry = await order('open', IMAGE, { dryRun: true });
  expect([dry.code, writes(), s.isClosed()]).toEqual([0, [], true]);
  expect(JSON.parse(dry.answer)).toEqual({
    stack: 'dev',
    image: IMAGE,
    dryRun: true,
    command: 'open',
    override: { kind: 'open', at: expect.any(String), until: expect.any(String), ...WHY },
    gates: [{ ...gate('team/app'), before: { state: 'closed', blockers: 1 } }],
  });
  expect((await order('closed', CLEAN, { dryRun: true, json: false })).answer).toMatch(
    /^This would set an override: closed until .+\n\n {2}- {2}team\/clean {2}was open\n\nOn AWS, .+\nWhen the override ends, pullgate opens it unless it has a blocker[.]\n.+\n\nNothing was changed: this was a dry run[.]\n$/,
  );

  await order('open', IMAGE);
  const closed = await order('closed', IMAGE);
  expect([closed.code, s.isClosed(), JSON.parse(closed.answer).gates]).toEqual([
    0,
    true,
    [
      {
        ...gate('team/app'),
        before: {
          state: 'open, waiting: an override is in force',
          blockers: 1,
          override: { kind: 'open', at: expect.any(String), until: expect.any(String), ...WHY },
        },
        action: 'restored',
        state: 'closed',
      },
    ],
  ]);
  expect((await clear(IMAGE, { dryRun: true, json: false })).answer).toMatch(
    /^This would clear the override, and the policy would apply again:\n[\s\S]+dry run/,
  );
  expect(JSON.parse((await clear(IMAGE)).answer).gates).toMatchObject([{ action: 'nothing', state: 'closed' }]);
  expect((await clear(IMAGE, { json: false })).answer).toBe(`${IMAGE} has no override: there is nothing to do.\n`);
  expect(s.notified()).toEqual(['closed', 'opened', 'restored', 'override']);

  const { order: orderInVain } = await commandsOf(s, without(least, 'ecr:SetRepositoryPolicy'));
  const failed = await orderInVain('closed', CLEAN, { json: false });
  expect([failed.code, s.isClosed('team/clean')]).toEqual([1, false]);
  expect(failed.answer).toMatch(
    /\n {2}FAILED {2}team\/clean {2}was open\n {6}AccessDeniedException: .* ecr:SetRepositoryPolicy on resource: .*; the change is recorded, and the function applies it within a few minutes\n/,
  );
  const { order: orderUnnotified } = await commandsOf(s, without(least, 'kms:GenerateDataKey'));
  const unnotified = await orderUnnotified('open', CLEAN, { json: false });
  expect([unnotified.code, s.notified('team/clean')]).toEqual([1, []]);
  expect(unnotified.answer).toMatch(
    /\n {2}is open {2}team\/clean {2}was closing\n(.*\n)? {6}the notice could not be sent yet: .+\n/,
  );
  await commandsOf(s, least);
  expect((await order('closed', CLEAN)).code).toBe(0);
  expect([s.isClosed('team/clean'), s.notified('team/clean')]).toEqual([true, ['override', 'closed']]);
  await expect(order('closed', `${HOST}/team/nothing:v1`)).rejects.toThrow(
    new UsageError(`${HOST}/team/nothing:v1: the registry has no such repository`),
  );
  await expect(order('closed', 'acmeimages.azurecr.io/team/app:v1')).rejects.toThrow(
    new UsageError(
      'acmeimages.azurecr.io/team/app:v1 is on Azure: this stack has no gates there, or --aws excludes them',
    ),
  );
  await expect(order('closed', IMAGE.replace('eu-west-1', 'eu-west-2'))).rejects.toThrow(
    `is not in a registry of this stack: expected ${HOST}`,
  );

  const { release, pause, resume } = await commandsOf(s, leastToOpen(s.graph));
  const both = ['team/app', 'team/clean'].map((repository) => ({ ...gate(repository), was: 'closed' }));
  expect(await release('team/**', { dryRun: true })).toMatchObject({
    code: 0,
    said: expect.stringMatching(
      /team\/clean {2}closed since .+ {2}an override by ada keeps it closed until .+\n[\s\S]+dry run[.]$/,
    ),
    answer: { stack: 'dev', dryRun: true, paused: false, gates: both },
  });
  expect(await release('team/clean', { yes: false })).toMatchObject({ code: 2, answer: undefined });
  expect(await pause({ dryRun: true })).toMatchObject({
    code: 0,
    said: expect.stringContaining('\nThis would pause the stack dev: nothing would close until `pullgate resume`.\n'),
    answer: { dryRun: true, paused: false, gates: both },
  });
  expect([s.isClosed(), s.isClosed('team/clean')]).toEqual([true, true]);
  expect((await release('team/clean')).answer?.gates).toEqual([{ ...both[1], action: 'opened' }]);
  expect([s.isClosed(), s.isClosed('team/clean'), s.notified('team/clean')]).toEqual([
    true,
    false,
    ['override', 'closed', 'opened'],
  ]);
  expect((await release('team/clean')).said).toBe(
    'No closed gate of the stack dev matches team/clean: there is nothing to do.',
  );
  await expect(release('team/nothing')).rejects.toThrow(
    'the stack dev has no gate team/nothing: it never closed a gate with this name; give a repository',
  );
  expect(await pause()).toMatchObject({
    code: 0,
    answer: { dryRun: false, paused: true, gates: [{ ...both[0], action: 'opened' }] },
  });
  await s.sweep();
  expect([s.isClosed(), s.isClosed('team/clean')]).toEqual([false, false]);

  const resumed: ResumeAnswer[] = [];
  for (const dryRun of [true, false, false]) await resume({ dryRun, printJson: (one) => void resumed.push(one) });
  expect(resumed).toEqual([
    { stack: 'dev', dryRun: true, wasPaused: true },
    { stack: 'dev', dryRun: false, wasPaused: true },
    { stack: 'dev', dryRun: false, wasPaused: false },
  ]);
  await s.sweep();
  expect([s.isClosed(), s.isClosed('team/clean')]).toEqual([true, false]);
});
