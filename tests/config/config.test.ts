// Tests the stack's config: valid values, defaults, that every problem is reported at once, and that Pulumi.yaml
// agrees.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfig, type Settings } from '../../config/config.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';

const DEFAULTS: Settings = {
  clouds: ['aws'],
  policy: {
    severityThreshold: 'high',
    unfixable: 'high',
    unknownSeverity: 'inherit',
    exploited: 'never',
    epss: 'never',
    graceDays: {},
    images: 'tagged',
    exceptions: [],
  },
  refinements: {},
  rules: [],
  givenRules: [],
  mode: 'audit',
  sweepHours: 6,
  brakeExempt: 'never',
  notifyEmails: [],
  deletionProtection: false,
  aws: {
    repositories: { include: ['**'], exclude: [] },
    exemptPrincipals: [],
    closeLambdaRepositories: false,
    unscannedHours: 24,
    enableInspector: false,
    batchWindowSeconds: 5,
    logRetentionDays: 90,
  },
  azure: {
    registries: [],
    repositories: { include: ['**'], exclude: [] },
    granularity: 'image',
    registryRoles: 'rbac',
    enableDefender: false,
    storageRedundancy: 'lrs',
    logRetentionDays: 90,
  },
};

const SUBSCRIPTION = '/subscriptions/00000000-1111-2222-3333-444444444444';
const CONTOSO = `${SUBSCRIPTION}/resourceGroups/registries/providers/Microsoft.ContainerRegistry/registries/contoso`;
const TOPIC = CONTOSO.replace('ContainerRegistry/registries/', 'EventGrid/systemTopics/events-of-');
const AZURE = {
  'pullgate:clouds': ['azure'],
  'azure-native:location': 'westeurope',
};
const WORKSPACE = `${SUBSCRIPTION}/resourceGroups/logs/providers/Microsoft.OperationalInsights/workspaces/our-logs`;
const SUBNET =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/hub/subnets/functions';

function settingsOf(raw: Record<string, unknown>): Settings {
  const parsed = parseConfig(raw);
  if (!parsed.ok) throw new Error(parsed.problems.map(describeProblem).join('\n'));
  return parsed.value;
}

function problemsOf(raw: Record<string, unknown>): readonly string[] {
  const parsed = parseConfig(raw);
  return parsed.ok ? [] : parsed.problems.map(describeProblem);
}

