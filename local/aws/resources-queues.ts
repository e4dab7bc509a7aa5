// The queues of a resource graph, each with its policy.
import type { Graph } from '../graph.ts';
import { all, type Fields, json, policyText, text } from './resources-fields.ts';

export interface QueueResource {
  readonly arn: string;
  readonly url: string;
  readonly visibilityTimeoutSeconds: number;
  readonly redrive: { readonly deadLetterArn: string; readonly maxReceiveCount: number } | undefined;
  readonly policyText: string | undefined;
}

export function readQueues(graph: Graph): readonly QueueResource[] {
  const policies = all(graph, 'aws:sqs/queuePolicy:QueuePolicy');
  return all(graph, 'aws:sqs/queue:Queue').map((queue) => {
    if (queue['kmsMasterKeyId'] !== undefined)
      throw new Error('the local cloud does not support queues with a KMS key; use sqsManagedSseEnabled');
    const own = policies.find(({ queueUrl }) => queueUrl === queue['url'] || queueUrl === queue['id']);
    return {
      arn: text(queue, 'arn'),
      url: text(queue, 'url'),
      visibilityTimeoutSeconds: Number(queue['visibilityTimeoutSeconds'] ?? 30),
      redrive: redriveOf(queue),
      policyText: policyText(own?.['policy'] ?? queue['policy']),
    };
  });
}

function redriveOf(queue: Fields): QueueResource['redrive'] {
  const redrive = json(queue['redrivePolicy']);
  if (redrive === undefined) return undefined;
  return { deadLetterArn: text(redrive, 'deadLetterTargetArn'), maxReceiveCount: Number(redrive['maxReceiveCount']) };
}
