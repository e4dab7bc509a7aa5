// The settings of the deployed function, and the errors for missing or invalid settings.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseStackSettings, readSettings } from '../../../aws/function/settings.ts';

const FILE = {
  severityThreshold: 'critical',
  policy: { unfixable: 'never', graceDays: { critical: 7 } },
  mode: 'enforce',
  sweepHours: 6,
  maxClosesPerHour: 25,
  maxClosesPerDay: 100,
  brakeExempt: 'never',
  repositories: { include: ['**'], exclude: ['sandbox/**'] },
  exemptPrincipals: ['arn:aws:iam::123456789012:role/ci'],
  closeLambdaRepositories: false,
  unscannedHours: 24,
};
const SETTINGS = {
  policy: {
    severityThreshold: 'critical',
    unfixable: 'never',
    unknownSeverity: 'inherit',
    exploited: 'never',
    epss: 'never',
    graceDays: { critical: 7 },
    images: 'tagged',
    exceptions: [],
  },
  mode: 'enforce',
  sweepHours: 6,
  unscannedHours: 24,
  maxClosesPerHour: 25,
  maxClosesPerDay: 100,
  brakeExempt: 'never',
  repositories: { include: ['**'], exclude: ['sandbox/**'] },
  exemptPrincipals: ['arn:aws:iam::123456789012:role/ci'],
  closesInUse: false,
  rules: [],
};

describe('settings.json', () => {
  it('is parsed as the Pulumi program writes it, with a hash of its text', () => {
    const text = JSON.stringify(FILE);
    const hash = createHash('sha256').update(text).digest('hex');
    expect(parseStackSettings(text)).toEqual({ ...SETTINGS, hash });
  });

  it('has another hash if anything differs', () => {
    const hashes = [FILE, { ...FILE, mode: 'audit' }, { ...FILE, policy: {} }].map(
      (file) => parseStackSettings(JSON.stringify(file)).hash,
    );
    expect(new Set(hashes).size).toBe(3);
  });

  it('uses the defaults if it has no policy', () => {
    const text = JSON.stringify({ ...FILE, severityThreshold: undefined, policy: undefined });
    expect(parseStackSettings(text).policy).toEqual({
      severityThreshold: 'high',
      unfixable: 'high',
      unknownSeverity: 'inherit',
      exploited: 'never',
      epss: 'never',
      graceDays: {},
      images: 'tagged',
      exceptions: [],
    });
  });

  it.each<[string, string, readonly string[]]>([
    ['is not JSON', '{"mode":', ['settings is "{\\"mode\\":": expected JSON']],
    ['is not an object', '7', ['settings is 7: expected an object']],
    [
      'is empty',
      '{}',
      [
        'settings.mode is missing: expected enforce or audit',
        'settings.sweepHours is missing: expected hours',
        'settings.maxClosesPerHour is missing: expected a number of gates',
        'settings.maxClosesPerDay is missing: expected a number of gates',
        'settings.brakeExempt is missing: expected never or exploited',
        'settings.repositories is missing: expected include and exclude',
        'settings.exemptPrincipals is missing: expected a list of ARNs of roles and users',
        'settings.closeLambdaRepositories is missing: expected true or false',
        'settings.unscannedHours is missing: expected hours',
      ],
    ],
    [
      'has invalid values',
      JSON.stringify({
        ...FILE,
        mode: 'pause',
        sweepHours: '6',
        repositories: { include: '**', exclude: [5] },
        exemptPrincipals: [null],
      }),
      [
        'settings.mode is "pause": expected enforce or audit',
        'settings.sweepHours is "6": expected hours',
        'settings.repositories.include is "**": expected a list of globs',
        'settings.repositories.exclude[0] is 5: expected a list of globs',
        'settings.exemptPrincipals[0] is null: expected a list of ARNs of roles and users',
      ],
    ],
    [
      'has an invalid policy',
      JSON.stringify({ ...FILE, severityThreshold: 'hihg', policy: { images: 'some' } }),
      [
        'severityThreshold is "hihg": expected one of informational, low, medium, high, critical',
        'policy.images is "some": expected one of tagged, all',
      ],
    ],
  ])('that %s is rejected with every problem', (_name, text, problems) => {
    expect(() => parseStackSettings(text)).toThrow(
      new Error(['settings.json is not what the Pulumi program writes:', ...problems].join('\n')),
    );
  });
});

