// Orders by hand and releases of single gates on AWS: by the real command, and in this process where only the answer counts; with the least rights.
import { afterEach, expect, test, vi } from 'vitest';
import { endByHand, orderByHand } from '../../../cli/override/run.ts';
import { handOf } from '../../../cli/override/sides.ts';
import { releaseGates, selectionOf } from '../../../cli/release/gates.ts';
import { type ReleaseAnswer, type ResumeAnswer, releaseAll, resume } from '../../../cli/release/release.ts';
import { parseImageName } from '../../../cli/stack/image-name.ts';
import { sidesOf } from '../../../cli/stack/sides.ts';
import { findStack } from '../../../cli/stack/stack.ts';
import { UsageError } from '../../../cli/terminal/ending.ts';
import type { PolicyDocument } from '../../../local/aws/principals.ts';
import type { HandWish } from '../../../shared/gate/override.ts';
import { CRITICAL, type Stage, stage } from '../../e2e/aws/stage.ts';
import { actionsOf, asOperator, leastToRelease, OPERATOR, outputsOf, pullgate, without } from '../command.ts';

afterEach(() => void vi.unstubAllEnvs());

const HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const IMAGE = `${HOST}/team/app:v1`;
const ORDER = ['--for', '4h', '--reason', 'the shop is down', '--approved-by', 'Grace'];
const WHY = { reason: 'the shop is down', approvedBy: 'Grace', by: 'ada' };
const now = () => new Date().toISOString();

function wish(kind: HandWish['kind']): HandWish {
  return { kind, at: now(), until: new Date(Date.now() + 3_600_000).toISOString(), ...WHY };
}

/** What `open`, `close` and `resume IMAGE` need: what a release needs but the list of all records, and to look a tag up. */
function leastByHand(s: Stage): PolicyDocument {
  const release = without(leastToRelease(s.graph), 'dynamodb:Scan');
  const find = {
    Sid: 'FindImages',
    Effect: 'Allow',
    Action: 'ecr:DescribeImages',
    Resource: 'arn:aws:ecr:eu-west-1:123456789012:repository/*',
  };
  return { ...release, Statement: [...(release.Statement as readonly object[]), find] } as PolicyDocument;
}

/** The commands in this process, as the operator with this policy. */
async function commandsOf(s: Stage, policy: PolicyDocument) {
  for (const [name, value] of Object.entries(asOperator(s.cloud, policy))) vi.stubEnv(name, value);
  const stack = await findStack({ outputs: outputsOf(s.graph) });
  const sides = await sidesOf(stack, now);
  const printed: string[] = [];
  const common = {
    stack: stack.name,
    sides,
    handOf: (cloud: 'aws' | 'azure') => handOf(cloud, stack, now),
    dryRun: false,
    json: true,
    print: (text: string) => void printed.push(text),
  };
  const said: string[] = [];
  const terminal = { print: (line: string) => void said.push(line), ask: async () => undefined };
  const answered: ReleaseAnswer[] = [];
  const release = { ...common, terminal, now, by: 'ada', report: (one: ReleaseAnswer) => void answered.push(one) };
  return {
    order: async (kind: HandWish['kind'], image: string, changes: Partial<typeof common> = {}) => ({
      code: await orderByHand({ ...common, ...changes, name: parseImageName(image), wish: wish(kind) }),
      answer: printed.at(-1) ?? '',
    }),
    end: async (image: string, changes: Partial<typeof common> = {}) => ({
      code: await endByHand({ ...common, ...changes, name: parseImageName(image), by: 'eve', at: now() }),
      answer: printed.at(-1) ?? '',
    }),
    resumeStack: (changes: Pick<Parameters<typeof resume>[0], 'dryRun' | 'report'>) =>
      resume({ ...common, terminal, now, by: 'ada', ...changes }),
    release: async (what: string, changes: { readonly dryRun?: boolean; readonly yes?: boolean } = {}) => {
      const options = { ...release, yes: true, ...changes };
      const code =
        what === '--all' ? await releaseAll(options) : await releaseGates({ ...options, selection: selectionOf(what) });
      return { code, said: said.splice(0).join('\n'), answer: answered.splice(0).at(-1) };
    },
  };
}

