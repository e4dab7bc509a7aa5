// Tests the parts of `pullgate why` that need no cloud: image names, the order of versions, suggested exceptions, and
// the replacement of control characters.
import { describe, expect, it } from 'vitest';
import { parseRepositoryPolicy } from '../../../aws/function/repository-policy.ts';
import { obstaclesIn } from '../../../cli/stack/aws-obstacles.ts';
import { ecrHost, isAt, parseImageName, registryOf } from '../../../cli/stack/image-name.ts';
import { documentOf, nearEnd, plainLines } from '../../../cli/terminal/words.ts';
import { APPROVER, compareVersions, exceptionsFor, movesFor, REASON } from '../../../cli/why/advice.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { daysLater, digest, finding, NOW } from '../../shared/samples.ts';

const ECR = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';

it.each([
  ['eu-west-1', '123456789012.dkr.ecr.eu-west-1.amazonaws.com'],
  ['us-gov-west-1', '123456789012.dkr.ecr.us-gov-west-1.amazonaws.com'],
  ['cn-north-1', '123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn'],
])('the host of a registry in %s is %s, and it is read as such', (region, host) => {
  expect(ecrHost('123456789012', region)).toBe(host);
  expect(registryOf(host)).toEqual({ cloud: 'aws', host, accountId: '123456789012', region });
});

it.each([
  ['acme-a1b2c3.azurecr.io', true],
  ['acme-a1b2c3.azurecr.cn', true],
  ['acme.azurecr.cn', true],
  ['acme-a1b2c3.example.com', false],
  ['acmex.azurecr.cn', false],
])('the host %s belongs to the registry acme: %s', (host, expected) => {
  expect(isAt(host, '/subscriptions/x/registries/acme')).toBe(expected);
});

describe('the name of an image', () => {
  it.each([
    [`${ECR}/team/app:1.4`, { repository: 'team/app', tag: '1.4', isDefaultTag: false, digest: undefined }],
    [`${ECR}/app`, { repository: 'app', tag: 'latest', isDefaultTag: true, digest: undefined }],
    [
      ` ${ECR}/a/b_c/d-e@${digest(7)}\n`,
      { repository: 'a/b_c/d-e', tag: undefined, isDefaultTag: false, digest: digest(7) },
    ],
    [`${ECR}/app:1.4@${digest(7)}`, { repository: 'app', tag: undefined, isDefaultTag: false, digest: digest(7) }],
    ['123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com/app', { registry: { region: 'us-gov-west-1' } }],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/app', { registry: { region: 'cn-north-1' } }],
    ['123456789012.dkr-ecr.eu-west-1.on.aws/app', { registry: { accountId: '123456789012', region: 'eu-west-1' } }],
    ['AcmeImages.azurecr.io/team/app:v1', { registry: { cloud: 'azure', host: 'acmeimages.azurecr.io' }, tag: 'v1' }],
    [`${ECR}/team--shop/check__out:1`, { repository: 'team--shop/check__out', tag: '1' }],
    ['acmeimages.azurecr.io/team---shop/check___out:1', { repository: 'team---shop/check___out', tag: '1' }],
    ['acmeimages.azurecr.cn/app', { registry: { cloud: 'azure', host: 'acmeimages.azurecr.cn' } }],
    ['acmeimages.azurecr.us/app', { registry: { cloud: 'azure', host: 'acmeimages.azurecr.us' } }],
    ['acme-a1b2c3.azurecr.io/app', { registry: { cloud: 'azure', host: 'acme-a1b2c3.azurecr.io' } }],
  ])('%j is parsed', (name, parts) => {
    expect(parseImageName(name)).toMatchObject(parts);
  });

  it.each([
    ['', 'it is empty'],
    [`https://${ECR}/app`, 'it begins with a URL scheme'],
    ['team/app:1.4', 'it does not begin with the host of a registry'],
    ['app', 'it does not begin with the host of a registry'],
    [
      'docker.io/library/nginx',
      'docker.io is neither a private registry in Amazon ECR nor a registry in Azure Container Registry',
    ],
    ['public.ecr.aws/nginx/nginx', 'public.ecr.aws is neither'],
    ['localhost:5000/app', 'localhost:5000 is neither'],
    [`${ECR}/`, 'it has no repository'],
    [`${ECR}/:1`, 'it has no repository'],
    [`${ECR}/Team/App`, `"Team/App" is not ${REPOSITORY_NAME}; give a name such as 1234`],
    [`${ECR}/team//app`, `"team//app" is not ${REPOSITORY_NAME}`],
    [`${ECR}/team/../app`, `"team/../app" is not ${REPOSITORY_NAME}`],
    [`${ECR}/${'a'.repeat(257)}`, `"${'a'.repeat(257)}" is not ${REPOSITORY_NAME}`],
    [`${ECR}/team/app:`, '"" is not a valid tag'],
    [`${ECR}/team/app:a b`, '"a b" is not a valid tag'],
    [`${ECR}/team/app@sha256:12`, '"sha256:12" is not a valid digest'],
    [
      `${ECR}/team/app@${digest(7).toUpperCase()}`,
      'is not a valid digest (sha256: and 64 lowercase hexadecimal digits)',
    ],
    [`${ECR}/team/app:1@`, '"" is not a valid digest'],
  ])('%j is rejected', (name, why) => {
    expect(() => parseImageName(name)).toThrow(why);
  });
});

