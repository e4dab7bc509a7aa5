// Sends notices about state changes to the stack's topic.
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Notice } from '../../shared/gate/record.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { renderNotice } from '../../shared/report/notice-text.ts';

/** What notices say on this cloud. The statement in the repository policy names the exempt principals. */
const WORDING = {
  effectOfClosing: 'Pulls are blocked for everyone except exempt principals.',
  // https://docs.aws.amazon.com/awscloudtrail/latest/userguide/view-cloudtrail-events.html
  whereToLook:
    "If someone changed it, CloudTrail's event history says who: look for SetRepositoryPolicy and DeleteRepositoryPolicy.",
} as const;

/**
 * Publishes notices. The message attributes let subscribers filter them.
 *
 * @param images the policy's `images`
 */
export function createNotifier(
  client: SNSClient,
  topicArn: string,
  images: Policy['images'],
): (gate: Gate, notice: Notice) => Promise<void> {
  return async (gate, notice) => {
    const { subject, text } = renderNotice(gate, notice, { ...WORDING, images });
    const attribute = (value: string) => ({ DataType: 'String', StringValue: value });
    await client.send(
      new PublishCommand({
        TopicArn: topicArn,
        Subject: subject,
        Message: text,
        MessageAttributes: {
          cloud: attribute('aws'),
          change: attribute(notice.kind),
          registry: attribute(gate.registry),
          repository: attribute(gate.repository),
        },
      }),
    );
  };
}
