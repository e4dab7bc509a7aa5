// The settings of the deployed function, and the errors for missing or invalid ones.
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseStackSettings, readSettings } from '../../../azure/function/settings.ts';
import { REGISTRY_ID } from './samples.ts';

const FILE = {
  severityThreshold: 'critical',
  policy: { unfixable: 'never', graceDays: { critical: 7 } },
  mode: 'enforce',
  sweepHours: 6,
  maxClosesPerHour: 25,
  maxClosesPerDay: 100,
  brakeExempt: 'never',
  registries: [REGISTRY_ID],
  repositories: { include: ['**'], exclude: ['sandbox/**'] },
  granularity: 'image',
  registryRoles: 'rbac',
  notifyEmails: ['team@example.org'],
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
  maxClosesPerHour: 25,
  maxClosesPerDay: 100,
  brakeExempt: 'never',
  registries: [REGISTRY_ID],
  repositories: { include: ['**'], exclude: ['sandbox/**'] },
  granularity: 'image',
  registryRoles: 'rbac',
  notifyEmails: ['team@example.org'],
  closesInUse: false,
  rules: [],
  targetOf: expect.any(Function) as unknown,
};
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

describe('settings.json', () => {
  it('is parsed as the Pulumi program writes it, with a fingerprint of its text', () => {
    const text = JSON.stringify(FILE);
    expect(parseStackSettings(text)).toEqual({ ...SETTINGS, hash: hashOf(text) });
  });

  it('names the target of a registry', () => {
    expect(parseStackSettings(JSON.stringify(FILE)).targetOf('/subscriptions/x/registries/MyAcr')).toBe('azure/myacr');
  });

  it('may name the management group that has details of CVEs', () => {
    const cveDetails = { managementGroupId: 'platform' };
    expect(parseStackSettings(JSON.stringify({ ...FILE, cveDetails })).cveDetails).toEqual(cveDetails);
    expect(() => parseStackSettings(JSON.stringify({ ...FILE, cveDetails: {} }))).toThrow('managementGroupId');
  });

  it('has another fingerprint if anything differs', () => {
    const hashes = [FILE, { ...FILE, mode: 'audit' }, { ...FILE, policy: {} }, { ...FILE, registries: [] }].map(
      (file) => parseStackSettings(JSON.stringify(file)).hash,
    );
    expect(new Set(hashes).size).toBe(4);
  });

  it('may omit the policy, which then has its defaults', () => {
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
        'settings.registries is missing: expected a list of strings',
        'settings.granularity is missing: expected image or repository',
        'settings.registryRoles is missing: expected rbac or abac',
        'settings.notifyEmails is missing: expected a list of strings',
      ],
    ],
    [
      'has wrong values',
      JSON.stringify({
        ...FILE,
        mode: 'pause',
        sweepHours: '6',
        registries: REGISTRY_ID,
        granularity: 'tag',
        registryRoles: 'both',
        notifyEmails: [null],
      }),
      [
        'settings.mode is "pause": expected enforce or audit',
        'settings.sweepHours is "6": expected hours',
        `settings.registries is "${REGISTRY_ID.slice(0, 119)}…: expected a list of strings`,
        'settings.granularity is "tag": expected image or repository',
        'settings.registryRoles is "both": expected rbac or abac',
        'settings.notifyEmails[0] is null: expected a list of strings',
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
  ])('that %s is refused, with every problem', (_name, text, problems) => {
    expect(() => parseStackSettings(text)).toThrow(
      new Error(['settings.json is not what the Pulumi program writes:', ...problems].join('\n')),
    );
  });
});

