// The program: config in, one component for each enabled cloud, outputs out.
import * as pulumi from '@pulumi/pulumi';
import type { EcrPullGateOutputs } from './aws/component/pull-gate.ts';
import type { AcrPullGateOutputs } from './azure/component/pull-gate.ts';
import type { PullGateArgs } from './config/args.ts';
import { AZURE_ENVIRONMENT, parseConfig, type Settings } from './config/config.ts';
import { expiredExceptions } from './shared/policy/exceptions.ts';
import { exceptionsOf } from './shared/policy/rule.ts';
import { minute } from './shared/report/times.ts';
import { describeProblem } from './shared/runtime/problem.ts';

/** The stack's outputs, for people and for the command line tool. */
interface Outputs {
  /** The stack's name, for the command line tool. No resource contains it, so renaming a stack changes nothing else. */
  readonly stack: string;
  /** The outputs of the AWS component. Absent, not undefined, without AWS: Pulumi warns about an undefined output. */
  readonly aws?: EcrPullGateOutputs;
  /** The outputs of the Azure component. Absent if the stack has no Azure. */
  readonly azure?: AcrPullGateOutputs;
  /** What the user must do next, and before `pulumi destroy`. */
  readonly next: pulumi.Output<readonly string[]>;
}

/** Pulumi calls this function. Its result is the stack's outputs. */
export default async function deploy(): Promise<Outputs> {
  const now = new Date().toISOString();
  const settings = readSettings(now);
  for (const { id, expiresAt, reason } of expiredExceptions({ exceptions: exceptionsOf(settings) }, now)) {
    pulumi.log.warn(
      `The exception for ${id} (${reason}) expired at ${minute(expiresAt)} and exempts nothing: renew it or remove it from the config.`,
    );
  }
  const made: Made = {
    ...(settings.clouds.includes('aws') ? { aws: await createOnAws(settings) } : {}),
    ...(settings.clouds.includes('azure') ? { azure: await createOnAzure(settings, now) } : {}),
  };
  return { stack: pulumi.getStack(), ...made, next: nextSteps(settings, made) };
}

type Made = Pick<Outputs, 'aws' | 'azure'>;

/** @throws RunError with every problem in the config, before any cloud's code is loaded */
function readSettings(now: string): Settings {
  // The provider reads its environment from this variable if the config does not say.
  const raw = { [AZURE_ENVIRONMENT]: process.env['ARM_ENVIRONMENT'], ...pulumi.runtime.allConfig() };
  const config = parseConfig(raw, now);
  if (config.ok) return config.value;
  throw new pulumi.RunError(
    ['The config of this stack is invalid:', ...config.problems.map(describeProblem)].join('\n'),
  );
}

/** Creates the component in this account and region. Only this function loads its code and the AWS provider. */
async function createOnAws(settings: Settings): Promise<EcrPullGateOutputs> {
  const { EcrPullGate } = await import('./aws/component/pull-gate.ts');
  return new EcrPullGate('pullgate', { ...sharedArgs(settings), ...settings.aws }).outputs;
}

/** Creates the component in this subscription. Only this function loads its code and the Azure provider. */
async function createOnAzure(settings: Settings, now: string): Promise<AcrPullGateOutputs> {
  const { AcrPullGate } = await import('./azure/component/pull-gate.ts');
  const { checkSubscription } = await import('./azure/component/placement.ts');
  const { registries, workspaceId, pushEvents } = settings.azure;
  const ids = [...registries, ...Object.values(pushEvents?.topics ?? {})];
  await checkSubscription(workspaceId === undefined ? ids : [...ids, workspaceId]);
  return new AcrPullGate('pullgate', { ...sharedArgs(settings), ...settings.azure, now }).outputs;
}

/** The arguments that both components take. */
function sharedArgs({
  policy,
  refinements,
  rules: _rules,
  givenRules,
  clouds: _clouds,
  aws: _aws,
  azure: _azure,
  ...same
}: Settings): PullGateArgs {
  return { severityThreshold: policy.severityThreshold, policy: refinements, rules: givenRules, ...same };
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
    ...(settings.mode === 'audit' ? [whatEnforces(settings)] : []),
    ...(aws === undefined || settings.aws.enableInspector
      ? []
      : [
          `Amazon Inspector must scan ECR in ${region} continuously. Turn this on yourself, or set pullgate:aws.enableInspector, which replaces the registry's scanning rules.`,
        ]),
    ...(azure === undefined ? [] : seenOnAzure(settings.azure, subscription)),
    ...[deadLetterQueue, poisonQueue].flatMap((queue) =>
      queue === undefined ? [] : [`Messages that pullgate could not process raise an alarm and stay in ${queue}.`],
    ),
    `Before pulumi destroy, run: npm run pullgate -- pause --wait. Otherwise, closed ${gateNouns(settings)} stay closed.`,
    ...(settings.deletionProtection
      ? [
          'The records are protected, so pulumi destroy fails. After the pause, run: pulumi config set deletionProtection false && pulumi up',
        ]
      : []),
  ]);
}

/** What a stack in audit mode enforces, and the next step. */
function whatEnforces({ rules }: Settings): string {
  const enforcing = rules.filter(({ mode }) => mode === 'enforce').map(({ label }) => label);
  if (enforcing.length === 0)
    return 'This stack is in audit mode and closes nothing. When its notices are as you expect, run: pulumi config set mode enforce && pulumi up';
  const verb = enforcing.length === 1 ? 'enforces' : 'enforce';
  return `Only ${enforcing.join(' and ')} ${verb}; everything else is in audit mode. To enforce more, see docs/rollout.md, step 5.`;
}

function notifiedOnAws(notifyEmails: readonly string[], topic: string | undefined): readonly string[] {
  return notifyEmails.length > 0
    ? [
        `On AWS, each of these addresses must confirm two subscriptions by the link in an email, or it receives nothing: ${notifyEmails.join(', ')}.`,
      ]
    : [`On AWS, no email address receives notices. Set pullgate:notifyEmails, or subscribe to ${topic}.`];
}

function notifiedOnAzure(notifyEmails: readonly string[], sender: string | undefined): readonly string[] {
  return notifyEmails.length > 0
    ? [
        `On Azure, notices to ${notifyEmails.join(', ')} come from ${sender}. Allow this sender, and check that the first notice arrives.`,
      ]
    : [
        'On Azure, no email address receives notices. Set pullgate:notifyEmails. Without it, alerts appear only in Azure Monitor.',
      ];
}

/** What pullgate needs to see findings. */
function seenOnAzure(
  { enableDefender, workspaceId }: Settings['azure'],
  subscription: string | undefined,
): readonly string[] {
  return [
    ...(enableDefender
      ? []
      : [
          `The plans Defender for Containers and Foundational CSPM must be on in the subscription ${subscription}. Turn them on yourself, or set pullgate:azure.enableDefender.`,
        ]),
    ...(workspaceId === undefined
      ? []
      : [
          `The workspace ${workspaceId} must have the solution SecurityCenterFree. Without it, no findings arrive there.`,
        ]),
  ];
}

/** What users call the gates of this stack. */
function gateNouns({ clouds, azure: { granularity } }: Settings): string {
  const words = clouds.map((cloud) => (cloud === 'azure' && granularity === 'image' ? 'images' : 'repositories'));
  return [...new Set(words)].sort().reverse().join(' and ');
}
