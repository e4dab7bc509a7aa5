// AWS on one machine: the deployed artefacts of a resource graph, and the services that they call, behind one loopback port.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, earliest, virtualClock } from '../clock.ts';
import type { Graph } from '../graph.ts';
import type { LogLine } from '../log-line.ts';
import type { OciClient } from '../oci-client.ts';
import type { Secret } from '../secrets.ts';
import { type Calls, createCalls } from './calls.ts';
import { createDynamoDb } from './dynamodb.ts';
import { createEcr, type Ecr } from './ecr.ts';
import { createEcrApi } from './ecr-api.ts';
import { type Bus, createBus } from './events.ts';
import { failure } from './failure.ts';
import { createFaults, type Faults } from './faults.ts';
import { createIam, type Iam } from './iam.ts';
import { createInspector, type Inspector } from './inspector.ts';
import { createInspectorApi } from './inspector-api.ts';
import { createLambda, type Invocation, type LambdaHost, type RunningLambda } from './lambda.ts';
import { pollOnce } from './mapping.ts';
import { createEcrOciClient } from './oci-client.ts';
import type { Operations } from './operation.ts';
import type { Place } from './place.ts';
import { type Credentials, createPrincipals, type Principals } from './principals.ts';
import { createRegistry } from './registry.ts';
import { type Resources, readResources } from './resources.ts';
import type { RoleResource } from './resources-roles.ts';
import { type ServiceApi, startServer } from './server.ts';
import { createTopics, type NoticeSent } from './sns.ts';
import { createQueues, type Queue } from './sqs.ts';

/** What one Pulumi stack has deployed. */
export interface Stack {
  /** The queue that feeds the function. */
  readonly queue: Queue;
  readonly deadLetters: Queue;
  readonly lambda: LambdaHost;
  /** The function's log, line by line, in order. */
  readonly logs: LogLine[];
}

export interface LocalAws extends Stack {
  /** `http://127.0.0.1:PORT`: the SDKs' AWS_ENDPOINT_URL, and the registry's host. */
  readonly endpoint: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly ecr: Ecr;
  readonly inspector: Inspector;
  readonly bus: Bus;
  readonly calls: Calls;
  readonly faults: Faults;
  readonly principals: Principals;
  /** What nobody but its receiver may see, as far as it was given out: secret access keys and session tokens. */
  readonly secrets: readonly Secret[];
  /** What was published to any topic, in order. */
  readonly notices: NoticeSent[];
  /** A stack that was deployed. `queue`, `lambda`, ... of the cloud itself are those of the stack `main`. */
  stack(name: string): Stack;
  /** Deploys a graph over what the stack has (`main` by default): new code, settings, rules and rights; the data stays. Another name is another stack of the same account. */
  deploy(graph: Graph, options?: { readonly stack?: string }): Promise<void>;
  /**
   * Hands visible messages to the functions until there are none.
   * With `advance` it then moves the clock to where the next message becomes visible, and goes on, until all queues but the dead-letter queues are empty.
   */
  runUntilIdle(options?: { readonly advance?: boolean }): Promise<readonly Invocation[]>;
  /** Moves the clock, firing the schedules and handing over the messages that fall due on the way, each at its time. */
  advance(milliseconds: number): Promise<readonly Invocation[]>;
  /** What an SDK client, the AWS CLI or a child process needs to call this cloud as somebody: `new ECRClient(cloud.clientConfig(credentials))`. */
  clientConfig(credentials: Credentials): {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: Credentials;
  };
  environment(credentials: Credentials): Record<string, string>;
  /** A container client that logs in as somebody. */
  oci(credentials: Credentials): OciClient;
  stop(): Promise<void>;
}

export interface AwsOptions {
  /** Default: a virtual clock. */
  readonly clock?: Clock;
  /** How many batches a function works on at once, each in a process of its own. Default: 1. */
  readonly concurrency?: number;
  /** The most messages of a batch, where it is to be fewer than the event source mapping allows. */
  readonly largestBatch?: number;
}

interface Deployed extends Stack {
  readonly resources: Resources;
  readonly lambda: RunningLambda;
}

/** How often a poller that found nothing looks again, while another has something. */
const POLL_MILLISECONDS = 3;
/** More invocations in one run than this never end. */
const MAX_INVOCATIONS = 50_000;