describe('a valid config', () => {
  it('has the default for every key that is not set', () => {
    expect(settingsOf({})).toEqual(DEFAULTS);
  });

  it('ignores keys in other namespaces', () => {
    expect(settingsOf({ 'aws:region': 'eu-west-1', 'other:mode': 'nonsense' })).toEqual(DEFAULTS);
  });

  it.each<[name: string, raw: Record<string, unknown>, wanted: Partial<Settings>]>([
    [
      'a threshold',
      { 'pullgate:severityThreshold': 'low' },
      { policy: { ...DEFAULTS.policy, severityThreshold: 'low', unfixable: 'low' } },
    ],
    [
      'refinements as JSON, kept unchanged',
      { 'pullgate:policy': '{"unfixable":"never"}' },
      { policy: { ...DEFAULTS.policy, unfixable: 'never' }, refinements: { unfixable: 'never' } },
    ],
    [
      'the mode enforce, in which records are protected',
      { 'pullgate:mode': 'enforce', 'pullgate:deletionProtection': 'auto' },
      { mode: 'enforce', deletionProtection: true },
    ],
    [
      'the mode enforce without protection',
      { 'pullgate:mode': 'enforce', 'pullgate:deletionProtection': 'false' },
      { mode: 'enforce', deletionProtection: false },
    ],
    ['protection in the mode audit', { 'pullgate:deletionProtection': true }, { deletionProtection: true }],
    ['a number as text', { 'pullgate:sweepHours': '24' }, { sweepHours: 24 }],
    ['a number', { 'pullgate:sweepHours': 1 }, { sweepHours: 1 }],
    ['the highest brake', { 'pullgate:maxClosesPerHour': '1000' }, { maxClosesPerHour: 1000 }],
    ['the highest day limit', { 'pullgate:maxClosesPerDay': '24000' }, { maxClosesPerDay: 24_000 }],
    [
      'limits that depend on other keys',
      { 'pullgate:maxClosesPerHour': 'auto', 'pullgate:maxClosesPerDay': 'auto' },
      {},
    ],
    ['an exemption from the brake', { 'pullgate:brakeExempt': 'exploited' }, { brakeExempt: 'exploited' }],
    ['a list as JSON', { 'pullgate:notifyEmails': '["a@example.com"]' }, { notifyEmails: ['a@example.com'] }],
    ['a list', { 'pullgate:clouds': ['aws'] }, { clouds: ['aws'] }],
    [
      'one field of aws',
      { 'pullgate:aws': '{"repositories":{"include":["team/**"]}}' },
      { aws: { ...DEFAULTS.aws, repositories: { include: ['team/**'], exclude: [] } } },
    ],
    [
      'a role with a path, and a role in another partition',
      {
        'pullgate:aws': {
          exemptPrincipals: [
            'arn:aws:iam::123456789012:role/ci/publisher',
            'arn:aws-cn:iam::123456789012:user/ci/push',
          ],
        },
      },
      {
        aws: {
          ...DEFAULTS.aws,
          exemptPrincipals: [
            'arn:aws:iam::123456789012:role/ci/publisher',
            'arn:aws-cn:iam::123456789012:user/ci/push',
          ],
        },
      },
    ],
    [
      'every other field of aws',
      {
        'pullgate:aws':
          '{"closeLambdaRepositories":true,"unscannedHours":720,"enableInspector":true,"batchWindowSeconds":300,"reservedConcurrency":5,"logRetentionDays":3653}',
      },
      {
        aws: {
          ...DEFAULTS.aws,
          closeLambdaRepositories: true,
          unscannedHours: 720,
          enableInspector: true,
          batchWindowSeconds: 300,
          reservedConcurrency: 5,
          logRetentionDays: 3653,
        },
      },
    ],
    [
      'Azure and AWS, with one registry and a location',
      {
        'pullgate:clouds': ['aws', 'azure'],
        'azure-native:location': 'westeurope',
        'pullgate:azure': JSON.stringify({ registries: [CONTOSO] }),
      },
      { clouds: ['aws', 'azure'], azure: { ...DEFAULTS.azure, registries: [CONTOSO] } },
    ],
    ...['', 'public', 'AzureCloud', 'AzurePublicCloud', undefined].map(
      (environment): [string, Record<string, unknown>, Record<string, unknown>] => [
        `the public cloud as ${environment}`,
        { ...AZURE, 'azure-native:environment': environment, 'pullgate:azure': { registries: [CONTOSO] } },
        { clouds: ['azure'], azure: { ...DEFAULTS.azure, registries: [CONTOSO] } },
      ],
    ),
    ['another cloud of Azure if the stack has only AWS', { 'azure-native:environment': 'usgovernment' }, {}],
    [
      'an ARM id in lower case',
      { ...AZURE, 'pullgate:azure': { registries: [CONTOSO.toLowerCase()] } },
      { clouds: ['azure'], azure: { ...DEFAULTS.azure, registries: [CONTOSO.toLowerCase()] } },
    ],
    [
      'details of CVEs, whose role the program assigns by default',
      { 'pullgate:azure': { cveDetails: { managementGroupId: 'Platform_(all).1' } } },
      {
        azure: { ...DEFAULTS.azure, cveDetails: { managementGroupId: 'Platform_(all).1', assignRole: true } },
      },
    ],
    [
      'pushes and deletions, by topics that the program creates',
      { 'pullgate:azure': { pushEvents: true } },
      { azure: { ...DEFAULTS.azure, pushEvents: { topics: {} } } },
    ],
    [
      'no pushes and deletions',
      { 'pullgate:azure': { pushEvents: false } },
      { azure: { ...DEFAULTS.azure, pushEvents: undefined } },
    ],
    [
      'pushes and deletions, by a topic that exists already; the case of the name does not matter',
      { ...AZURE, 'pullgate:azure': { registries: [CONTOSO], pushEvents: { topics: { CONTOSO: TOPIC } } } },
      {
        clouds: ['azure'],
        azure: { ...DEFAULTS.azure, registries: [CONTOSO], pushEvents: { topics: { CONTOSO: TOPIC } } },
      },
    ],
    [
      'every other field of azure',
      {
        'pullgate:azure': {
          repositories: { include: ['team/**'], exclude: ['team/scratch/*'] },
          granularity: 'repository',
          registryRoles: 'abac',
          workspaceId: WORKSPACE,
          subnetId: SUBNET,
          enableDefender: true,
          cveDetails: { managementGroupId: 'platform', assignRole: false },
          storageRedundancy: 'zrs',
          logRetentionDays: 730,
        },
      },
      {
        azure: {
          registries: [],
          repositories: { include: ['team/**'], exclude: ['team/scratch/*'] },
          granularity: 'repository',
          registryRoles: 'abac',
          workspaceId: WORKSPACE,
          subnetId: SUBNET,
          enableDefender: true,
          cveDetails: { managementGroupId: 'platform', assignRole: false },
          storageRedundancy: 'zrs',
          logRetentionDays: 730,
        },
      },
    ],
  ])('%s', (_name, raw, wanted) => {
    expect(settingsOf(raw)).toEqual({ ...DEFAULTS, ...wanted });
  });
});

