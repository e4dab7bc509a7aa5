// The SDK's clients, with the patience that a function has: retries with backoff, and no call that hangs for the whole invocation.
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
import type { Surroundings } from './settings.ts';

export interface Clients {
  readonly table: TableClient;
  readonly queues: QueueService;
  readonly logs: LogsQueryClient;
  /** What Resource Manager knows of a registry. */
  readonly describeRegistry: (id: RegistryId) => Promise<Registry>;
  /** The client of the registry with this login server. */
  readonly registry: (loginServer: string) => ContainerRegistryClient;
  /** Undefined where nobody gets mail. */
  readonly mail: EmailClient | undefined;
}

/** Throttled and failed calls are tried so often again; the SDK waits longer each time, or as long as `Retry-After` says. */
const MAX_RETRIES = 5;
const MAX_LOG_RETRIES = 2;
const MAX_RETRY_DELAY_MILLISECONDS = 20_000;
/** Log Analytics may think for a minute; nothing else does. */
const REQUEST_TIMEOUT_MILLISECONDS = 90_000;

const timeout: PipelinePolicy = {
  name: 'timeout',
  sendRequest(request, next) {
    request.timeout = REQUEST_TIMEOUT_MILLISECONDS;
    return next(request);
  },
};

/**
 * The clients of one worker.
 *
 * @param credential who calls
 * @param options how to reach Azure, where that is not the straight way
 * @param onCall is told the service of every call, each repetition too
 */
export function createClients(
  where: Pick<Surroundings, 'tableUrl' | 'tableName' | 'mail'>,
  credential: TokenCredential,
  options: PipelineOptions = {},
  onCall: (service: string) => void = () => {},
): Clients {
  const counting = (service: string): PipelinePolicy => ({
    name: 'usage',
    sendRequest(request, next) {
      onCall(service);
      return next(request);
    },
  });
  const bare = {
    ...options,
    retryOptions: { maxRetries: MAX_RETRIES, maxRetryDelayInMs: MAX_RETRY_DELAY_MILLISECONDS, ...options.retryOptions },
  };
  const common = (service: string) => ({
    ...bare,
    additionalPolicies: [
      { policy: timeout, position: 'perCall' as const },
      { policy: counting(service), position: 'perRetry' as const },
    ],
  });
  const registryClients = new Map<string, ContainerRegistryClient>();
  return {
    table: new TableClient(where.tableUrl, where.tableName, credential, common('table')),
    queues: queueService(credential, bare, timeout, counting('queue')),
    // It may think for a minute each time, and a narrower question has to be asked within the same invocation.
    logs: new LogsQueryClient(credential, {
      ...common('logs'),
      retryOptions: { ...bare.retryOptions, maxRetries: MAX_LOG_RETRIES },
    }),
    // One call of its client, without the weight of the others.
    describeRegistry: ({ subscription, resourceGroup, name }) =>
      get(createContainerRegistryManagement(credential, subscription, common('arm')), resourceGroup, name),
    registry(loginServer) {
      const known = registryClients.get(loginServer);
      if (known !== undefined) return known;
      // Its default audience is the registries' own: those that are hardened take no other.
      const client = new ContainerRegistryClient(`https://${loginServer}`, credential, common('registry'));
      registryClients.set(loginServer, client);
      return client;
    },
    // It may ask to wait for an hour: what is not told at once is told with the next tick.
    mail:
      where.mail === undefined
        ? undefined
        : new EmailClient(where.mail.endpoint, credential, { ...common('mail'), retryOptions: { maxRetries: 0 } }),
  };
}
