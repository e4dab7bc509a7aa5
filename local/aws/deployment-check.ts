// The checks of AWS when the function and its event source mapping are created, and a check of the permission to log,
// without which a function loses its logs silently.
import type { Iam } from './iam.ts';
import type { Resources } from './resources.ts';
import type { RoleResource } from './resources-roles.ts';
import type { Queues } from './sqs.ts';

interface Deployed {
  /** The roles of all stacks, by ARN. */
  readonly roles: ReadonlyMap<string, RoleResource>;
  readonly iam: Iam;
  readonly queues: Pick<Queues, 'policyOf'>;
}

/** @throws Error that names the first problem that keeps the function from running */
export async function checkDeployment(resources: Resources, deployed: Deployed): Promise<void> {
  const { lambda, mapping, queues } = resources;
  const role = deployed.roles.get(lambda.roleArn);
  if (role === undefined)
    throw new Error(`the function ${lambda.name} has the role ${lambda.roleArn}, which the graph does not have`);
  await checkRole(resources, role, deployed);
  const queue = queues.find(({ arn }) => arn === mapping.queueArn);
  if (queue === undefined)
    throw new Error(`the event source mapping reads ${mapping.queueArn}, which the graph does not have`);
  if (queue.visibilityTimeoutSeconds < lambda.timeoutSeconds) {
    throw new Error(
      `Queue visibility timeout: ${queue.visibilityTimeoutSeconds} seconds is less than Function timeout: ${lambda.timeoutSeconds} seconds`,
    );
  }
}

async function checkRole({ lambda, mapping }: Resources, role: RoleResource, { iam, queues }: Deployed): Promise<void> {
  const service = { arn: 'lambda.amazonaws.com', policies: () => [] };
  const trust = await iam.refusal(service, {
    action: 'sts:AssumeRole',
    resource: role.arn,
    resourcePolicy: role.trustPolicy,
  });
  if (trust !== undefined) throw new Error(`Lambda cannot take the role of ${lambda.name}: ${trust}`);
  const onQueue = { resource: mapping.queueArn, resourcePolicy: queues.policyOf(mapping.queueArn) };
  const onLog = { resource: `${lambda.logGroupArn}:log-stream:stream` };
  for (const need of [
    ...['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'].map((action) => ({ action, ...onQueue })),
    ...['logs:CreateLogStream', 'logs:PutLogEvents'].map((action) => ({ action, ...onLog })),
  ]) {
    const refused = await iam.refusal({ arn: role.arn, policies: () => role.policies }, need);
    if (refused !== undefined) throw new Error(`the function ${lambda.name} cannot run: ${refused}`);
  }
}
