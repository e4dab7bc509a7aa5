// Checks policies with the real command: invalid fields with their position, and exceptions that expire, are redundant,
// or match nothing.
import { describe, expect, it, test } from 'vitest';
import { usageOf, warningsOf } from '../../../cli/check/check.ts';
import { checkText } from '../../../cli/check/file.ts';
import { APPROVER, REASON } from '../../../cli/why/advice.ts';
import { graphOf } from '../../../local/graph.ts';
import { CRITICAL, DAY, programConfig, stage } from '../../e2e/aws/stage.ts';
import { daysLater, digest, exception, finding, NOW, policy } from '../../shared/samples.ts';
import { asOperator, fileOf, OPERATOR, outputsOf, pullgate, without } from '../command.ts';
import { leastForLive } from '../command-observing.ts';

const dateIn = (days: number) => new Date(Date.now() + days * DAY).toISOString().slice(0, 10);

describe('check --policy FILE', () => {
  test('warns about exceptions that expire, and exits with 1 only with --strict', async () => {
    const file = fileOf(`{
  // Reviewed each month.
  "severityThreshold": "critical",
  "exceptions": [
    { "id": "CVE-2024-0001", "expires": "2024-06-30", "reason": "old" },
    { "id": "CVE-2024-0002", "expires": "${dateIn(5)}", "reason": "soon" },
    { "id": "CVE-2024-0003", "expires": "${dateIn(300)}", "reason": "far" },
  ],
}`);
    const [plain, strict] = await Promise.all([
      pullgate(['check', '--policy', file]),
      pullgate(['check', '--policy', file, '--within', '3', '--strict', '--json']),
    ]);
    expect([plain.code, plain.stderr, strict.code, strict.stderr]).toEqual([0, '', 1, '']);
    expect(plain.stdout).toMatch(
      /^[^\n]+: 3 exceptions[.]\n {2}[^\n]+:5:5 {2}expired {2}policy[.]exceptions\[0\] {2}the exception for CVE-2024-0001 expired at 2024-07-01 00:00 UTC and exempts nothing: renew it or remove it\n {2}[^\n]+:6:5 {2}soon {5}policy[.]exceptions\[1\] {2}the exception for CVE-2024-0002 expires at [^\n]+ \(in [56] days\)\n$/,
    );
    expect(JSON.parse(strict.stdout)).toMatchObject({
      source: file,
      ok: true,
      exceptions: 3,
      problems: [],
      warnings: [
        { kind: 'expired', key: 'policy.exceptions[0]', line: 5, column: 5, exception: { id: 'CVE-2024-0001' } },
      ],
    });
  });

  test('reports every invalid field with its key, value, allowed values and position, and exits with 2', async () => {
    const file = fileOf(
      '{\n  "severityThreshold": "hihg",\n  "exceptions": [\n    { "id": "-", "expires": "2026-13-01" }\n  ],\n  "unfixabel": "never"\n}',
    );
    const [mistakes, absent, elsewhere] = await Promise.all([
      pullgate(['check', '--policy', file]),
      pullgate(['check', '--policy', `${file}.none`]),
      pullgate(['check', '--policy', file, '--stack', 'prod']),
    ]);
    expect(elsewhere).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'pullgate: --stack, --outputs, --aws and --azure select a stack, but --policy reads only the file: add --live, or leave out these options\n',
    });
    expect([mistakes.code, mistakes.stderr]).toEqual([2, '']);
    const lines = mistakes.stdout.replaceAll(file, 'FILE').split('\n');
    expect(lines).toEqual([
      'FILE is not a valid policy:',
      '  FILE:2:24  severityThreshold is "hihg": expected one of informational, low, medium, high, critical',
      '  FILE:4:13  policy.exceptions[0].id is "-": expected the id of one advisory, such as CVE-2024-6119 or GHSA-xxxx-xxxx-xxxx, or * with a package',
      '  FILE:4:29  policy.exceptions[0].expires is "2026-13-01": expected a date (2026-12-31, including that day in UTC) or a time with its zone (2026-12-31T18:00:00Z)',
      '  FILE:4:5  policy.exceptions[0].reason is missing: expected the reason for the exception',
      '  FILE:6:16  policy.unfixabel: unknown key; did you mean "unfixable"?',
      '',
    ]);
    expect([absent.code, absent.stdout]).toEqual([2, '']);
    expect(absent.stderr).toMatch(
      /^pullgate: --policy [^\n]+[.]none cannot be read \(ENOENT: [^\n]+\): give a file with JSON/,
    );
  });
});

