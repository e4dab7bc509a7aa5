// The settings of the deployed function, from its environment and from the settings.json in its archive. A policy can
// be longer than the 4 KB that the environment holds.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { ConfiguredMode } from '../../shared/reconcile/mode.ts';
import type { RuleSettings } from '../../shared/reconcile/rules.ts';
import { required } from '../../shared/runtime/problem.ts';
import { parseSettingsFile } from '../../shared/runtime/settings-file.ts';

/** The resources that were deployed with the function, from the environment. */
export interface DeployedResources {
  readonly tableName: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string;
  /** The topic for state changes. */
  readonly topicArn: string;
  readonly accountId: string;
  readonly partition: string;
  /** The Sid of our statement in a repository policy. It identifies the statement as this stack's. */
  readonly statementId: string;
  /** The function's role. The statement exempts it because it reads image indexes. */
  readonly roleArn: string;
}

/** The settings from the stack's config. */
export interface StackSettings extends Omit<RuleSettings, 'targetOf'> {
  readonly mode: ConfiguredMode;
  readonly sweepHours: number;
  /** For how many hours an image may be unscanned before people are notified. */
  readonly unscannedHours: number;
  /** Roles that can pull from a closed repository. */
  readonly exemptPrincipals: readonly string[];
  /** A hash of everything above. When it changes, a sweep is due at once. */
  readonly hash: string;
}

export interface Settings extends DeployedResources, StackSettings, Pick<RuleSettings, 'targetOf'> {}

const VARIABLES = {
  tableName: 'PULLGATE_TABLE',
  queueUrl: 'PULLGATE_QUEUE_URL',
  deadLetterQueueUrl: 'PULLGATE_DEAD_LETTER_QUEUE_URL',
  topicArn: 'PULLGATE_TOPIC_ARN',
  accountId: 'PULLGATE_ACCOUNT_ID',
  partition: 'PULLGATE_PARTITION',
  statementId: 'PULLGATE_STATEMENT_ID',
  roleArn: 'PULLGATE_ROLE_ARN',
} as const satisfies Record<keyof DeployedResources, string>;

const ROLES = 'a list of ARNs of roles and users';
/** The settings that only AWS has. */
const OWN_SETTINGS = {
  exemptPrincipals: required(v.array(v.string(ROLES), ROLES)),
  closeLambdaRepositories: required(v.boolean('true or false')),
  unscannedHours: required(v.number('hours')),
};

/**
 * Reads the settings of a deployed function.
 *
 * @throws Error that names every missing variable, or every problem in settings.json
 */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const folder = environment['LAMBDA_TASK_ROOT'];
  const missing = [...Object.values(VARIABLES), 'LAMBDA_TASK_ROOT'].filter((name) => !environment[name]);
  if (folder === undefined || missing.length > 0) {
    throw new Error(
      `the function's environment does not set ${missing.join(', ')}: deploy the function with the Pulumi program, which sets every variable`,
    );
  }
  const read = (name: string) => environment[name] ?? '';
  const resources: DeployedResources = {
    tableName: read(VARIABLES.tableName),
    queueUrl: read(VARIABLES.queueUrl),
    deadLetterQueueUrl: read(VARIABLES.deadLetterQueueUrl),
    topicArn: read(VARIABLES.topicArn),
    accountId: read(VARIABLES.accountId),
    partition: read(VARIABLES.partition),
    statementId: read(VARIABLES.statementId),
    roleArn: read(VARIABLES.roleArn),
  };
  const stack = parseStackSettings(readFileSync(join(folder, 'settings.json'), 'utf8'));
  return { ...resources, ...stack, targetOf: targetsIn(resources) };
}

/** The stack's only region is that of its topic. */
export function regionOf(topicArn: string): string {
  return topicArn.split(':')[3] ?? '';
}

/** Names the target of a registry, `aws/ACCOUNT/REGION`. */
export function targetsIn({ topicArn }: Pick<DeployedResources, 'topicArn'>): RuleSettings['targetOf'] {
  return (registry) => `aws/${registry}/${regionOf(topicArn)}`;
}

/**
 * Checks the text of settings.json.
 *
 * @throws Error that lists every problem
 */
export function parseStackSettings(text: string): StackSettings {
  // Maps the AWS setting to the core's name: on AWS, a repository is in use if Lambda functions run from it.
  const { closeLambdaRepositories: closesInUse, ...settings } = parseSettingsFile(text, OWN_SETTINGS);
  return { ...settings, closesInUse, hash: createHash('sha256').update(text).digest('hex') };
}
