// Tests the real `pause` and `resume` against the local AWS: what `pause` shows, asks and opens, and that nothing
// closes again until `resume`.
import { closeSync, openSync } from 'node:fs';
import { DynamoDBClient, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createTable } from '../../../aws/function/records.ts';
import { pauseStack } from '../../../cli/pause/pause.ts';
import { connect } from '../../../cli/stack/clients.ts';
import { type AwsStack, findStack } from '../../../cli/stack/stack.ts';
import { allowing, type PolicyDocument } from '../../../local/aws/principals.ts';
import { graphOf } from '../../../local/graph.ts';
import { CRITICAL, FOREIGN_POLICY, HOUR, programConfig, type Stage, stage } from '../../e2e/aws/stage.ts';
import {
  actionsOf,
  asOperator,
  leastToOpen,
  OPERATOR,
  outputsOf,
  pullgate,
  withBrokenStdout,
  without,
} from '../command.ts';

const FOREIGN = 'team/foreign';
const ALONE = 'team/alone';
const BRAKED = 'team/braked';
const CONFIG = { maxClosesPerHour: 2 };
const WRITES = ['dynamodb:PutItem', 'ecr:SetRepositoryPolicy', 'ecr:DeleteRepositoryPolicy', 'sns:Publish'];

const SHOWN = `The stack dev keeps 2 repositories closed. They will be opened regardless of their findings:

  team/alone    closed since 2026-03-02 09:00 UTC  1 blocker, worst: CVE-2026-1001 (critical, CVSS 9.8) in openssl 3.0.13: fixed in 3.0.14. https://nvd.nist.gov/vuln/detail/CVE-2026-1001
  team/foreign  closed since 2026-03-02 09:00 UTC  1 blocker, worst: CVE-2026-1001 (critical, CVSS 9.8) in openssl 3.0.13: fixed in 3.0.14. https://nvd.nist.gov/vuln/detail/CVE-2026-1001

Violating the policy but not closed by this stack: 1 repository. The pause does not change this.
`;

/** Two closed repositories, one of them with a foreign statement, and one that waits for the brake. */
async function twoClosedOneWaiting() {
  const s = await stage(CONFIG);
  s.cloud.ecr.createRepository(FOREIGN, { policyText: FOREIGN_POLICY });
  for (const repository of [FOREIGN, ALONE, BRAKED]) {
    await s.pushVulnerable(repository, 'v1', CRITICAL);
    await s.runUntilIdle();
  }
  // The tick sends the notice of the gate that waits.
  await s.tick();
  const graph = await graphOf(programConfig(CONFIG));
  const outputs = outputsOf(graph);
  const least = leastToOpen(graph);
  const run = (command: string, policy: PolicyDocument = least) =>
    pullgate([...command.split(' '), '--outputs', outputs], asOperator(s.cloud, policy));
  /** Pauses with a stdout that cannot be written to. */
  const pauseWithBrokenStdout = (stdout: 'pipe' | number) =>
    withBrokenStdout(['pause', '--yes', '--outputs', outputs], stdout, asOperator(s.cloud, least));
  return { s, outputs, least, run, pauseWithBrokenStdout };
}

const closed = (s: Stage) => [FOREIGN, ALONE, BRAKED].filter((repository) => s.isClosed(repository));
const notified = (s: Stage) => [FOREIGN, ALONE, BRAKED].map((repository) => s.notified(repository));

async function awsOf(outputs: string): Promise<AwsStack> {
  const { aws } = await findStack({ outputs });
  if (aws === undefined) throw new Error('the stack is on AWS');
  return aws;
}

async function stateOf({ cloud }: Stage, outputs: string, repository: string) {
  const { tableName, accountId } = await awsOf(outputs);
  const client = new DynamoDBClient(
    cloud.clientConfig(cloud.principals.add('arn:aws:iam::123456789012:role/reader', [allowing('dynamodb:*')])),
  );
  const { value } = await createTable(client, tableName).records.load({ registry: accountId, repository });
  client.destroy();
  return value?.state;
}

/** Replaces the body of a gate's record. */
async function breakRow({ cloud }: Stage, outputs: string, repository: string): Promise<void> {
  const { tableName, accountId } = await awsOf(outputs);
  const editor = cloud.principals.add('arn:aws:iam::123456789012:role/editor', [allowing('dynamodb:*')]);
  const client = new DynamoDBClient(cloud.clientConfig(editor));
  const id = { S: `gate#${accountId}/${repository}` };
  const item = { id, state: { S: 'closed' }, body: { B: Buffer.from('edited') }, version: { N: '1' } };
  await client.send(new PutItemCommand({ TableName: tableName, Item: item }));
  client.destroy();
}

