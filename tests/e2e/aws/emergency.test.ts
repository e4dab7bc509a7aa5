// The emergency of docs/undo.md without the CLI: the function is stopped, the statement removed, the function started.
import {
  DeleteRepositoryPolicyCommand,
  ECRClient,
  GetRepositoryPolicyCommand,
  SetRepositoryPolicyCommand,
} from '@aws-sdk/client-ecr';
import { expect, test } from 'vitest';
import { allowing } from '../../../local/aws/principals.ts';
import { CRITICAL, FOREIGN_POLICY, HOUR, REPOSITORY, type Stage, stage } from './stage.ts';

const MINUTE = HOUR / 60;
const OTHER = 'team/other';

/** Does what the page says for one repository, with the calls that its commands make. */
async function removeStatement(s: Stage, repositoryName: string): Promise<void> {
  const operator = s.cloud.principals.add('arn:aws:iam::123456789012:role/on-call', [
    allowing('ecr:GetRepositoryPolicy', 'ecr:SetRepositoryPolicy', 'ecr:DeleteRepositoryPolicy'),
  ]);
  const ecr = new ECRClient(s.cloud.clientConfig(operator));
  const { policyText = '' } = await ecr.send(new GetRepositoryPolicyCommand({ repositoryName }));
  const policy = JSON.parse(policyText) as { Statement: readonly { readonly Sid: string }[] };
  const others = policy.Statement.filter(({ Sid }) => !Sid.startsWith('Pullgate'));
  expect(policy.Statement.length - others.length).toBe(1);
  await (others.length === 0
    ? ecr.send(new DeleteRepositoryPolicyCommand({ repositoryName }))
    : ecr.send(
        new SetRepositoryPolicyCommand({
          repositoryName,
          policyText: JSON.stringify({ ...policy, Statement: others }),
        }),
      ));
  ecr.destroy();
}

/** A stack that has closed two repositories, one with a policy of its team. Then somebody opens them by hand. */
async function openedByHand(): Promise<Stage> {
  const s = await stage();
  await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  s.cloud.ecr.repository(REPOSITORY).policyText = FOREIGN_POLICY;
  await s.pushVulnerable(OTHER, 'v1', CRITICAL);
  await s.runUntilIdle();
  expect([s.isClosed(), s.isClosed(OTHER)]).toEqual([true, true]);

  s.cloud.lambda.throttle(true);
  await s.cloud.advance(5 * MINUTE);
  await removeStatement(s, REPOSITORY);
  await removeStatement(s, OTHER);
  return s;
}

test('while the function is stopped, nothing closes again, and the rest of the policy stays', async () => {
  const s = await openedByHand();
  await s.pushVulnerable(OTHER, 'v2', CRITICAL);
  await s.cloud.advance(12 * HOUR);
  expect([await s.pull('v1'), await s.pull('v1', OTHER), await s.pull('v2', OTHER)]).toEqual([
    'pulled',
    'pulled',
    'pulled',
  ]);
  expect(JSON.parse(s.policy() ?? '')).toEqual(JSON.parse(FOREIGN_POLICY));
  expect(s.policy(OTHER)).toBeUndefined();
  expect(s.cloud.deadLetters.messages().length).toBeGreaterThan(0);
});

test('started after a pause, the function leaves every gate open', async () => {
  const s = await openedByHand();
  await s.pushVulnerable('team/new', 'v1', CRITICAL);
  await s.cloud.advance(12 * HOUR);
  await s.pause();
  s.cloud.lambda.throttle(false);
  await s.cloud.advance(6 * HOUR);
  expect([s.isClosed(), s.isClosed(OTHER), s.isClosed('team/new')]).toEqual([false, false, false]);
});

test('started without a pause, the function closes the gates within ten minutes, and the first sweep finds the rest', async () => {
  const s = await openedByHand();
  await s.pushVulnerable('team/new', 'v1', CRITICAL);
  await s.cloud.advance(12 * HOUR);
  s.cloud.lambda.throttle(false);
  await s.cloud.advance(10 * MINUTE);
  expect([s.isClosed(), s.isClosed(OTHER), s.isClosed('team/new')]).toEqual([true, true, true]);
});
