// The registry endpoint of the local cloud: pushes and pulls, with IAM authorizing each step.
import { describe, expect, it } from 'vitest';
import { allowing } from '../../../local/aws/principals.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { start } from './start.ts';

describe('the registry endpoint', () => {
  const closed = JSON.stringify({
    Statement: [
      {
        Sid: 'PullgateTest',
        Effect: 'Deny',
        Principal: '*',
        Action: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
        Condition: { ArnNotLike: { 'aws:PrincipalArn': ['arn:aws:iam::123456789012:role/exempt'] } },
      },
    ],
  });

  it('allows pushes and pulls, until the repository policy denies pulls to all except exempt principals', async () => {
    const cloud = await start();
    const as = (name: string) =>
      cloud.oci(cloud.principals.add(`arn:aws:sts::123456789012:assumed-role/${name}/session`, [allowing('ecr:*')]));
    const repository = cloud.ecr.createRepository('team/app');
    const [deployer, exempt] = [as('deployer'), as('exempt')];
    const pushed = await deployer.push('team/app', 'v1', 'hello');
    expect(pushed).toEqual({ status: 201, digest: expect.stringMatching(/^sha256:/), message: undefined });
    expect(await deployer.pull('team/app', 'v1')).toEqual({ status: 200, digest: pushed.digest, message: undefined });
    repository.policyText = closed;
    expect(await deployer.pull('team/app', 'v1')).toEqual({
      status: 403,
      digest: undefined,
      message:
        'User: arn:aws:sts::123456789012:assumed-role/deployer/session is not authorized to perform: ecr:BatchGetImage on resource: arn:aws:ecr:eu-west-1:123456789012:repository/team/app with an explicit deny in a resource-based policy',
    });
    expect((await exempt.pull('team/app', 'v1')).status).toBe(200);
    expect((await deployer.push('team/app', 'v2', 'fixed')).status).toBe(201);
    await cloud.ecr.archive('team/app', pushed.digest ?? '');
    expect((await exempt.pull('team/app', 'v1')).status).toBe(404);
  });

  it('finds a repository whose name contains segments of the endpoint’s own paths', async () => {
    const cloud = await start();
    const client = cloud.oci(cloud.principals.add('arn:aws:iam::123456789012:role/ci', [allowing('ecr:*')]));
    const repository = 'team/blobs/uploads/manifests/app';
    cloud.ecr.createRepository(repository);
    const { status, digest } = await client.push(repository, 'v1', 'hello');
    expect(status).toBe(201);
    expect(await client.pull(repository, 'v1')).toEqual({ status: 200, digest, message: undefined });
  });

  it.each(['', 'Team/App', '../app', 'team/app\n', 'a'.repeat(257)])(
    'refuses to create the repository %j',
    async (name) => {
      const cloud = await start();
      expect(() => cloud.ecr.createRepository(name)).toThrow(
        new Error(`the local ECR needs ${REPOSITORY_NAME}; got ${JSON.stringify(name)}`),
      );
    },
  );

  it('rejects a client that is not logged in', async () => {
    const cloud = await start();
    const answer = await fetch(`${cloud.endpoint}/v2/team/app/manifests/v1`);
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
      401,
      expect.stringContaining('Basic realm='),
    ]);
  });
});
