// The program: config in, one gate per enabled cloud, outputs out.
import * as pulumi from '@pulumi/pulumi';
import { parseConfig, type Settings } from './config/config.ts';
import { expiredExceptions } from './shared/policy/policy.ts';
import { describeProblem } from './shared/runtime/problem.ts';

const config = parseConfig(pulumi.runtime.allConfig());
if (!config.ok) {
  throw new pulumi.RunError(['The config of this stack is wrong:', ...config.problems.map(describeProblem)].join('\n'));
}
const settings = config.value;

const now = new Date().toISOString();
for (const { id, expiresAt, reason } of expiredExceptions(settings.policy, now)) {
  pulumi.log.warn(
    `The exception for ${id} (${reason}) ended at ${expiresAt} and does not count any more: renew it, or take it out of pullgate:policy.`,
  );
}

/** What the AWS side made, for people and for the command line tool; undefined without that side. */
export const aws = settings.clouds.includes('aws') ? await ecrGate(settings) : undefined;

/** What the Azure side made; undefined without that side. */
export const azure = settings.clouds.includes('azure') ? await acrGate(settings, now) : undefined;

/** What a person has to do next, and before the end. */
export const next = pulumi
  .all([aws?.region, aws?.changesTopicArn, aws?.deadLetterQueueUrl])
  .apply(([region, topic, letters]) =>
    pulumi
      .all([azure?.subscriptionId, azure?.mailSender, azure?.poisonQueueUrl])
      .apply(([subscription, sender, poison]) => [
        ...(aws === undefined ? [] : heardOnAws(settings.notifyEmails, topic)),
        ...(azure === undefined ? [] : heardOnAzure(settings.notifyEmails, sender)),
        ...(settings.mode === 'audit'
          ? [
              'This stack only watches. Once its notices are what you expect: pulumi config set mode enforce, and pulumi up.',
            ]
          : []),
        ...(aws === undefined || settings.aws.enableInspector
          ? []
          : [
              `Inspector has to scan ECR in ${region} continuously: see to it, or set pullgate:aws.enableInspector, which replaces the registry’s own scanning rules.`,
            ]),
        ...(azure === undefined ? [] : seenOnAzure(settings.azure, subscription)),
        ...[letters, poison].flatMap((queue) =>
          queue === undefined ? [] : [`Messages that could not be handled raise an alarm and wait in ${queue}.`],
        ),
        `Before pulumi destroy: npm run pullgate -- pause --wait, or closed ${closed(settings)} stay closed.`,
      ]),
  );

function heardOnAws(notifyEmails: readonly string[], topic: string | undefined): readonly string[] {
  return notifyEmails.length > 0
    ? [`Each of ${notifyEmails.join(', ')} now has two mails from AWS: open both links, or nothing arrives.`]
    : [`Nobody is told by mail: set pullgate:notifyEmails, or subscribe to ${topic}.`];
}

function heardOnAzure(notifyEmails: readonly string[], sender: string | undefined): readonly string[] {
  return notifyEmails.length > 0
    ? [
        `Azure's mails to ${notifyEmails.join(', ')} come from ${sender}: let them through, and see that the first one arrives.`,
      ]
    : ['Nobody is told by mail of what Azure does: set pullgate:notifyEmails. Its alerts stand in Azure Monitor.'];
}

/** What has to be there for findings to be seen. */
function seenOnAzure(
  { enableDefender, workspaceId }: Settings['azure'],
  subscription: string | undefined,
): readonly string[] {
  return [
    ...(enableDefender
      ? []
      : [
          `Defender for Containers has to be on in the subscription ${subscription}: see to it, or set pullgate:azure.enableDefender.`,
        ]),
    ...(workspaceId === undefined
      ? []
      : [`The workspace ${workspaceId} needs the solution SecurityCenterFree: without it no findings arrive there.`]),
  ];
}

/** What stays closed when nobody releases it. */
function closed({ clouds, azure: { granularity } }: Settings): string {
  const words = clouds.map((cloud) => (cloud === 'azure' && granularity === 'image' ? 'images' : 'repositories'));
  return [...new Set(words)].sort().reverse().join(' and ');
}

/** The gate of this account and region. Its code, and the AWS provider's, is loaded only here. */
async function ecrGate({ policy, refinements, mode, sweepHours, maxClosesPerHour, notifyEmails, ...rest }: Settings) {
  const { EcrPullGate } = await import('./aws/component/pull-gate.ts');
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
    dashboardUrl: gate.dashboardUrl,
    settings: gate.settings,
  };
}

/** The gate of this subscription. Its code, and the Azure provider's, is loaded only here. */
async function acrGate(
  { policy, refinements, mode, sweepHours, maxClosesPerHour, notifyEmails, ...rest }: Settings,
  deployedAt: string,
) {
  const { AcrPullGate } = await import('./azure/component/pull-gate.ts');
  const gate = await AcrPullGate.create('pullgate', {
    severityThreshold: policy.severityThreshold,
    policy: refinements,
    mode,
    sweepHours,
    maxClosesPerHour,
    notifyEmails,
    ...rest.azure,
    now: deployedAt,
  });
  return {
    subscriptionId: gate.subscriptionId,
    resourceGroup: gate.resourceGroup,
    functionAppName: gate.functionAppName,
    logicAppName: gate.logicAppName,
    queueUrl: gate.queueUrl,
    poisonQueueUrl: gate.poisonQueueUrl,
    tableUrl: gate.tableUrl,
    tableName: gate.tableName,
    workspaceId: gate.workspaceId,
    clientId: gate.clientId,
    mailEndpoint: gate.mailEndpoint,
    mailSender: gate.mailSender,
    workbookUrl: gate.workbookUrl,
    registries: gate.registries,
    settings: gate.settings,
  };
}
