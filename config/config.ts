// The stack's config, checked: raw values in, settings or every problem with them out.
import * as v from 'valibot';
import { globSchema, type Policy, parsePolicy } from '../shared/policy/policy.ts';
import { closedObject, type Parsed, type Problem, problemsFrom } from '../shared/runtime/problem.ts';

/** The clouds that pullgate knows by name, in the order of the stack's outputs. */
export const CLOUDS = ['aws', 'azure'] as const;
export type Cloud = (typeof CLOUDS)[number];

export const MODES = ['enforce', 'audit'] as const;
export type Mode = (typeof MODES)[number];

/** What an Azure gate is: one image, by its digest, or a whole repository with its good images. */
export const GRANULARITIES = ['image', 'repository'] as const;
export type Granularity = (typeof GRANULARITIES)[number];

/** How the registries grant rights: by roles on the whole registry, or on repositories, by attribute-based conditions. */
export const REGISTRY_ROLES = ['rbac', 'abac'] as const;
export type RegistryRoles = (typeof REGISTRY_ROLES)[number];

/** What the AWS side is told, beyond what both clouds share. */
export interface AwsSettings {
  /** Which repositories have a gate: matched by an `include` and by no `exclude`. Default: all. */
  readonly repositories: { readonly include: readonly string[]; readonly exclude: readonly string[] };
  /** Full ARNs of the roles that may pull from a closed repository: who pushes fixes, never who deploys. Default: none. */
  readonly exemptPrincipals: readonly string[];
  /** Also close repositories that serve Lambda functions, which then fail. Default: false. */
  readonly closeLambdaRepositories: boolean;
  /** Switch on Inspector and continuous scanning of the whole registry. Default: false. */
  readonly enableInspector: boolean;
  /** How long events are collected before the function is called, in seconds. Default: 5. */
  readonly batchWindowSeconds: number;
  /** How long the function's log is kept, in days. Default: 90. */
  readonly logRetentionDays: number;
}

/** What the Azure side is told, beyond what both clouds share. */
export interface AzureSettings {
  /** The ARM ids of the registries that have gates, all in the subscription of the stack. At least one where the stack has Azure. */
  readonly registries: readonly string[];
  /** What is closed: a manifest, or the whole repository. Default: image. */
  readonly granularity: Granularity;
  /**
   * The registries' role mode. Default: rbac.
   * Source: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
   */
  readonly registryRoles: RegistryRoles;
  /** The ARM id of the Log Analytics workspace that findings are exported to. Default: one of the stack's own. */
  readonly workspaceId?: string | undefined;
  /** Switch on the Defender for Containers plan of the whole subscription. Default: false. */
  readonly enableDefender: boolean;
  /** How long the stack's own workspace keeps findings and log, in days. Default: 90. */
  readonly logRetentionDays: number;
}

/** The stack's config, checked, with every default filled in. */
export interface Settings {
  readonly clouds: readonly Cloud[];
  readonly policy: Policy;
  /** The object `pullgate:policy` as it was written: it travels in the functions' archives, which check it again. */
  readonly refinements: Readonly<Record<string, unknown>>;
  readonly mode: Mode;
  readonly sweepHours: number;
  readonly maxClosesPerHour: number;
  readonly notifyEmails: readonly string[];
  readonly aws: AwsSettings;
  readonly azure: AzureSettings;
}

/** Where Azure's resource group is made; only resource groups fall back on it, and all else stands where its group does. */
const AZURE_LOCATION = 'azure-native:location';

/** The namespace of pullgate's keys: the project's name in Pulumi.yaml. */
const NAMESPACE = 'pullgate:';

/** The keys whose values are plain text; those of all others arrive as JSON. */
const TEXT_KEYS: readonly string[] = ['severityThreshold', 'mode'];

/**
 * The retentions that CloudWatch Logs accepts, in days.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
 */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

const flag = v.optional(v.boolean('true or false'), false);

function whole(least: number, most: number, unit: string, byDefault: number) {
  const allowed = `a whole number of ${unit}, ${least} to ${most}`;
  const range = [v.minValue<number, number, string>(least, allowed), v.maxValue<number, number, string>(most, allowed)];
  return v.optional(v.pipe(v.number(allowed), v.integer(allowed), ...range), byDefault);
}

