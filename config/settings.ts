// The types, defaults and limits of a component's settings. They apply to the stack's config and to the component's
// arguments.
import * as v from 'valibot';
import { type BrakeLimits, MAX_CLOSES_PER_DAY } from '../shared/gate/brake.ts';
import { globSchema } from '../shared/policy/glob.ts';
import { type Policy, parsePolicy } from '../shared/policy/policy.ts';
import { enforces, parseRules, type Rule } from '../shared/policy/rule.ts';
import { type KnownTarget, unreachableRules } from '../shared/policy/rule-reach.ts';
import { closedObject, type Parsed, type Problem, problemsFrom, required } from '../shared/runtime/problem.ts';
import {
  BrakeExempt,
  type CveDetailsArgs,
  Granularity,
  Mode,
  type PolicyArgs,
  RegistryRoles,
  type RepositoriesArgs,
  type RuleArgs,
  StorageRedundancy,
} from './args.ts';
import { type PushEvents, pushEventsProblems, pushEventsSchema } from './push-events.ts';
import { awsTargets, azureTargets } from './targets.ts';

/** The settings that both clouds share. */
export interface SharedSettings {
  readonly policy: Policy;
  /**
   * The policy's refinements as the user wrote them. They are part of the function's archive, and the function checks
   * them again.
   */
  readonly refinements: PolicyArgs;
  readonly rules: readonly Rule[];
  /** The rules as the user wrote them, for the function's archive. */
  readonly givenRules: RuleArgs[];
  readonly mode: Mode;
  readonly sweepHours: number;
  /** Default: by `brakeLimits`. */
  readonly maxClosesPerHour?: number | undefined;
  /** Default: by `brakeLimits`. */
  readonly maxClosesPerDay?: number | undefined;
  readonly brakeExempt: BrakeExempt;
  readonly notifyEmails: string[];
  /** Whether the records are protected from deletion. Default: if the stack or a rule enforces. */
  readonly deletionProtection: boolean;
}

/** The settings for AWS only. */
export interface AwsSettings {
  /** Which repositories have a gate: at least one `include` and no `exclude` matches. Default: all. */
  readonly repositories: Required<RepositoriesArgs>;
  /**
   * The full ARNs of the roles and users that may pull from a closed repository. List those that push fixes, never
   * those that deploy. Default: none.
   */
  readonly exemptPrincipals: string[];
  /** Also close repositories that serve Lambda functions. Those functions then fail. Default: false. */
  readonly closeLambdaRepositories: boolean;
  /** For how many hours an image may be unscanned before a daily summary names it. Default: 24. */
  readonly unscannedHours: number;
  /** Turn on Inspector and continuous scanning of the whole registry. Default: false. */
  readonly enableInspector: boolean;
  /** How long events are collected before the function is called, in seconds. Default: 5. */
  readonly batchWindowSeconds: number;
  /** How much of the account's concurrency is kept for the function. Default: none, so it shares the account's pool. */
  readonly reservedConcurrency?: number | undefined;
  /** How long to keep the function's log, in days. Default: 90. */
  readonly logRetentionDays: number;
}

/** The settings for Azure only. */
export interface AzureSettings {
  /**
   * The ARM ids of the registries that have gates, all in the stack's subscription. At least one if the stack has
   * Azure.
   */
  readonly registries: string[];
  /** Which repositories have a gate: at least one `include` and no `exclude` matches. Default: all. */
  readonly repositories: Required<RepositoriesArgs>;
  /** What a gate is: one manifest or the whole repository. Default: image. */
  readonly granularity: Granularity;
  /**
   * The registries' role assignment mode. Default: rbac.
   * Source: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
   */
  readonly registryRoles: RegistryRoles;
  /** The ARM id of the Log Analytics workspace that receives the findings. Default: the stack creates one. */
  readonly workspaceId?: string | undefined;
  /** The ARM id of the subnet that the function runs in. Default: none, it reaches public endpoints only. */
  readonly subnetId?: string | undefined;
  /** Turn on the plans that find vulnerable images for the whole subscription. Default: false. */
  readonly enableDefender: boolean;
  /** Where the details of CVEs are read. Default: nowhere, so that CVEs inherit the recommendation's severity. */
  readonly cveDetails?: (CveDetailsArgs & { readonly assignRole: boolean }) | undefined;
  /** Whether the registries' pushes and deletions reach the function at once. Default: no, a sweep finds them. */
  readonly pushEvents?: PushEvents | undefined;
  /** How many zones keep the records and the queues: one (lrs) or three (zrs). Default: lrs. */
  readonly storageRedundancy: StorageRedundancy;
  /** How long the stack's own workspace keeps findings and the log, in days. Default: 90. */
  readonly logRetentionDays: number;
}

