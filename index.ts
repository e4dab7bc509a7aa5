// The program: config in, one gate per enabled cloud, outputs out.
import * as pulumi from '@pulumi/pulumi';
import { parseConfig, type Settings } from './config.ts';
import { expiredExceptions } from './shared/policy.ts';
import { describeProblem } from './shared/problem.ts';

const config = parseConfig(pulumi.runtime.allConfig());
if (!config.ok) {
  throw new pulumi.RunError(['The config of this stack is wrong:', ...config.problems.map(describeProblem)].join('\n'));
}
const settings = config.value;

for (const { id, expiresAt, reason } of expiredExceptions(settings.policy, new Date().toISOString())) {
  pulumi.log.warn(
    `The exception for ${id} (${reason}) ended at ${expiresAt} and does not count any more: renew it, or take it out of pullgate:policy.`,
  );
}

/** What the AWS side made, for people and for the command line tool; undefined without that side. */
export const aws = settings.clouds.includes('aws') ? await ecrGate(settings) : undefined;

/** What a person has to do next, and before the end. */
export const next = pulumi
  .all([aws?.region, aws?.changesTopicArn, aws?.deadLetterQueueUrl])
  .apply(([region, topic, letters]) => [
    ...(settings.notifyEmails.length > 0
      ? [`Each of ${settings.notifyEmails.join(', ')} now has two mails from AWS: open both links, or nothing arrives.`]
      : [`Nobody is told by mail: set pullgate:notifyEmails, or subscribe to ${topic}.`]),
    ...(settings.mode === 'audit'
      ? [
          'This stack only watches. Once its notices are what you expect: pulumi config set mode enforce, and pulumi up.',
        ]
      : []),
    ...(settings.aws.enableInspector
      ? []
      : [`Inspector has to scan ECR in ${region} continuously: see to it, or set pullgate:aws.enableInspector.`]),
    `Messages that could not be handled raise an alarm and wait in ${letters}.`,
    'Before pulumi destroy: npm run pullgate -- release --all, or closed repositories stay closed.',
  ]);

/** The gate of this account and region. Its code, and the AWS provider's, is loaded only here. */
async function ecrGate({ policy, refinements, mode, sweepHours, maxClosesPerHour, notifyEmails, ...rest }: Settings) {
  const { EcrPullGate } = await import('./aws/gate.ts');
  const gate = new EcrPullGate('pullgate', {
    severityThreshold: policy.severityThreshold,
    policy: refinements,
    mode,
    sweepHours,
    maxClosesPerHour,
    notifyEmails,
    ...rest.aws,
  });
  return {
    region: gate.region,
    accountId: gate.accountId,
    partition: gate.partition,
    statementId: gate.statementId,
    functionName: gate.functionName,
    logGroup: gate.logGroupName,
    tableName: gate.tableName,
    queueUrl: gate.queueUrl,
    deadLetterQueueUrl: gate.deadLetterQueueUrl,
    changesTopicArn: gate.changesTopicArn,
    alarmsTopicArn: gate.alarmsTopicArn,
    roleArn: gate.roleArn,
    settings: gate.settings,
  };
}