describe('the forms of a file', () => {
  const list = '[{"id":"CVE-2024-0001","expires":"2030-01-01","reason":"r"}]';
  const threshold = '"severityThreshold":"low"';
  it.each([
    ['the policy itself', `{${threshold},"exceptions":${list}}`, 'low', 1],
    ['the policy below its key', `{${threshold},"policy":{"exceptions":${list}}}`, 'low', 1],
    ['only the exceptions', list, 'high', 1],
    ['an empty object', '{}', 'high', 0],
    ['the policy itself, with a mode and a byte order mark', `\uFEFF{${threshold},"mode":"audit"}`, 'low', 0],
    ['the policy below its key, with other keys of the config', `{${threshold},"sweepHours":6,"policy":{}}`, 'low', 0],
    [
      'the output of `pulumi config --json`',
      `{"aws:region":{"value":"eu-west-1"},"pullgate:severityThreshold":{"value":"low"},"pullgate:policy":{"value":"{}","objectValue":{"exceptions":${list}}}}`,
      'low',
      1,
    ],
  ])('%s', (_name, text, severityThreshold, count) => {
    const checked = checkText(text);
    if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
    expect([checked.policies.policy.severityThreshold, checked.policies.policy.exceptions.length]).toEqual([
      severityThreshold,
      count,
    ]);
    if (count > 0)
      expect(checked.positionOf('policy.exceptions[0].id')?.column).toBe(text.indexOf('"CVE-2024-0001"') + 1);
  });

  it.each([
    ['an empty file', '', 1, 'the file is not JSON'],
    ['a truncated file', '{\n "exceptions": [', 2, 'the file is not JSON (CloseBracketExpected)'],
    ['a number', '7', 1, 'the file is 7: expected JSON'],
    ['a duplicate key', '{\n"images": "all",\n"images": "tagged" }', 3, 'images appears twice: expected each key once'],
    [
      'a list of exceptions with a missing field',
      '[\n{"id":"CVE-1-2","reason":"r"}]',
      2,
      'policy.exceptions[0].expires is missing',
    ],
    [
      'an invalid field in the output of `pulumi config --json`',
      '{"pullgate:policy":{"objectValue":\n{"images":"some"}}}',
      2,
      'policy.images is "some": expected one of tagged, all',
    ],
    ['a policy that is a list', '{"policy":\n[]}', 2, 'policy is []'],
    [
      'a misspelled key next to the policy',
      '{"policy":{},\n"severityTreshold":"critical"}',
      2,
      'severityTreshold: unknown key here (check its spelling and position)',
    ],
    [
      'a key next to the policy that belongs inside it',
      '{"policy":{},\n"exceptions":[]}',
      2,
      'exceptions: unknown key here',
    ],
    [
      'an unknown key of the config',
      '{"pullgate:policy":{},"aws:region":"x",\n"pullgate:polciy":{}}',
      2,
      'pullgate:polciy: unknown key here',
    ],
    [
      'a key without a namespace next to keys of the config',
      '{"pullgate:policy":{},\n"unfixable":"never"}',
      2,
      'unfixable: unknown key here',
    ],
  ])('%s is rejected with its line', (_name, text, line, words) => {
    const checked = checkText(text);
    if (checked.ok) throw new Error('the text must be rejected');
    expect(checked.problems.map((problem) => problem.text).join()).toContain(words);
    expect(checked.problems[0]?.line).toBe(line);
  });
});

describe('redundant exceptions', () => {
  const soonest = exception({ id: 'CVE-2024-0001', expiresAt: daysLater(100) });
  it.each<[string, readonly Parameters<typeof exception>[0][], readonly string[]]>([
    ['of two equal exceptions, the second', [{}, {}], ['redundant policy.exceptions[1]']],
    ['one that expires earlier', [{ expiresAt: daysLater(50) }, {}], ['redundant policy.exceptions[0]']],
    [
      'one for a package, next to one for all packages',
      [{ package: 'openssl' }, {}],
      ['redundant policy.exceptions[0]'],
    ],
    [
      'one for a repository that a glob covers',
      [{ repository: 'team/*' }, { repository: 'team/app' }],
      ['redundant policy.exceptions[1]'],
    ],
    ['one in lower case', [{ id: 'cve-2024-0001' }, {}], ['redundant policy.exceptions[1]']],
    [
      'one that ends with a fix, next to one that does not',
      [{ untilFixed: true }, {}],
      ['redundant policy.exceptions[0]'],
    ],
    ['none of two for different packages', [{ package: 'openssl' }, { package: 'zlib' }], []],
    ['none of two globs', [{ repository: 'team/**' }, { repository: 'team/*' }], []],
    ['none if the narrower one lasts longer', [{ package: 'openssl', expiresAt: daysLater(200) }, {}], []],
    ['none of two for different images', [{ digest: digest(1) }, { digest: digest(2) }], []],
    ['none, because an expired one covers nothing', [{ expiresAt: NOW }, {}], ['expired policy.exceptions[0]']],
  ])('%s', (_name, changes, expected) => {
    const exceptions = changes.map((change) => ({ ...soonest, ...change }));
    const found = warningsOf({ policy: policy({ exceptions }), rules: [] }, NOW, 14);
    expect(found.map(({ kind, key }) => `${kind} ${key}`)).toEqual(expected);
  });
});

