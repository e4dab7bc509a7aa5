// The queue service: the queues of the deployed graphs, and their requests.
// Source: https://learn.microsoft.com/rest/api/storageservices/queue-service-rest-api
import type { Clock } from '../clock.ts';
import { failure } from './failure.ts';
import type { Principals } from './principals.ts';
import { createQueue, type Queue } from './queue-messages.ts';
import { readQueueRequest, refuseQueueRequest } from './queue-wire.ts';
import type { Service } from './service.ts';
import { authenticateStorage, denied, type StorageResource } from './storage.ts';
import type { WireRequest } from './wire.ts';

export interface Queues {
  /** Creates the queue. An existing queue keeps its messages. */
  deploy(resource: StorageResource): Queue;
  /** @throws Error if no deployed graph contains the queue */
  find(account: string, name: string): Queue;
  readonly service: Service;
}

export function createQueues(
  clock: Clock,
  principals: Principals,
  serve: (host: string, service: Service) => void,
): Queues {
  const queues = new Map<string, Queue>();
  const keyOf = (account: string, name: string) => `${account}/${name}`.toLowerCase();

  const service: Service = {
    name: 'queue',
    read: (request) => readQueueRequest(request, queueAt(request)),
    authenticate: (request) => authenticateStorage(principals, request),
    denied,
    refuse: refuseQueueRequest,
  };

  function queueAt({ host, url }: WireRequest): Queue {
    const [account = ''] = host.split('.');
    const [, name = ''] = url.pathname.split('/');
    const queue = queues.get(keyOf(account, name));
    if (queue === undefined) throw failure(404, 'QueueNotFound', `The specified queue does not exist: ${name}`);
    return queue;
  }

  return {
    deploy(resource) {
      const known = queues.get(keyOf(resource.account, resource.name));
      if (known !== undefined) return known;
      const made = createQueue(clock, resource);
      queues.set(keyOf(resource.account, resource.name), made);
      serve(new URL(made.url).host, service);
      return made;
    },
    find(account, name) {
      const found = queues.get(keyOf(account, name));
      if (found === undefined) throw new Error(`no deployed graph has the queue ${name} in the account ${account}`);
      return found;
    },
    service,
  };
}
