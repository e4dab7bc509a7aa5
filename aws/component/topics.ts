// The SNS topics for state changes and alarms, their key, and the mail subscriptions.
import { createHash } from 'node:crypto';
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { alarmsTopicPolicy, changesTopicPolicy, keyPolicy, type PolicyDocument } from './policies.ts';

export interface Topics {
  /** State changes, from the function. */
  readonly changes: aws.sns.Topic;
  /** Alarms, from CloudWatch. */
  readonly alarms: aws.sns.Topic;
  readonly key: aws.kms.Key;
}

export interface TopicsArgs {
  readonly partition: pulumi.Output<string>;
  readonly accountId: pulumi.Output<string>;
  readonly notifyEmails: readonly string[];
}

/** Creates both topics, encrypted with one key, each with a subscription for every address. */
export function createTopics(name: string, args: TopicsArgs, parent: pulumi.Resource): Topics {
  const { partition, accountId, notifyEmails } = args;
  const key = new aws.kms.Key(
    `${name}-key`,
    {
      description: 'pullgate: encrypts the topics for state changes and alarms',
      enableKeyRotation: true,
      policy: pulumi
        .all([partition, accountId])
        .apply(([inPartition, account]) => JSON.stringify(keyPolicy(inPartition, account))),
    },
    { parent },
  );
  new aws.kms.Alias(`${name}-key`, { targetKeyId: key.keyId }, { parent });

  const create = (ending: string) => {
    const topic = new aws.sns.Topic(`${name}-${ending}`, { kmsMasterKeyId: key.arn }, { parent });
    for (const address of notifyEmails) {
      new aws.sns.TopicSubscription(
        `${name}-${ending}-mail-${addressMark(address)}`,
        { topic: topic.arn, protocol: 'email', endpoint: address },
        { parent },
      );
    }
    return topic;
  };
  const changes = create('changes');
  setPolicy(`${name}-changes-policy`, changes, changes.arn.apply(changesTopicPolicy), parent);
  return { changes, alarms: create('alarms'), key };
}

/**
 * Lets only these alarms publish to their topic. The alarms refer to the topic, so its policy is created after them.
 */
export function letAlarmsPublish(
  name: string,
  topic: aws.sns.Topic,
  alarms: readonly aws.cloudwatch.MetricAlarm[],
  parent: pulumi.Resource,
): void {
  const arns = pulumi.all(alarms.map(({ arn }) => arn));
  const policy = pulumi.all([topic.arn, arns]).apply((known) => alarmsTopicPolicy(...known));
  setPolicy(`${name}-alarms-policy`, topic, policy, parent);
}

function setPolicy(
  name: string,
  { arn }: aws.sns.Topic,
  policy: pulumi.Output<PolicyDocument>,
  parent: pulumi.Resource,
): void {
  new aws.sns.TopicPolicy(name, { arn, policy: policy.apply((known) => JSON.stringify(known)) }, { parent });
}

/**
 * A resource name for an address that does not change when other addresses are added or removed. With a new name, the
 * owner of the address would have to confirm the subscription again.
 */
function addressMark(address: string): string {
  return createHash('sha256').update(address.toLowerCase()).digest('hex').slice(0, 8);
}