function writesOf({ cloud }: Stage): readonly string[] {
  return Object.keys(cloud.calls.count(OPERATOR)).filter((call) => WRITES.includes(call));
}

async function tick(s: Stage): Promise<void> {
  s.cloud.queue.send('{"pullgate":"tick"}');
  await s.runUntilIdle();
}

describe('pause', () => {
  test('without a terminal and --yes, it shows what it would do, changes nothing and exits with 2', async () => {
    const { s, run } = await twoClosedOneWaiting();
    const { code, stdout, stderr } = await run('pause');
    expect(stdout).toBe(`${SHOWN}\nNothing was changed: there was no answer. In a script, use --yes.\n`);
    expect([code, stderr]).toEqual([2, '']);
    expect(closed(s)).toEqual([FOREIGN, ALONE]);
    expect(writesOf(s)).toEqual([]);
  });

  test('with --yes, all gates open, foreign statements stay, the records agree, and one notice is sent for each', async () => {
    const { s, run, outputs, least } = await twoClosedOneWaiting();
    const { code, stdout, stderr } = await run('pause --yes');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.startsWith(`${SHOWN}\nPaused the stack dev: nothing closes until \`pullgate resume\`.\n`)).toBe(true);
    expect(stdout.match(/\[\d\/2\] {2}opened {4}\S+/g)?.toSorted()).toEqual([
      expect.stringContaining('[1/2]'),
      expect.stringContaining('[2/2]'),
    ]);
    expect([s.policy(FOREIGN), s.policy(ALONE), s.policy(BRAKED)]).toEqual([FOREIGN_POLICY, undefined, undefined]);
    expect(notified(s)).toEqual([['closed', 'opened'], ['closed', 'opened'], ['waiting']]);
    const paused = { kind: 'waiting', for: 'pause' };
    expect(await stateOf(s, outputs, FOREIGN)).toEqual(paused);
    expect(await stateOf(s, outputs, ALONE)).toEqual(paused);
    expect(await stateOf(s, outputs, BRAKED)).toEqual({ kind: 'waiting', for: 'brake' });
    // The command uses every permission in the policy of docs/permissions.md. The encrypted topic itself requests the
    // key.
    const asked = actionsOf(least).filter((action) => !action.startsWith('kms:'));
    expect(Object.keys(s.cloud.calls.count(OPERATOR))).toEqual(asked.toSorted());
  });

  test('a second run is a no-op and exits with 0', async () => {
    const { s, run, pauseWithBrokenStdout } = await twoClosedOneWaiting();
    // The output of the first run is closed early. It still finishes its work.
    expect(await pauseWithBrokenStdout('pipe')).toEqual([0, '']);
    expect(closed(s)).toEqual([]);
    s.cloud.calls.reset();
    for (const command of ['pause --yes', 'pause']) {
      const { code, stdout, stderr } = await run(command);
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toMatch(/^The stack dev keeps no repository closed[.]\n/);
      expect(stdout).toMatch(
        /\nIt has been paused since \d{4}-\d\d-\d\d \d\d:\d\d UTC by .+: there is nothing to do[.]\nAn invocation that began before the pause may still close a gate until \d{4}-\d\d-\d\d \d\d:\d\d UTC[.]\nBefore `pulumi destroy`, wait until \d{4}-\d\d-\d\d \d\d:\d\d UTC and run this command again, or run `pullgate pause --wait`[.]\n$/,
      );
    }
    const full = openSync('/dev/full', 'w');
    expect(await pauseWithBrokenStdout(full)).toEqual([
      1,
      expect.stringMatching(/^pullgate: .+ could not be written: ENOSPC: .+\n$/),
    ]);
    closeSync(full);
    expect(writesOf(s)).toEqual([]);
    expect(notified(s)).toEqual([['closed', 'opened'], ['closed', 'opened'], ['waiting']]);
  });

  test('events and sweeps close nothing until `resume`; the next tick closes the gates again', async () => {
    const { s, run } = await twoClosedOneWaiting();
    await run('pause --yes');
    await s.pushVulnerable(ALONE, 'v2', { ...CRITICAL, vulnerability: 'CVE-2026-1002' });
    await s.pushVulnerable('team/new', 'v1', CRITICAL);
    await s.runUntilIdle();
    await s.sweep();
    await s.cloud.advance(12 * HOUR);
    expect(closed(s)).toEqual([]);
    expect(s.isClosed('team/new')).toBe(false);

    const resumed = await run('resume');
    expect(resumed).toEqual({
      code: 0,
      stdout: 'Ended the pause of the stack dev. Within five minutes, the gates that violate the policy close.\n',
      stderr: '',
    });
    await tick(s);
    // What was closed before needs no room in the brake.
    expect(closed(s)).toEqual(expect.arrayContaining([FOREIGN, ALONE]));
    await s.cloud.advance(2 * HOUR);
    expect(closed(s)).toEqual([FOREIGN, ALONE, BRAKED]);
    expect(s.isClosed('team/new')).toBe(true);

    expect((await run('resume')).stdout).toBe('There is nothing to do: the stack dev is not paused.\n');
  });

  test('with --for, the pause ends by itself and the function closes violating gates again', async () => {
    const { s, outputs, least } = await twoClosedOneWaiting();
    for (const [name, value] of Object.entries(asOperator(s.cloud, least))) vi.stubEnv(name, value);
    const stack = await findStack({ outputs });
    const now = () => s.cloud.clock.now().toISOString();
    const input = { stack: stack.name, label: stack.label, isWhole: true, clients: await connect(stack, now) };
    const terminal = { print: () => {}, ask: async () => undefined };
    const until = new Date(s.cloud.clock.now().getTime() + 2 * HOUR).toISOString();
    expect(await pauseStack({ ...input, terminal, now, yes: true, by: 'ada', until })).toBe(0);
    expect(closed(s)).toEqual([]);
    await s.cloud.advance(1.9 * HOUR);
    expect(closed(s)).toEqual([]);
    await s.cloud.advance(0.3 * HOUR);
    expect(closed(s)).not.toEqual([]);
    vi.unstubAllEnvs();
  });

  test('a stack without closed gates is paused', async () => {
    const s = await stage();
    const graph = await graphOf({});
    const environment = asOperator(s.cloud, leastToOpen(graph));
    const { code, stdout } = await pullgate(['pause', '--yes', '--outputs', outputsOf(graph)], environment);
    expect([code, stdout.split('\n')[0]]).toEqual([0, 'The stack dev keeps no repository closed.']);
    await s.pushVulnerable(ALONE, 'v1', CRITICAL);
    await s.runUntilIdle();
    expect(s.isClosed(ALONE)).toBe(false);
  });
});

