// Sends notices about state changes to the stack's topic.
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Notice } from '../../shared/gate/record.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import type { NoticeMessage } from '../../shared/report/delivery-text.ts';
import { type NoticeContext, renderNotice } from '../../shared/report/notice-text.ts';

/** What notices say on this cloud. The statement in the repository policy names the exempt principals. */
const WORDING = {
  effectOfClosing: 'Pulls are blocked for everyone except exempt principals.',
  // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
  whereToLook:
    "If someone changed it, CloudTrail's event history says who: look for SetRepositoryPolicy and DeleteRepositoryPolicy.",
} as const;

/** Publishes notices and summaries of notices to one topic. */
export interface Notifier {
  /** What the texts depend on besides the notices. */
  readonly context: NoticeContext;
  notify(gate: Gate, notice: Notice): Promise<void>;
  publish(message: NoticeMessage): Promise<void>;
}

/**
 * The message attributes let subscribers filter the messages. A summary names all its repositories in one array: a
 * filter on a repository accepts the message if any element matches.
 * Sources: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html,
 * https://docs.aws.amazon.com/sns/latest/dg/string-value-matching.html
 *
 * @param images the policy's `images`
 */
export function createNotifier(client: SNSClient, topicArn: string, images: Policy['images']): Notifier {
  const context: NoticeContext = { ...WORDING, images };
  const publish = async ({ kind, about, subject, text }: NoticeMessage) => {
    const attribute = (value: string) => ({ DataType: 'String', StringValue: value });
    const registries = [...new Set(about.map(({ gate }) => gate.registry))];
    const repositories = [...new Set(about.map(({ gate }) => gate.repository))];
    const [only = ''] = repositories;
    await client.send(
      new PublishCommand({
        TopicArn: topicArn,
        Subject: subject,
        Message: text,
        MessageAttributes: {
          cloud: attribute('aws'),
          change: attribute(kind),
          registry: attribute(registries.join(',')),
          repository:
            repositories.length === 1
              ? attribute(only)
              : { DataType: 'String.Array', StringValue: JSON.stringify(repositories) },
        },
      }),
    );
  };
  return {
    context,
    publish,
    notify: (gate, notice) =>
      publish({ kind: notice.kind, about: [{ gate, notice }], ...renderNotice(gate, notice, context) }),
  };
}
