// Input validation: the request in every sample from the providers.
import { describe, expect, it } from 'vitest';
import { type Message, parseMessage } from '../../../aws/function/parse.ts';
import { REPOSITORY_NAMES } from '../../shared/samples.ts';
import { ACCOUNT_ID, changed, SAMPLES, type Sample, sampleText } from './samples.ts';

function requestFrom(message: string): Message {
  const parsed = parseMessage(message, ACCOUNT_ID);
  if (!parsed.ok) throw new Error(`expected a request, got problems: ${JSON.stringify(parsed.problems)}`);
  return parsed.value;
}

/** The digests from the documentation, padded to 64 digits. */
const LIBSSH2_DIGEST = 'sha256:36c7b282abd0186e01419f2e58743e1bf635808231049bbc9d77e50000000000';
const ACTION_DIGEST = 'sha256:7f5b2640fe6fb4f46592dfd3410c4a79dac4f89e4782432e0378abcd12340000';
const OPENSSL_DIGEST = 'sha256:84f507df33c6864d49c296fb734192696e4cb6f78166ac51ac8b9b118181085d';
const LIBSSH2_ARN = 'arn:aws:inspector2:us-east-2:123456789012:finding/be674aaddd0f75ac632055EXAMPLE';
const OPENSSL_ARN = 'arn:aws:inspector2:eu-central-1:123456789012:finding/{{FINDING_ID}}';
const OPENSSL_FINDING = { id: OPENSSL_ARN, at: '2024-09-04T16:55:38.000Z' };

const AS_IT_IS: Readonly<Record<Sample, Message>> = {
  'inspector-finding-2021': {
    kind: 'images',
    images: [
      {
        repository: 'amazon/amazon-ecs-sample',
        digest: LIBSSH2_DIGEST,
        trigger: 'finding',
        namedReport: { id: LIBSSH2_ARN, at: '2021-12-03T18:02:30.000Z' },
      },
    ],
  },
  'inspector-finding-2026': {
    kind: 'images',
    images: [{ repository: 'inspector2', digest: OPENSSL_DIGEST, trigger: 'finding', namedReport: OPENSSL_FINDING }],
  },
  'inspector-scan-complete': {
    kind: 'images',
    images: [{ repository: 'amazon/amazon-ecs-sample', digest: LIBSSH2_DIGEST, trigger: 'scan' }],
  },
  'ecr-image-push': {
    kind: 'images',
    images: [{ repository: 'my-repository-name', digest: ACTION_DIGEST, trigger: 'push' }],
  },
  'ecr-image-delete': {
    kind: 'images',
    images: [{ repository: 'my-repository-name', digest: ACTION_DIGEST, trigger: 'delete' }],
  },
  'ecr-image-archive': {
    kind: 'images',
    images: [{ repository: 'my-repository-name', digest: ACTION_DIGEST, trigger: 'delete' }],
  },
  'ecr-image-reactivate': {
    kind: 'images',
    images: [{ repository: 'my-repository-name', digest: ACTION_DIGEST, trigger: 'push' }],
  },
  'ecr-policy-call': {
    kind: 'reconcile',
    repository: 'team/app',
    trigger: 'lock',
    changedBy: {
      who: 'arn:aws:sts::123456789012:assumed-role/terraform/run-17',
      call: 'SetRepositoryPolicy',
      at: '2026-03-02T09:15:20Z',
    },
  },
  'ecr-replication': {
    kind: 'images',
    images: [{ repository: 'docker-hub/alpine', digest: ACTION_DIGEST, trigger: 'push' }],
  },
  'ecr-scan-frequency': {
    kind: 'scanReduced',
    repositories: [
      { repository: 'team/app', frequency: 'SCAN_ON_PUSH' },
      { repository: 'team/other', frequency: 'MANUAL' },
    ],
  },
  'ecr-basic-scan': {
    kind: 'ignored',
    why: 'an event type that pullgate does not use: aws.ecr ECR Image Scan',
  },
  'inspector-finding-ec2-closed': { kind: 'ignored', why: 'a finding for AWS_EC2_INSTANCE' },
  'inspector-finding-of-an-acr-image': {
    kind: 'ignored',
    why: 'a finding for Microsoft.ContainerRegistry/registry/containerImage',
  },
};

