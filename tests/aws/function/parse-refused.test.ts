// Rejected input: every problem of a message is one short line that names the field and the expected value.
import { describe, expect, it } from 'vitest';
import { parseMessage } from '../../../aws/function/parse.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';
import { ACCOUNT_ID, changed, type Sample, sampleText } from './samples.ts';

/** The problems of a rejected message, as sentences. */
function problemsWith(message: string): readonly string[] {
  const parsed = parseMessage(message, ACCOUNT_ID);
  if (parsed.ok) throw new Error(`expected problems, got a request: ${JSON.stringify(parsed.value)}`);
  return parsed.problems.map(describeProblem);
}

const REPOSITORY = `expected ${REPOSITORY_NAME}`;
const DIGEST = 'expected a digest: sha256: and 64 hexadecimal digits';
const ARN = 'expected the ARN of a repository, such as arn:aws:ecr:eu-west-1:123456789012:repository/team/app';
const FINDING =
  'expected the ARN of a finding, such as arn:aws:inspector2:eu-west-1:123456789012:finding/0407d7719da0fc8a8f44991f0bf524d6';
const IMAGE = 'detail.resources[0].details.awsEcrContainerImage';

describe('a message that is not an event', () => {
  it.each<[string, string, string]>([
    ['is empty', '', 'message is "": expected JSON'],
    ['is text', 'hello', 'message is "hello": expected JSON'],
    ['has line breaks', 'a\nb\r\nc', 'message is "a\\nb\\r\\nc": expected JSON'],
    ['is a number', '5', 'message is 5: expected an EventBridge event'],
    ['is null', 'null', 'message is null: expected an EventBridge event'],
    ['is a JSON string', '"tick"', 'message is "tick": expected an EventBridge event'],
    ['is a list', '[{"pullgate":"tick"}]', 'message is [{"pullgate":"tick"}]: expected an EventBridge event'],
    ['has 256 KB', 'x'.repeat(262_144), `message is "${'x'.repeat(119)}…: expected JSON`],
    [
      'has 256 KB of JSON',
      JSON.stringify('x'.repeat(262_142)),
      `message is "${'x'.repeat(119)}…: expected an EventBridge event`,
    ],
    [
      'is a truncated event',
      sampleText('ecr-image-push').replaceAll(/\s+/g, '').slice(0, 60),
      'message is "{\\"version\\":\\"0\\",\\"id\\":\\"13cde686-328b-6117-af20-0e5566167482\\",\\"": expected JSON',
    ],
    ['has an unknown request', '{"pullgate":"nap"}', 'pullgate is "nap": expected tick, sweep or reconcile'],
    ['has a request that is not a string', '{"pullgate":{}}', 'pullgate is {}: expected tick, sweep or reconcile'],
  ])('%s', (_name, message, sentence) => {
    expect(problemsWith(message)).toEqual([sentence]);
  });

  it('is an empty object', () => {
    expect(problemsWith('{}')).toEqual([
      'source is missing: expected the source of an EventBridge event',
      'detail-type is missing: expected the type of an EventBridge event',
      'account is missing: expected the account of an EventBridge event',
    ]);
  });
});

