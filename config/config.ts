// Checks the stack's config: takes raw values, and returns settings or every problem.
import * as v from 'valibot';
import type { KnownTarget } from '../shared/policy/rule-reach.ts';
import { closedObject, type Parsed, type Problem } from '../shared/runtime/problem.ts';
import {
  type AwsSettings,
  type AzureSettings,
  awsSettings,
  azureSettings,
  checkSettings,
  closesPerDay,
  closesPerHour,
  distinct,
  registries,
  type SharedSettings,
  SOME_REGISTRIES,
  sharedEntries,
  topicProblems,
} from './settings.ts';
import { awsTargets, azureTargets } from './targets.ts';

/** The supported clouds, in the order of the stack's outputs. */
export const CLOUDS = ['aws', 'azure'] as const;
export type Cloud = (typeof CLOUDS)[number];

/** The stack's config, checked, with every default filled in. */
export interface Settings extends SharedSettings {
  readonly clouds: readonly Cloud[];
  readonly aws: AwsSettings;
  readonly azure: AzureSettings;
}

/** The region of the Azure resource group. Everything else is created in the region of its resource group. */
const AZURE_LOCATION = 'azure-native:location';

/**
 * The provider's cloud, and the names of the only one that pullgate supports.
 * Source: https://www.pulumi.com/registry/packages/azure-native/installation-configuration
 */
export const AZURE_ENVIRONMENT = 'azure-native:environment';
const PUBLIC = /^(?:public|azurecloud|azurepubliccloud)?$/i;

/** The namespace of pullgate's keys: the project's name in Pulumi.yaml. */
const NAMESPACE = 'pullgate:';

/** The keys whose values are plain text. All other values arrive as JSON. */
const TEXT_KEYS: readonly string[] = ['severityThreshold', 'mode', 'brakeExempt'];

const CLOUD_LIST = `a list of clouds: ${CLOUDS.join(', ')}`;
const cloud = v.picklist(CLOUDS, `one of ${CLOUDS.join(', ')}`);

/** Pulumi requires a default for each key in Pulumi.yaml: `auto` is a default that depends on other keys. */
function orAuto<Schema extends v.GenericSchema>(schema: Schema) {
  return v.optional(
    v.lazy((given) =>
      given === 'auto'
        ? v.pipe(
            v.literal('auto'),
            v.transform((): undefined => undefined),
          )
        : schema,
    ),
  );
}

const clouds = v.optional(
  v.pipe(distinct(cloud, CLOUD_LIST), v.minLength<Cloud[], 1, string>(1, 'at least one cloud')),
  ['aws'],
);

const keys = closedObject(
  {
    clouds,
    ...sharedEntries,
    maxClosesPerHour: orAuto(closesPerHour),
    maxClosesPerDay: orAuto(closesPerDay),
    deletionProtection: orAuto(v.boolean('true, false or auto')),
    aws: v.optional(awsSettings, {}),
    azure: v.optional(azureSettings, {}),
  },
  'an object',
);

/**
 * Checks the stack's config.
 *
 * @param raw the values by their full keys (`pullgate:mode`), as text from Pulumi or already decoded. The only keys
 *   read from other namespaces are `aws:region`, and if the stack has Azure, `azure-native:location` and
 *   `azure-native:environment`
 * @param now the present time, for ends that are limited. Default: these are not checked
 * @returns the settings, or every problem, each with the key as the user writes it
 */
export function parseConfig(raw: Readonly<Record<string, unknown>>, now?: string): Parsed<Settings> {
  const given: Given = { severityThreshold: undefined, policy: undefined, rules: undefined };
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(NAMESPACE)) continue;
    const name = key.slice(NAMESPACE.length);
    given[name] = TEXT_KEYS.includes(name) ? value : decode(value);
  }
  const targets = knownTargets(given, raw);
  const checked = checkSettings(keys, given, { now, more: azureProblems(given, raw), targets, foreign: 'refused' });
  if (checked.ok) return checked;
  const [first, ...others] = checked.problems;
  return { ok: false, problems: [withNamespace(first), ...others.map(withNamespace)] };
}

/** The targets of the stack. Undefined if a mistake hides one: then no rule is refused for it. */
function knownTargets(given: Given, raw: Readonly<Record<string, unknown>>): readonly KnownTarget[] | undefined {
  const enabled = v.safeParse(clouds, given['clouds']);
  if (!enabled.success) return undefined;
  const known = enabled.output.map((one) =>
    one === 'aws' ? awsTargets(given['aws'], raw['aws:region']) : azureTargets(given['azure']),
  );
  return known.every((one) => one !== undefined) ? known.flat() : undefined;
}

/** Adds the namespace to the key of a problem. */
function withNamespace(problem: Problem): Problem {
  return problem.key.startsWith('azure-native:') ? problem : { ...problem, key: `${NAMESPACE}${problem.key}` };
}

/** Nothing but the registries, so that a mistake in another key does not hide that they are missing. */
const azureRegistries = v.optional(v.object({ registries }), {});

/**
 * Reports settings that Azure requires and that have no default, a location and registries, and registries that no
 * component would cover.
 */
function azureProblems(given: Given, raw: Readonly<Record<string, unknown>>): readonly Problem[] {
  const enabled = v.safeParse(clouds, given['clouds']);
  if (!enabled.success) return [];
  const key = 'azure.registries';
  const covered = v.safeParse(azureRegistries, given['azure']);
  const valid = covered.success ? covered.output.registries : undefined;
  if (!enabled.output.includes('azure')) {
    const allowed = 'no registries unless pullgate:clouds includes azure';
    return valid === undefined || valid.length === 0 ? [] : [{ key, given: valid, allowed }];
  }
  const problems: Problem[] = [...topicProblems(given['azure'], 'azure.')];
  if (valid?.length === 0) problems.push({ key, given: undefined, allowed: SOME_REGISTRIES });
  if (raw[AZURE_LOCATION] === undefined || raw[AZURE_LOCATION] === '') {
    const allowed = `the Azure region to deploy to; set it with: pulumi config set ${AZURE_LOCATION} westeurope`;
    problems.push({ key: AZURE_LOCATION, given: undefined, allowed });
  }
  const environment = raw[AZURE_ENVIRONMENT];
  if (environment !== undefined && !PUBLIC.test(String(environment))) {
    const allowed =
      "public, in the config or else in the variable ARM_ENVIRONMENT: pullgate works only in Azure's public cloud, not in Azure Government or Azure China";
    problems.push({ key: AZURE_ENVIRONMENT, given: environment, allowed });
  }
  return problems;
}

/** The config without its namespace. The policy and the rules are checked together. */
interface Given {
  readonly severityThreshold: unknown;
  readonly policy: unknown;
  readonly rules: unknown;
  [key: string]: unknown;
}

/** Decodes JSON text. Text that is not JSON is returned unchanged, and its schema then reports what was expected. */
function decode(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