const ROLE =
  'the full ARN of one IAM role or user, with its path and without wildcards, such as arn:aws:iam::123456789012:role/ci/publisher (for an assumed role, give the role itself)';

const REGISTRY_ID =
  'the ARM id of a container registry, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.ContainerRegistry/registries/NAME (az acr show --name NAME --query id)';

/** Shortens a long value as a problem does. */
const cut = (value: unknown) => `${JSON.stringify(value).slice(0, 120)}…`;

describe('an invalid config is rejected with the key, the value and what is allowed', () => {
  it.each<[name: string, raw: Record<string, unknown>, problems: string[]]>([
    [
      'a threshold that is not a severity',
      { 'pullgate:severityThreshold': 'severe' },
      ['pullgate:severityThreshold is "severe": expected one of informational, low, medium, high, critical'],
    ],
    [
      'a protection in words',
      { 'pullgate:deletionProtection': 'yes' },
      ['pullgate:deletionProtection is "yes": expected true, false or auto'],
    ],
    ['an unknown mode', { 'pullgate:mode': 'dry-run' }, ['pullgate:mode is "dry-run": expected one of enforce, audit']],
    [
      'zero hours',
      { 'pullgate:sweepHours': '0' },
      ['pullgate:sweepHours is 0: expected a whole number of hours, 1 to 24'],
    ],
    [
      'too many hours',
      { 'pullgate:sweepHours': 25 },
      ['pullgate:sweepHours is 25: expected a whole number of hours, 1 to 24'],
    ],
    [
      'hours in words',
      { 'pullgate:sweepHours': 'six' },
      ['pullgate:sweepHours is "six": expected a whole number of hours, 1 to 24'],
    ],
    [
      'half a gate',
      { 'pullgate:maxClosesPerHour': '2.5' },
      ['pullgate:maxClosesPerHour is 2.5: expected a whole number of gates an hour, 1 to 1000'],
    ],
    [
      'an impossible day limit',
      { 'pullgate:maxClosesPerDay': '0' },
      ['pullgate:maxClosesPerDay is 0: expected a whole number of gates a day, 1 to 24000'],
    ],
    [
      'Azure without a registry and without a location',
      { 'pullgate:clouds': '["aws","azure"]', 'azure-native:location': '' },
      [
        `pullgate:azure.registries is missing: expected a list with at least one of: ${REGISTRY_ID}`,
        'azure-native:location is missing: expected the Azure region to deploy to; set it with: pulumi config set azure-native:location westeurope',
      ],
    ],
    [
      'Azure without a registry and without a location, although other keys have mistakes',
      { 'pullgate:clouds': ['azure'], 'pullgate:sweepHours': 0, 'pullgate:azure': { registryRoles: 'RBAC' } },
      [
        'pullgate:sweepHours is 0: expected a whole number of hours, 1 to 24',
        'pullgate:azure.registryRoles is "RBAC": expected one of rbac, abac',
        `pullgate:azure.registries is missing: expected a list with at least one of: ${REGISTRY_ID}`,
        'azure-native:location is missing: expected the Azure region to deploy to; set it with: pulumi config set azure-native:location westeurope',
      ],
    ],
    ...['usgovernment', 'china'].map((environment): [string, Record<string, unknown>, string[]] => [
      `Azure in another cloud: ${environment}`,
      { ...AZURE, 'azure-native:environment': environment, 'pullgate:azure': { registries: [CONTOSO] } },
      [
        `azure-native:environment is "${environment}": expected public, in the config or else in the variable ARM_ENVIRONMENT: pullgate works only in Azure's public cloud, not in Azure Government or Azure China`,
      ],
    ]),
    [
      'Azure with a registry name and without a location',
      { 'pullgate:clouds': ['azure'], 'pullgate:azure': { registries: ['contoso'] } },
      [
        `pullgate:azure.registries[0] is "contoso": expected ${REGISTRY_ID}`,
        'azure-native:location is missing: expected the Azure region to deploy to; set it with: pulumi config set azure-native:location westeurope',
      ],
    ],
    [
      'registries in a stack without Azure',
      { 'pullgate:azure': { registries: [CONTOSO] } },
      [`pullgate:azure.registries is ${cut([CONTOSO])}: expected no registries unless pullgate:clouds includes azure`],
    ],
    [
      'a registry name, a repository, another kind of resource, and a duplicate registry',
      {
        'pullgate:azure': {
          registries: [CONTOSO, 'contoso', `${CONTOSO}/repositories/app`, WORKSPACE, CONTOSO.toUpperCase()],
        },
      },
      [
        `pullgate:azure.registries[1] is "contoso": expected ${REGISTRY_ID}`,
        `pullgate:azure.registries[2] is ${cut(`${CONTOSO}/repositories/app`)}: expected ${REGISTRY_ID}`,
        `pullgate:azure.registries[3] is ${cut(WORKSPACE)}: expected ${REGISTRY_ID}`,
        `pullgate:azure.registries[4] is ${cut(CONTOSO.toUpperCase())}: expected a list of ARM ids of registries, each once`,
      ],
    ],
    [
      'a subnet whose name has an underscore',
      { ...AZURE, 'pullgate:azure': { registries: [CONTOSO], subnetId: SUBNET.replace('functions', 'for_functions') } },
      [
        `pullgate:azure.subnetId is ${cut(SUBNET.replace('functions', 'for_functions'))}: expected the ARM id of a subnet whose name has no underscore, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.Network/virtualNetworks/VNET/subnets/NAME`,
      ],
    ],
    [
      'system topics with an invalid id, and of a registry that the stack does not have',
      {
        ...AZURE,
        'pullgate:azure': { registries: [CONTOSO], pushEvents: { topics: { contoso: 'events', fabrikam: TOPIC } } },
      },
      [
        'pullgate:azure.pushEvents.topics.contoso is "events": expected the ARM id of an Event Grid system topic, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.EventGrid/systemTopics/NAME',
      ],
    ],
    [
      'a system topic of a registry that the stack does not have',
      { ...AZURE, 'pullgate:azure': { registries: [CONTOSO], pushEvents: { topics: { fabrikam: TOPIC } } } },
      [
        `pullgate:azure.pushEvents.topics.fabrikam is ${cut(TOPIC)}: expected a topic of one of the stack's registries: contoso`,
      ],
    ],
    [
      'pushes and deletions that are neither true, false nor an object',
      { 'pullgate:azure': { pushEvents: 'yes' } },
      [
        'pullgate:azure.pushEvents is "yes": expected true, false, or an object, such as { "topics": { "NAME": "/subscriptions/..." } }',
      ],
    ],
    [
      'an unknown key of pushes and deletions',
      { 'pullgate:azure': { pushEvents: { topic: TOPIC } } },
      ['pullgate:azure.pushEvents.topic: unknown key; did you mean "topics"?'],
    ],
    [
      'invalid values in azure, and an unknown key',
      {
        'pullgate:azure': {
          repositories: { include: [], except: [] },
          granularity: 'tag',
          registryRoles: 'RBAC',
          workspaceId: '63f09d65-30ef-4a63-ae57-44dd73e08ca5',
          subnetId: SUBNET.replace('/subnets/functions', ''),
          enableDefender: 1,
          cveDetails: { managementGroupId: 'a/b', assign: true },
          storageRedundancy: 'grs',
          logRetentionDays: 29,
          location: 'westeurope',
        },
      },
      [
        'pullgate:azure.repositories.include is []: expected at least one glob; "**" for all',
        'pullgate:azure.repositories.except: unknown key',
        'pullgate:azure.granularity is "tag": expected one of image, repository',
        'pullgate:azure.registryRoles is "RBAC": expected one of rbac, abac',
        'pullgate:azure.workspaceId is "63f09d65-30ef-4a63-ae57-44dd73e08ca5": expected the ARM id of a Log Analytics workspace, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.OperationalInsights/workspaces/NAME',
        `pullgate:azure.subnetId is ${cut(SUBNET.replace('/subnets/functions', ''))}: expected the ARM id of a subnet whose name has no underscore, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.Network/virtualNetworks/VNET/subnets/NAME`,
        'pullgate:azure.enableDefender is 1: expected true or false',
        'pullgate:azure.cveDetails.managementGroupId is "a/b": expected the id of a management group, such as platform: 1 to 90 letters, digits and - _ ( ) .',
        'pullgate:azure.cveDetails.assign: unknown key',
        'pullgate:azure.storageRedundancy is "grs": expected one of lrs, zrs',
        'pullgate:azure.logRetentionDays is 29: expected a whole number of days, 30 to 730',
        'pullgate:azure.location: unknown key',
      ],
    ],
    ['an unknown cloud', { 'pullgate:clouds': ['gcp'] }, ['pullgate:clouds[0] is "gcp": expected one of aws, azure']],
    ['no cloud', { 'pullgate:clouds': '[]' }, ['pullgate:clouds is []: expected at least one cloud']],
    [
      'a cloud that is not a list',
      { 'pullgate:clouds': 'aws' },
      ['pullgate:clouds is "aws": expected a list of clouds: aws, azure'],
    ],
    [
      'a truncated list',
      { 'pullgate:notifyEmails': '["a@example.com"' },
      ['pullgate:notifyEmails is "[\\"a@example.com\\"": expected a list of email addresses'],
    ],
    [
      'an invalid address and a duplicate address',
      { 'pullgate:notifyEmails': ['a@example.com', 'root', 'A@Example.com'] },
      [
        'pullgate:notifyEmails[1] is "root": expected an email address, such as security@example.com',
        'pullgate:notifyEmails[2] is "A@Example.com": expected a list of email addresses, each once',
      ],
    ],
    [
      'aws as a list',
      { 'pullgate:aws': '[]' },
      ['pullgate:aws is []: expected an object, such as { "logRetentionDays": 30 }'],
    ],
    [
      'a wildcard, a session, a user, an account, and an ARN without a name',
      {
        'pullgate:aws': {
          exemptPrincipals: [
            'arn:aws:iam::123456789012:role/*',
            'arn:aws:sts::123456789012:assumed-role/ci/session',
            'arn:aws:iam::123456789012:group/ci',
            '123456789012',
            'arn:aws:iam::123456789012:role/ci/',
          ],
        },
      },
      [
        `pullgate:aws.exemptPrincipals[0] is "arn:aws:iam::123456789012:role/*": expected ${ROLE}`,
        `pullgate:aws.exemptPrincipals[1] is "arn:aws:sts::123456789012:assumed-role/ci/session": expected ${ROLE}`,
        `pullgate:aws.exemptPrincipals[2] is "arn:aws:iam::123456789012:group/ci": expected ${ROLE}`,
        `pullgate:aws.exemptPrincipals[3] is "123456789012": expected ${ROLE}`,
        `pullgate:aws.exemptPrincipals[4] is "arn:aws:iam::123456789012:role/ci/": expected ${ROLE}`,
      ],
    ],
    [
      'an invalid glob, and an empty include',
      { 'pullgate:aws': { repositories: { include: [], exclude: ['Team/*'] } } },
      [
        'pullgate:aws.repositories.include is []: expected at least one glob; "**" for all',
        'pullgate:aws.repositories.exclude[0] is "Team/*": expected a glob for repository names, such as "team/*" or "team/**"',
      ],
    ],
    [
      'a retention that CloudWatch Logs does not support',
      { 'pullgate:aws': { logRetentionDays: 10 } },
      [
        'pullgate:aws.logRetentionDays is 10: expected a number of days that CloudWatch Logs supports: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653',
      ],
    ],
    [
      'a batch window that is too long, too little concurrency, no hours, and two flags that are text',
      {
        'pullgate:aws': {
          batchWindowSeconds: 301,
          reservedConcurrency: 4,
          unscannedHours: 0,
          enableInspector: 'yes',
          closeLambdaRepositories: 'true',
        },
      },
      [
        'pullgate:aws.closeLambdaRepositories is "true": expected true or false',
        'pullgate:aws.unscannedHours is 0: expected a whole number of hours, 1 to 720',
        'pullgate:aws.enableInspector is "yes": expected true or false',
        'pullgate:aws.batchWindowSeconds is 301: expected a whole number of seconds, 1 to 300',
        'pullgate:aws.reservedConcurrency is 4: expected a whole number of concurrent executions, 5 to 1000',
      ],
    ],
    [
      'several unknown keys',
      { 'pullgate:treshold': 'high', 'pullgate:sweephours': 6, 'pullgate:aws': { region: 'eu-west-1', account: '1' } },
      [
        'pullgate:aws.region: unknown key',
        'pullgate:aws.account: unknown key',
        'pullgate:treshold: unknown key; did you mean "severityThreshold"?',
        'pullgate:sweephours: unknown key; did you mean "sweepHours"?',
      ],
    ],
    [
      'a problem in the policy and one in another key',
      {
        'pullgate:mode': 'off',
        'pullgate:policy': {
          exceptions: [{ id: 'CVE-2024-6119', expires: '2026-02-30', reason: 'no such day' }],
        },
      },
      [
        'pullgate:mode is "off": expected one of enforce, audit',
        'pullgate:policy.exceptions[0].expires is "2026-02-30": expected a date (2026-12-31, including that day in UTC) or a time with its zone (2026-12-31T18:00:00Z)',
      ],
    ],
  ])('%s', (_name, raw, problems) => {
    expect(problemsOf(raw)).toEqual(problems);
  });

  it('reports a policy that is not JSON as a problem of that key', () => {
    const parsed = parseConfig({ 'pullgate:policy': '{"unfixable":' });
    expect(parsed).toMatchObject({ ok: false, problems: [{ key: 'pullgate:policy', given: '{"unfixable":' }] });
  });
});

