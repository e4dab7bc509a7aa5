// The topics of a resource graph, each with its policy and its key.
import type { Graph } from '../graph.ts';
import { all, type Fields, isNamed, policyText, text } from './resources-fields.ts';

export interface TopicResource {
  readonly arn: string;
  readonly policyText: string | undefined;
  readonly key: { readonly arn: string; readonly policyText: string } | undefined;
}

export function readTopics(graph: Graph): readonly TopicResource[] {
  const policies = all(graph, 'aws:sns/topicPolicy:TopicPolicy');
  return all(graph, 'aws:sns/topic:Topic').map((topic) => {
    const arn = text(topic, 'arn');
    const own = policies.find((policy) => policy['arn'] === arn);
    return { arn, policyText: policyText(own?.['policy'] ?? topic['policy']), key: keyOf(graph, topic, arn) };
  });
}

function keyOf(graph: Graph, topic: Fields, arn: string): TopicResource['key'] {
  const keyId = topic['kmsMasterKeyId'];
  if (keyId === undefined) return undefined;
  const alias = all(graph, 'aws:kms/alias:Alias').find((one) => isNamed(one, keyId));
  const keyReference = alias?.['targetKeyId'] ?? keyId;
  const key = all(graph, 'aws:kms/key:Key').find((one) => isNamed(one, keyReference));
  if (key !== undefined) return { arn: text(key, 'arn'), policyText: policyText(key['policy']) ?? accountPolicy(arn) };
  if (keyId === 'alias/aws/sns') return undefined;
  throw new Error(`the topic ${arn} is encrypted with ${keyId}, which the graph does not have`);
}

/** The default policy of a KMS key: the account's own policies decide. */
function accountPolicy(arn: string): string {
  const [, partition, , , account] = arn.split(':');
  const Principal = { AWS: `arn:${partition}:iam::${account}:root` };
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal, Action: 'kms:*', Resource: '*' }],
  });
}
