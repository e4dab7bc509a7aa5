// A repository's policy: our statement goes in and comes out, and what others wrote stays as it was, to the byte.
import { describe, expect, it } from 'vitest';
import {
  denyStatement,
  lockStateOf,
  parseRepositoryPolicy,
  type RepositoryPolicy,
  servesLambda,
  statementsNamingPrincipals,
  withOurs,
  withoutOurs,
} from '../../../aws/function/repository-policy.ts';

const SETTINGS = {
  statementId: 'Pullgatedev0a1b2c3d',
  partition: 'aws',
  accountId: '123456789012',
  roleArn: 'arn:aws:iam::123456789012:role/pullgate-dev',
  exemptPrincipals: ['arn:aws:iam::123456789012:role/ci'],
};
const OURS = denyStatement(SETTINGS);
const OURS_TEXT = JSON.stringify(OURS);
const OTHER_STACK = denyStatement({ ...SETTINGS, statementId: 'Pullgateprod4e5f6a7b' });

const FOREIGN_ALLOW =
  '{ "Sid" : "pull" , "Effect":"Allow",\n  "Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action":["ecr:BatchGetImage"]}';
const FOREIGN_DENY =
  '{"Effect":"Deny","Principal":"*","Action":"ecr:PutImage","Condition":{"Bool":{"aws:SecureTransport":"false"}}}';

function policyOf(text: string | undefined): RepositoryPolicy {
  const policy = parseRepositoryPolicy(text);
  if (policy === undefined) throw new Error(`not a policy: ${text}`);
  return policy;
}

describe('the statement that closes a repository', () => {
  it('denies the two actions of a pull to everyone but those who make it safe again', () => {
    expect(OURS).toEqual({
      Sid: 'Pullgatedev0a1b2c3d',
      Effect: 'Deny',
      Principal: '*',
      Action: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'],
      Condition: {
        ArnNotLike: {
          'aws:PrincipalArn': [
            'arn:aws:iam::123456789012:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2',
            'arn:aws:iam::123456789012:role/aws-service-role/pullthroughcache.ecr.amazonaws.com/AWSServiceRoleForECRPullThroughCache',
            'arn:aws:iam::123456789012:role/pullgate-dev',
            'arn:aws:iam::123456789012:role/ci',
          ],
        },
      },
    });
  });

  it('names the roles of its own partition', () => {
    const ours = denyStatement({ ...SETTINGS, partition: 'aws-us-gov', roleArn: 'arn:aws-us-gov:iam::1:role/x' });
    expect(
      ours.Condition.ArnNotLike['aws:PrincipalArn'].filter((arn) => arn.startsWith('arn:aws-us-gov:')),
    ).toHaveLength(3);
  });
});

