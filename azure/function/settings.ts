// The configuration of the deployed function: its environment, and the settings.json in its package, because a policy
// may be long.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { ConfiguredMode } from '../../shared/reconcile/mode.ts';
import type { RuleSettings } from '../../shared/reconcile/rules.ts';
import { required } from '../../shared/runtime/problem.ts';
import { parseSettingsFile } from '../../shared/runtime/settings-file.ts';
import { nameOf } from './registry-id.ts';

/** The deployed resources that the function uses, from the environment. */
export interface DeployedResources {
  readonly queueUrl: string;
  readonly poisonQueueUrl: string;
  readonly tableUrl: string;
  readonly tableName: string;
  /** The workspace's customer id, a GUID. */
  readonly workspaceId: string;
  /** Undefined if there are no recipients. */
  readonly mail: { readonly endpoint: string; readonly sender: string } | undefined;
}

/** The settings from the stack's config. */
export interface StackSettings extends RuleSettings {
  readonly mode: ConfiguredMode;
  readonly sweepHours: number;
  /** The Resource Manager ids of the registries that have gates. */
  readonly registries: readonly string[];
  /** What one gate covers: an image, or a whole repository. */
  readonly granularity: 'image' | 'repository';
  /** The role mode of the registries, and so the kind of roles that the function's identity has on them. */
  readonly registryRoles: 'rbac' | 'abac';
  readonly notifyEmails: readonly string[];
  /** Where details of CVEs are read. Undefined: nowhere. */
  readonly cveDetails?: { readonly managementGroupId: string } | undefined;
  /** A fingerprint of everything above. When it changes, a sweep is due at once. */
  readonly hash: string;
}

export interface Settings extends DeployedResources, StackSettings {
  /** The text of findings.kql. */
  readonly findingsQuery: string;
}

const VARIABLES = {
  queueUrl: 'PULLGATE_QUEUE_URL',
  poisonQueueUrl: 'PULLGATE_POISON_QUEUE_URL',
  tableUrl: 'PULLGATE_TABLE_URL',
  tableName: 'PULLGATE_TABLE',
  workspaceId: 'PULLGATE_WORKSPACE_ID',
} as const satisfies Record<keyof Omit<DeployedResources, 'mail'>, string>;
const CLIENT_ID = 'PULLGATE_CLIENT_ID';
const MAIL = { endpoint: 'PULLGATE_MAIL_ENDPOINT', sender: 'PULLGATE_MAIL_SENDER' } as const;

const TEXTS = 'a list of strings';
const texts = required(v.array(v.string(TEXTS), TEXTS));
/** The settings that only ACR has. */
const OWN_SETTINGS = {
  registries: texts,
  granularity: required(v.picklist(['image', 'repository'], 'image or repository')),
  registryRoles: required(v.picklist(['rbac', 'abac'], 'rbac or abac')),
  notifyEmails: texts,
  cveDetails: v.optional(v.object({ managementGroupId: v.string('the id of a management group') })),
};

/**
 * Reads the settings of a deployed function.
 *
 * @param folder the folder that contains settings.json and findings.kql
 * @returns the settings, and the client id of the function's identity
 * @throws Error that lists every missing variable, or the problems of settings.json
 */
export function readSettings(environment: NodeJS.ProcessEnv, folder: string): Settings & { readonly clientId: string } {
  const stack = parseStackSettings(readFileSync(join(folder, 'settings.json'), 'utf8'));
  const hasRecipients = stack.notifyEmails.length > 0;
  const needed = [...Object.values(VARIABLES), CLIENT_ID, ...(hasRecipients ? Object.values(MAIL) : [])];
  const missing = needed.filter((name) => !environment[name]);
  if (missing.length > 0) {
    throw new Error(
      `the function's app settings lack ${missing.join(', ')}. Deploy it with the Pulumi program, which sets them`,
    );
  }
  const read = (name: string) => environment[name] ?? '';
  return {
    queueUrl: read(VARIABLES.queueUrl),
    poisonQueueUrl: read(VARIABLES.poisonQueueUrl),
    tableUrl: read(VARIABLES.tableUrl),
    tableName: read(VARIABLES.tableName),
    workspaceId: read(VARIABLES.workspaceId),
    mail: hasRecipients ? { endpoint: read(MAIL.endpoint), sender: read(MAIL.sender) } : undefined,
    clientId: read(CLIENT_ID),
    findingsQuery: readFindingsQuery(folder),
    ...stack,
  };
}

/** The text of findings.kql, by default from the folder of this file. */
export function readFindingsQuery(folder: string = import.meta.dirname): string {
  return readFileSync(join(folder, 'findings.kql'), 'utf8');
}

/**
 * Checks the text of settings.json.
 *
 * @throws Error that lists every problem
 */
export function parseStackSettings(text: string): StackSettings {
  return {
    ...parseSettingsFile(text, OWN_SETTINGS),
    // ECR needs this setting. ACR has no equivalent.
    closesInUse: false,
    targetOf: (registry) => `azure/${nameOf(registry)}`,
    hash: createHash('sha256').update(text).digest('hex'),
  };
}
