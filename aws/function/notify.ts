// Sends notices about state changes, and messages about the stack, to the stack's topic.
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Notice } from '../../shared/gate/record.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { type Message, renderNotice } from '../../shared/report/notice-text.ts';
import { USERS } from './usage.ts';

/** The statement in the repository policy names the exempt principals. */
const EFFECT_OF_CLOSING = 'Pulls are blocked for everyone except exempt principals.';
const WHERE_IT_RUNS =
  'Amazon Inspector counts the use by ECS and EKS only. Other uses are not known: look for the digest where your workloads are defined.';

/** The message attributes, by which subscribers can filter. */
interface Attributes {
  readonly change: string;
  readonly registry: string;
  /** Not given if the message is about no single repository. */
  readonly repository?: string;
}

/**
 * Publishes notices.
 *
 * @param images the policy's `images`
 */
export function createNotifier(
  client: SNSClient,
  topicArn: string,
  images: Policy['images'],
): (gate: Gate, notice: Notice) => Promise<void> {
  const context = { effectOfClosing: EFFECT_OF_CLOSING, images, users: USERS, whereItRuns: WHERE_IT_RUNS };
  return (gate, notice) => {
    const { registry, repository } = gate;
    const attributes = { change: notice.kind, registry, repository };
    return publish(client, topicArn, attributes, renderNotice(gate, notice, context));
  };
}

/** Publishes messages about the whole stack. */
export function createStackNotifier(
  client: SNSClient,
  topicArn: string,
  attributes: Attributes,
): (message: Message) => Promise<void> {
  return (message) => publish(client, topicArn, attributes, message);
}

async function publish(
  client: SNSClient,
  topicArn: string,
  attributes: Attributes,
  { subject, text }: Message,
): Promise<void> {
  const all = Object.entries({ cloud: 'aws', ...attributes });
  const named = all.map(([name, value]) => [name, { DataType: 'String', StringValue: value }]);
  await client.send(
    new PublishCommand({
      TopicArn: topicArn,
      Subject: subject,
      Message: text,
      MessageAttributes: Object.fromEntries(named),
    }),
  );
}