test('by the real command: open, resume, and release of one gate', { timeout: 60_000 }, async () => {
  const s = await stage();
  await s.pushVulnerable('team/app', 'v1', CRITICAL);
  await s.settle();
  const outputs = outputsOf(s.graph);
  const least = leastByHand(s);
  const run = (policy: PolicyDocument, ...args: readonly string[]) =>
    pullgate([...args, '--outputs', outputs], asOperator(s.cloud, policy));

  const opened = await run(least, 'open', IMAGE, ...ORDER);
  expect([opened.code, opened.stderr, s.isClosed(), await s.pull('v1')]).toEqual([0, '', false, 'pulled']);
  expect(opened.stdout).toMatch(
    /^Kept open by hand until \d{4}-\d\d-\d\d \d\d:\d\d UTC, approved by Grace: the shop is down\n\n {2}opened {2}team\/app {2}was closed; 1 image holds it\n\nOn AWS that is the whole repository team\/app, with all of its images[.]\nThen pullgate closes it again if anything holds it[.] To end it before: pullgate resume 123456789012[.]dkr[.]ecr[.]eu-west-1[.]amazonaws[.]com\/team\/app:v1\n$/,
  );
  expect(s.told()).toEqual(['closed', 'opened']);
  expect(s.cloud.notices.at(-1)?.subject).toBe('[pullgate] open by hand: team/app');
  // The policy that the command is given is no wider than what it does; an encrypted topic asks for the key by itself.
  const asked = actionsOf(least).filter((action) => !/^kms:|SetRepositoryPolicy/.test(action));
  expect(Object.keys(s.cloud.calls.count(OPERATOR))).toEqual(asked.toSorted());

  const resumed = await run(least, 'resume', IMAGE);
  expect([resumed.code, s.isClosed()]).toEqual([0, true]);
  expect(resumed.stdout).toMatch(
    /^Left to the policy again:\n\n {2}closed {2}team\/app {2}was waiting; 1 image holds it\n {6}until now: .+ keeps it open by hand until .+, approved by Grace: the shop is down\n$/,
  );
  const released = await run(leastToRelease(s.graph), 'release', 'team/*', '--yes');
  expect([released.code, released.stderr, s.isClosed()]).toEqual([0, '', false]);
  expect(released.stdout).toMatch(
    /^To be opened, whatever is inside: 1 repository of the stack dev:\n\n {2}team\/app {2}closed since .+\n\nThe stack is not paused: its next look \(the next event, or the sweep, within 6 hours\) closes again what still has to be closed[.]\n.+\n\n {2}\[1\/1\] {2}opened {4}team\/app\n$/,
  );
  await s.sweep();
  expect([s.isClosed(), s.told()]).toEqual([true, ['closed', 'opened', 'closed', 'opened', 'closed']]);

  const wrong = await run(least, 'open', IMAGE, '--for', '2d');
  expect([wrong.code, wrong.stdout, wrong.stderr.split('\n').length]).toEqual([2, '', 5]);
});