describe('the problem names a missing field', () => {
  const image = ['detail', 'resources', 0, 'details', 'awsEcrContainerImage'];
  it.each<[Sample, (string | number)[], string]>([
    ['ecr-image-push', ['source'], 'source is missing: expected the source of an EventBridge event'],
    ['ecr-image-push', ['detail-type'], 'detail-type is missing: expected the type of an EventBridge event'],
    ['ecr-image-push', ['account'], 'account is missing: expected the account of an EventBridge event'],
    ['ecr-image-push', ['detail'], 'detail is missing: expected an action on an image'],
    ['ecr-image-push', ['detail', 'action-type'], 'detail.action-type is missing: expected the type of the action'],
    ['ecr-image-push', ['detail', 'result'], 'detail.result is missing: expected the result of the action'],
    ['ecr-image-push', ['detail', 'repository-name'], `detail.repository-name is missing: ${REPOSITORY}`],
    ['ecr-image-delete', ['detail', 'image-digest'], `detail.image-digest is missing: ${DIGEST}`],
    ['ecr-policy-call', ['detail'], 'detail is missing: expected a call of Amazon ECR'],
    ['ecr-policy-call', ['detail', 'eventName'], 'detail.eventName is missing: expected the name of the call'],
    [
      'ecr-policy-call',
      ['detail', 'requestParameters'],
      'detail.requestParameters is missing: expected the parameters of a call that changes a repository policy',
    ],
    [
      'ecr-policy-call',
      ['detail', 'requestParameters', 'repositoryName'],
      `detail.requestParameters.repositoryName is missing: ${REPOSITORY}`,
    ],
    ['ecr-replication', ['detail', 'image-digest'], `detail.image-digest is missing: ${DIGEST}`],
    ['ecr-scan-frequency', ['detail'], 'detail is missing: expected a change of how often repositories are scanned'],
    [
      'ecr-scan-frequency',
      ['detail', 'repositories', 1, 'repository-name'],
      `detail.repositories[1].repository-name is missing: ${REPOSITORY}`,
    ],
    [
      'ecr-scan-frequency',
      ['detail', 'repositories', 0, 'scan-frequency'],
      'detail.repositories[0].scan-frequency is missing: expected how often the repository is scanned',
    ],
    ['inspector-scan-complete', ['detail'], 'detail is missing: expected a finished scan'],
    ['inspector-scan-complete', ['detail', 'repository-name'], `detail.repository-name is missing: ${ARN}`],
    ['inspector-scan-complete', ['detail', 'image-digest'], `detail.image-digest is missing: ${DIGEST}`],
    ['inspector-finding-2026', ['detail'], 'detail is missing: expected a finding of Amazon Inspector'],
    ['inspector-finding-2026', ['detail', 'findingArn'], `detail.findingArn is missing: ${FINDING}`],
    ['inspector-finding-2026', ['detail', 'status'], 'detail.status is missing: expected the status of a finding'],
    ['inspector-finding-2026', ['detail', 'resources'], 'detail.resources is missing: expected a list of resources'],
    [
      'inspector-finding-2026',
      ['detail', 'resources', 0, 'type'],
      'detail.resources[0].type is missing: expected a resource with its type',
    ],
    [
      'inspector-finding-2026',
      ['detail', 'resources', 0, 'details'],
      'detail.resources[0].details is missing: expected the details of an ECR image',
    ],
    ['inspector-finding-2026', image, `${IMAGE} is missing: expected an ECR image`],
    ['inspector-finding-2026', [...image, 'repositoryName'], `${IMAGE}.repositoryName is missing: ${REPOSITORY}`],
    ['inspector-finding-2026', [...image, 'imageHash'], `${IMAGE}.imageHash is missing: ${DIGEST}`],
    [
      'inspector-finding-2026',
      [...image, 'registry'],
      `${IMAGE}.registry is missing: expected the account of the registry`,
    ],
  ])('in %s: %j', (sample, path, sentence) => {
    expect(problemsWith(changed(sample, path, undefined))).toEqual([sentence]);
  });

  it('in a reconcile request of our own', () => {
    expect(problemsWith('{"pullgate":"reconcile"}')).toEqual([
      `repository is missing: ${REPOSITORY}`,
      'trigger is missing: expected one of finding, scan, push, delete, settings, sweep, tick, lock',
    ]);
  });
});