describe('a sample from the documentation', () => {
  it.each(SAMPLES)('requests what the event is about: %s', (name) => {
    expect(requestFrom(sampleText(name))).toEqual(AS_IT_IS[name]);
  });

  it.each(['CLOSED', 'SUPPRESSED', 'A_STATUS_NEVER_SEEN'])('with the status %s reports no active finding', (status) => {
    expect(requestFrom(changed('inspector-finding-2026', ['detail', 'status'], status))).toEqual({
      kind: 'images',
      images: [{ repository: 'inspector2', digest: OPENSSL_DIGEST, trigger: 'finding', namedReport: undefined }],
    });
  });

  it.each(['2026-01-31T12:00:00Z', '2026-01-31T14:00:00.000+02:00'])('with the time %s is converted to UTC', (time) => {
    expect(requestFrom(changed('inspector-finding-2026', ['time'], time))).toMatchObject({
      images: [{ namedReport: { id: OPENSSL_ARN, at: '2026-01-31T12:00:00.000Z' } }],
    });
  });

  it.each([undefined, '', 'yesterday', '2026-01-31T12:00:00+05', 7])(
    'with the invalid time %j is parsed without a time',
    (time) => {
      expect(requestFrom(changed('inspector-finding-2026', ['time'], time))).toMatchObject({
        images: [{ namedReport: { id: OPENSSL_ARN, at: undefined } }],
      });
    },
  );

  it('with several resources requests each image and nothing else', () => {
    const { detail } = JSON.parse(sampleText('inspector-finding-2026'));
    const [first] = detail.resources;
    const other = structuredClone(first);
    other.details.awsEcrContainerImage.repositoryName = 'team/other';
    const resources = [first, { type: 'AWS_EC2_INSTANCE' }, other];
    expect(requestFrom(changed('inspector-finding-2026', ['detail', 'resources'], resources))).toEqual({
      kind: 'images',
      images: [
        { repository: 'inspector2', digest: OPENSSL_DIGEST, trigger: 'finding', namedReport: OPENSSL_FINDING },
        { repository: 'team/other', digest: OPENSSL_DIGEST, trigger: 'finding', namedReport: OPENSSL_FINDING },
      ],
    });
  });

  it('is parsed without the fields that only newer or only older events have', () => {
    const image = ['detail', 'resources', 0, 'details', 'awsEcrContainerImage', 'imageTags'];
    expect(requestFrom(changed('inspector-finding-2021', image, undefined))).toEqual(
      AS_IT_IS['inspector-finding-2021'],
    );
    expect(requestFrom(changed('inspector-finding-2026', ['detail', 'fixAvailable'], undefined))).toEqual(
      AS_IT_IS['inspector-finding-2026'],
    );
    expect(requestFrom(changed('inspector-finding-2026', ['detail', 'news'], { of: 2030 }))).toEqual(
      AS_IT_IS['inspector-finding-2026'],
    );
  });
});

describe('a change of a repository policy', () => {
  const changedBy = (path: readonly string[], value: unknown) => {
    const message = requestFrom(changed('ecr-policy-call', ['detail', ...path], value));
    expect(message).toMatchObject({ kind: 'reconcile', repository: 'team/app', trigger: 'lock' });
    return message.kind === 'reconcile' ? message.changedBy : undefined;
  };

  it('names an IAM user by ARN', () => {
    const user = { type: 'IAMUser', arn: `arn:aws:iam::${ACCOUNT_ID}:user/alice`, userName: 'alice' };
    expect(changedBy(['userIdentity'], user)?.who).toBe(`arn:aws:iam::${ACCOUNT_ID}:user/alice`);
  });

  it('names a caller without an ARN by its type', () => {
    const other = { type: 'AWSAccount', principalId: 'AIDAQRSTUVWXYZEXAMPLE', accountId: '210987654321' };
    expect(changedBy(['userIdentity'], other)?.who).toBe('AWSAccount');
  });

  it('names a deletion', () => {
    expect(changedBy(['eventName'], 'DeleteRepositoryPolicy')?.call).toBe('DeleteRepositoryPolicy');
  });

  it('names no caller of more than 300 characters', () => {
    expect(changedBy(['userIdentity', 'arn'], 'a'.repeat(100_000))?.who).toBe('a'.repeat(300));
  });

  it.each<[string, readonly string[], unknown]>([
    ['no caller', ['userIdentity'], undefined],
    ['a caller without ARN and type', ['userIdentity'], { accountId: ACCOUNT_ID, invokedBy: 'AWS Internal' }],
    ['a caller of another form', ['userIdentity', 'arn'], { arn: 7 }],
    ['no time', ['eventTime'], undefined],
    ['a time of another form', ['eventTime'], 'yesterday'],
  ])('with %s requests the reconciliation all the same', (_name, path, value) => {
    expect(changedBy(path, value)).toBeUndefined();
  });

  it('may name the registry', () => {
    expect(changedBy(['requestParameters', 'registryId'], ACCOUNT_ID)).toBeDefined();
  });
});