describe('the version to upgrade to', () => {
  it.each([
    ['3.0.9', '3.0.14'],
    ['1.0~rc1', '1.0'],
    ['1.0-rc1', '1.0'],
    ['1.0', '1.0-1ubuntu2'],
    ['2.0', '1:1.0'],
    ['v1.2.3', 'v1.2.10'],
    ['1.1.1k-1+deb11u1', '1.1.1k-1+deb11u2'],
    ['20240101', '99999999999999999999'],
  ])('orders %s before %s', (older, newer) => {
    expect([compareVersions(older, newer), compareVersions(newer, older)]).toEqual(
      [-1, 1].map((sign) => expect.toSatisfy((order: number) => Math.sign(order) === sign)),
    );
    expect([compareVersions(older, older), compareVersions('1.02', '1.2')]).toEqual([0, 0]);
  });

  it('is the highest fixed version of a package, and undefined if a finding has no fix', () => {
    const openssl = (vulnerability: string, fixedVersion?: string) =>
      finding({ vulnerability, package: { name: 'openssl', version: '3.0.1', fixedVersion } });
    expect(movesFor([openssl('CVE-2024-0001', '3.0.9'), openssl('CVE-2024-0002', '3.0.14')])).toEqual([
      { package: 'openssl', installed: '3.0.1', moveTo: '3.0.14', withoutFix: [] },
    ]);
    expect(movesFor([openssl('CVE-2024-0001', '3.0.9'), openssl('CVE-2024-0003')])).toEqual([
      { package: 'openssl', installed: '3.0.1', moveTo: undefined, withoutFix: ['CVE-2024-0003'] },
    ]);
  });
});