test('the answers of open, close, resume and release as data, and what a dry run leaves alone', {
  timeout: 60_000,
}, async () => {
  const s = await stage();
  await s.pushVulnerable('team/app', 'v1', CRITICAL);
  await s.pushVulnerable('team/clean', 'v1');
  await s.settle();
  const least = leastByHand(s);
  const { order, end } = await commandsOf(s, least);
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
    order: { kind: 'open', at: expect.any(String), until: expect.any(String), ...WHY },
    gates: [{ ...gate('team/app'), before: { state: 'closed', heldBy: 1 } }],
  });
  expect((await order('closed', CLEAN, { dryRun: true, json: false })).answer).toMatch(
    /^Would keep closed by hand until .+\n\n {2}- {2}team\/clean {2}was open\n\nOn AWS .+\nThen pullgate opens it unless findings hold it[.] .+\n\nNothing was changed: this was a dry run[.]\n$/,
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
          state: 'open, waiting: somebody keeps it open by hand for a while',
          heldBy: 1,
          byHand: { kind: 'open', at: expect.any(String), until: expect.any(String), ...WHY },
        },
        done: 'closed',
        state: 'closed',
      },
    ],
  ]);
  expect((await end(IMAGE, { dryRun: true, json: false })).answer).toMatch(
    /^Would leave to the policy again:\n[\s\S]+dry run/,
  );
  expect(JSON.parse((await end(IMAGE)).answer).gates).toMatchObject([{ done: 'nothing', state: 'closed' }]);
  expect((await end(IMAGE, { json: false })).answer).toBe(
    `Nobody keeps ${IMAGE} open or closed by hand: there is nothing to do.\n`,
  );
  expect(s.told()).toEqual(['closed', 'opened', 'closed', 'byHand']);

  const { order: orderInVain } = await commandsOf(s, without(least, 'ecr:SetRepositoryPolicy'));
  const failed = await orderInVain('closed', CLEAN, { json: false });
  expect([failed.code, s.isClosed('team/clean')]).toEqual([1, false]);
  expect(failed.answer).toMatch(
    /\n {2}FAILED {2}team\/clean {2}was open\n {6}AccessDeniedException: .* ecr:SetRepositoryPolicy on resource: .*; it is recorded, and the function does it within some minutes\n/,
  );
  const { order: orderUntold } = await commandsOf(s, without(least, 'kms:GenerateDataKey'));
  const untold = await orderUntold('open', CLEAN, { json: false });
  expect([untold.code, s.told('team/clean')]).toEqual([1, []]);
  expect(untold.answer).toMatch(
    /\n {2}is open {2}team\/clean {2}was closing\n(.*\n)? {6}nobody could be told of it yet: .+\n/,
  );
  await commandsOf(s, least);
  expect((await order('closed', CLEAN)).code).toBe(0);
  expect([s.isClosed('team/clean'), s.told('team/clean')]).toEqual([true, ['byHand', 'closed']]);
  await expect(order('closed', `${HOST}/team/nothing:v1`)).rejects.toThrow(
    new UsageError(`${HOST}/team/nothing:v1: the registry has no such repository`),
  );
  await expect(order('closed', 'acmeimages.azurecr.io/team/app:v1')).rejects.toThrow(
    new UsageError('acmeimages.azurecr.io/team/app:v1 is on Azure, where this stack has no gates'),
  );
  await expect(order('closed', IMAGE.replace('eu-west-1', 'eu-west-2'))).rejects.toThrow(
    `is of no registry of this stack: expected ${HOST}`,
  );

  const { release, resumeStack } = await commandsOf(s, leastToRelease(s.graph));
  const both = ['team/app', 'team/clean'].map((repository) => ({ ...gate(repository), was: 'closed' }));
  expect(await release('team/**', { dryRun: true })).toMatchObject({
    code: 0,
    said: expect.stringMatching(
      /team\/clean {2}closed since .+ {2}ada keeps it closed by hand until .+\n[\s\S]+dry run[.]$/,
    ),
    answer: { stack: 'dev', dryRun: true, paused: false, gates: both },
  });
  expect(await release('team/clean', { yes: false })).toMatchObject({ code: 2, answer: undefined });
  expect(await release('--all', { dryRun: true })).toMatchObject({
    code: 0,
    said: expect.stringContaining(
      '\nThe stack dev would be paused, so that it closes nothing until `pullgate resume`.\n',
    ),
    answer: { dryRun: true, paused: false, gates: both },
  });
  expect([s.isClosed(), s.isClosed('team/clean')]).toEqual([true, true]);
  expect((await release('team/clean')).answer?.gates).toEqual([{ ...both[1], done: 'opened' }]);
  expect([s.isClosed(), s.isClosed('team/clean'), s.told('team/clean')]).toEqual([
    true,
    false,
    ['byHand', 'closed', 'opened'],
  ]);
  expect((await release('team/clean')).said).toBe(
    'The stack dev keeps nothing closed that is named team/clean: there is nothing to do.',
  );
  await expect(release('team/nothing')).rejects.toThrow(
    'the stack dev has no gate team/nothing: it has closed none of that name; give a repository',
  );
  expect(await release('--all')).toMatchObject({
    code: 0,
    answer: { dryRun: false, paused: true, gates: [{ ...both[0], done: 'opened' }] },
  });
  await s.sweep();
  expect([s.isClosed(), s.isClosed('team/clean')]).toEqual([false, false]);

  const resumed: ResumeAnswer[] = [];
  for (const dryRun of [true, false, false]) await resumeStack({ dryRun, report: (one) => void resumed.push(one) });
  expect(resumed).toEqual([
    { stack: 'dev', dryRun: true, wasPaused: true },
    { stack: 'dev', dryRun: false, wasPaused: true },
    { stack: 'dev', dryRun: false, wasPaused: false },
  ]);
  await s.sweep();
  expect([s.isClosed(), s.isClosed('team/clean')]).toEqual([true, false]);
});
