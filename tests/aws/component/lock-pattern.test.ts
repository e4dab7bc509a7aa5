// The EventBridge pattern for changes of repository policies: whose calls it selects.
import { describe, expect, it } from 'vitest';
import { lockPattern } from '../../../aws/component/lock-pattern.ts';
import { matches } from '../../../local/aws/pattern.ts';
import { changed, sampleText } from '../function/samples.ts';

const ROLE = 'arn:aws:iam::123456789012:role/pullgate-role-1a2b3c4';
const isMatched = (text: string) => matches(lockPattern(ROLE), JSON.parse(text));
const IDENTITY = ['detail', 'userIdentity'];
const ISSUER = [...IDENTITY, 'sessionContext', 'sessionIssuer'];

describe('the pattern for changes of repository policies', () => {
  it.each<[string, string, boolean]>([
    ["a session of someone else's role", sampleText('ecr-policy-call'), true],
    ['a deletion', changed('ecr-policy-call', ['detail', 'eventName'], 'DeleteRepositoryPolicy'), true],
    [
      'an IAM user',
      changed('ecr-policy-call', IDENTITY, {
        type: 'IAMUser',
        principalId: 'AIDAJ45Q7YFFAREXAMPLE',
        arn: 'arn:aws:iam::123456789012:user/Alice',
        accountId: '123456789012',
        accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
        userName: 'Alice',
      }),
      true,
    ],
    ['an IAM user in the console, whose issuer is empty', changed('ecr-policy-call', ISSUER, {}), true],
    [
      'the root user',
      changed('ecr-policy-call', IDENTITY, {
        type: 'Root',
        principalId: '123456789012',
        arn: 'arn:aws:iam::123456789012:root',
        accountId: '123456789012',
        sessionContext: { attributes: { creationDate: '2026-03-02T09:14:58Z', mfaAuthenticated: 'true' } },
      }),
      true,
    ],
    ["pullgate's own role", changed('ecr-policy-call', [...ISSUER, 'arn'], ROLE), false],
    ['a role whose name begins like it', changed('ecr-policy-call', [...ISSUER, 'arn'], `${ROLE}5`), true],
    ['a refused call', changed('ecr-policy-call', ['detail', 'errorCode'], 'AccessDenied'), false],
    ['another call of ECR', changed('ecr-policy-call', ['detail', 'eventName'], 'PutImage'), false],
    ['another service', changed('ecr-policy-call', ['source'], 'aws.ecr-public'), false],
    ['a push', sampleText('ecr-image-push'), false],
  ])('%s', (_name, event, wanted) => {
    expect(isMatched(event)).toBe(wanted);
  });
});