describe('the suggested exceptions', () => {
  it('name the advisory, package and repository, last a month, and end with a fix only if none exists yet', () => {
    const none = finding({ vulnerability: 'CVE-2024-0002', fix: 'none' });
    const blank = { reason: REASON, approvedBy: APPROVER };
    const shared = { repository: 'team/app', package: 'openssl', expires: '2026-07-15', ...blank };
    expect(exceptionsFor('team/app', [finding(), none], NOW)).toEqual({
      exceptions: [
        { id: 'CVE-2024-6119', ...shared },
        { id: 'CVE-2024-0002', ...shared, untilFixed: true },
      ],
      unnamed: [],
    });
    // The same advisory in two versions of one package. Only one of them has a fix.
    const both = [finding({ fix: 'none' }), finding({ package: { name: 'openssl', version: '1.1.1' } })];
    for (const order of [both, both.toReversed()])
      expect(exceptionsFor('team/app', order, NOW).exceptions).toEqual([{ id: 'CVE-2024-6119', ...shared }]);
  });

  it('use an alias if the advisory id is invalid, and report a finding without a valid id', () => {
    const titled = finding({ vulnerability: 'Hardcoded secret', aliases: ['GHSA-aaaa-bbbb-cccc'] });
    expect(exceptionsFor('team/app', [titled], NOW).exceptions).toMatchObject([{ id: 'GHSA-aaaa-bbbb-cccc' }]);
    const nameless = finding({ vulnerability: 'Hardcoded secret' });
    expect(exceptionsFor('team/app', [nameless], NOW)).toEqual({ exceptions: [], unnamed: [nameless] });
    const spaced = finding({ package: { name: ' odd ', version: '1' } });
    expect(exceptionsFor('team/app', [spaced], NOW).exceptions[0]).not.toHaveProperty('package');
  });
});

describe('statements of a repository policy that deny pulls', () => {
  const statement = (value: object) => ({ Effect: 'Deny', Principal: '*', Action: 'ecr:BatchGetImage', ...value });
  it.each<[string, object, readonly (readonly [string, string])[]]>([
    ['our own statement', { Sid: 'Pullgate0a1b2c3d4e5f', Condition: {} }, [['pullgate', 'everyone']]],
    ['our own statement under an older id', { Sid: 'Pullgate00000000000a' }, [['pullgate', 'everyone']]],
    ["another stack's", { Sid: 'Pullgate4e5f6a7b8c9d', Condition: {} }, [['anotherStack', 'everyone']]],
    ['a deny to all', { Action: ['ecr:*'] }, [['others', 'everyone']]],
    [
      'a deny to all, as a list',
      { Principal: { AWS: ['*'] }, Action: 'ECR:getdownloadurlfor?ayer' },
      [['others', 'everyone']],
    ],
    ['a deny with a condition', { Condition: { Bool: {} } }, [['others', 'some']]],
    ['a deny for one principal', { Principal: { AWS: 'arn:aws:iam::210987654321:root' } }, [['others', 'some']]],
    ['a deny of everything else', { Action: undefined, NotAction: 'ecr:PutImage' }, [['others', 'everyone']]],
    ['a deny of everything but pulls', { Action: undefined, NotAction: ['ecr:BatchGetImage', 'ecr:GetDownload*'] }, []],
    ['a deny of pushes', { Action: 'ecr:PutImage' }, []],
    ['an allowance', { Effect: 'Allow' }, []],
  ])('%s', (_name, value, expected) => {
    const policy = parseRepositoryPolicy(JSON.stringify({ Statement: [statement(value)] }));
    if (policy === undefined) throw new Error('a policy');
    const found = obstaclesIn(
      { kind: 'policy', policy, olderIds: [] },
      ['Pullgate0a1b2c3d4e5f', 'Pullgate00000000000a'],
      undefined,
    );
    expect(found.map(({ by, for: who }) => [by, who])).toEqual(expected);
  });
});

describe('words', () => {
  it('replace control characters in untrusted text', () => {
    expect(plainLines('evil\u001b[2Jname\r\n\u009btxt')).toBe('evil\ufffd[2Jname\ufffd\n\ufffdtxt');
    const answer = { name: 'evil\u001b[2J\u009b\u202e' };
    expect(documentOf(answer)).toBe('{\n  "name": "evil\\u001b[2J\\u009b\\u202e"\n}\n');
    expect(JSON.parse(documentOf(answer))).toEqual(answer);
  });

  it('show how near an end is', () => {
    const ends = [-1, 0, 0.5, 1, 2, 3, 14, 15].map((days) => nearEnd(daysLater(days), NOW));
    expect(ends).toEqual(['expired', 'expired', 1, 1, 3, 3, 14, undefined]);
  });
});
