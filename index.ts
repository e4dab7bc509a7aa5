// The program: config in, one component for each enabled cloud, outputs out.
import * as pulumi from '@pulumi/pulumi';
import type { EcrPullGateOutputs } from './aws/component/pull-gate.ts';
import type { AcrPullGateOutputs } from './azure/component/pull-gate.ts';
import type { PullGateArgs } from './config/args.ts';
import { parseConfig, type Settings } from './config/config.ts';
import { expiredExceptions } from './shared/policy/exceptions.ts';
import { describeProblem } from './shared/runtime/problem.ts';

/** The stack's outputs, for people and for the command line tool. */
interface Outputs {
  /** What the AWS component made. Absent if the stack has no AWS: of an output that is undefined, Pulumi warns. */
  readonly aws?: EcrPullGateOutputs;
  /** What the Azure component made. Absent if the stack has no Azure. */
  readonly azure?: AcrPullGateOutputs;
  /** What a person has to do next, and before the end. */
  readonly next: pulumi.Output<readonly string[]>;
}

/** Pulumi calls it, and what it returns are the stack's outputs. */
export default async function deploy(): Promise<Outputs> {
  const settings = readSettings();
  const now = new Date().toISOString();
  for (const { id, expiresAt, reason } of expiredExceptions(settings.policy, now)) {
    pulumi.log.warn(
      `The exception for ${id} (${reason}) ended at ${expiresAt} and does not count any more: renew it, or take it out of pullgate:policy.`,
    );
  }
  const made: Made = {
    ...(settings.clouds.includes('aws') ? { aws: await createOnAws(settings) } : {}),
    ...(settings.clouds.includes('azure') ? { azure: await createOnAzure(settings, now) } : {}),
  };
  return { ...made, next: nextSteps(settings, made) };
}

type Made = Pick<Outputs, 'aws' | 'azure'>;

/** @throws RunError with every problem of the config, before any cloud's code is loaded */
function readSettings(): Settings {
  const config = parseConfig(pulumi.runtime.allConfig());
  if (config.ok) return config.value;
  throw new pulumi.RunError(
    ['The config of this stack is invalid:', ...config.problems.map(describeProblem)].join('\n'),
  );
}

/** The component of this account and region. Its code, and the AWS provider's, is loaded only here. */
async function createOnAws(settings: Settings): Promise<EcrPullGateOutputs> {
  const { EcrPullGate } = await import('./aws/component/pull-gate.ts');
  return new EcrPullGate('pullgate', { ...sharedArgs(settings), ...settings.aws }).outputs;
}

/** The component of this subscription. Its code, and the Azure provider's, is loaded only here. */
async function createOnAzure(settings: Settings, now: string): Promise<AcrPullGateOutputs> {
  const { AcrPullGate } = await import('./azure/component/pull-gate.ts');
  const { checkSubscription } = await import('./azure/component/placement.ts');
  const { registries, workspaceId } = settings.azure;
  await checkSubscription(workspaceId === undefined ? registries : [...registries, workspaceId]);
  return new AcrPullGate('pullgate', { ...sharedArgs(settings), ...settings.azure, now }).outputs;
}

/** The arguments that both components take. */
function sharedArgs({ policy, refinements, mode, sweepHours, maxClosesPerHour, notifyEmails }: Settings): PullGateArgs {
  const { severityThreshold } = policy;
  return { severityThreshold, policy: refinements, mode, sweepHours, maxClosesPerHour, notifyEmails };
}

function nextSteps(settings: Settings, { aws, azure }: Made): pulumi.Output<readonly string[]> {
  const names = pulumi.all({
    region: aws?.region,
    topic: aws?.changesTopicArn,
    deadLetterQueue: aws?.deadLetterQueueUrl,
    subscription: azure?.subscriptionId,
    sender: azure?.mailSender,
    poisonQueue: azure?.poisonQueueUrl,
  });
  return names.apply(({ region, topic, deadLetterQueue, subscription, sender, poisonQueue }) => [
    ...(aws === undefined ? [] : notifiedOnAws(settings.notifyEmails, topic)),
    ...(azure === undefined ? [] : notifiedOnAzure(settings.notifyEmails, sender)),
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
    ...[deadLetterQueue, poisonQueue].flatMap((queue) =>
      queue === undefined ? [] : [`Messages that could not be handled raise an alarm and wait in ${queue}.`],
    ),
    `Before pulumi destroy: npm run pullgate -- pause --wait, or closed ${closed(settings)} stay closed.`,
  ]);
}

function notifiedOnAws(notifyEmails: readonly string[], topic: string | undefined): readonly string[] {
  return notifyEmails.length > 0
    ? [`Each of ${notifyEmails.join(', ')} now has two mails from AWS: open both links, or nothing arrives.`]
    : [`No one is notified by mail: set pullgate:notifyEmails, or subscribe to ${topic}.`];
}

function notifiedOnAzure(notifyEmails: readonly string[], sender: string | undefined): readonly string[] {
  return notifyEmails.length > 0
    ? [
        `Azure's mails to ${notifyEmails.join(', ')} come from ${sender}: let them through, and see that the first one arrives.`,
      ]
    : ['No one is notified by mail of changes on Azure: set pullgate:notifyEmails. Its alerts are in Azure Monitor.'];
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

/** What stays closed unless it is released. */
function closed({ clouds, azure: { granularity } }: Settings): string {
  const words = clouds.map((cloud) => (cloud === 'azure' && granularity === 'image' ? 'images' : 'repositories'));
  return [...new Set(words)].sort().reverse().join(' and ');
}