it.each([
  ['the reason', { reason: REASON }, ['unreviewed']],
  ['the reason of an older version', { reason: 'TO DO: why?' }, ['unreviewed']],
  ['the approver', { approvedBy: APPROVER }, ['unreviewed']],
  ['nothing', { approvedBy: 'Grace' }, []],
])('an exception with a placeholder: %s', (_name, changes, kinds) => {
  const exceptions = [exception({ expiresAt: daysLater(100), ...changes })];
  expect(warningsOf({ policy: policy({ exceptions }), rules: [] }, NOW, 14).map(({ kind }) => kind)).toEqual(kinds);
});

describe('exceptions that match nothing', () => {
  const image = { repository: 'team/app', digest: digest(1) };
  it.each<[string, Parameters<typeof exception>[0], Parameters<typeof finding>[0], boolean]>([
    ['for a violating finding', {}, {}, true],
    ['for an alias', { id: 'ghsa-aaaa' }, { aliases: ['GHSA-aaaa'] }, true],
    ['for a finding below the threshold', {}, { severity: 'low' }, false],
    ['for a finding that is already suppressed', {}, { state: 'suppressed' }, false],
    ['for another package', { package: 'zlib' }, {}, false],
    ['that ends with a fix, and a fix exists', { untilFixed: true }, {}, false],
  ])('one %s', (_name, change, seen, isUsed) => {
    const exceptions = [exception({ id: 'CVE-2024-6119', expiresAt: daysLater(100), ...change })];
    const by = { policy: policy({ exceptions }), rules: [], now: NOW };
    const usage = usageOf(by);
    usage.see(image, [finding(seen)], by);
    expect(usage.unused(NOW, []).map(({ kind }) => kind)).toEqual(isUsed ? [] : ['unused']);
    // No warning if the exception may match something unseen, or has expired.
    expect([usage.unused(NOW, ['team/other']), usage.unused(daysLater(101), [])]).toEqual([[], []]);
  });

  it('counts two exceptions for one finding as used', () => {
    const exceptions = [daysLater(10), daysLater(20)].map((expiresAt) => exception({ id: 'CVE-2024-6119', expiresAt }));
    const by = { policy: policy({ exceptions }), rules: [], now: NOW };
    const usage = usageOf(by);
    usage.see(image, [finding()], by);
    expect(usage.unused(NOW, [])).toEqual([]);
  });
});

describe('check --live', () => {
  test('finds the exceptions of a file that match nothing on AWS, with read-only permissions', async () => {
    const s = await stage();
    const forgotten = await s.pushVulnerable('team/app', 'v1', CRITICAL, {
      ...CRITICAL,
      vulnerability: 'CVE-2026-1002',
      severity: 'LOW',
      cvss: [],
    });
    await s.runUntilIdle();
    await s.cloud.inspector.closeAllOf('team/app', forgotten.digest);
    await s.pushVulnerable('team/other', 'v1', { ...CRITICAL, vulnerability: 'CVE-2026-1003' });
    const graph = await graphOf(programConfig({}));
    const shared = { expires: dateIn(200), reason: 'reviewed' };
    const file = fileOf(
      JSON.stringify(['1001', '1002', '1003', '1004'].map((end) => ({ id: `CVE-2026-${end}`, ...shared }))),
    );
    const least = without(without(leastForLive(graph), 'sqs:GetQueueAttributes'), 'inspector2:BatchGetAccountStatus');
    s.cloud.calls.reset();
    const args = ['check', '--policy', file, '--live', '--strict', '--json', '--outputs', outputsOf(graph)];
    const { code, stdout, stderr } = await pullgate(args, asOperator(s.cloud, least));
    expect([code, stderr]).toEqual([1, '']);
    // The first matches a finding on record, the third a finding in the scanner. The second matches a finding below the
    // threshold, and the fourth no finding.
    expect(JSON.parse(stdout)).toMatchObject({
      images: 1,
      warnings: [
        { kind: 'unused', key: 'policy.exceptions[1]', line: 1 },
        { kind: 'unused', key: 'policy.exceptions[3]', exception: { id: 'CVE-2026-1004' } },
      ],
      unsure: [],
      selfTest: [],
    });
    expect(Object.keys(s.cloud.calls.count(OPERATOR))).toEqual([
      'dynamodb:GetItem',
      'dynamodb:Scan',
      'ecr:DescribeImages',
      'inspector2:ListCoverage',
      'inspector2:ListFindingAggregations',
      'inspector2:ListFindings',
    ]);
  });
});
