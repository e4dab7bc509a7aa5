// Sends notices about state changes, and messages about the stack, to the stack's topic.
import { type MessageAttributeValue, PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Notice } from '../../shared/gate/record.ts';
import type { ImagesOf } from '../../shared/reconcile/rules.ts';
import type { NoticeMessage } from '../../shared/report/delivery-text.ts';
import { type Message, type NoticeContext, renderNotice } from '../../shared/report/notice-text.ts';
import { USERS } from './usage.ts';

/** What notices say on this cloud. The statement in the repository policy names the exempt principals. */
const WORDING = {
  effectOfClosing: 'Pulls are blocked for everyone except exempt principals.',
  // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
  whereToLook:
    "If someone changed it, CloudTrail's event history says who: look for SetRepositoryPolicy and DeleteRepositoryPolicy.",
  whereItRuns:
    'Amazon Inspector counts the use by ECS and EKS only. Other uses are not known: look for the digest where your workloads are defined.',
  users: USERS,
} as const;

/** Publishes notices and summaries of notices to one topic. */
export interface Notifier {
  /** What the texts depend on besides the notices. */
  readonly context: NoticeContext;
  notify(gate: Gate, notice: Notice): Promise<void>;
  publish(message: NoticeMessage): Promise<void>;
}

export function createNotifier(client: SNSClient, topicArn: string, imagesOf: ImagesOf): Notifier {
  const context: NoticeContext = { ...WORDING, imagesOf };
  const publishNotices = ({ kind, about, ...message }: NoticeMessage) => {
    const registries = [...new Set(about.map(({ gate }) => gate.registry))];
    const repositories = [...new Set(about.map(({ gate }) => gate.repository))];
    return publish(client, topicArn, message, { change: kind, registry: registries.join(','), repositories });
  };
  return {
    context,
    publish: publishNotices,
    notify: (gate, notice) =>
      publishNotices({ kind: notice.kind, about: [{ gate, notice }], ...renderNotice(gate, notice, context) }),
  };
}

/** Publishes messages about the whole stack. */
export function createStackNotifier(
  client: SNSClient,
  topicArn: string,
  attributes: Attributes,
): (message: Message) => Promise<void> {
  return (message) => publish(client, topicArn, message, attributes);
}

/** The message attributes, by which subscribers can filter. */
interface Attributes {
  readonly change: string;
  readonly registry: string;
  /** Not given if the message is about no repository. */
  readonly repositories?: readonly string[];
}

/**
 * A summary names all its repositories in one array: a filter on a repository accepts the message if any element
 * matches.
 * Sources: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html,
 * https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html
 */
async function publish(
  client: SNSClient,
  topicArn: string,
  { subject, text }: Message,
  { repositories = [], ...attributes }: Attributes,
): Promise<void> {
  const [only, ...others] = repositories;
  const named: Record<string, MessageAttributeValue> = {};
  for (const [name, value] of Object.entries({ cloud: 'aws', ...attributes })) named[name] = stringOf(value);
  if (only !== undefined)
    named['repository'] =
      others.length === 0 ? stringOf(only) : { DataType: 'String.Array', StringValue: JSON.stringify(repositories) };
  await client.send(
    new PublishCommand({ TopicArn: topicArn, Subject: subject, Message: text, MessageAttributes: named }),
  );
}

function stringOf(value: string): MessageAttributeValue {
  return { DataType: 'String', StringValue: value };
}