describe('an ignored message has a reason', () => {
  const registryOfImage = ['detail', 'resources', 0, 'details', 'awsEcrContainerImage', 'registry'];
  const foreignArn = 'arn:aws:ecr:us-east-2:210987654321:repository/amazon/amazon-ecs-sample';
  it.each<[string, string, string]>([
    [
      "another account's event",
      changed('ecr-image-push', ['account'], '210987654321'),
      'an event from account 210987654321',
    ],
    [
      "a member account's finding that the delegated administrator receives",
      changed('inspector-finding-2026', registryOfImage, '210987654321'),
      'an image in registry 210987654321',
    ],
    [
      "a member account's scan that the delegated administrator receives",
      changed('inspector-scan-complete', ['detail', 'repository-name'], foreignArn),
      'an image in registry 210987654321',
    ],
    [
      'a failed push',
      changed('ecr-image-push', ['detail', 'result'], 'FAILURE'),
      'an image action with the result FAILURE',
    ],
    [
      'an action of another type',
      changed('ecr-image-push', ['detail', 'action-type'], 'ARCHIVE'),
      'an image action of the type ARCHIVE',
    ],
    [
      'an action of the type toString',
      changed('ecr-image-push', ['detail', 'action-type'], 'toString'),
      'an image action of the type toString',
    ],
    [
      'another storage class',
      changed('ecr-image-archive', ['detail', 'target-storage-class'], 'DEEP'),
      'an image action of the type UPDATE_STORAGE_CLASS DEEP',
    ],
    [
      'a failed replication',
      changed('ecr-replication', ['detail', 'result'], 'FAILED'),
      'an image action with the result FAILED',
    ],
    [
      'a repository that is scanned more often than before',
      changed('ecr-scan-frequency', ['detail', 'repositories', 0, 'previous-scan-frequency'], undefined).replace(
        '"MANUAL"',
        '"CONTINUOUS_SCAN"',
      ),
      'a scan frequency that was not reduced',
    ],
    [
      'a change of a policy in the registry of another account',
      changed('ecr-policy-call', ['detail', 'requestParameters', 'registryId'], '210987654321'),
      'a repository in registry 210987654321',
    ],
    [
      'a change of a policy that was refused',
      changed('ecr-policy-call', ['detail', 'errorCode'], 'AccessDenied'),
      'a call of SetRepositoryPolicy that failed: AccessDenied',
    ],
    [
      'a call of ECR that changes no policy',
      changed('ecr-policy-call', ['detail', 'eventName'], 'PutImage'),
      'a call of PutImage',
    ],
    [
      'a finding without resources',
      changed('inspector-finding-2026', ['detail', 'resources'], []),
      'a finding for no resource',
    ],
    [
      'an event from another service',
      changed('ecr-image-push', ['source'], 'aws.ec2'),
      'an event type that pullgate does not use: aws.ec2 ECR Image Action',
    ],
    [
      'the same event type from another service',
      changed('ecr-image-push', ['source'], 'com.example'),
      'an event type that pullgate does not use: com.example ECR Image Action',
    ],
    [
      'an event with a source of 256 KB, with a short reason',
      changed('ecr-image-push', ['source'], 'x'.repeat(262_144)),
      `an event type that pullgate does not use: ${'x'.repeat(158)}`,
    ],
  ])('%s', (_name, message, why) => {
    expect(requestFrom(message)).toEqual({ kind: 'ignored', why });
  });
});

describe('a message of our own', () => {
  it.each<[string, Message]>([
    ['{"pullgate":"tick"}', { kind: 'tick' }],
    ['{ "pullgate": "sweep" }', { kind: 'sweep' }],
    ['{"pullgate":"tick","by":"hand"}', { kind: 'tick' }],
    [
      '{"pullgate":"reconcile","repository":"team/app","trigger":"sweep"}',
      { kind: 'reconcile', repository: 'team/app', trigger: 'sweep' },
    ],
    [
      '{"pullgate":"reconcile","repository":"team/app","trigger":"tick"}',
      { kind: 'reconcile', repository: 'team/app', trigger: 'tick' },
    ],
  ])('%s', (message, request) => {
    expect(requestFrom(message)).toEqual(request);
  });
});

describe('a repository name', () => {
  it.each(REPOSITORY_NAMES)('can be %s', (repository) => {
    const request = JSON.stringify({ pullgate: 'reconcile', repository, trigger: 'sweep' });
    expect(requestFrom(request)).toEqual({ kind: 'reconcile', repository, trigger: 'sweep' });
    const inFinding = ['detail', 'resources', 0, 'details', 'awsEcrContainerImage', 'repositoryName'];
    const arn = `arn:aws:ecr:us-east-2:${ACCOUNT_ID}:repository/${repository}`;
    for (const message of [
      changed('ecr-image-push', ['detail', 'repository-name'], repository),
      changed('ecr-image-delete', ['detail', 'repository-name'], repository),
      changed('inspector-finding-2026', inFinding, repository),
      changed('inspector-scan-complete', ['detail', 'repository-name'], arn),
    ]) {
      expect(requestFrom(message)).toMatchObject({ kind: 'images', images: [{ repository }] });
    }
  });

  it.each(['arn:aws-cn:ecr:cn-north-1', 'arn:aws-us-gov:ecr:us-gov-west-1', 'arn:aws:ecr:eu-west-1'])(
    'can be in an ARN of any partition: %s',
    (start) => {
      const arn = `${start}:${ACCOUNT_ID}:repository/team/app/api`;
      expect(requestFrom(changed('inspector-scan-complete', ['detail', 'repository-name'], arn))).toEqual({
        kind: 'images',
        images: [{ repository: 'team/app/api', digest: LIBSSH2_DIGEST, trigger: 'scan' }],
      });
    },
  );
});