interface ProjectFile {
  readonly name: string;
  readonly runtime: unknown;
  readonly requiredPulumiVersion: string;
  readonly config: Readonly<Record<string, { type: string; default: unknown; description: string }>>;
}

describe('the rules of a stack', () => {
  const enforcing = { repositories: ['shop/**'], mode: 'enforce' };

  it('are parsed, and kept as the user wrote them', () => {
    const { rules, givenRules, mode } = settingsOf({ 'pullgate:rules': JSON.stringify([enforcing]) });
    const label = 'rules[0] (shop/**)';
    expect(rules).toEqual([{ ...enforcing, label, policy: DEFAULTS.policy, targets: undefined }]);
    expect([givenRules, mode]).toEqual([[enforcing], 'audit']);
  });

  it('protect the records if one enforces', () => {
    const deletionProtection = (rules: unknown) => settingsOf({ 'pullgate:rules': rules }).deletionProtection;
    expect([[enforcing], [{ ...enforcing, mode: 'audit' }]].map(deletionProtection)).toEqual([true, false]);
  });

  it.each<[string, Record<string, unknown>, readonly object[]]>([
    ['all of AWS', {}, [{ targets: ['aws'] }]],
    ['a region', { 'aws:region': 'eu-west-1' }, [{ targets: ['aws/*/eu-west-1'] }]],
    ['an account, and a region that is not known', {}, [{ targets: ['aws/123456789012/eu-west-1'] }]],
    ['a registry', { ...AZURE, 'pullgate:azure': { registries: [CONTOSO] } }, [{ targets: ['azure/contoso'] }]],
    [
      'repositories of which some are excluded',
      { 'pullgate:aws': { repositories: { exclude: ['a/b'] } } },
      [{ repositories: ['a/*'] }],
    ],
  ])('may be for %s', (_case, raw, rules) => {
    const given = rules.map((rule) => ({ ...rule, mode: 'enforce' }));
    expect(problemsOf({ ...raw, 'pullgate:rules': given })).toEqual([]);
  });

  it.each<[string, Record<string, unknown>, readonly object[], string]>([
    [
      'another cloud',
      { 'aws:region': 'eu-west-1' },
      [{ targets: ['azure'] }],
      'pullgate:rules[0].targets is ["azure"]: expected globs for targets of the stack: aws/????????????/eu-west-1',
    ],
    [
      'another region',
      { 'aws:region': 'eu-west-1' },
      [{ targets: ['aws/*/us-*'] }],
      'pullgate:rules[0].targets is ["aws/*/us-*"]: expected globs for targets of the stack: aws/????????????/eu-west-1',
    ],
    [
      'another registry',
      { ...AZURE, 'pullgate:azure': { registries: [CONTOSO] } },
      [{ targets: ['azure/fabrikam'] }],
      'pullgate:rules[0].targets is ["azure/fabrikam"]: expected globs for targets of the stack: azure/contoso',
    ],
    [
      'excluded repositories',
      { 'pullgate:aws': { repositories: { exclude: ['a/**'] } } },
      [{ repositories: ['a/b'] }],
      'pullgate:rules[0].repositories is ["a/b"]: expected globs for repositories that the config does not leave out',
    ],
    [
      'what an earlier one matches',
      {},
      [{}, { repositories: ['a/b'] }],
      'pullgate:rules[1] is {"repositories":["a/b"]}: expected a rule that can apply, but rules[0] (all) matches first: move this rule up, or remove it',
    ],
  ])('must not be for %s', (_case, raw, rules, problem) => {
    const given = rules.map((rule) => ({ ...rule, mode: 'enforce' }));
    expect(problemsOf({ ...raw, 'pullgate:rules': given })).toEqual([problem]);
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['the clouds', { 'pullgate:clouds': ['gcp'] }, /^pullgate:clouds/],
    ['the repositories', { 'pullgate:aws': { repositories: { include: 5 } } }, /^pullgate:aws/],
    ['the registries', { ...AZURE, 'pullgate:azure': { registries: 5 } }, /^pullgate:azure/],
  ])('are not refused for a mistake in %s', (_case, raw, problem) => {
    const rules = [{ targets: ['azure/other'], mode: 'audit' }];
    expect(problemsOf({ ...raw, 'pullgate:rules': rules })).toEqual([expect.stringMatching(problem)]);
  });

  it('have their problems reported with those of the policy', () => {
    const raw = { 'pullgate:severityThreshold': 'dire', 'pullgate:rules': [{ mode: 'block' }] };
    expect(problemsOf(raw).map((text) => text.split(' ')[0])).toEqual([
      'pullgate:severityThreshold',
      'pullgate:rules[0].mode',
    ]);
  });
});