/**
 * The retentions that CloudWatch Logs accepts, in days.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
 */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

const boolean = v.boolean('true or false');
const flag = v.optional(boolean, false);

function wholeNumber(least: number, most: number, unit: string, byDefault: number) {
  return v.optional(givenNumber(least, most, unit), byDefault);
}

function givenNumber(least: number, most: number, unit: string) {
  const allowed = `a whole number of ${unit}, ${least} to ${most}`;
  const range = [v.minValue<number, number, string>(least, allowed), v.maxValue<number, number, string>(most, allowed)];
  return v.pipe(v.number(allowed), v.integer(allowed), ...range);
}

/** A list without duplicates. Upper and lower case do not matter. */
export function distinct<Item extends v.GenericSchema<string>>(item: Item, allowed: string) {
  type Items = v.InferOutput<Item>[];
  const once = v.rawCheck<Items>(({ dataset, addIssue }) => {
    const all: unknown[] = Array.isArray(dataset.value) ? dataset.value : [];
    const folded = all.map((given) => (typeof given === 'string' ? given.toLowerCase() : given));
    for (const [index, given] of all.entries()) {
      if (folded.indexOf(folded[index]) === index) continue;
      const place = { type: 'array', origin: 'value', input: all, key: index, value: given } as const;
      addIssue({ message: `${allowed}, each once`, input: given, path: [place] });
    }
  });
  return v.pipe(v.array(item, allowed), once);
}

export const closesPerHour = givenNumber(1, 1000, 'gates an hour');
export const closesPerDay = givenNumber(1, MAX_CLOSES_PER_DAY, 'gates a day');

/** How many gates may close within an hour by default. An image takes less down than a repository. */
const CLOSES_PER_HOUR: Readonly<Record<Granularity, number>> = { repository: 25, image: 250 };
/** The default day limit, as a multiple of the limit of an hour. */
const DAY_FACTOR = 4;

/** The limits of the brake. Their defaults depend on what a gate is. */
export function brakeLimits(
  { maxClosesPerHour, maxClosesPerDay }: Pick<SharedSettings, 'maxClosesPerHour' | 'maxClosesPerDay'>,
  granularity: Granularity,
): BrakeLimits {
  const perHour = maxClosesPerHour ?? CLOSES_PER_HOUR[granularity];
  return { maxClosesPerHour: perHour, maxClosesPerDay: maxClosesPerDay ?? DAY_FACTOR * perHour };
}

const EMAIL = 'an email address, such as security@example.com';

/** The keys that both clouds share. The policy and the rules check themselves. */
export const sharedEntries = {
  severityThreshold: v.optional(v.unknown()),
  policy: v.optional(v.unknown()),
  rules: v.optional(v.unknown()),
  mode: v.optional(v.enum(Mode, `one of ${Object.values(Mode).join(', ')}`), 'audit'),
  sweepHours: wholeNumber(1, 24, 'hours', 6),
  maxClosesPerHour: v.optional(closesPerHour),
  maxClosesPerDay: v.optional(closesPerDay),
  brakeExempt: v.optional(v.enum(BrakeExempt, `one of ${Object.values(BrakeExempt).join(', ')}`), 'never'),
  notifyEmails: v.optional(
    distinct(v.pipe(v.string(EMAIL), v.email(EMAIL), v.maxLength(254, EMAIL)), 'a list of email addresses'),
    [],
  ),
  deletionProtection: v.optional(boolean),
};

const PRINCIPAL =
  'the full ARN of one IAM role or user, with its path and without wildcards, such as arn:aws:iam::123456789012:role/ci/publisher (for an assumed role, give the role itself)';
const PRINCIPAL_ARN = /^arn:aws[a-z-]*:iam::\d{12}:(?:role|user)\/([\w+=,.@-]+\/)*[\w+=,.@-]{1,64}$/;

const someGlobs = v.pipe(v.array(globSchema, 'a list of globs'), v.minLength(1, 'at least one glob; "**" for all'));
const repositories = v.optional(
  closedObject(
    { include: v.optional(someGlobs, ['**']), exclude: v.optional(v.array(globSchema, 'a list of globs'), []) },
    'an object with include and exclude, lists of globs',
  ),
  {},
);

const awsEntries = {
  repositories,
  exemptPrincipals: v.optional(
    distinct(v.pipe(v.string(PRINCIPAL), v.regex(PRINCIPAL_ARN, PRINCIPAL)), 'a list of ARNs of roles and users'),
    [],
  ),
  closeLambdaRepositories: flag,
  unscannedHours: wholeNumber(1, 720, 'hours', 24),
  enableInspector: flag,
  batchWindowSeconds: wholeNumber(1, 300, 'seconds', 5),
  // Below the mapping's concurrency of five, Lambda would throttle messages into the dead-letter queue.
  // https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
  reservedConcurrency: v.optional(givenNumber(5, 1000, 'concurrent executions')),
  logRetentionDays: v.optional(
    v.picklist(LOG_RETENTION_DAYS, `a number of days that CloudWatch Logs supports: ${LOG_RETENTION_DAYS.join(', ')}`),
    90,
  ),
};

