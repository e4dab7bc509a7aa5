// Repository policies with foreign statements, and repositories that cannot or should not be closed.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { allowing } from '../../../local/aws/principals.ts';
import { CRITICAL, FOREIGN_POLICY, FOREIGN_STATEMENT, HOUR, REPOSITORY, stage } from './stage.ts';

const DENIES_ROLE =
  '{"Sid":"NotTheIntern","Effect":"Deny","Principal":{"AWS":"arn:aws:iam::123456789012:role/intern"},"Action":"ecr:*","X-Unknown":[1.0, 1e3]}';

describe('repository policies', () => {
  test('foreign statements, odd spacing and unknown keys stay unchanged, and opening removes only our statement', async () => {
    const { cloud, pushVulnerable, runUntilIdle, policy, isClosed } = await stage();
    const before = `{ "Version" : "2012-10-17" ,\t"Statement":\n[\n ${FOREIGN_STATEMENT} ,\n\n${DENIES_ROLE}\n] }`;
    cloud.ecr.createRepository(REPOSITORY, { policyText: before });
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    const [head, tail] = before.split(`${DENIES_ROLE}\n`);
    expect(policy()?.startsWith(`${head}${DENIES_ROLE},{"Sid":"Pullgate`)).toBe(true);
    expect(policy()?.endsWith(`}\n${tail}`)).toBe(true);
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await runUntilIdle();
    expect(policy()).toBe(before);
  });

  test('a repository without a policy has none again after opening', async () => {
    const { cloud, pushVulnerable, runUntilIdle, policy } = await stage();
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await runUntilIdle();
    expect(policy()).toBeUndefined();
  });

  test('closing takes one write and two reads of the policy', async () => {
    const { pushVulnerable, runUntilIdle, calls } = await stage();
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL, { ...CRITICAL, vulnerability: 'CVE-2026-1002' });
    await runUntilIdle();
    expect([calls('ecr:GetRepositoryPolicy'), calls('ecr:SetRepositoryPolicy')]).toEqual([2, 1]);
  });

  test('the sweep restores our statement and notifies if it was removed from outside', async () => {
    const { cloud, pushVulnerable, runUntilIdle, sweep, policy, isClosed, notified } = await stage();
    cloud.ecr.createRepository(REPOSITORY, { policyText: FOREIGN_POLICY });
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    const closed = policy();
    cloud.ecr.repository(REPOSITORY).policyText = FOREIGN_POLICY;
    await sweep();
    expect(isClosed()).toBe(true);
    expect(policy()).toBe(closed);
    expect(notified()).toEqual(['closed', 'restored']);
  });

  test('a change of exemptPrincipals rewrites the statement of every closed repository', async () => {
    const { pushVulnerable, runUntilIdle, redeploy, policy } = await stage();
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    await redeploy({ aws: { exemptPrincipals: ['arn:aws:iam::123456789012:role/ci'] } });
    expect(policy()).toContain('"arn:aws:iam::123456789012:role/ci"]}}}');
  });

  test('a foreign statement with a deleted role, which ECR rejects, stays, and the notice names it', async () => {
    const { cloud, pushVulnerable, runUntilIdle, tick, policy, lastDecision, notified } = await stage();
    const intern = 'arn:aws:iam::123456789012:role/intern';
    cloud.principals.add(intern, []);
    const text = `{"Version":"2012-10-17","Statement":[${FOREIGN_STATEMENT},${DENIES_ROLE}]}`;
    cloud.ecr.createRepository(REPOSITORY, { policyText: text });
    cloud.principals.remove(intern);
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    await tick();
    expect(policy()).toBe(text);
    expect([lastDecision().to, notified(), cloud.deadLetters.messages()]).toEqual([
      'waiting: refused',
      ['waiting'],
      [],
    ]);
    expect(cloud.notices[0]?.message).toContain('the registry refuses to close it: ECR refuses the policy of team/app');
    expect(cloud.notices[0]?.message).toContain(`"NotTheIntern" (${intern})`);
  });

  test('a policy that would exceed 10,240 characters stays unchanged, and the error names the repository', async () => {
    const { cloud, pushVulnerable, runUntilIdle, policy, decisions } = await stage();
    const long = JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'Long',
          Effect: 'Allow',
          Principal: '*',
          Action: Array.from({ length: 470 }, () => 'ecr:DescribeImages'),
        },
      ],
    });
    expect(long.length).toBeLessThan(10_240);
    cloud.ecr.createRepository(REPOSITORY, { policyText: long });
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    expect(policy()).toBe(long);
    expect(cloud.deadLetters.messages()).toEqual([]);
    expect(decisions().at(-1)?.problem).toMatch(
      /^the policy of team\/app would have 10\d{3} characters with pullgate's statement and without white space, but ECR allows 10240: shorten the other statements$/,
    );
  });

  test('a policy that is near the limit only by its white space closes, and keeps every statement', async () => {
    const { cloud, pushVulnerable, runUntilIdle, policy, isClosed } = await stage();
    const Statement = Array.from({ length: 42 }, (_, index) => ({
      Sid: `Pull ${index}`,
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:iam::${100000000000 + index}:root` },
      Action: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
    }));
    const policyText = JSON.stringify({ Version: '2012-10-17', Statement }, null, 2);
    expect([policyText.length > 9_700, policyText.length < 10_240]).toEqual([true, true]);
    cloud.ecr.createRepository(REPOSITORY, { policyText });
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    expect(JSON.parse(policy() ?? '').Statement.slice(0, -1)).toEqual(Statement);
  });

  test('a policy that denies all but a deleted role stays, and the notice names its statement', async () => {
    const { cloud, pushVulnerable, runUntilIdle, tick, policy } = await stage();
    const text = readFileSync(
      new URL('../../events/cases/policy-notprincipal-of-deleted-role.json', import.meta.url),
      'utf8',
    );
    cloud.ecr.createRepository(REPOSITORY, { policyText: text });
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    await tick();
    expect(policy()).toBe(text);
    expect(cloud.notices[0]?.message).toContain('Correct statement "DenyRest" (AROADELETEDDELETEDDEL)');
  });

  test('a policy that is not JSON is not overwritten, and the error names the repository', async () => {
    const { cloud, pushVulnerable, runUntilIdle, policy, decisions } = await stage();
    cloud.ecr.createRepository(REPOSITORY);
    cloud.ecr.repository(REPOSITORY).policyText = 'not JSON';
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    expect(policy()).toBe('not JSON');
    expect(cloud.deadLetters.messages()).toEqual([]);
    expect(decisions().at(-1)?.problem).toContain('the policy of team/app is not a JSON document');
  });

  test('a repository that Lambda functions use is announced but not closed, unless closeLambdaRepositories is set', async () => {
    const { cloud, pushVulnerable, runUntilIdle, sweep, redeploy, isClosed, notified } = await stage();
    const grant =
      '{"Sid":"LambdaECRImageRetrievalPolicy","Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}';
    cloud.ecr.createRepository(REPOSITORY, { policyText: `{"Version":"2012-10-17","Statement":[${grant}]}` });
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    await sweep();
    expect(isClosed()).toBe(false);
    expect(notified()).toEqual(['waiting']);
    expect(cloud.notices[0]?.message).toContain(
      'is still open: it is in use by Lambda functions, which would fail if it were closed; set aws.closeLambdaRepositories',
    );
    await redeploy({ aws: { closeLambdaRepositories: true } });
    expect(isClosed()).toBe(true);
    expect(notified()).toEqual(['waiting', 'closed']);
  });

  test('a closed repository begins to serve Lambda functions: it stays closed, and people are notified', async () => {
    const { cloud, pushVulnerable, runUntilIdle, sweep, tick, isClosed, policy } = await stage();
    const lambda = { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'ecr:BatchGetImage' };
    cloud.ecr.createRepository(REPOSITORY);
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    const { Statement, ...rest } = JSON.parse(policy() ?? '');
    const policyText = JSON.stringify({ ...rest, Statement: [lambda, ...Statement] });
    cloud.ecr.repository(REPOSITORY).policyText = policyText;
    await sweep();
    await tick();
    expect([isClosed(), policy()]).toEqual([true, policyText]);
    expect(cloud.notices.at(-1)?.message).toContain('Lambda functions');
  });

  test('the id changes while a gate is closed: the statement is rewritten under the new one, and opening removes it', async () => {
    const { cloud, graph, pushVulnerable, runUntilIdle, sweep, policy, pull } = await stage();
    cloud.ecr.createRepository(REPOSITORY, { policyText: FOREIGN_POLICY });
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    const { statementId: old } = graph.outputs['aws'] as { statementId: string };
    const [closed, renamed] = [policy() ?? '', 'Pullgate88d840a4c0de'];
    expect(closed).toContain(old);
    await cloud.deploy(JSON.parse(JSON.stringify(graph).replaceAll(old, renamed)) as typeof graph);
    await sweep();
    expect(policy()).toBe(closed.replace(old, renamed));
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    const fixed = await cloud.ecr.pushImage(REPOSITORY, { tag: 'v2', content: 'fixed' });
    cloud.inspector.scanned(REPOSITORY, fixed);
    await runUntilIdle();
    expect(policy()).toBe(FOREIGN_POLICY);
    expect(await pull('v2')).toBe('pulled');
  });

  test('the id changes and the gate opens before it is rewritten: the old statement is removed', async () => {
    const { cloud, graph, pushVulnerable, runUntilIdle, policy } = await stage();
    cloud.ecr.createRepository(REPOSITORY, { policyText: FOREIGN_POLICY });
    const { digest } = await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    const { statementId: old } = graph.outputs['aws'] as { statementId: string };
    await cloud.deploy(JSON.parse(JSON.stringify(graph).replaceAll(old, 'Pullgate88d840a4c0de')) as typeof graph);
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await runUntilIdle();
    expect(policy()).toBe(FOREIGN_POLICY);
  });

  test('two stacks in one account write separate statements, and releasing one stack keeps the statement of the other', async () => {
    const first = await stage({ severityThreshold: 'critical' });
    const { cloud } = first;
    await first.deployAnother('prod', { severityThreshold: 'high' });
    const { digest } = await first.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await first.runUntilIdle();
    const sids = () => [...(first.policy() ?? '').matchAll(/"Sid":"(Pullgate\w+)"/g)].map(([, sid]) => sid);
    const { statementId: own } = first.graph.outputs['aws'] as { statementId: string };
    const other = sids().find((sid) => sid !== own);
    expect(sids().toSorted()).toEqual([own, other].toSorted());
    await first.redeploy({ severityThreshold: 'critical', mode: 'audit' });
    expect(sids()).toEqual([other]);
    expect(cloud.notices.at(-1)?.message).toContain(
      `Pulls are still refused by ${other}, a lock of another pullgate deployment. If that deployment no longer exists, run \`pullgate release --orphans ${other}\`.`,
    );
    expect(await first.pull('v1')).toBe('refused');
    cloud.clock.advance(HOUR);
    await cloud.ecr.deleteImage(REPOSITORY, digest);
    await first.runUntilIdle();
    expect(first.policy()).toBeUndefined();
  });

  test('Inspector, exempt roles and exempt users can still pull from a closed repository, a push still works, and all other pulls are denied', async () => {
    const [ci, user] = ['arn:aws:iam::123456789012:role/ci', 'arn:aws:iam::123456789012:user/ci/ecr-push'];
    const { cloud, pushVulnerable, runUntilIdle, pull } = await stage({ aws: { exemptPrincipals: [ci, user] } });
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    expect(await pull('v1')).toBe('refused');
    const everything = [allowing('ecr:*')];
    const pullAs = async (arn: string) =>
      (await cloud.oci(cloud.principals.add(arn, everything)).pull(REPOSITORY, 'v1')).status;
    expect(
      await pullAs(
        'arn:aws:iam::123456789012:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2',
      ),
    ).toBe(200);
    expect(await pullAs('arn:aws:sts::123456789012:assumed-role/ci/build-7')).toBe(200);
    expect(await pullAs(user)).toBe(200);
    expect(await pullAs('arn:aws:sts::123456789012:assumed-role/other/ci')).toBe(403);
    expect(await pullAs('arn:aws:iam::123456789012:user/ecr-push')).toBe(403);
    expect(await pullAs('arn:aws:iam::123456789012:role/elsewhere/ci')).toBe(403);
    const pushed = await cloud
      .oci(cloud.principals.add('arn:aws:iam::123456789012:role/pusher', everything))
      .push(REPOSITORY, 'v2', 'fixed');
    expect(pushed.status).toBe(201);
  });

  test('an exempt role that a statement of the team denies stays denied', async () => {
    const ci = 'arn:aws:iam::123456789012:role/ci';
    const { cloud, pushVulnerable, runUntilIdle, isClosed } = await stage({ aws: { exemptPrincipals: [ci] } });
    const denies = `{"Sid":"NotCi","Effect":"Deny","Principal":{"AWS":"${ci}"},"Action":"ecr:BatchGetImage"}`;
    cloud.principals.add(ci, []);
    cloud.ecr.createRepository(REPOSITORY, { policyText: `{"Version":"2012-10-17","Statement":[${denies}]}` });
    await pushVulnerable(REPOSITORY, 'v1', CRITICAL);
    await runUntilIdle();
    expect(isClosed()).toBe(true);
    const pulled = await cloud.oci(cloud.principals.add(ci, [allowing('ecr:*')])).pull(REPOSITORY, 'v1');
    expect(pulled.status).toBe(403);
  });
});