describe('the problem shows an invalid value', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'detail is a string',
      changed('ecr-image-push', ['detail'], 'all'),
      ['detail is "all": expected an action on an image'],
    ],
    [
      'resources is not a list',
      changed('inspector-finding-2026', ['detail', 'resources'], { 0: 'x' }),
      ['detail.resources is {"0":"x"}: expected a list of resources'],
    ],
    [
      'a resource is a number',
      changed('inspector-finding-2026', ['detail', 'resources', 0], 5),
      ['detail.resources[0] is 5: expected a resource with its type'],
    ],
    [
      'several invalid fields, each once',
      changed('ecr-image-push', ['detail'], {
        'action-type': 1,
        result: null,
        'repository-name': 'A',
        'image-digest': [],
      }),
      [
        'detail.action-type is 1: expected the type of the action',
        'detail.result is null: expected the result of the action',
        `detail.repository-name is "A": ${REPOSITORY}`,
        `detail.image-digest is []: ${DIGEST}`,
      ],
    ],
    [
      'more than five problems, cut to five',
      changed('inspector-finding-2026', ['detail', 'resources'], Array(50_000).fill(7)),
      [0, 1, 2, 3, 4].map((place) => `detail.resources[${place}] is 7: expected a resource with its type`),
    ],
    [
      'a reconcile request with an unknown trigger',
      '{"pullgate":"reconcile","repository":"team/app","trigger":"whim"}',
      ['trigger is "whim": expected one of finding, scan, push, delete, settings, sweep, tick, lock'],
    ],
  ])('%s', (_name, message, sentences) => {
    expect(problemsWith(message)).toEqual(sentences);
  });

  it.each([
    'sha256:abc',
    `sha256:${'0'.repeat(63)}`,
    `sha256:${'0'.repeat(65)}`,
    `sha256:${'A'.repeat(64)}`,
    `sha512:${'0'.repeat(64)}`,
    `sha256:${'0'.repeat(64)}\n`,
    ` sha256:${'0'.repeat(64)}`,
    '0'.repeat(64),
    'latest',
    '',
  ])('an invalid digest: %j', (given) => {
    const sentence = `is ${JSON.stringify(given)}: ${DIGEST}`;
    const inFinding = ['detail', 'resources', 0, 'details', 'awsEcrContainerImage', 'imageHash'];
    const problems = [
      ...problemsWith(changed('ecr-image-push', ['detail', 'image-digest'], given)),
      ...problemsWith(changed('inspector-scan-complete', ['detail', 'image-digest'], given)),
      ...problemsWith(changed('inspector-finding-2026', inFinding, given)),
    ];
    expect(problems).toEqual([
      `detail.image-digest ${sentence}`,
      `detail.image-digest ${sentence}`,
      `${IMAGE}.imageHash ${sentence}`,
    ]);
  });

  it.each([
    ['no characters', ''],
    ['upper case', 'Team/App'],
    ['a parent directory', '../app'],
    ['a parent directory in the middle', 'team/../app'],
    ['a leading slash', '/team'],
    ['a trailing slash', 'team/'],
    ['a double slash', 'team//app'],
    ['a backslash', 'team\\app'],
    ['an escaped slash', 'team%2fapp'],
    ['a quote', "app' or '1'=='1"],
    ['a double quote', 'app"'],
    ['a pipe', 'app | take 1'],
    ['a comment', 'app // x'],
    ['a line break', 'team/app\n'],
    ['a null character', 'team/app\0'],
    ['a query', 'app?x=1'],
    ['a fragment', 'app#1'],
    ['a wildcard', 'team/*'],
    ['a tag', 'app:1.0'],
    ['a letter from another script', 'аpp'],
    ['a dot as a segment', 'team/./app'],
    ['a leading hyphen', '-team/app'],
    ['a leading underscore', '__proto__'],
  ])('a repository name with %s: %j', (_name, given) => {
    const sentence = `is ${JSON.stringify(given)}: ${REPOSITORY}`;
    const inFinding = ['detail', 'resources', 0, 'details', 'awsEcrContainerImage', 'repositoryName'];
    const problems = [
      ...problemsWith(JSON.stringify({ pullgate: 'reconcile', repository: given, trigger: 'sweep' })),
      ...problemsWith(changed('ecr-image-push', ['detail', 'repository-name'], given)),
      ...problemsWith(changed('inspector-finding-2026', inFinding, given)),
    ];
    expect(problems).toEqual([
      `repository ${sentence}`,
      `detail.repository-name ${sentence}`,
      `${IMAGE}.repositoryName ${sentence}`,
    ]);
    const arn = `arn:aws:ecr:us-east-2:${ACCOUNT_ID}:repository/${given}`;
    expect(problemsWith(changed('inspector-scan-complete', ['detail', 'repository-name'], arn))).toEqual([
      `detail.repository-name is ${JSON.stringify(arn)}: ${ARN}`,
    ]);
  });

  it('a repository name of 257 characters and one of 256 KB', () => {
    const shown = `"${'a'.repeat(119)}…`;
    for (const given of ['a'.repeat(257), 'a'.repeat(262_144), 'a/'.repeat(131_072)]) {
      const message = changed('ecr-image-push', ['detail', 'repository-name'], given);
      const start = given.startsWith('aa') ? shown : `"${'a/'.repeat(60).slice(0, 119)}…`;
      expect(problemsWith(message)).toEqual([`detail.repository-name is ${start}: ${REPOSITORY}`]);
    }
  });

  it.each([
    ['a bare name', 'team/app'],
    ['an ARN of another service', 'arn:aws:s3:::repository/team/app'],
    ['an ARN without an account', 'arn:aws:ecr:us-east-2::repository/team/app'],
    ['an ARN of an image', `arn:aws:ecr:us-east-2:${ACCOUNT_ID}:repository/team/app/sha256:${'0'.repeat(64)}`],
    ['a number', 7],
  ])('%s as the repository of a scan', (_name, given) => {
    const shown = JSON.stringify(given);
    expect(problemsWith(changed('inspector-scan-complete', ['detail', 'repository-name'], given))).toEqual([
      `detail.repository-name is ${shown.length > 120 ? `${shown.slice(0, 120)}…` : shown}: ${ARN}`,
    ]);
  });

  it.each([
    ['an empty string', ''],
    ['a text that is not an ARN', 'finding/1'],
    ['the ARN of a repository', `arn:aws:ecr:us-east-2:${ACCOUNT_ID}:repository/team/app`],
    ['an ARN with a space', `arn:aws:inspector2:us-east-2:${ACCOUNT_ID}:finding/a b`],
    ['an ARN that is too long for a filter', `arn:aws:inspector2:us-east-2:${ACCOUNT_ID}:finding/${'a'.repeat(101)}`],
  ])('%s as the finding', (_name, given) => {
    const shown = JSON.stringify(given);
    expect(problemsWith(changed('inspector-finding-2026', ['detail', 'findingArn'], given))).toEqual([
      `detail.findingArn is ${shown.length > 120 ? `${shown.slice(0, 120)}…` : shown}: ${FINDING}`,
    ]);
  });
});
