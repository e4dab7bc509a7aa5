// Edits of a repository policy: our statement is added and removed, and every byte of foreign statements stays
// unchanged.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  denyStatement,
  lockStateOf,
  otherLocks,
  parseRepositoryPolicy,
  type RepositoryPolicy,
  servesLambda,
  statementsNamingPrincipals,
  withOurs,
  withoutOurs,
  withoutWhiteSpace,
} from '../../../aws/function/repository-policy.ts';

const SETTINGS = {
  statementId: 'Pullgate0a1b2c3d4e5f',
  partition: 'aws',
  accountId: '123456789012',
  roleArn: 'arn:aws:iam::123456789012:role/pullgate-dev',
  exemptPrincipals: ['arn:aws:iam::123456789012:role/ci'],
};
const OURS = denyStatement(SETTINGS);
const OURS_TEXT = JSON.stringify(OURS);
const OTHER_STACK = denyStatement({ ...SETTINGS, statementId: 'Pullgate4e5f6a7b8c9d' });

const FOREIGN_ALLOW =
  '{ "Sid" : "pull" , "Effect":"Allow",\n  "Principal": {"AWS": "arn:aws:iam::210987654321:root"}, "Action":["ecr:BatchGetImage"]}';
const FOREIGN_DENY =
  '{"Effect":"Deny","Principal":"*","Action":"ecr:PutImage","Condition":{"Bool":{"aws:SecureTransport":"false"}}}';

/** The text of a policy, as someone wrote it. */
function caseOf(name: string): string {
  return readFileSync(new URL(`../../events/cases/${name}.json`, import.meta.url), 'utf8');
}

function policyOf(text: string | undefined): RepositoryPolicy {
  const policy = parseRepositoryPolicy(text);
  if (policy === undefined) throw new Error(`not a policy: ${text}`);
  return policy;
}