/** Starts a cloud with one stack deployed, on a port of its own. */
export async function startAws(graph: Graph, options: AwsOptions = {}): Promise<LocalAws> {
  const { clock = virtualClock(), concurrency = 1, largestBatch = Number.POSITIVE_INFINITY } = options;
  const { place } = readResources(graph);
  const calls = createCalls();
  const faults = createFaults();
  const principals = createPrincipals();
  const iam = createIam(place);
  const queues = createQueues(clock);
  const topics = createTopics(clock);
  const dynamodb = createDynamoDb(place);
  const bus = createBus({ place, clock, faults, iam, queues });
  const ecr = createEcr({ place, clock, bus, principals });
  const inspector = createInspector({ place, clock, bus });
  const ecrApi = createEcrApi({ place, clock, world: ecr, endpoint: () => server.endpoint });
  const roles = new Map<string, RoleResource>();
  const stacks = new Map<string, Deployed>();
  const server = await startServer({
    clock,
    principals,
    iam,
    calls,
    faults,
    services: {
      ecr: apiOf(ecrApi.operations),
      inspector2: apiOf(createInspectorApi(place, inspector)),
      sns: apiOf(topics.operations),
      sqs: apiOf(queues.operations),
      dynamodb,
    },
    registry: createRegistry({ place, clock, world: ecr, api: ecrApi, iam }),
    async crash(accessKeyId) {
      for (const { lambda } of stacks.values()) if (await lambda.killHolder(accessKeyId)) return;
      throw new Error('only a function can crash: the call came from somebody else');
    },
  });

  const stack = (name: string): Deployed => {
    const found = stacks.get(name);
    if (found === undefined)
      throw new Error(`no stack ${name} was deployed; there is ${[...stacks.keys()].join(', ')}`);
    return found;
  };

  async function deploy(next: Graph, { stack: name = 'main' }: { readonly stack?: string } = {}): Promise<void> {
    const resources = readResources(next);
    if (JSON.stringify(resources.place) !== JSON.stringify(place))
      throw new Error('all stacks of a local cloud have one account and region');
    for (const role of resources.roles) roles.set(role.arn, role);
    for (const queue of resources.queues) queues.deploy(queue);
    for (const topic of resources.topics) topics.deploy(topic);
    for (const table of resources.tables) await dynamodb.deploy(table);
    bus.deploy(name, resources.rules);
    await checkDeployment(resources, roles, iam, queues.policyOf);
    const before = stacks.get(name);
    await before?.lambda.stop();
    const logs = before?.logs ?? [];
    const { lambda: resource, mapping } = resources;
    const assumeRole = () => principals.add(resource.roleArn, () => roles.get(resource.roleArn)?.policies ?? []);
    const lambda = createLambda({ resource, place, clock, endpoint: server.endpoint, logs, assumeRole });
    const queue = queues.byArn(mapping.queueArn);
    const deadLetterArn = resources.queues.find(({ arn }) => arn === queue.arn)?.redrive?.deadLetterArn;
    if (deadLetterArn === undefined)
      throw new Error(`${queue.arn} has no redrive policy: what fails would come back for ever`);
    stacks.set(name, { resources, lambda, logs, queue, deadLetters: queues.byArn(deadLetterArn) });
  }

  /** Hands over what is visible now, and what becomes visible while that is worked on. */
  async function drain(invocations: Invocation[]): Promise<void> {
    let busy = 0;
    const poll = async ({ resources, queue, lambda }: Deployed): Promise<void> => {
      const mapping = { ...resources.mapping, batchSize: Math.min(resources.mapping.batchSize, largestBatch) };
      for (;;) {
        busy += 1;
        const invocation = await pollOnce(mapping, place, queue, lambda);
        busy -= 1;
        if (invocation !== undefined) {
          if (invocations.push(invocation) > MAX_INVOCATIONS)
            throw new Error(`${MAX_INVOCATIONS} invocations, and the queues are not empty yet`);
        } else if (busy === 0) return;
        else await sleep(POLL_MILLISECONDS);
      }
    };
    do {
      for (const deployed of stacks.values()) {
        if (!deployed.resources.mapping.enabled) continue;
        await Promise.all(Array.from({ length: concurrency }, () => poll(deployed)));
      }
      // What one stack's function did last may have woken another's.
    } while (isAnyVisible());
  }

  const isAnyVisible = (): boolean => {
    const next = nextVisibleAt();
    return next !== undefined && next <= clock.now().getTime();
  };

  const nextVisibleAt = (): number | undefined =>
    earliest(
      [...stacks.values()].map(({ queue, resources }) =>
        resources.mapping.enabled ? queue.nextVisibleAt() : undefined,
      ),
    );

  function moveTo(time: number): void {
    clock.advance(Math.max(0, time - clock.now().getTime()));
  }

  const stop = async (): Promise<void> => {
    await Promise.all([...stacks.values()].map(({ lambda }) => lambda.stop()));
    await server.stop();
  };
  await deploy(graph).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    endpoint: server.endpoint,
    place,
    clock,
    ecr,
    inspector,
    bus,
    calls,
    faults,
    principals,
    secrets: principals.secrets,
    notices: topics.notices,
    stack,
    deploy,
    get queue() {
      return stack('main').queue;
    },
    get deadLetters() {
      return stack('main').deadLetters;
    },
    get lambda() {
      return stack('main').lambda;
    },
    get logs() {
      return stack('main').logs;
    },
    async runUntilIdle({ advance = false } = {}) {
      const invocations: Invocation[] = [];
      await drain(invocations);
      for (let next = nextVisibleAt(); advance && next !== undefined; next = nextVisibleAt()) {
        moveTo(next);
        await drain(invocations);
      }
      return invocations;
    },
    async advance(milliseconds) {
      const invocations: Invocation[] = [];
      const end = clock.now().getTime() + milliseconds;
      await drain(invocations);
      for (let next = earliest([nextVisibleAt(), bus.nextScheduleAt()]); next !== undefined && next <= end; ) {
        moveTo(next);
        await bus.fireDueSchedules();
        await drain(invocations);
        next = earliest([nextVisibleAt(), bus.nextScheduleAt()]);
      }
      moveTo(end);
      return invocations;
    },
    clientConfig: (credentials) => ({ endpoint: server.endpoint, region: place.region, credentials }),
    environment: ({ accessKeyId, secretAccessKey, sessionToken }) => ({
      AWS_ENDPOINT_URL: server.endpoint,
      AWS_REGION: place.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    }),
    oci: (credentials) => createEcrOciClient(server.endpoint, place.region, credentials),
    stop,
  };
}

