// The part of SNS that the code calls: Publish. Messages are kept as notices.
// Source: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { failure } from './failure.ts';
import { type Operations, operation } from './operation.ts';
import type { TopicResource } from './resources-topics.ts';

/** What a topic's subscribers would receive. */
export interface NoticeSent {
  readonly topicArn: string;
  readonly subject: string | undefined;
  readonly message: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly at: Date;
}

export interface Topics {
  deploy(resource: TopicResource): void;
  readonly notices: NoticeSent[];
  readonly operations: Operations;
}

const MAX_MESSAGE_BYTES = 262_144;

export function createTopics(clock: Clock): Topics {
  const topics = new Map<string, TopicResource>();
  const notices: NoticeSent[] = [];
  type Form = Readonly<Record<string, string>>;
  return {
    deploy: (resource) => void topics.set(resource.arn, resource),
    notices,
    operations: {
      Publish: operation(
        ({ TopicArn: arn = '' }: Form) => {
          const topic = topics.get(arn);
          const publish = { action: 'sns:Publish', resource: arn, resourcePolicy: topic?.policyText };
          if (topic?.key === undefined) return [publish];
          const key = { resource: topic.key.arn, resourcePolicy: topic.key.policyText, isByService: true };
          return [publish, { action: 'kms:GenerateDataKey', ...key }, { action: 'kms:Decrypt', ...key }];
        },
        (form: Form) => {
          const { TopicArn: topicArn = '', Message: message = '', Subject: subject } = form;
          if (!topics.has(topicArn)) throw failure('NotFound', 'Topic does not exist', 404);
          if (message === '') throw failure('InvalidParameter', 'Invalid parameter: Empty message');
          const attributes = attributesOf(form);
          // The attributes count, too.
          const bytes = [message, ...Object.entries(attributes).flat()].reduce(
            (sum, text) => sum + Buffer.byteLength(text),
            0,
          );
          if (bytes > MAX_MESSAGE_BYTES) throw failure('InvalidParameter', 'Invalid parameter: Message too long');
          if (subject !== undefined && !/^[!-~][ -~]{0,99}$/.test(subject)) {
            throw failure('InvalidParameter', 'Invalid parameter: Subject');
          }
          notices.push({ topicArn, subject, message, attributes, at: clock.now() });
          return { MessageId: randomUUID() };
        },
      ),
    },
  };
}

/**
 * The query protocol's form of a map: `MessageAttributes.entry.1.Name` and the like. An array stays JSON text.
 * Source: https://docs.aws.amazon.com/sns/latest/dg/sns-message-attributes.html
 */
function attributesOf(form: Readonly<Record<string, string>>): Record<string, string> {
  const attributes: Record<string, string> = {};
  for (const [key, name] of Object.entries(form)) {
    const [, entry] = /^MessageAttributes\.entry\.(\d+)\.Name$/.exec(key) ?? [];
    if (entry === undefined) continue;
    const field = (of: string) => form[`MessageAttributes.entry.${entry}.Value.${of}`] ?? '';
    const [type, value] = [field('DataType'), field('StringValue')];
    if (type !== 'String' && type !== 'String.Array') throw new Error(`the local SNS does not know the type ${type}`);
    if (value === '' || (type === 'String.Array' && !Array.isArray(JSON.parse(value))))
      throw failure('ParameterValueInvalid', `Invalid parameter: The message attribute '${name}' has an invalid value`);
    attributes[name] = value;
  }
  return attributes;
}
