// The SDK's clients, with limits that suit a function: retries with backoff, and no call that hangs for the whole
// invocation.
import type { Registry } from '@azure/arm-containerregistry';
import { createContainerRegistryManagement } from '@azure/arm-containerregistry/api';
import { get } from '@azure/arm-containerregistry/api/registries';
import { EmailClient } from '@azure/communication-email';
import { ContainerRegistryClient } from '@azure/container-registry';
import type { PipelineOptions, PipelinePolicy } from '@azure/core-rest-pipeline';
import { TableClient } from '@azure/data-tables';
import type { TokenCredential } from '@azure/identity';
import { LogsQueryClient } from '@azure/monitor-query';
import { type QueueService, queueService } from './queue.ts';
import type { RegistryId } from './registry-id.ts';
import { createQueryGraph, type QueryGraph } from './resource-graph.ts';
import type { DeployedResources } from './settings.ts';

export interface Clients {
  readonly table: TableClient;
  readonly queues: QueueService;
  readonly logs: LogsQueryClient;
  readonly queryGraph: QueryGraph;
  /** Describes a registry, as Resource Manager knows it. */
  readonly describeRegistry: (id: RegistryId) => Promise<Registry>;
  /** The client for the registry at this login server. */
  readonly registry: (loginServer: string) => ContainerRegistryClient;
  /** Undefined if there are no recipients. */
  readonly mail: Mailer | undefined;
}

/** Sends mail from one address. */
export interface Mailer {
  readonly client: EmailClient;
  readonly sender: string;
}

/** Retries of a throttled or failed call. The SDK waits longer each time, or as long as `Retry-After` says. */
const MAX_RETRIES = 5;
const MAX_LOG_RETRIES = 2;
/** Details refine a decision that is possible without them. */
const MAX_GRAPH_RETRIES = 2;
const MAX_RETRY_DELAY_MILLISECONDS = 20_000;
/** Log Analytics may take a minute to respond. Every other service is faster. */
const REQUEST_TIMEOUT_MILLISECONDS = 90_000;

/** What closes must not wait for details. */
const GRAPH_TIMEOUT_MILLISECONDS = 10_000;

const timeout = timeoutOf(REQUEST_TIMEOUT_MILLISECONDS);

function timeoutOf(milliseconds: number): PipelinePolicy {
  return {
    name: 'timeout',
    sendRequest(request, next) {
      request.timeout = milliseconds;
      return next(request);
    },
  };
}

/**
 * The clients of one worker.
 *
 * @param credential the identity that calls
 * @param overrides pipeline options for reaching Azure, such as a proxy
 * @param onCall receives the name of the service for each call, including retries
 */
export function createClients(
  resources: Pick<DeployedResources, 'tableUrl' | 'tableName' | 'mail'>,
  credential: TokenCredential,
  overrides: PipelineOptions = {},
  onCall: (service: string) => void = () => {},
): Clients {
  const { tableUrl, tableName, mail } = resources;
  const retryOptions = {
    maxRetries: MAX_RETRIES,
    maxRetryDelayInMs: MAX_RETRY_DELAY_MILLISECONDS,
    ...overrides.retryOptions,
  };
  const bare = { ...overrides, retryOptions };
  const common = (service: string) => ({
    ...bare,
    additionalPolicies: [
      { policy: timeout, position: 'perCall' as const },
      { policy: counting(service, onCall), position: 'perRetry' as const },
    ],
  });
  return {
    table: new TableClient(tableUrl, tableName, credential, common('table')),
    queues: queueService(credential, bare, timeout, counting('queue', onCall)),
    // Each try may take a minute, and there must be time for a narrower query within the same invocation.
    logs: new LogsQueryClient(credential, {
      ...common('logs'),
      retryOptions: { ...retryOptions, maxRetries: MAX_LOG_RETRIES },
    }),
    queryGraph: createQueryGraph(
      credential,
      { ...bare, retryOptions: { ...retryOptions, maxRetries: MAX_GRAPH_RETRIES } },
      timeoutOf(GRAPH_TIMEOUT_MILLISECONDS),
      counting('graph', onCall),
    ),
    ...createRegistryClients(credential, common),
    mail:
      mail === undefined
        ? undefined
        : {
            // The service may ask for a delay of an hour, so there are no retries. The next tick sends the mails that
            // failed.
            client: new EmailClient(mail.endpoint, credential, { ...common('mail'), retryOptions: { maxRetries: 0 } }),
            sender: mail.sender,
          },
  };
}

/**
 * The clients that need nothing but a registry's id or login server.
 *
 * @param optionsFor the pipeline options for a service. Default: the SDK's
 */
export function createRegistryClients(
  credential: TokenCredential,
  optionsFor: (service: string) => PipelineOptions = () => ({}),
): Pick<Clients, 'describeRegistry' | 'registry'> {
  return {
    // Imports the single operation that is needed, to keep the client's other operations out of the bundle.
    describeRegistry: ({ subscription, resourceGroup, name }) =>
      get(createContainerRegistryManagement(credential, subscription, optionsFor('arm')), resourceGroup, name),
    // The default audience is that of container registries. Hardened registries accept no other.
    registry: createOnce(
      (loginServer) => new ContainerRegistryClient(`https://${loginServer}`, credential, optionsFor('registry')),
    ),
  };
}

function counting(service: string, onCall: (service: string) => void): PipelinePolicy {
  return {
    name: 'usage',
    sendRequest(request, next) {
      onCall(service);
      return next(request);
    },
  };
}

/** Creates the client of each login server once. */
function createOnce(create: Clients['registry']): Clients['registry'] {
  const created = new Map<string, ContainerRegistryClient>();
  return (loginServer) => {
    const client = created.get(loginServer) ?? create(loginServer);
    created.set(loginServer, client);
    return client;
  };
}