describe('the settings of a deployed function', () => {
  const folders: string[] = [];
  const folderWith = (file: unknown, query: string | undefined) => {
    const folder = mkdtempSync(join(tmpdir(), 'pullgate-settings-'));
    folders.push(folder);
    writeFileSync(join(folder, 'settings.json'), JSON.stringify(file));
    if (query !== undefined) writeFileSync(join(folder, 'findings.kql'), query);
    return folder;
  };
  const QUIET = { ...FILE, notifyEmails: [] };
  let folder = '';
  let quiet = '';
  beforeAll(() => {
    folder = folderWith(FILE, 'SecurityRecommendation\n');
    quiet = folderWith(QUIET, 'SecurityRecommendation\n');
  });
  afterAll(() => {
    for (const one of folders) rmSync(one, { recursive: true });
  });

  const environment = {
    PULLGATE_QUEUE: 'dev',
    PULLGATE_QUEUE_URL: 'https://acme.queue.core.windows.net/dev',
    PULLGATE_POISON_QUEUE_URL: 'https://acme.queue.core.windows.net/dev-poison',
    PULLGATE_TABLE_URL: 'https://acme.table.core.windows.net',
    PULLGATE_TABLE: 'dev',
    PULLGATE_WORKSPACE_ID: '00000000-0000-0000-0000-000000000001',
    PULLGATE_CLIENT_ID: '00000000-0000-0000-0000-000000000002',
    PULLGATE_MAIL_ENDPOINT: 'https://acme.communication.azure.com',
    PULLGATE_MAIL_SENDER: 'DoNotReply@acme.azurecomm.net',
  };
  const { PULLGATE_MAIL_ENDPOINT: _endpoint, PULLGATE_MAIL_SENDER: _sender, ...withoutMail } = environment;

  it('are its app settings, and the two files in its package', () => {
    expect(readSettings(environment, folder)).toEqual({
      ...SETTINGS,
      hash: hashOf(JSON.stringify(FILE)),
      queueUrl: 'https://acme.queue.core.windows.net/dev',
      poisonQueueUrl: 'https://acme.queue.core.windows.net/dev-poison',
      tableUrl: 'https://acme.table.core.windows.net',
      tableName: 'dev',
      workspaceId: '00000000-0000-0000-0000-000000000001',
      clientId: '00000000-0000-0000-0000-000000000002',
      mail: { endpoint: 'https://acme.communication.azure.com', sender: 'DoNotReply@acme.azurecomm.net' },
      findingsQuery: 'SecurityRecommendation\n',
    });
  });

  it('need no mail service if there are no recipients', () => {
    const settings = readSettings(withoutMail, quiet);
    expect([settings.mail, settings.notifyEmails]).toEqual([undefined, []]);
  });

  it.each<[string, NodeJS.ProcessEnv, string]>([
    [
      'everything',
      {},
      'PULLGATE_QUEUE_URL, PULLGATE_POISON_QUEUE_URL, PULLGATE_TABLE_URL, PULLGATE_TABLE, PULLGATE_WORKSPACE_ID, PULLGATE_CLIENT_ID, PULLGATE_MAIL_ENDPOINT, PULLGATE_MAIL_SENDER',
    ],
    ['one setting', { ...environment, PULLGATE_TABLE_URL: undefined }, 'PULLGATE_TABLE_URL'],
    [
      'two settings, one of them empty',
      { ...environment, PULLGATE_WORKSPACE_ID: '', PULLGATE_CLIENT_ID: undefined },
      'PULLGATE_WORKSPACE_ID, PULLGATE_CLIENT_ID',
    ],
    ['the mail service, although there are recipients', withoutMail, 'PULLGATE_MAIL_ENDPOINT, PULLGATE_MAIL_SENDER'],
    ['the sender of the mail', { ...environment, PULLGATE_MAIL_SENDER: '' }, 'PULLGATE_MAIL_SENDER'],
  ])('name the missing app settings: %s', (_name, lacking, names) => {
    expect(() => readSettings(lacking, folder)).toThrow(
      new Error(`the function's app settings lack ${names}. Deploy it with the Pulumi program, which sets them`),
    );
  });

  it('name a missing file', () => {
    const elsewhere = join(folder, 'elsewhere');
    expect(() => readSettings(environment, elsewhere)).toThrow(join(elsewhere, 'settings.json'));
    const halfway = folderWith(FILE, undefined);
    expect(() => readSettings(environment, halfway)).toThrow(join(halfway, 'findings.kql'));
  });
});