const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/**
 * The path from the subscription to a resource in a resource group, whose name may have letters of any script.
 * Sources: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules,
 * https://learn.microsoft.com/dotnet/api/azure.provisioning.resources.resourcegroup.name
 */
const IN_GROUP = `/subscriptions/${GUID}/resourceGroups/[-\\p{L}\\p{Nd}_.()]{0,89}[-\\p{L}\\p{Nd}_()]/providers`;
const REGISTRY_ID = new RegExp(`^${IN_GROUP}/Microsoft[.]ContainerRegistry/registries/[a-z0-9]{5,50}$`, 'iu');
const WORKSPACE_ID = new RegExp(
  `^${IN_GROUP}/Microsoft[.]OperationalInsights/workspaces/[a-z0-9][-a-z0-9]{2,61}[a-z0-9]$`,
  'iu',
);
/**
 * Flex Consumption does not support a subnet whose name has an underscore.
 * Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#enable-virtual-network-integration
 */
const SUBNET_ID = new RegExp(
  `^${IN_GROUP}/Microsoft[.]Network/virtualNetworks/[a-z0-9][-\\w.]{0,62}\\w/subnets/[a-z0-9](?:[-a-z0-9.]{0,78}[a-z0-9])?$`,
  'iu',
);
const REGISTRY =
  'the ARM id of a container registry, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.ContainerRegistry/registries/NAME (az acr show --name NAME --query id)';
const WORKSPACE =
  'the ARM id of a Log Analytics workspace, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.OperationalInsights/workspaces/NAME';
const SUBNET =
  'the ARM id of a subnet whose name has no underscore, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.Network/virtualNetworks/VNET/subnets/NAME';

/**
 * Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftmanagement
 */
const GROUP_ID = /^[-\w.()]{0,89}[-\w()]$/;
const GROUP = 'the id of a management group, such as platform: 1 to 90 letters, digits and - _ ( ) .';
const cveDetails = closedObject(
  {
    managementGroupId: required(v.pipe(v.string(GROUP), v.regex(GROUP_ID, GROUP))),
    assignRole: v.optional(boolean, true),
  },
  'an object, such as { "managementGroupId": "platform" }',
);

/** What is expected if there is no registry. */
export const SOME_REGISTRIES = `a list with at least one of: ${REGISTRY}`;
const registryList = distinct(
  v.pipe(v.string(REGISTRY), v.regex(REGISTRY_ID, REGISTRY)),
  'a list of ARM ids of registries',
);
/** The registries of the stack's config. They may be missing if the stack has no Azure. */
export const registries = v.optional(registryList, []);

/** Only what its check needs, so that a mistake in another key does not hide a problem of this one. */
const forTopics = v.object({ registries, pushEvents: v.optional(pushEventsSchema(IN_GROUP)) });

/** Reports system topics of registries that the stack does not have. */
export function topicProblems(azure: unknown, prefix: string): readonly Problem[] {
  const given = v.safeParse(forTopics, azure);
  if (!given.success) return [];
  return pushEventsProblems(given.output.registries, given.output.pushEvents, `${prefix}pushEvents`);
}

const azureEntries = {
  registries,
  repositories,
  granularity: v.optional(v.enum(Granularity, `one of ${Object.values(Granularity).join(', ')}`), 'image'),
  registryRoles: v.optional(v.enum(RegistryRoles, `one of ${Object.values(RegistryRoles).join(', ')}`), 'rbac'),
  workspaceId: v.optional(v.pipe(v.string(WORKSPACE), v.regex(WORKSPACE_ID, WORKSPACE))),
  subnetId: v.optional(v.pipe(v.string(SUBNET), v.regex(SUBNET_ID, SUBNET))),
  enableDefender: flag,
  cveDetails: v.optional(cveDetails),
  pushEvents: v.optional(pushEventsSchema(IN_GROUP)),
  storageRedundancy: v.optional(
    v.enum(StorageRedundancy, `one of ${Object.values(StorageRedundancy).join(', ')}`),
    'lrs',
  ),
  // A workspace keeps 30 to 730 days: https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure
  logRetentionDays: wholeNumber(30, 730, 'days', 90),
};

/** The object `aws` of the stack's config. */
export const awsSettings = closedObject(awsEntries, 'an object, such as { "logRetentionDays": 30 }');

/** The object `azure` of the stack's config. */
export const azureSettings = closedObject(azureEntries, 'an object, such as { "registries": ["/subscriptions/..."] }');