function apiOf(operations: Operations): ServiceApi {
  const named = (operation: string) => {
    const found = operations[operation];
    if (found === undefined)
      throw failure('UnknownOperationException', `the local cloud has no operation ${operation}`);
    return found;
  };
  return {
    needs: (operation, input) => named(operation).needs(input as never),
    run: (operation, input, call) => named(operation).run(input as never, call),
  };
}

/** What AWS checks when the function and its event source mapping are made, and what would otherwise fail in silence: the log. */
async function checkDeployment(
  { lambda, mapping, queues }: Resources,
  roles: ReadonlyMap<string, RoleResource>,
  iam: Iam,
  policyOf: (arn: string) => string | undefined,
): Promise<void> {
  const role = roles.get(lambda.roleArn);
  if (role === undefined)
    throw new Error(`the function ${lambda.name} has the role ${lambda.roleArn}, which the graph does not have`);
  const service = { arn: 'lambda.amazonaws.com', policies: () => [] };
  const trust = await iam.refusal(service, {
    action: 'sts:AssumeRole',
    resource: role.arn,
    resourcePolicy: role.trustPolicy,
  });
  if (trust !== undefined) throw new Error(`Lambda cannot take the role of ${lambda.name}: ${trust}`);
  const onQueue = { resource: mapping.queueArn, resourcePolicy: policyOf(mapping.queueArn) };
  const onLog = { resource: `${lambda.logGroupArn}:log-stream:stream` };
  for (const need of [
    ...['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'].map((action) => ({ action, ...onQueue })),
    ...['logs:CreateLogStream', 'logs:PutLogEvents'].map((action) => ({ action, ...onLog })),
  ]) {
    const refused = await iam.refusal({ arn: role.arn, policies: () => role.policies }, need);
    if (refused !== undefined) throw new Error(`the function ${lambda.name} cannot run: ${refused}`);
  }
  const queue = queues.find(({ arn }) => arn === mapping.queueArn);
  if (queue === undefined)
    throw new Error(`the event source mapping reads ${mapping.queueArn}, which the graph does not have`);
  if (queue.visibilityTimeoutSeconds < lambda.timeoutSeconds) {
    throw new Error(
      `Queue visibility timeout: ${queue.visibilityTimeoutSeconds} seconds is less than Function timeout: ${lambda.timeoutSeconds} seconds`,
    );
  }
}
