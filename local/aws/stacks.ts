// The stacks of the local AWS: each one's deployment on top of the shared services.
import type { Clock } from '../clock.ts';
import type { Graph } from '../graph.ts';
import type { LogLine } from '../log-line.ts';
import { createStacksOf, type StacksOf } from '../stacks.ts';
import { checkDeployment } from './deployment-check.ts';
import type { DynamoDb } from './dynamodb.ts';
import type { RunningBus } from './events.ts';
import type { Iam } from './iam.ts';
import { createLambda, type LambdaHost, type RunningLambda } from './lambda.ts';
import type { Place } from './place.ts';
import type { Principals } from './principals.ts';
import { type Resources, readResources } from './resources.ts';
import type { RoleResource } from './resources-roles.ts';
import type { Topics } from './sns.ts';
import type { Queue, Queues } from './sqs.ts';

/** The deployment of one Pulumi stack. */
export interface Stack {
  /** The queue that feeds the function. */
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly lambda: LambdaHost;
  /** The function's log, line by line, in order. */
  readonly logs: LogLine[];
}

export interface DeployedStack extends Stack {
  readonly resources: Resources;
  readonly lambda: RunningLambda;
}

export type Stacks = StacksOf<DeployedStack>;

interface Parts {
  readonly place: Place;
  readonly clock: Clock;
  readonly endpoint: () => string;
  readonly principals: Principals;
  readonly iam: Iam;
  readonly queues: Queues;
  readonly topics: Topics;
  readonly dynamodb: DynamoDb;
  readonly bus: RunningBus;
}

export function createStacks(parts: Parts): Stacks {
  const { place, clock, principals, iam, queues, topics, dynamodb, bus } = parts;
  const roles = new Map<string, RoleResource>();

  async function deployServices(name: string, resources: Resources): Promise<void> {
    for (const role of resources.roles) roles.set(role.arn, role);
    for (const queue of resources.queues) queues.deploy(queue);
    for (const topic of resources.topics) topics.deploy(topic);
    for (const table of resources.tables) await dynamodb.deploy(table);
    bus.deploy(name, resources.rules);
  }

  function startFunction({ lambda: resource }: Resources, logs: LogLine[], isThrottled: boolean): RunningLambda {
    // https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
    const context = { 'lambda:SourceFunctionArn': resource.arn };
    const assumeRole = () =>
      principals.add(resource.roleArn, () => roles.get(resource.roleArn)?.policies ?? [], context);
    return createLambda({ resource, place, clock, endpoint: parts.endpoint(), logs, assumeRole, isThrottled });
  }

  function queuesOf({ mapping, queues: own }: Resources): Pick<Stack, 'queue' | 'deadLetters'> {
    const queue = queues.byArn(mapping.queueArn);
    const deadLetterArn = own.find(({ arn }) => arn === queue.arn)?.redrive?.deadLetterArn;
    if (deadLetterArn === undefined)
      throw new Error(`${queue.arn} has no redrive policy, so failed messages would be retried forever`);
    return { queue, deadLetters: queues.byArn(deadLetterArn) };
  }

  async function deploy(name: string, graph: Graph, before: DeployedStack | undefined): Promise<DeployedStack> {
    const resources = readResources(graph);
    if (JSON.stringify(resources.place) !== JSON.stringify(place))
      throw new Error('all stacks of a local cloud must have the same account and region');
    await deployServices(name, resources);
    await checkDeployment(resources, { roles, iam, queues });
    await before?.lambda.stop();
    const logs = before?.logs ?? [];
    const lambda = startFunction(resources, logs, before?.lambda.isThrottled ?? false);
    return { resources, lambda, logs, ...queuesOf(resources) };
  }

  return createStacksOf(deploy, ({ lambda }) => lambda.stop());
}