describe('the settings of a deployed function', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pullgate-settings-'));
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(FILE));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const environment = () => ({
    LAMBDA_TASK_ROOT: folder,
    PULLGATE_TABLE: 'dev-records',
    PULLGATE_QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/123456789012/dev',
    PULLGATE_DEAD_LETTER_QUEUE_URL: 'https://sqs.eu-west-1.amazonaws.com/123456789012/dev-dead',
    PULLGATE_TOPIC_ARN: 'arn:aws:sns:eu-west-1:123456789012:dev',
    PULLGATE_ACCOUNT_ID: '123456789012',
    PULLGATE_PARTITION: 'aws',
    PULLGATE_STATEMENT_ID: 'Pullgate0a1b2c3d4e5f',
    PULLGATE_ROLE_ARN: 'arn:aws:iam::123456789012:role/dev',
  });

  it('come from its environment and its settings.json', () => {
    const hash = createHash('sha256').update(JSON.stringify(FILE)).digest('hex');
    const settings = readSettings(environment());
    expect(settings.targetOf('123456789012')).toBe('aws/123456789012/eu-west-1');
    expect(settings).toEqual({
      ...SETTINGS,
      targetOf: settings.targetOf,
      hash,
      tableName: 'dev-records',
      queueUrl: 'https://sqs.eu-west-1.amazonaws.com/123456789012/dev',
      deadLetterQueueUrl: 'https://sqs.eu-west-1.amazonaws.com/123456789012/dev-dead',
      topicArn: 'arn:aws:sns:eu-west-1:123456789012:dev',
      accountId: '123456789012',
      partition: 'aws',
      statementId: 'Pullgate0a1b2c3d4e5f',
      roleArn: 'arn:aws:iam::123456789012:role/dev',
    });
  });

  it.each<[string, NodeJS.ProcessEnv, string]>([
    [
      'everything',
      {},
      'PULLGATE_TABLE, PULLGATE_QUEUE_URL, PULLGATE_DEAD_LETTER_QUEUE_URL, PULLGATE_TOPIC_ARN, PULLGATE_ACCOUNT_ID, PULLGATE_PARTITION, PULLGATE_STATEMENT_ID, PULLGATE_ROLE_ARN, LAMBDA_TASK_ROOT',
    ],
    [
      'one variable',
      { ...environment(), LAMBDA_TASK_ROOT: '/var/task', PULLGATE_TOPIC_ARN: undefined },
      'PULLGATE_TOPIC_ARN',
    ],
    [
      'two variables, one of them empty',
      { ...environment(), LAMBDA_TASK_ROOT: '/var/task', PULLGATE_TABLE: '', PULLGATE_ROLE_ARN: undefined },
      'PULLGATE_TABLE, PULLGATE_ROLE_ARN',
    ],
    ['the folder', { ...environment(), LAMBDA_TASK_ROOT: undefined }, 'LAMBDA_TASK_ROOT'],
  ])('name what is missing in the environment: %s', (_name, incomplete, names) => {
    expect(() => readSettings(incomplete)).toThrow(
      new Error(
        `the function's environment does not set ${names}: deploy the function with the Pulumi program, which sets every variable`,
      ),
    );
  });

  it('name the missing file', () => {
    const elsewhere = { ...environment(), LAMBDA_TASK_ROOT: join(folder, 'elsewhere') };
    expect(() => readSettings(elsewhere)).toThrow(join(folder, 'elsewhere', 'settings.json'));
  });
});
