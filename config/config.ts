// The stack's config, checked: raw values in, settings or every problem with them out.
import * as v from 'valibot';
import { closedObject, type Parsed, type Problem } from '../shared/runtime/problem.ts';
import {
  type AwsSettings,
  type AzureSettings,
  awsSettings,
  azureSettings,
  checkSettings,
  distinct,
  type SharedSettings,
  SOME_REGISTRIES,
  sharedEntries,
} from './settings.ts';

/** The clouds that pullgate knows by name, in the order of the stack's outputs. */
export const CLOUDS = ['aws', 'azure'] as const;
export type Cloud = (typeof CLOUDS)[number];

/** The stack's config, checked, with every default filled in. */
export interface Settings extends SharedSettings {
  readonly clouds: readonly Cloud[];
  readonly aws: AwsSettings;
  readonly azure: AzureSettings;
}

/** Where Azure's resource group is made. Only resource groups fall back on it; all else is made where its group is. */
const AZURE_LOCATION = 'azure-native:location';

/** The namespace of pullgate's keys: the project's name in Pulumi.yaml. */
const NAMESPACE = 'pullgate:';

/** The keys whose values are plain text; those of all others arrive as JSON. */
const TEXT_KEYS: readonly string[] = ['severityThreshold', 'mode'];

const CLOUD_LIST = `a list of clouds: ${CLOUDS.join(', ')}`;
const cloud = v.picklist(CLOUDS, `one of ${CLOUDS.join(', ')}`);

const keys = closedObject(
  {
    clouds: v.optional(v.pipe(distinct(cloud, CLOUD_LIST), v.minLength<Cloud[], 1, string>(1, 'at least one cloud')), [
      'aws',
    ]),
    ...sharedEntries,
    aws: v.optional(awsSettings, {}),
    azure: v.optional(azureSettings, {}),
  },
  'an object',
);

/**
 * Checks the stack's config.
 *
 * @param raw the values by their full keys (`pullgate:mode`), as text the way Pulumi hands them over, or already
 *   decoded. Of other namespaces only `azure-native:location` is read, and only if the stack has Azure
 * @returns the settings, or every problem, each by the key as the user writes it
 */
export function parseConfig(raw: Readonly<Record<string, unknown>>): Parsed<Settings> {
  const given: Given = { severityThreshold: undefined, policy: undefined };
  for (const [key, value] of Object.entries(raw)) {
    if (!key.startsWith(NAMESPACE)) continue;
    const name = key.slice(NAMESPACE.length);
    given[name] = TEXT_KEYS.includes(name) ? value : decode(value);
  }
  const checked = checkSettings(keys, given, (settings) => missingForAzure(settings, raw));
  if (checked.ok) return checked;
  const [first, ...others] = checked.problems;
  return { ok: false, problems: [withNamespace(first), ...others.map(withNamespace)] };
}

/** A problem by its full key. */
function withNamespace(problem: Problem): Problem {
  return problem.key === AZURE_LOCATION ? problem : { ...problem, key: `${NAMESPACE}${problem.key}` };
}

/** What a stack with Azure needs and no default can give: a location, and registries. */
function missingForAzure(
  { clouds, azure: { registries } }: Pick<Settings, 'clouds' | 'azure'>,
  raw: Readonly<Record<string, unknown>>,
): readonly Problem[] {
  if (!clouds.includes('azure')) return [];
  const problems: Problem[] = [];
  if (registries.length === 0) problems.push({ key: 'azure.registries', given: undefined, allowed: SOME_REGISTRIES });
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

/**
 * The value that a text stands for. Text that is not JSON stays what it is, and its schema then says what was expected.
 */
function decode(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
