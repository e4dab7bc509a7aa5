// Input from people and the Pulumi program: the stack's config, the policy, and settings.json. Either it is valid, or
// every problem is named.
import fc from 'fast-check';
import { parseStackSettings as parseAws } from '../../../aws/function/settings.ts';
import { parseStackSettings as parseAzure } from '../../../azure/function/settings.ts';
import { parseConfig } from '../../../config/config.ts';
import { brakeLimits } from '../../../config/settings.ts';
import { type Policy, parsePolicy } from '../../../shared/policy/policy.ts';
import { SEVERITIES } from '../../../shared/policy/severity.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';
import { anyText, anyValue, deepText, spoiled } from './garbage.ts';
import { isDigest, mustBeSentences } from './names.ts';
import { must, type Target, target } from './target.ts';

const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeimages';
const EXCEPTION = {
  id: 'CVE-2024-6119',
  repository: 'team/**',
  digest: `sha256:${'a'.repeat(64)}`,
  package: 'openssl',
  expires: '2026-12-31',
  reason: 'not reachable',
  approvedBy: 'security',
  untilFixed: true,
};
const POLICY = {
  unfixable: 'never',
  unknownSeverity: 'block',
  exploited: 'low',
  epss: 0.5,
  graceDays: { critical: 7, high: 30 },
  images: 'all',
  exceptions: [EXCEPTION, { id: 'GHSA-aaaa-bbbb-cccc', expires: '2026-12-31T18:00:00Z', reason: 'x' }],
};
const CONFIG = {
  'pullgate:clouds': ['aws', 'azure'],
  'pullgate:severityThreshold': 'critical',
  'pullgate:policy': POLICY,
  'pullgate:mode': 'audit',
  'pullgate:sweepHours': 6,
  'pullgate:maxClosesPerHour': 25,
  'pullgate:notifyEmails': ['security@example.com'],
  'pullgate:aws': {
    repositories: { include: ['team/*'], exclude: ['sandbox/**'] },
    exemptPrincipals: ['arn:aws:iam::123456789012:role/ci/publisher'],
    closeLambdaRepositories: true,
    unscannedHours: 24,
    enableInspector: false,
    batchWindowSeconds: 5,
    logRetentionDays: 90,
  },
  'pullgate:azure': { registries: [REGISTRY], granularity: 'image', registryRoles: 'rbac', logRetentionDays: 90 },
  'azure-native:location': 'westeurope',
};
const SETTINGS = {
  severityThreshold: 'high',
  policy: POLICY,
  mode: 'enforce',
  sweepHours: 6,
  maxClosesPerHour: 25,
  repositories: { include: ['**'], exclude: [] },
  exemptPrincipals: [],
  closeLambdaRepositories: false,
  unscannedHours: 24,
  registries: [REGISTRY],
  granularity: 'image',
  registryRoles: 'rbac',
  notifyEmails: [],
};

function mustBePolicy({ severityThreshold, unfixable, exploited, epss, graceDays, exceptions }: Policy): void {
  must(SEVERITIES.includes(severityThreshold), 'the threshold must be a severity', severityThreshold);
  for (const threshold of [unfixable, exploited])
    must(threshold === 'never' || SEVERITIES.includes(threshold), 'a threshold must be a severity or never', threshold);
  must(epss === 'never' || (epss >= 0 && epss <= 1), 'the EPSS score must be from 0 to 1', epss);
  for (const days of Object.values(graceDays))
    must(
      days === undefined || (Number.isInteger(days) && days >= 0 && days <= 3_650),
      'the grace period must be a number of days',
      days,
    );
  for (const { id, digest, expiresAt, reason } of exceptions) {
    must(/\w[-:_.]\w/.test(id) && !id.includes('*'), 'an exception must name one advisory', id);
    must(digest === undefined || isDigest(digest), 'an exception’s image must be a digest', digest);
    must(new Date(expiresAt).toISOString() === expiresAt, 'it ends', expiresAt);
    must(reason.trim() !== '', 'an exception must have a reason', reason);
  }
}

function mustBeMixedDeployment(error: unknown): void {
  const message = error instanceof Error ? error.message : '';
  must(
    message.startsWith('settings.json is not what the Pulumi program writes:\n'),
    'no other error may be thrown',
    String(error),
  );
  must(message.split('\n').length > 1, 'the error must name a problem', message);
}

const settings = fc.oneof(
  { weight: 6, arbitrary: spoiled([SETTINGS]).map((sample) => JSON.stringify(sample)) },
  { weight: 1, arbitrary: fc.oneof(anyText, anyText, anyText, fc.json(), deepText) },
);

/** As Pulumi passes them: every value as text. */
const asText = fc
  .oneof(spoiled([CONFIG]), fc.dictionary(fc.constantFrom(...Object.keys(CONFIG)), anyValue))
  .chain((config) =>
    fc
      .boolean()
      .map((isText) =>
        isText
          ? Object.fromEntries(
              Object.entries(config).map(([key, value]) => [
                key,
                typeof value === 'string' ? value : JSON.stringify(value),
              ]),
            )
          : config,
      ),
  );

export const CONFIG_TARGETS: readonly Target[] = [
  target('config', asText, (config) => {
    const parsed = parseConfig(config);
    if (!parsed.ok) return mustBeSentences(parsed.problems.map(describeProblem), 100);
    const { policy, clouds, sweepHours, aws, azure } = parsed.value;
    const { maxClosesPerHour, maxClosesPerDay } = brakeLimits(parsed.value, azure.granularity);
    mustBePolicy(policy);
    must(clouds.length > 0 && new Set(clouds).size === clouds.length, 'there must be a cloud', clouds);
    must(sweepHours >= 1 && sweepHours <= 24, 'the sweep interval must be 1 to 24 hours', sweepHours);
    must(maxClosesPerHour >= 1 && maxClosesPerHour <= 1_000, 'the brake must be set', maxClosesPerHour);
    must(maxClosesPerDay >= 1 && maxClosesPerDay <= 24_000, 'the brake must be set', maxClosesPerDay);
    for (const arn of aws.exemptPrincipals) must(!/[*?]/.test(arn), 'an exempt principal must be a role’s ARN', arn);
    for (const id of azure.registries)
      must(!id.includes('..') && !/[\s"'?#]/.test(id.split('/').at(-1) ?? ''), 'a registry is one', id);
  }),

  target(
    'policy',
    fc.tuple(fc.oneof(fc.constantFrom(undefined, ...SEVERITIES), anyValue), fc.oneof(spoiled([POLICY]), anyValue)),
    ([threshold, refinements]) => {
      const parsed = parsePolicy(threshold, refinements);
      if (parsed.ok) mustBePolicy(parsed.value);
      else mustBeSentences(parsed.problems.map(describeProblem), 100);
    },
  ),

  ...(
    [
      ['aws-settings', parseAws],
      ['azure-settings', parseAzure],
    ] as const
  ).map(([name, parse]) =>
    target(name, settings, (text) => {
      let policy: Policy;
      try {
        ({ policy } = parse(text));
      } catch (error) {
        return mustBeMixedDeployment(error);
      }
      mustBePolicy(policy);
    }),
  ),
];