describe('closing', () => {
  it.each<[string, string | undefined, string]>([
    ['makes a policy where there is none', undefined, `{"Version":"2012-10-17","Statement":[${OURS_TEXT}]}`],
    [
      'puts it after foreign statements, which stay as they are',
      `{"Version":"2012-10-17","Statement":[${FOREIGN_ALLOW},${FOREIGN_DENY}]}`,
      `{"Version":"2012-10-17","Statement":[${FOREIGN_ALLOW},${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
    [
      'keeps odd spacing and unknown keys',
      ` {\n\t"Version" :"2008-10-17" ,"Id":"x",\r\n"Statement"  : [ ${FOREIGN_ALLOW}\n ]\n, "Note": [1.0, 1e3] }\n`,
      ` {\n\t"Version" :"2008-10-17" ,"Id":"x",\r\n"Statement"  : [ ${FOREIGN_ALLOW},${OURS_TEXT}\n ]\n, "Note": [1.0, 1e3] }\n`,
    ],
    [
      'makes a list of a single statement',
      `{"Statement": ${FOREIGN_DENY} ,"Version":"2012-10-17"}`,
      `{"Statement": [${FOREIGN_DENY},${OURS_TEXT}] ,"Version":"2012-10-17"}`,
    ],
    ['fills an empty list', '{"Statement":[ ]}', `{"Statement":[ ${OURS_TEXT}]}`],
    [
      'writes anew what is there and as it should be, without the space before it',
      `{"Statement":[${FOREIGN_DENY} , ${OURS_TEXT}]}`,
      `{"Statement":[${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
    [
      'replaces one that an older config wrote',
      `{"Statement":[{"Sid":"Pullgatedev0a1b2c3d","Effect":"Deny"},${FOREIGN_DENY}]}`,
      `{"Statement":[${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
    [
      'replaces several by one',
      `{"Statement":[${OURS_TEXT},${FOREIGN_DENY},${OURS_TEXT}, ${OURS_TEXT}]}`,
      `{"Statement":[${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
    [
      'begins anew where only ours is there, and in another form',
      '{"Version":"2008-10-17","Statement":{"Sid":"Pullgatedev0a1b2c3d","Effect":"Allow"}}',
      `{"Version":"2012-10-17","Statement":[${OURS_TEXT}]}`,
    ],
    [
      "leaves another stack's statement alone",
      `{"Statement":[${JSON.stringify(OTHER_STACK)}]}`,
      `{"Statement":[${JSON.stringify(OTHER_STACK)},${OURS_TEXT}]}`,
    ],
    [
      'finds the statements behind an escaped name',
      `{"\\u0053tatement":[${FOREIGN_DENY}]}`,
      `{"\\u0053tatement":[${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
  ])('%s', (_name, before, after) => {
    expect(withOurs(policyOf(before), OURS)).toBe(after);
  });
});

describe('opening', () => {
  it.each<[string, string | undefined, string | undefined]>([
    ['has nothing to do where there is no policy', undefined, undefined],
    [
      'has nothing to do where ours is not there',
      `{"Statement":[${FOREIGN_DENY}] }`,
      `{"Statement":[${FOREIGN_DENY}] }`,
    ],
    ['leaves no policy where only ours was there', `{"Version":"2012-10-17","Statement":[${OURS_TEXT}]}`, undefined],
    ['leaves no policy where only ours was there, without a list', `{"Statement":${OURS_TEXT}}`, undefined],
    ['leaves no policy where only ours was there, twice', `{"Statement":[${OURS_TEXT},${OURS_TEXT}]}`, undefined],
    [
      'takes it out of the beginning',
      `{"Statement":[ ${OURS_TEXT} , ${FOREIGN_ALLOW} ]}`,
      `{"Statement":[ ${FOREIGN_ALLOW} ]}`,
    ],
    [
      'takes it out of the middle',
      `{"Statement":[${FOREIGN_ALLOW} ,${OURS_TEXT} ,\n${FOREIGN_DENY}]}`,
      `{"Statement":[${FOREIGN_ALLOW} ,\n${FOREIGN_DENY}]}`,
    ],
    [
      'takes it off the end',
      `{"Statement":[${FOREIGN_ALLOW}\n, ${OURS_TEXT}\n]}`,
      `{"Statement":[${FOREIGN_ALLOW}\n]}`,
    ],
    [
      'takes all of ours, whatever they say',
      `{"Statement":[{"Sid":"Pullgatedev0a1b2c3d"},${FOREIGN_ALLOW},${OURS_TEXT}]}`,
      `{"Statement":[${FOREIGN_ALLOW}]}`,
    ],
    [
      "leaves another stack's, one whose Sid differs in case, and one that holds ours further in",
      `{"Statement":[${JSON.stringify(OTHER_STACK)},{"Sid":"pullgatedev0a1b2c3d"},{"X":{"Sid":"Pullgatedev0a1b2c3d"}},${OURS_TEXT}]}`,
      `{"Statement":[${JSON.stringify(OTHER_STACK)},{"Sid":"pullgatedev0a1b2c3d"},{"X":{"Sid":"Pullgatedev0a1b2c3d"}}]}`,
    ],
    [
      'knows ours also where somebody escaped its letters',
      `{"Statement":[{"\\u0053id":"\\u0050ullgatedev0a1b2c3d"},${FOREIGN_DENY}]}`,
      `{"Statement":[${FOREIGN_DENY}]}`,
    ],
  ])('%s', (_name, before, after) => {
    expect(withoutOurs(policyOf(before), OURS.Sid)).toBe(after);
  });
});

describe('a text that is not a policy', () => {
  it.each([
    ['is empty', ''],
    ['is not JSON', 'Statement: []'],
    ['is cut off', '{"Statement":[{"Effect":"Deny"'],
    ['has a comment', '{"Statement":[{}] /* ours */}'],
    ['has a comma too many', '{"Statement":[{},]}'],
    ['has no Statement', '{"Version":"2012-10-17"}'],
    ['has a Statement further in', '{"Policy":{"Statement":[{}]}}'],
    ['has two of them', '{"Statement":[{}],"Statement":[{}]}'],
    ['writes it in lower case', '{"statement":[{}]}'],
    ['has a text for a Statement', '{"Statement":"all"}'],
    ['has null for a Statement', '{"Statement":null}'],
    ['has a statement that is none', '{"Statement":[{},7]}'],
    ['is a list', '[{"Statement":[{}]}]'],
    ['is a number', '7'],
    ['is null', 'null'],
  ])('%s', (_name, text) => {
    expect(parseRepositoryPolicy(text)).toBeUndefined();
  });
});

describe('our statement is', () => {
  const principals = OURS.Condition.ArnNotLike['aws:PrincipalArn'];
  const list = (...statements: unknown[]) => JSON.stringify({ Statement: statements });
  it.each<[string, string | undefined, ReturnType<typeof lockStateOf>]>([
    ['absent where there is no policy', undefined, 'absent'],
    ['absent among foreign ones', `{"Statement":[${FOREIGN_ALLOW},${FOREIGN_DENY}]}`, 'absent'],
    ["absent beside another stack's", list(OTHER_STACK), 'absent'],
    ['current as we write it', withOurs(policyOf(undefined), OURS), 'current'],
    ['current among foreign ones', withOurs(policyOf(`{"Statement":${FOREIGN_DENY}}`), OURS), 'current'],
    [
      'current in any order and spacing',
      JSON.stringify({ Statement: [Object.fromEntries(Object.entries(OURS).toReversed())] }, null, 2),
      'current',
    ],
    [
      'current with its lists in another order',
      list({
        ...OURS,
        Action: ['ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
        Condition: { ArnNotLike: { 'aws:PrincipalArn': principals.toReversed() } },
      }),
      'current',
    ],
    ['current with a list of one for a single value', list({ ...OURS, Effect: ['Deny'] }), 'current'],
    ['another form where it is there twice', list(OURS, OURS), 'otherForm'],
    ['another form where it allows', list({ ...OURS, Effect: 'Allow' }), 'otherForm'],
    ['another form with one action less', list({ ...OURS, Action: 'ecr:BatchGetImage' }), 'otherForm'],
    ['another form without its condition', list({ ...OURS, Condition: undefined }), 'otherForm'],
    [
      'another form with a role more',
      list({ ...OURS, Condition: { ArnNotLike: { 'aws:PrincipalArn': [...principals, 'arn:aws:iam::1:role/x'] } } }),
      'otherForm',
    ],
    ['another form with a key more', list({ ...OURS, Resource: '*' }), 'otherForm'],
    ['another form with null for a key', list({ ...OURS, Principal: null }), 'otherForm'],
    ['another form with a number for a key', list({ ...OURS, Principal: 1 }), 'otherForm'],
  ])('%s', (_name, text, state) => {
    expect(lockStateOf(policyOf(text), OURS)).toBe(state);
  });
});

describe('a repository serves Lambda functions', () => {
  const granting = (statement: Record<string, unknown>) =>
    policyOf(JSON.stringify({ Statement: [{ Effect: 'Allow', Action: 'ecr:BatchGetImage', ...statement }] }));
  it.each<[string, Record<string, unknown>, boolean]>([
    ['by a service', { Principal: { Service: 'lambda.amazonaws.com' } }, true],
    ['by a list of services', { Principal: { Service: ['ecs.amazonaws.com', 'lambda.amazonaws.com'] } }, true],
    ['by a service beside accounts', { Principal: { AWS: '*', Service: ['lambda.amazonaws.com'] } }, true],
    ['by a service in China', { Principal: { Service: 'lambda.amazonaws.com.cn' } }, true],
    ['not by a deny', { Effect: 'Deny', Principal: { Service: 'lambda.amazonaws.com' } }, false],
    ['not by another service', { Principal: { Service: 'ecs.amazonaws.com' } }, false],
    ['not by a name that only looks like it', { Principal: { Service: 'lambda.amazonaws.com.example.com' } }, false],
    ['not by an account of that name', { Principal: { AWS: 'lambda.amazonaws.com' } }, false],
    ['not by everyone', { Principal: '*' }, false],
    ['not by null', { Principal: null }, false],
    ['not by what is no name', { Principal: { Service: [{ toString: 'lambda.amazonaws.com' }, 7, null] } }, false],
    ['not without a principal', {}, false],
  ])('%s', (_name, statement, serves) => {
    expect(servesLambda(granting(statement))).toBe(serves);
  });

  it('by any of its statements', () => {
    const grant = '{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage"}';
    expect(servesLambda(policyOf(`{"Statement":[${FOREIGN_DENY},${grant}]}`))).toBe(true);
  });

  it('not where it has no policy', () => {
    expect(servesLambda(policyOf(undefined))).toBe(false);
  });
});

describe('where ECR refuses a policy, the statements that may be why are', () => {
  const list = (...statements: unknown[]) => JSON.stringify({ Statement: statements });
  const role = 'arn:aws:iam::210987654321:role/deploy';
  it.each<[string, string | undefined, readonly string[]]>([
    ['none where there is no policy', undefined, []],
    [
      'none that names nobody',
      list({ Sid: 'a', Principal: '*' }, { Sid: 'b', Principal: { AWS: '*' } }, { Sid: 'c' }),
      [],
    ],
    ['not ours', list({ ...OURS, Principal: { AWS: role } }), []],
    ['not one for a service', list({ Sid: 'a', Principal: { Service: 'lambda.amazonaws.com' } }), []],
    [
      'not one whose principals are no texts',
      list({ Sid: 'a', Principal: { AWS: [7, null] } }, { Principal: null }),
      [],
    ],
    ['those that name a principal, by Sid', list({ Sid: 'team', Principal: { AWS: role } }), [`"team" (${role})`]],
    [
      'those without a Sid, by their place',
      list({ Sid: 'a', Principal: '*' }, { Principal: { AWS: [role, '*', 'arn:aws:iam::1:user/x'] } }),
      [`number 2 (${role}, arn:aws:iam::1:user/x)`],
    ],
    ['those whose Sid is no text, by their place', list({ Sid: 7, Principal: { AWS: role } }), [`number 1 (${role})`]],
    [
      'only those with a role that was deleted, where there are such',
      list(
        { Sid: 'lives', Principal: { AWS: role } },
        { Sid: 'orphan', Principal: { AWS: ['AROAEXAMPLE1234567890', role] } },
      ),
      [`"orphan" (AROAEXAMPLE1234567890, ${role})`],
    ],
    [
      'also those with a user that was deleted',
      list({ Principal: { AWS: 'AIDAEXAMPLE1234567890' } }, { Sid: 'lives', Principal: { AWS: role } }),
      ['number 1 (AIDAEXAMPLE1234567890)'],
    ],
  ])('%s', (_name, text, statements) => {
    expect(statementsNamingPrincipals(policyOf(text), OURS.Sid)).toEqual(statements);
  });
});