const readYaml = (file: string): unknown => parse(readFileSync(join(import.meta.dirname, '..', '..', file), 'utf8'));

describe('Pulumi.yaml', () => {
  const project = readYaml('Pulumi.yaml') as ProjectFile;

  it('has the project name that is the namespace of the config keys, and lets Node run the TypeScript', () => {
    expect(project.name).toBe('pullgate');
    expect(project.runtime).toEqual({ name: 'nodejs', options: { typescript: false } });
  });

  it('has every key with a type, a default and a description', () => {
    expect(Object.fromEntries(Object.entries(project.config).map(([key, { type }]) => [key, type]))).toEqual({
      severityThreshold: 'string',
      policy: 'object',
      rules: 'array',
      clouds: 'array',
      mode: 'string',
      sweepHours: 'integer',
      maxClosesPerHour: 'string',
      maxClosesPerDay: 'string',
      brakeExempt: 'string',
      notifyEmails: 'array',
      deletionProtection: 'string',
      aws: 'object',
      azure: 'object',
    });
    for (const { default: byDefault, description } of Object.values(project.config)) {
      expect(byDefault).toBeDefined();
      expect(description.length).toBeGreaterThan(30);
    }
  });

  it('has the same defaults as the config', () => {
    const defaults = Object.entries(project.config).map(([key, { default: value }]) => [
      `pullgate:${key}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]);
    expect(settingsOf(Object.fromEntries(defaults))).toEqual(DEFAULTS);
  });

  it('describes every refinement of the policy and every field of aws and azure', () => {
    const { repositories, ...flat } = DEFAULTS.aws;
    const { severityThreshold: _key, ...refinements } = DEFAULTS.policy;
    const descriptionOf = (key: string) => project.config[key]?.description ?? '';
    for (const field of Object.keys(refinements)) expect(descriptionOf('policy')).toContain(`${field}:`);
    for (const field of ['targets', 'repositories', 'mode', 'policy'])
      expect(descriptionOf('rules')).toContain(`${field}:`);
    for (const field of ['repositories', 'reservedConcurrency', ...Object.keys(flat)])
      expect(descriptionOf('aws')).toContain(`${field}:`);
    for (const field of Object.keys(repositories)) expect(descriptionOf('aws')).toContain(field);
    for (const field of [...Object.keys(DEFAULTS.azure), 'workspaceId', 'subnetId'])
      expect(descriptionOf('azure')).toContain(`${field}:`);
  });
});

describe('Pulumi.dev.yaml', () => {
  it('is a valid config in audit mode', () => {
    const { config } = readYaml('Pulumi.dev.yaml') as { config: Record<string, unknown> };
    expect(settingsOf(config)).toEqual(DEFAULTS);
  });
});