describe('failures', () => {
  test('if ECR rejects the policy of a repository, it is named, the others open, and the exit code is 1', async () => {
    const { s, run, outputs } = await twoClosedOneWaiting();
    const before = s.policy(FOREIGN);
    s.cloud.principals.remove('arn:aws:iam::210987654321:root');
    const { code, stdout, stderr } = await run('pause --yes');
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/\] {2}opened {4}team\/alone\n/);
    expect(stdout).toMatch(
      /\] {2}REFUSED {3}team\/foreign\n {6}ECR refuses the policy of team\/foreign \(.*TeamMayPull/,
    );
    expect(stdout.match(/REFUSED/g)).toHaveLength(1);
    expect(stdout).toMatch(
      /\n1 repository could not be opened: fix the cause \(see above\), and run this command again[.]\n$/,
    );
    expect([s.policy(FOREIGN), s.policy(ALONE)]).toEqual([before, undefined]);
    expect(await stateOf(s, outputs, FOREIGN)).toEqual({ kind: 'opening' });
  });

  test.each([
    ['dynamodb:Scan', 'table/pullgate-records'],
    ['dynamodb:GetItem', 'table/pullgate-records'],
    ['dynamodb:PutItem', 'table/pullgate-records'],
  ])('without %s, one sentence names the action, nothing opens, and the exit code is 1', async (action, resource) => {
    const { s, run, least } = await twoClosedOneWaiting();
    const { code, stdout, stderr } = await run('pause --yes', without(least, action));
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^pullgate: the request to AWS failed[.] AccessDeniedException: .+\ndocs[/]permissions[.]md lists .+\n$/,
    );
    expect(stderr).toContain(`is not authorized to perform: ${action} on resource:`);
    expect(stderr).toContain(resource);
    expect(closed(s)).toEqual([FOREIGN, ALONE]);
    // The pause does not depend on the list of gates.
    expect(stdout.includes('Paused the stack dev')).toBe(action === 'dynamodb:Scan');
  });

  test('a row that cannot be read is named, its gate and the others open, and the exit code is 1', async () => {
    const { s, run, outputs } = await twoClosedOneWaiting();
    await breakRow(s, outputs, FOREIGN);
    const { code, stdout, stderr } = await run('pause --yes');
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(
      /\n {2}team\/foreign {2}the row gate#123456789012\/team\/foreign in pullgate-records\S* cannot be read /,
    );
    expect(stdout.match(/\] {2}opened {4}\S+/g)?.toSorted()).toEqual([
      ']  opened    team/alone',
      ']  opened    team/foreign',
    ]);
    expect([s.policy(FOREIGN), s.policy(ALONE)]).toEqual([FOREIGN_POLICY, undefined]);
    const again = await run('release team/foreign --yes');
    expect([again.code, again.stderr]).toEqual([1, '']);
    expect(again.stdout).toContain('[1/1]  was open  team/foreign\n\n1 record cannot be read: ');
  });

  test('without ecr:SetRepositoryPolicy, the gates that need it are named, the others open, and the exit code is 1', async () => {
    const { s, run, least } = await twoClosedOneWaiting();
    const { code, stdout, stderr } = await run('pause --yes', without(least, 'ecr:SetRepositoryPolicy'));
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(
      /\] {2}FAILED {4}team\/foreign\n {6}AccessDeniedException: .* ecr:SetRepositoryPolicy on resource: /,
    );
    expect(closed(s)).toEqual([FOREIGN]);
  });

  test('without permission for the key of the topic, the gates open, and the next run sends the notices', async () => {
    const { s, run, least } = await twoClosedOneWaiting();
    const { code, stdout } = await run('pause --yes', without(least, 'kms:GenerateDataKey'));
    expect(code).toBe(1);
    expect(stdout.match(/\] {2}opened {4}team\/\S+\n/g)).toHaveLength(2);
    expect(stdout).toMatch(/\n {2}2 gates: the notice could not be sent: /);
    expect(stdout).toMatch(
      /\n2 repositories are open, but the notice could not be sent: fix the cause \(see above\), and run this command again[.]\n$/,
    );
    expect(notified(s)).toEqual([['closed'], ['closed'], ['waiting']]);
    const again = await run('pause --yes');
    expect(again.code).toBe(0);
    expect(again.stdout).toContain('team/alone    open, notice pending since');
    expect(notified(s)).toEqual([['closed', 'opened'], ['closed', 'opened'], ['waiting']]);
  });
});