// Arguments that may be outputs of other resources are checked separately, once their values are known.
const { exemptPrincipals, ...ecrEntries } = awsEntries;
const ecrArgs = closedObject({ ...sharedEntries, ...ecrEntries }, 'an object');
const { workspaceId, ...acrEntries } = azureEntries;
const someRegistries = required(v.pipe(registryList, v.minLength(1, SOME_REGISTRIES)));
const acrArgs = closedObject({ ...sharedEntries, ...acrEntries, registries: someRegistries }, 'an object');

/** Values that are checked together with their policy and rules. */
interface WithPolicy {
  readonly severityThreshold?: unknown;
  readonly policy?: unknown;
  readonly rules?: unknown;
}
/** Checked values whose default depends on another value. */
interface Known extends WithPolicy {
  readonly mode: Mode;
  readonly deletionProtection?: boolean | undefined;
}
/** The result of the check: the checked values, with the parsed policy and rules in place of their keys. */
type Checked<Schema extends v.GenericSchema> = Omit<v.InferOutput<Schema>, keyof WithPolicy | 'deletionProtection'> &
  Pick<SharedSettings, 'policy' | 'refinements' | 'rules' | 'givenRules' | 'deletionProtection'>;

interface CheckOptions {
  /** The present time. Default: ends that are limited are not checked. */
  readonly now?: string | undefined;
  /** Problems with values that do not fit together. Default: none. */
  readonly more?: readonly Problem[];
  /** The targets that the rules may match. Default: rules that can never apply are not looked for. */
  readonly targets?: readonly KnownTarget[] | undefined;
  /** Whether rules may be for other targets. Default: `allowed`. */
  readonly foreign?: Parameters<typeof unreachableRules>[2];
}

/**
 * Checks values, their policy and their rules.
 *
 * @returns the values with their defaults, or every problem, each with its key
 */
export function checkSettings<Schema extends v.GenericSchema<unknown, Known>>(
  schema: Schema,
  given: WithPolicy,
  { now, more = [], targets = [], foreign = 'allowed' }: CheckOptions,
): Parsed<Checked<Schema>> {
  const checked = v.safeParse(schema, given);
  const policy = parsePolicy(given.severityThreshold, given.policy, now);
  const rules = parseRules(given.rules, policy.ok ? { ...given, parsed: policy.value } : undefined, now);
  const own = checked.success ? [] : problemsFrom(checked.issues, '');
  const [first, ...others] = [
    ...own,
    ...(policy.ok ? [] : policy.problems),
    ...(rules.ok ? unreachableRules(rules.value, targets, foreign) : rules.problems),
    ...more,
  ];
  if (first !== undefined) return { ok: false, problems: [first, ...others] };
  if (!checked.success || !policy.ok || !rules.ok)
    throw new Error('a failed check names no problem: this is a bug in pullgate; please report it');
  const { severityThreshold: _threshold, policy: refinements = {}, rules: givenRules = [], ...rest } = checked.output;
  const { mode, deletionProtection = enforces({ mode, rules: rules.value }) } = rest;
  const parsed = { policy: policy.value, refinements, rules: rules.value, givenRules };
  return { ok: true, value: { ...rest, ...parsed, deletionProtection } as unknown as Checked<Schema> };
}

/** Checks the arguments of an `EcrPullGate` except its exempt principals, which may be outputs of other resources. */
export function checkEcrArgs(
  args: WithPolicy,
  now?: string,
): Parsed<SharedSettings & Omit<AwsSettings, 'exemptPrincipals'>> {
  return checkSettings(ecrArgs, args, { now, targets: awsTargets(args, undefined) });
}

/** Checks the exempt principals, once they are known. */
export function checkExemptPrincipals(given: unknown): Parsed<string[]> {
  return checkOne(exemptPrincipals, given, 'exemptPrincipals');
}

/** Checks the arguments of an `AcrPullGate` except its workspace, which may be an output of another resource. */
export function checkAcrArgs(
  args: WithPolicy,
  now?: string,
): Parsed<SharedSettings & Omit<AzureSettings, 'workspaceId'>> {
  return checkSettings(acrArgs, args, { now, more: topicProblems(args, ''), targets: azureTargets(args) });
}

/** Checks the id of a workspace, once it is known. */
export function checkWorkspaceId(given: unknown): Parsed<string> {
  return checkOne(workspaceId.wrapped, given, 'workspaceId');
}

function checkOne<Schema extends v.GenericSchema>(
  schema: Schema,
  given: unknown,
  key: string,
): Parsed<v.InferOutput<Schema>> {
  const checked = v.safeParse(schema, given);
  return checked.success
    ? { ok: true, value: checked.output }
    : { ok: false, problems: problemsFrom(checked.issues, key) };
}