describe('the statement that closes a repository', () => {
  it('denies the two pull actions to everyone except the principals that make the repository safe again', () => {
    expect(OURS).toEqual({
      Sid: 'Pullgate0a1b2c3d4e5f',
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

  it('names the roles with the ARNs of its partition', () => {
    const ours = denyStatement({ ...SETTINGS, partition: 'aws-us-gov', roleArn: 'arn:aws-us-gov:iam::1:role/x' });
    expect(
      ours.Condition.ArnNotLike['aws:PrincipalArn'].filter((arn) => arn.startsWith('arn:aws-us-gov:')),
    ).toHaveLength(3);
  });
});

describe('closing', () => {
  it.each<[string, string | undefined, string]>([
    ['creates a policy if there is none', undefined, `{"Version":"2012-10-17","Statement":[${OURS_TEXT}]}`],
    [
      'adds our statement after foreign statements, which stay unchanged',
      `{"Version":"2012-10-17","Statement":[${FOREIGN_ALLOW},${FOREIGN_DENY}]}`,
      `{"Version":"2012-10-17","Statement":[${FOREIGN_ALLOW},${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
    [
      'keeps odd spacing and unknown keys',
      ` {\n\t"Version" :"2008-10-17" ,"Id":"x",\r\n"Statement"  : [ ${FOREIGN_ALLOW}\n ]\n, "Note": [1.0, 1e3] }\n`,
      ` {\n\t"Version" :"2008-10-17" ,"Id":"x",\r\n"Statement"  : [ ${FOREIGN_ALLOW},${OURS_TEXT}\n ]\n, "Note": [1.0, 1e3] }\n`,
    ],
    [
      'makes a list from a single statement, which stays the last',
      `{"Statement": ${FOREIGN_DENY} ,"Version":"2012-10-17"}`,
      `{"Statement": [${OURS_TEXT},${FOREIGN_DENY}] ,"Version":"2012-10-17"}`,
    ],
    ['fills an empty list', '{"Statement":[ ]}', `{"Statement":[ ${OURS_TEXT}]}`],
    [
      'rewrites a current statement without the space before it',
      `{"Statement":[${FOREIGN_DENY} , ${OURS_TEXT}]}`,
      `{"Statement":[${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
    [
      'replaces a statement from an older config',
      `{"Statement":[ {"Sid":"Pullgate0a1b2c3d4e5f","Effect":"Deny"},${FOREIGN_DENY}]}`,
      `{"Statement":[ ${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
    [
      'replaces several statements of ours by one',
      `{"Statement":[${OURS_TEXT},${FOREIGN_DENY},${OURS_TEXT}, ${OURS_TEXT}]}`,
      `{"Statement":[${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
    [
      'writes a new policy if the only statement is ours in another form',
      '{"Version":"2008-10-17","Statement":{"Sid":"Pullgate0a1b2c3d4e5f","Effect":"Allow"}}',
      `{"Version":"2012-10-17","Statement":[${OURS_TEXT}]}`,
    ],
    [
      "leaves another stack's statement alone",
      `{"Statement":[${JSON.stringify(OTHER_STACK)}]}`,
      `{"Statement":[${JSON.stringify(OTHER_STACK)},${OURS_TEXT}]}`,
    ],
    [
      "precedes another stack's statement before a single one",
      `{"Statement":[${JSON.stringify(OTHER_STACK)},${FOREIGN_DENY}]}`,
      `{"Statement":[${OURS_TEXT},${JSON.stringify(OTHER_STACK)},${FOREIGN_DENY}]}`,
    ],
    [
      'finds the statements under an escaped key',
      `{"\\u0053tatement":[${FOREIGN_DENY}]}`,
      `{"\\u0053tatement":[${FOREIGN_DENY},${OURS_TEXT}]}`,
    ],
  ])('%s', (_name, before, after) => {
    expect(withOurs(policyOf(before), OURS)).toBe(after);
  });
});

describe('opening', () => {
  it.each<[string, string | undefined, string | undefined]>([
    ['changes nothing if there is no policy', undefined, undefined],
    [
      'changes nothing if our statement is absent',
      `{"Statement":[${FOREIGN_DENY}] }`,
      `{"Statement":[${FOREIGN_DENY}] }`,
    ],
    [
      'leaves no policy if our statement was the only one',
      `{"Version":"2012-10-17","Statement":[${OURS_TEXT}]}`,
      undefined,
    ],
    ['leaves no policy if our statement was the only one, without a list', `{"Statement":${OURS_TEXT}}`, undefined],
    [
      'leaves no policy if our statement was the only one, twice',
      `{"Statement":[${OURS_TEXT},${OURS_TEXT}]}`,
      undefined,
    ],
    [
      'removes our statement from the beginning',
      `{"Statement":[ ${OURS_TEXT} , ${FOREIGN_ALLOW} ]}`,
      `{"Statement":[ ${FOREIGN_ALLOW} ]}`,
    ],
    [
      'leaves a single statement without a list',
      `{"Statement": [${OURS_TEXT},${FOREIGN_DENY}] }`,
      `{"Statement": ${FOREIGN_DENY} }`,
    ],
    [
      'removes our statement from the middle',
      `{"Statement":[${FOREIGN_ALLOW} ,${OURS_TEXT} ,\n${FOREIGN_DENY}]}`,
      `{"Statement":[${FOREIGN_ALLOW} ,\n${FOREIGN_DENY}]}`,
    ],
    [
      'removes our statement from the end',
      `{"Statement":[${FOREIGN_ALLOW}\n, ${OURS_TEXT}\n]}`,
      `{"Statement":[${FOREIGN_ALLOW}\n]}`,
    ],
    [
      'removes all our statements, whatever their content is',
      `{"Statement":[{"Sid":"Pullgate0a1b2c3d4e5f"},${FOREIGN_ALLOW},${OURS_TEXT}]}`,
      `{"Statement":[${FOREIGN_ALLOW}]}`,
    ],
    [
      "keeps another stack's statement, one whose Sid differs in case, and one with our Sid in a nested object",
      `{"Statement":[${JSON.stringify(OTHER_STACK)},{"Sid":"pullgate0a1b2c3d4e5f"},{"X":{"Sid":"Pullgate0a1b2c3d4e5f"}},${OURS_TEXT}]}`,
      `{"Statement":[${JSON.stringify(OTHER_STACK)},{"Sid":"pullgate0a1b2c3d4e5f"},{"X":{"Sid":"Pullgate0a1b2c3d4e5f"}}]}`,
    ],
    [
      'recognizes our statement if its letters are escaped',
      `{"Statement":[{"\\u0053id":"\\u0050ullgate0a1b2c3d4e5f"}, ${FOREIGN_DENY}]}`,
      `{"Statement":[${FOREIGN_DENY}]}`,
    ],
  ])('%s', (_name, before, after) => {
    expect(withoutOurs(policyOf(before), [OURS.Sid])).toBe(after);
  });
});

describe('a text that is not a policy', () => {
  it.each([
    ['is empty', ''],
    ['is not JSON', 'Statement: []'],
    ['is cut off', '{"Statement":[{"Effect":"Deny"'],
    ['has a comment', '{"Statement":[{}] /* ours */}'],
    ['has a trailing comma', '{"Statement":[{},]}'],
    ['has no Statement', '{"Version":"2012-10-17"}'],
    ['has a nested Statement', '{"Policy":{"Statement":[{}]}}'],
    ['has two Statement keys', '{"Statement":[{}],"Statement":[{}]}'],
    ['has a Statement key in lower case', '{"statement":[{}]}'],
    ['has a string as Statement', '{"Statement":"all"}'],
    ['has null as Statement', '{"Statement":null}'],
    ['has a statement that is not an object', '{"Statement":[{},7]}'],
    ['is a list', '[{"Statement":[{}]}]'],
    ['is a number', '7'],
    ['is null', 'null'],
  ])('%s', (_name, text) => {
    expect(parseRepositoryPolicy(text)).toBeUndefined();
  });
});

describe('the locks of other pullgate deployments', () => {
  const deny = (Sid: unknown) => ({ ...OURS, Sid });
  it.each<[string, readonly unknown[], readonly string[]]>([
    ['are statements in the form of ours with another id', [OURS, OTHER_STACK], [OTHER_STACK.Sid]],
    ['are not statements under an older id of ours', [deny('Pullgate00000000000a')], []],
    ['are not statements that allow', [{ ...OTHER_STACK, Effect: 'Allow' }], []],
    ["are not someone else's", [deny('PullgateNaive'), deny(`${OURS.Sid}0`), deny(7), deny(undefined)], []],
  ])('%s', (_name, statements, sids) => {
    const policy = policyOf(JSON.stringify({ Statement: statements }));
    expect(otherLocks(policy, [OURS.Sid, 'Pullgate00000000000a'])).toEqual(sids);
  });
});

describe('our statement is', () => {
  const principals = OURS.Condition.ArnNotLike['aws:PrincipalArn'];
  const list = (...statements: unknown[]) => JSON.stringify({ Statement: statements });
  it.each<[string, string | undefined, ReturnType<typeof lockStateOf>]>([
    ['absent if there is no policy', undefined, 'absent'],
    ['absent among foreign ones', `{"Statement":[${FOREIGN_ALLOW},${FOREIGN_DENY}]}`, 'absent'],
    ["absent if only another stack's statement is present", list(OTHER_STACK), 'absent'],
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
    ['current with a list of one element for a single value', list({ ...OURS, Effect: ['Deny'] }), 'current'],
    ['another form if it is present twice', list(OURS, OURS), 'otherForm'],
    ['another form if its effect is Allow', list({ ...OURS, Effect: 'Allow' }), 'otherForm'],
    ['another form with one action missing', list({ ...OURS, Action: 'ecr:BatchGetImage' }), 'otherForm'],
    ['another form without its condition', list({ ...OURS, Condition: undefined }), 'otherForm'],
    [
      'another form with an additional role',
      list({ ...OURS, Condition: { ArnNotLike: { 'aws:PrincipalArn': [...principals, 'arn:aws:iam::1:role/x'] } } }),
      'otherForm',
    ],
    ['another form with an additional key', list({ ...OURS, Resource: '*' }), 'otherForm'],
    ['another form with a null value', list({ ...OURS, Principal: null }), 'otherForm'],
    ['another form with a number as a value', list({ ...OURS, Principal: 1 }), 'otherForm'],
  ])('%s', (_name, text, state) => {
    expect(lockStateOf(policyOf(text), OURS)).toBe(state);
  });

  it('another form under an older Sid. Closing leaves only the current one, and opening none', () => {
    const text = list(JSON.parse(FOREIGN_ALLOW), OTHER_STACK);
    const older = [OTHER_STACK.Sid];
    expect([lockStateOf(policyOf(text), OURS), lockStateOf(policyOf(text), OURS, older)]).toEqual([
      'absent',
      'otherForm',
    ]);
    const closed = withOurs(policyOf(text), OURS, older);
    expect(closed).toBe(list(JSON.parse(FOREIGN_ALLOW), OURS));
    const both = withOurs(policyOf(text), OURS);
    expect(withoutOurs(policyOf(both), [OURS.Sid, ...older])).toBe(list(JSON.parse(FOREIGN_ALLOW)));
  });
});

describe('a repository policy that grants a pull to Lambda', () => {
  const granting = (statement: Record<string, unknown>) =>
    policyOf(JSON.stringify({ Statement: [{ Effect: 'Allow', Action: 'ecr:BatchGetImage', ...statement }] }));
  it.each<[string, Record<string, unknown>, boolean]>([
    ['names the service', { Principal: { Service: 'lambda.amazonaws.com' } }, true],
    ['names a list of services', { Principal: { Service: ['ecs.amazonaws.com', 'lambda.amazonaws.com'] } }, true],
    ['names a service and accounts', { Principal: { AWS: '*', Service: ['lambda.amazonaws.com'] } }, true],
    ['names the service in China', { Principal: { Service: 'lambda.amazonaws.com.cn' } }, true],
    ['does not count if it is a deny', { Effect: 'Deny', Principal: { Service: 'lambda.amazonaws.com' } }, false],
    ['does not count if it names another service', { Principal: { Service: 'ecs.amazonaws.com' } }, false],
    [
      'does not count if the name only looks like the service',
      { Principal: { Service: 'lambda.amazonaws.com.example.com' } },
      false,
    ],
    ['does not count if the name is an account', { Principal: { AWS: 'lambda.amazonaws.com' } }, false],
    ['does not count if it names everyone', { Principal: '*' }, false],
    ['does not count if the principal is null', { Principal: null }, false],
    [
      'does not count if the service is not a string',
      { Principal: { Service: [{ toString: 'lambda.amazonaws.com' }, 7, null] } },
      false,
    ],
    ['does not count without a principal', {}, false],
    ...(
      [
        ['counts for the other action of a pull', { Action: 'ecr:GetDownloadUrlForLayer' }, true],
        ['counts for both actions in a list', { Action: ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'] }, true],
        ['counts for every action of ECR', { Action: 'ecr:*' }, true],
        ['counts for every action', { Action: ['*'] }, true],
        ['counts for a prefix in another case', { Action: 'ECR:batch*' }, true],
        ['counts for everything but pushes', { Action: undefined, NotAction: 'ecr:PutImage' }, true],
        ['does not count for reading the policy', { Action: 'ecr:GetRepositoryPolicy' }, false],
        ['does not count for listing images', { Action: ['ecr:DescribeImages', 'ecr:ListImages'] }, false],
        ['does not count for another call with the prefix', { Action: 'ecr:BatchDelete*' }, false],
        [
          'does not count for everything but pulls',
          { Action: undefined, NotAction: ['ecr:Batch*', 'ecr:Get*'] },
          false,
        ],
        ['does not count without an action', { Action: undefined }, false],
        ['counts for wildcards within a name', { Action: 'e?r:*Get*I?age' }, true],
        ['does not count if the pattern is longer than the name', { Action: 'ecr:BatchGetImage?' }, false],
        ['does not count if the pattern is shorter than the name', { Action: 'ecr:BatchGetImag' }, false],
        ['does not count for ten thousand wildcards', { Action: `${'*?'.repeat(5_000)}!` }, false],
        ['does not count if the action is not a string', { Action: [7, null, {}] }, false],
      ] as const
    ).map(
      ([name, actions, serves]) =>
        [name, { Principal: { Service: 'lambda.amazonaws.com' }, ...actions }, serves] satisfies [
          string,
          object,
          boolean,
        ],
    ),
  ])('%s', (_name, statement, serves) => {
    expect(servesLambda(granting(statement))).toBe(serves);
  });

  it('can do so in any statement', () => {
    const grant = '{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"ecr:BatchGetImage"}';
    expect(servesLambda(policyOf(`{"Statement":[${FOREIGN_DENY},${grant}]}`))).toBe(true);
  });

  it('does not exist if there is no policy', () => {
    expect(servesLambda(policyOf(undefined))).toBe(false);
  });
});

it('a policy whose statement is not in a list is byte for byte what it was after the gate opens', () => {
  const before = caseOf('policy-single-object-statement');
  const closed = withOurs(policyOf(before), OURS);
  expect(lockStateOf(policyOf(closed), OURS)).toBe('current');
  expect(withoutOurs(policyOf(closed), [OURS.Sid])).toBe(before);
});

describe('white space', () => {
  it.each([
    ['is dropped between parts', '{ "a" :\t[ 1 ,\r\n 2.0 ] , "b" : { } }', '{"a":[1,2.0],"b":{}}'],
    ['stays in strings', '{ "a b" : " \\" c \\\\ " , "d" : "\\u0020 " }', '{"a b":" \\" c \\\\ ","d":"\\u0020 "}'],
    ['may be missing', '{"a":1}', '{"a":1}'],
  ])('%s', (_name, text, expected) => {
    expect(withoutWhiteSpace(text)).toBe(expected);
  });
});

describe('the statements that may be the cause if ECR rejects a policy are', () => {
  const list = (...statements: unknown[]) => JSON.stringify({ Statement: statements });
  const role = 'arn:aws:iam::210987654321:role/deploy';
  it.each<[string, string | undefined, readonly string[]]>([
    ['none if there is no policy', undefined, []],
    [
      'not those without a named principal',
      list({ Sid: 'a', Principal: '*' }, { Sid: 'b', Principal: { AWS: '*' } }, { Sid: 'c' }),
      [],
    ],
    ['not ours', list({ ...OURS, Principal: { AWS: role } }), []],
    ['not one that names a service', list({ Sid: 'a', Principal: { Service: 'lambda.amazonaws.com' } }), []],
    [
      'not one whose principals are not strings',
      list({ Sid: 'a', Principal: { AWS: [7, null] } }, { Principal: null }),
      [],
    ],
    ['those that name a principal, by Sid', list({ Sid: 'team', Principal: { AWS: role } }), [`"team" (${role})`]],
    [
      'those without a Sid, by number',
      list({ Sid: 'a', Principal: '*' }, { Principal: { AWS: [role, '*', 'arn:aws:iam::1:user/x'] } }),
      [`number 2 (${role}, arn:aws:iam::1:user/x)`],
    ],
    ['those whose Sid is not a string, by number', list({ Sid: 7, Principal: { AWS: role } }), [`number 1 (${role})`]],
    [
      'only those with a deleted role, if there are any',
      list(
        { Sid: 'lives', Principal: { AWS: role } },
        { Sid: 'orphan', Principal: { AWS: ['AROAEXAMPLE1234567890', role] } },
      ),
      [`"orphan" (AROAEXAMPLE1234567890, ${role})`],
    ],
    [
      'also those that deny all but a deleted role',
      caseOf('policy-notprincipal-of-deleted-role'),
      ['"DenyRest" (AROADELETEDDELETEDDEL)'],
    ],
    [
      'those that name principals as exceptions',
      list({ Sid: 'rest', Effect: 'Deny', NotPrincipal: { AWS: [role] } }, { Sid: 'all', NotPrincipal: '*' }),
      [`"rest" (${role})`],
    ],
    [
      'also those with a deleted user',
      list({ Principal: { AWS: 'AIDAEXAMPLE1234567890' } }, { Sid: 'lives', Principal: { AWS: role } }),
      ['number 1 (AIDAEXAMPLE1234567890)'],
    ],
  ])('%s', (_name, text, statements) => {
    expect(statementsNamingPrincipals(policyOf(text), OURS.Sid)).toEqual(statements);
  });
});