describe('the confirmation', () => {
  afterEach(() => void vi.unstubAllEnvs());

  test.each([
    ['yes', 0, [], undefined],
    [' yes ', 0, [], undefined],
    ['y', 2, [FOREIGN, ALONE], '\nNothing was changed: the answer was not "yes".'],
    ['', 2, [FOREIGN, ALONE], '\nNothing was changed: the answer was not "yes".'],
    [undefined, 2, [FOREIGN, ALONE], '\nNothing was changed: there was no answer. In a script, use --yes.'],
  ])('with the answer %j: the exit code is %i, and %j stay closed', async (answer, code, stillClosed, last) => {
    const { s, outputs, least } = await twoClosedOneWaiting();
    for (const [name, value] of Object.entries(asOperator(s.cloud, least))) vi.stubEnv(name, value);
    const stack = await findStack({ outputs });
    const asked: string[] = [];
    const printed: string[] = [];
    const terminal = {
      print: (line: string) => void printed.push(line),
      ask: async (question: string) => {
        asked.push(question);
        return answer;
      },
    };
    const now = () => '2026-03-02T10:00:00.000Z';
    const input = { stack: stack.name, label: stack.label, isWhole: true, clients: await connect(stack, now) };
    expect(await pauseStack({ ...input, terminal, now, yes: false, by: 'ada' })).toBe(code);
    expect(asked).toEqual(['\nOpen 2 repositories and pause the stack dev? Type "yes": ']);
    expect(closed(s)).toEqual(stillClosed);
    if (last !== undefined) expect(printed.at(-1)).toBe(last);
  });
});
