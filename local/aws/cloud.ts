// AWS on one machine: runs the deployed artifacts of a resource graph, and the services that they call, behind one
// loopback port.
import { type Clock, virtualClock } from '../clock.ts';
import { advanceClock, runUntilIdle } from '../due-work.ts';
import type { Graph } from '../graph.ts';
import { addLiveProperties } from '../live-properties.ts';
import type { OciClient } from '../oci-client.ts';
import type { Secret } from '../secrets.ts';
import { type Calls, createCalls } from './calls.ts';
import { createDelivery } from './delivery.ts';
import { createDynamoDb } from './dynamodb.ts';
import { createEcr, type Ecr } from './ecr.ts';
import { createEcrApi } from './ecr-api.ts';
import { createEcrChanges } from './ecr-changes.ts';
import { type Bus, createBus } from './events.ts';
import { createFaults, type Faults } from './faults.ts';
import { createIam } from './iam.ts';
import { createInspector, type Inspector } from './inspector.ts';
import { createInspectorApi } from './inspector-api.ts';
import type { Invocation } from './lambda.ts';
import { createEcrOciClient } from './oci-client.ts';
import { createServiceApi } from './operation.ts';
import type { Place } from './place.ts';
import { type Credentials, createPrincipals, type Principals } from './principals.ts';
import { createRegistry } from './registry.ts';
import { readResources } from './resources.ts';
import { type Server, startServer } from './server.ts';
import { createTopics, type NoticeSent } from './sns.ts';
import { createQueues } from './sqs.ts';
import { createStacks, type Stack, type Stacks } from './stacks.ts';
import { createTrail, type Trail } from './trail.ts';

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
  readonly trail: Trail;
  /** The secrets issued so far: secret access keys and session tokens. */
  readonly secrets: readonly Secret[];
  /** The messages published to any topic, in order. */
  readonly notices: NoticeSent[];
  /** A deployed stack. The cloud's own `queue`, `lambda`, ... are those of the stack `main`. */
  stack(name: string): Stack;
  /**
   * Deploys a graph to a stack of this account (`main` by default): replaces code, settings, rules and permissions, and
   * keeps the data.
   */
  deploy(graph: Graph, options?: { readonly stack?: string }): Promise<void>;
  /**
   * Delivers visible messages to the functions until there are none. With `advance`, it then moves the clock to the
   * next message and continues until all queues except the dead-letter queues are empty.
   */
  runUntilIdle(options?: { readonly advance?: boolean }): Promise<readonly Invocation[]>;
  /** Moves the clock. Schedules fire and messages are delivered on the way, each at its time. */
  advance(milliseconds: number): Promise<readonly Invocation[]>;
  /**
   * The configuration with which an SDK client, the AWS CLI or a child process calls this cloud with these credentials:
   * `new ECRClient(cloud.clientConfig(credentials))`.
   */
  clientConfig(credentials: Credentials): {
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: Credentials;
  };
  environment(credentials: Credentials): Record<string, string>;
  /** A container client that logs in with these credentials. */
  oci(credentials: Credentials): OciClient;
  stop(): Promise<void>;
}

export interface AwsOptions {
  /** Default: a virtual clock. */
  readonly clock?: Clock;
  /** The number of batches that a function processes at once, each in its own process. Default: 1. */
  readonly concurrency?: number;
  /** The largest batch. Default: the limit of the event source mapping. */
  readonly largestBatch?: number;
}

/** Starts a cloud on its own port with one stack deployed. */
export async function startAws(graph: Graph, options: AwsOptions = {}): Promise<LocalAws> {
  const { clock = virtualClock(), concurrency = 1, largestBatch = Number.POSITIVE_INFINITY } = options;
  const { place } = readResources(graph);
  const services = createServices(place, clock, () => server.endpoint);
  const { bus, ecr, principals, topics } = services;
  const stacks = createStacks({ ...services, place, clock, endpoint: () => server.endpoint });
  const server = await serve(services, clock, stacks);
  const delivery = createDelivery({ place, clock, bus, ecr, stacks: stacks.all, concurrency, largestBatch });
  const cloud = {
    place,
    clock,
    ecr,
    inspector: services.inspector,
    bus,
    calls: services.calls,
    faults: services.faults,
    principals,
    trail: services.trail,
    secrets: principals.secrets,
    notices: topics.notices,
    stack: stacks.find,
    deploy: (next: Graph, { stack = 'main' }: { readonly stack?: string } = {}) => stacks.deploy(stack, next),
    runUntilIdle: (until?: { readonly advance?: boolean }) => runUntilIdle(delivery, until),
    advance: (milliseconds: number) => advanceClock(delivery, milliseconds),
    ...accessTo(server, place),
    async stop() {
      await stacks.stop();
      await server.stop();
    },
  };
  await stacks.deploy('main', graph).catch(async (error: unknown) => {
    await cloud.stop();
    throw error;
  });
  return addLiveProperties(cloud, mainStack(stacks));
}

type Services = ReturnType<typeof createServices>;

function createServices(place: Place, clock: Clock, endpoint: () => string) {
  const calls = createCalls();
  const faults = createFaults();
  const principals = createPrincipals();
  const iam = createIam(place);
  const queues = createQueues(clock);
  const topics = createTopics(clock);
  const dynamodb = createDynamoDb(place, clock);
  const bus = createBus({ place, clock, faults, iam, queues });
  const ecr = createEcr({ place, clock, bus, principals });
  const inspector = createInspector({ place, clock, bus });
  const inspectorApi = createServiceApi(createInspectorApi(place, inspector));
  const ecrApi = createEcrApi({ place, clock, world: ecr, endpoint });
  const ecrChanges = createEcrChanges({ place, world: ecr });
  const registry = createRegistry({ place, clock, world: ecr, api: ecrApi, iam });
  const trail = createTrail({ place, clock, bus });
  const control = { calls, faults, principals, iam, trail };
  return { ...control, queues, topics, dynamodb, bus, ecr, ecrApi, ecrChanges, inspector, inspectorApi, registry };
}

function serve(services: Services, clock: Clock, stacks: Stacks): Promise<Server> {
  const { calls, faults, principals, iam, trail, registry, dynamodb } = services;
  return startServer({
    clock,
    principals,
    iam,
    calls,
    faults,
    trail,
    services: {
      ecr: createServiceApi({ ...services.ecrApi.operations, ...services.ecrChanges }),
      inspector2: services.inspectorApi,
      sns: createServiceApi(services.topics.operations),
      sqs: createServiceApi(services.queues.operations),
      dynamodb,
    },
    registry,
    async crash(accessKeyId) {
      for (const { lambda } of stacks.all()) if (await lambda.killHolder(accessKeyId)) return;
      throw new Error('only a function can crash, but the call came from another principal');
    },
  });
}

function accessTo(
  { endpoint }: Server,
  { region }: Place,
): Pick<LocalAws, 'endpoint' | 'clientConfig' | 'environment' | 'oci'> {
  return {
    endpoint,
    clientConfig: (credentials) => ({ endpoint, region, credentials }),
    environment: ({ accessKeyId, secretAccessKey, sessionToken }) => ({
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
    }),
    oci: (credentials) => createEcrOciClient(endpoint, region, credentials),
  };
}

function mainStack({ find }: Stacks): Stack {
  const main = () => find('main');
  return {
    get queue() {
      return main().queue;
    },
    get deadLetters() {
      return main().deadLetters;
    },
    get lambda() {
      return main().lambda;
    },
    get logs() {
      return main().logs;
    },
  };
}