/** A list in which nothing stands twice, not even in other capitals. */
function distinct<Item extends v.GenericSchema<string>>(item: Item, allowed: string) {
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

const CLOUD_LIST = `a list of clouds: ${CLOUDS.join(', ')}`;
const cloud = v.picklist(CLOUDS, `one of ${CLOUDS.join(', ')}`);

const EMAIL = 'an e-mail address, such as security@example.com';
const ROLE =
  'the full ARN of one IAM role, with its path and without a wildcard, such as arn:aws:iam::123456789012:role/ci/publisher (for an assumed role: the role itself)';
const ROLE_ARN = /^arn:aws[a-z-]*:iam::\d{12}:role\/([\w+=,.@-]+\/)*[\w+=,.@-]{1,64}$/;

const aws = closedObject(
  {
    repositories: v.optional(
      closedObject(
        {
          include: v.optional(
            v.pipe(v.array(globSchema, 'a list of globs'), v.minLength(1, 'at least one glob; "**" for all')),
            ['**'],
          ),
          exclude: v.optional(v.array(globSchema, 'a list of globs'), []),
        },
        'an object with include and exclude, lists of globs',
      ),
      {},
    ),
    exemptPrincipals: v.optional(distinct(v.pipe(v.string(ROLE), v.regex(ROLE_ARN, ROLE)), 'a list of role ARNs'), []),
    closeLambdaRepositories: flag,
    enableInspector: flag,
    batchWindowSeconds: whole(1, 300, 'seconds', 5),
    logRetentionDays: v.optional(
      v.picklist(LOG_RETENTION_DAYS, `a number of days that CloudWatch knows: ${LOG_RETENTION_DAYS.join(', ')}`),
      90,
    ),
  },
  'an object, such as { "logRetentionDays": 30 }',
);

const GUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
/** The names of a resource group and what it holds. Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules */
const IN_GROUP = `/subscriptions/${GUID}/resourceGroups/[-\\w.()]{0,89}[-\\w()]/providers`;
const REGISTRY_ID = new RegExp(`^${IN_GROUP}/Microsoft[.]ContainerRegistry/registries/[a-z0-9]{5,50}$`, 'i');
const WORKSPACE_ID = new RegExp(
  `^${IN_GROUP}/Microsoft[.]OperationalInsights/workspaces/[a-z0-9][-a-z0-9]{2,61}[a-z0-9]$`,
  'i',
);
const REGISTRY =
  'the ARM id of a container registry, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.ContainerRegistry/registries/NAME (az acr show --name NAME --query id)';
const WORKSPACE =
  'the ARM id of a Log Analytics workspace, such as /subscriptions/GUID/resourceGroups/RG/providers/Microsoft.OperationalInsights/workspaces/NAME';

const azure = closedObject(
  {
    registries: v.optional(
      distinct(v.pipe(v.string(REGISTRY), v.regex(REGISTRY_ID, REGISTRY)), 'a list of ARM ids of registries'),
      [],
    ),
    granularity: v.optional(v.picklist(GRANULARITIES, `one of ${GRANULARITIES.join(', ')}`), 'image'),
    registryRoles: v.optional(v.picklist(REGISTRY_ROLES, `one of ${REGISTRY_ROLES.join(', ')}`), 'rbac'),
    workspaceId: v.optional(v.pipe(v.string(WORKSPACE), v.regex(WORKSPACE_ID, WORKSPACE))),
    enableDefender: flag,
    // A workspace keeps 30 to 730 days: https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure
    logRetentionDays: whole(30, 730, 'days', 90),
  },
  'an object, such as { "registries": ["/subscriptions/..."] }',
);

const keys = closedObject(
  {
    clouds: v.optional(v.pipe(distinct(cloud, CLOUD_LIST), v.minLength<Cloud[], 1, string>(1, 'at least one cloud')), [
      'aws',
    ]),
    mode: v.optional(v.picklist(MODES, `one of ${MODES.join(', ')}`), 'enforce'),
    sweepHours: whole(1, 24, 'hours', 6),
    maxClosesPerHour: whole(1, 1000, 'gates an hour', 25),
    notifyEmails: v.optional(
      distinct(v.pipe(v.string(EMAIL), v.email(EMAIL), v.maxLength(254, EMAIL)), 'a list of e-mail addresses'),
      [],
    ),
    aws: v.optional(aws, {}),
    azure: v.optional(azure, {}),
    // parsePolicy answers for these two.
    severityThreshold: v.unknown(),
    policy: v.unknown(),
  },
  'an object',
);

/**
 * Checks the stack's config.
 *
 * @param raw the values by their full keys (`pullgate:mode`), as text the way Pulumi hands them over, or already decoded. Of other
 *   namespaces only `azure-native:location` is read, and only if the stack has Azure
 * @returns the settings, or every problem, each by the key as the user writes it
 */
export function parseConfig(raw: Readonly<Record<string, unknown>>): Parsed<Settings> {
  const given: Given = { severityThreshold: undefined, policy: undefined };
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(NAMESPACE)) continue;
    const name = key.slice(NAMESPACE.length);
    given[name] = TEXT_KEYS.includes(name) ? value : decode(value);
  }
  const checked = v.safeParse(keys, given);
  const policy = parsePolicy(given.severityThreshold, given.policy);
  const missing = checked.success ? missingForAzure(checked.output, raw) : [];
  if (checked.success && policy.ok && missing.length === 0) {
    const { severityThreshold: _threshold, policy: refinements = {}, ...rest } = checked.output;
    return { ok: true, value: { ...rest, policy: policy.value, refinements: refinements as Settings['refinements'] } };
  }
  const own = [...(checked.success ? [] : problemsFrom(checked.issues, '')), ...(policy.ok ? [] : policy.problems)];
  const [first, ...others] = [
    ...own.map((problem): Problem => ({ ...problem, key: `${NAMESPACE}${problem.key}` })),
    ...missing,
  ];
  if (first === undefined)
    throw new Error('a failed check of the config names no problem: this is a defect of pullgate');
  return { ok: false, problems: [first, ...others] };
}

/** What a stack with Azure needs and no default can give: where to stand, and what to guard. */
function missingForAzure(
  { clouds, azure: { registries } }: Pick<Settings, 'clouds' | 'azure'>,
  raw: Readonly<Record<string, unknown>>,
): readonly Problem[] {
  if (!clouds.includes('azure')) return [];
  const problems: Problem[] = [];
  if (registries.length === 0) {
    const key = `${NAMESPACE}azure.registries`;
    problems.push({ key, given: undefined, allowed: `a list with at least one of: ${REGISTRY}` });
  }
  if (raw[AZURE_LOCATION] === undefined || raw[AZURE_LOCATION] === '') {
    const allowed = `an Azure region where the stack is made: pulumi config set ${AZURE_LOCATION} westeurope`;
    problems.push({ key: AZURE_LOCATION, given: undefined, allowed });
  }
  return problems;
}

/** The config without its namespace; two keys are the policy's own. */
interface Given {
  readonly severityThreshold: unknown;
  readonly policy: unknown;
  [key: string]: unknown;
}

/** The value that a text stands for. Text that is not JSON stays what it is, and its schema then says what was expected. */
function decode(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
