// Tests the recovery after a `pulumi destroy` without a pause: the real command finds the statements by their Sid,
// without a table or outputs.
import { DeleteTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { describe, expect, test } from 'vitest';
import { allowing } from '../../../local/aws/principals.ts';
import { graphOf } from '../../../local/graph.ts';
import { CRITICAL, FOREIGN_POLICY, REPOSITORY, type Stage, stage } from '../../e2e/aws/stage.ts';
import { actionsOf, asOperator, LEAST_FOR_ORPHANS, OPERATOR, outputsOf, pullgate, without } from '../command.ts';
import { leastForWhy } from '../command-observing.ts';

const ALONE = 'team/alone';

/** Two stacks have closed the same two repositories, and then the table of `dev` is deleted. */
async function destroyedTooEarly() {
  const s = await stage();
  await s.deployAnother('prod', {});
  s.cloud.ecr.createRepository(REPOSITORY, { policyText: FOREIGN_POLICY });
  for (const repository of [REPOSITORY, ALONE]) await s.pushVulnerable(repository, 'v1', CRITICAL);
  await s.runUntilIdle();
  s.cloud.ecr.createRepository('team/open', { policyText: FOREIGN_POLICY });
  s.cloud.ecr.createRepository('team/plain');
  const [dev, prod] = await Promise.all(['dev', 'prod'].map((stack) => outputsOfStack(stack)));
  await deleteTable(s, dev?.tableName ?? '');
  s.cloud.calls.reset();
  return { s, dev: dev?.statementId ?? '', prod: prod?.statementId ?? '' };
}

async function outputsOfStack(stack: string): Promise<{ readonly statementId: string; readonly tableName: string }> {
  const { outputs } = await graphOf({}, { stack });
  return outputs['aws'] as { statementId: string; tableName: string };
}

async function deleteTable({ cloud }: Stage, TableName: string): Promise<void> {
  const destroyer = cloud.principals.add('arn:aws:iam::123456789012:role/destroyer', [allowing('dynamodb:*')]);
  const client = new DynamoDBClient(cloud.clientConfig(destroyer));
  await client.send(new DeleteTableCommand({ TableName }));
  client.destroy();
}

const sidsOf = (text: string | undefined): readonly string[] =>
  JSON.parse(text ?? '{"Statement":[]}').Statement.map(({ Sid }: { readonly Sid: string }) => Sid);

/** A policy with a statement for each of these Sids that refuses pulls. */
function policyWith(...sids: readonly string[]): string {
  const deny = { Effect: 'Deny', Principal: '*', Action: 'ecr:BatchGetImage' };
  return JSON.stringify({ Version: '2012-10-17', Statement: sids.map((Sid) => ({ Sid, ...deny })) });
}

describe('release --orphans', () => {
  test('removes the statements with the Sid, and does not change statements of the team or of another stack', async () => {
    const { s, dev, prod } = await destroyedTooEarly();
    const statementOf = (repository: string, sid: string): string => {
      const text = s.policy(repository) ?? '';
      const start = text.indexOf(`{"Sid":"${sid}"`);
      return text.slice(start, text.indexOf(']}}}', start) + 4);
    };
    expect(sidsOf(s.policy(ALONE)).toSorted()).toEqual([dev, prod].toSorted());
    const ofProd = statementOf(REPOSITORY, prod);
    const dry = await pullgate(
      ['release', '--orphans', dev, '--dry-run', '--json'],
      asOperator(s.cloud, LEAST_FOR_ORPHANS),
    );
    expect([dry.code, JSON.parse(dry.stdout)]).toEqual([
      0,
      {
        statementId: dev,
        region: 'eu-west-1',
        dryRun: true,
        repositories: [{ repository: ALONE }, { repository: REPOSITORY }],
      },
    ]);
    const { code, stdout, stderr } = await pullgate(
      ['release', '--orphans', dev, '--yes'],
      asOperator(s.cloud, LEAST_FOR_ORPHANS),
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(
      stdout,
    ).toBe(`The statement ${dev} closes 2 repositories in eu-west-1. It will be removed from the repository policies:

  team/alone
  team/app

  [1/2]  opened  team/alone
  [2/2]  opened  team/app

${dev} no longer closes any repository.
`);
    expect(s.policy(REPOSITORY)).toBe(
      FOREIGN_POLICY.replace(/(\}) \]\}$/, (_end, brace: string) => `${brace},${ofProd} ]}`),
    );
    expect(s.policy(ALONE)).toBe(`{"Version":"2012-10-17","Statement":[${ofProd}]}`);
    expect(s.policy('team/open')).toBe(FOREIGN_POLICY);
    expect(Object.keys(s.cloud.calls.count(OPERATOR))).toEqual([
      'ecr:DescribeRepositories',
      'ecr:GetRepositoryPolicy',
      'ecr:SetRepositoryPolicy',
    ]);

    const again = await pullgate(['release', '--orphans', dev], asOperator(s.cloud, LEAST_FOR_ORPHANS));
    expect(again).toEqual({
      code: 0,
      stdout: `No repository in eu-west-1 has a statement with the Sid ${dev}: there is nothing to do.\n`,
      stderr: '',
    });

    const last = await pullgate(['release', '--orphans', prod, '--yes'], asOperator(s.cloud, LEAST_FOR_ORPHANS));
    expect(last.code).toBe(0);
    expect([s.policy(REPOSITORY), s.policy(ALONE)]).toEqual([FOREIGN_POLICY, undefined]);
    expect(Object.keys(s.cloud.calls.count(OPERATOR))).toEqual(actionsOf(LEAST_FOR_ORPHANS).toSorted());
  });

  test('without a Sid lists every Sid of pullgate with the repositories that it closes, and only reads', async () => {
    const { s, dev, prod } = await destroyedTooEarly();
    await pullgate(['release', '--orphans', prod, '--yes'], asOperator(s.cloud, LEAST_FOR_ORPHANS));
    s.cloud.ecr.repository('team/plain').policyText = policyWith(prod, 'PullgateByHand');
    const reader = without(without(LEAST_FOR_ORPHANS, 'ecr:SetRepositoryPolicy'), 'ecr:DeleteRepositoryPolicy');
    const [one, other] = [
      { sid: dev, closes: [ALONE, REPOSITORY] },
      { sid: prod, closes: ['team/plain'] },
    ].toSorted((a, b) => (a.sid < b.sid ? -1 : 1));
    const { code, stdout, stderr } = await pullgate(['release', '--orphans'], asOperator(s.cloud, reader));
    expect([code, stderr]).toEqual([0, '']);
    const lines = [one, other].map(
      (row) => `  ${row?.sid}  closes ${row?.sid === dev ? '2 repositories' : '1 repository'}`,
    );
    expect(stdout).toBe(`Statements of pullgate in eu-west-1:

${lines.join('\n')}

A deployment that still exists has its Sid in the output \`aws.statementId\`. To remove the statements of one that does not, run \`pullgate release --orphans SID\`.
`);
    const json = await pullgate(['release', '--orphans', '--json'], asOperator(s.cloud, reader));
    expect([json.code, JSON.parse(json.stdout)]).toEqual([
      0,
      {
        region: 'eu-west-1',
        statements: [one, other].map((row) => ({ statementId: row?.sid, repositories: row?.closes })),
      },
    ]);
  });

  test('without a Sid says if there is none', async () => {
    const s = await stage();
    s.cloud.ecr.createRepository(REPOSITORY, { policyText: FOREIGN_POLICY });
    expect(await pullgate(['release', '--orphans'], asOperator(s.cloud, LEAST_FOR_ORPHANS))).toEqual({
      code: 0,
      stdout: 'No repository in eu-west-1 has a statement of pullgate.\n',
      stderr: '',
    });
  });

  test('until then, `why` of another stack names the statement that is left', async () => {
    const { s, dev, prod } = await destroyedTooEarly();
    const graph = await graphOf({}, { stack: 'prod' });
    const image = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/app:v1';
    const { code, stdout } = await pullgate(
      ['why', image, '--outputs', outputsOf(graph)],
      asOperator(s.cloud, leastForWhy(graph)),
    );
    expect(code).toBe(1);
    expect(stdout).toContain(`: statement "${prod}" in the repository policy.\n`);
    expect(stdout).toContain(
      `  Also: it is still refused by statement "${dev}" in the repository policy, which another pullgate deployment wrote. Run this command with that stack (--stack NAME), or if it no longer exists, \`pullgate release --orphans\`.\n`,
    );
  });

  test('asks for confirmation: without a terminal, nothing changes and the exit code is 2', async () => {
    const { s, dev } = await destroyedTooEarly();
    const before = s.policy(ALONE);
    const { code, stdout } = await pullgate(['release', '--orphans', dev], asOperator(s.cloud, LEAST_FOR_ORPHANS));
    expect(code).toBe(2);
    expect(stdout).toMatch(/\nNothing was changed: there was no answer[.] In a script, use --yes[.]\n$/);
    expect(s.policy(ALONE)).toBe(before);
  });

  test('if ECR rejects the policy of a repository, it is named, the others open, and the exit code is 1', async () => {
    const { s, dev } = await destroyedTooEarly();
    s.cloud.principals.remove('arn:aws:iam::210987654321:root');
    const { code, stdout, stderr } = await pullgate(
      ['release', '--orphans', dev, '--yes'],
      asOperator(s.cloud, LEAST_FOR_ORPHANS),
    );
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/\] {2}opened {2}team\/alone\n/);
    expect(stdout).toMatch(/\] {2}REFUSED {2}team\/app\n {6}ECR refuses the policy of team\/app \(.*TeamMayPull/);
    expect(sidsOf(s.policy(REPOSITORY))).toContain(dev);
    expect(sidsOf(s.policy(ALONE))).not.toContain(dev);
  });

  test.each(['ecr:DescribeRepositories', 'ecr:GetRepositoryPolicy'])(
    'without %s, one sentence names the action, and the exit code is 1',
    async (action) => {
      const s = await stage();
      s.cloud.ecr.createRepository(REPOSITORY);
      const { code, stderr } = await pullgate(
        ['release', '--orphans', 'Pullgate0123abcd4567', '--yes'],
        asOperator(s.cloud, without(LEAST_FOR_ORPHANS, action)),
      );
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^pullgate: the request to AWS failed[.] AccessDeniedException: .+\ndocs[/]permissions[.]md lists .+\n$/,
      );
      expect(stderr).toContain(`is not authorized to perform: ${action} on resource:`);
    },
  );

  test('rejects a Sid that pullgate does not write, so that no other statement is removed', async () => {
    const { code, stdout, stderr } = await pullgate(['release', '--orphans', 'TeamMayPull', '--yes'], {
      AWS_REGION: 'eu-west-1',
    });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^pullgate: --orphans TeamMayPull: pullgate does not write such a Sid[.] /);
  });
});
