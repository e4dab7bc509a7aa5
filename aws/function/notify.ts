// Sends notices about state changes to the stack's topic.
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Gate } from '../../shared/gate/gate.ts';
import type { Notice } from '../../shared/gate/record.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { renderNotice } from '../../shared/report/notice-text.ts';
import { USERS } from './usage.ts';

/** The statement in the repository policy names the exempt principals. */
const EFFECT_OF_CLOSING = 'Pulls are blocked for everyone except exempt principals.';
const WHERE_IT_RUNS =
  'Amazon Inspector counts the use by ECS and EKS only. Other uses are not known: look for the digest where your workloads are defined.';

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
    const { subject, text } = renderNotice(gate, notice, {
      effectOfClosing: EFFECT_OF_CLOSING,
      images,
      users: USERS,
      whereItRuns: WHERE_IT_RUNS,
    });
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
