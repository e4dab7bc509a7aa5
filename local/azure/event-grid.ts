// Event Grid: delivers what the registries report to the queues that subscribe to it.
// Sources: https://learn.microsoft.com/azure/event-grid/event-schema-container-registry,
// https://learn.microsoft.com/azure/event-grid/delivery-and-retry
import { randomUUID } from 'node:crypto';
import type { Agent } from 'node:https';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Clock } from '../clock.ts';
import type { RegistryChange } from './acr.ts';
import { sendCall } from './http-call.ts';
import type { Principal, Principals } from './principals.ts';

/** azure-native:eventgrid:SystemTopicEventSubscription, with what it needs of its topic. */
export interface EventSubscription {
  readonly id: string;
  /** The ARM id of the registry whose events the topic has. */
  readonly source: string;
  /** The system-assigned identity of the topic, which delivers the events. */
  readonly principal: Principal;
  readonly schema: 'EventGridSchema' | 'CloudEventSchemaV1_0';
  readonly eventTypes: readonly string[];
  /** `https://ACCOUNT.queue.core.windows.net/NAME` */
  readonly queueUrl: string;
  /** -1: messages never expire. */
  readonly ttlSeconds: number;
}

export interface EventGrid {
  /**
   * How messages are written to a queue. The sources contradict each other (azure/function/queue.ts). Default: base64.
   */
  encoding: 'base64' | 'text';
  /** Whether the events that are published from now on are lost. Default: false. */
  losesEvents: boolean;
  /** The events that were given up: their target refused them, or was out of reach for too long. */
  readonly dropped: readonly string[];
}

export interface RunningEventGrid extends EventGrid {
  publish(change: RegistryChange): void;
  /** Replaces a stack's subscriptions. */
  deploy(stack: string, subscriptions: readonly EventSubscription[]): void;
  deliverDue(): Promise<void>;
  nextDeliveryAt(): number | undefined;
}

interface Parts {
  readonly clock: Clock;
  readonly principals: Principals;
  readonly agent: Agent;
}

interface Pending {
  readonly subscription: EventSubscription;
  readonly event: object;
  readonly tries: number;
  readonly at: number;
}

const TYPES = { push: 'Microsoft.ContainerRegistry.ImagePushed', delete: 'Microsoft.ContainerRegistry.ImageDeleted' };
/** The delays before the retries, in minutes. Later ones come each hour, for a day in all. */
const RETRY_MINUTES = [1 / 6, 0.5, 1, 5, 10, 30];
const MAX_TRIES = 30;
/** The statuses of Azure's own services after which an event is not delivered again. */
const FINAL: readonly number[] = [400, 403, 413];

export function createEventGrid({ clock, principals, agent }: Parts): RunningEventGrid {
  const stacks = new Map<string, readonly EventSubscription[]>();
  const dropped: string[] = [];
  let pending: readonly Pending[] = [];
  const now = () => clock.now().getTime();

  /** The status of the queue's answer. 0 if there was none. */
  async function put({ subscription, event }: Pending): Promise<number> {
    const { queueUrl, ttlSeconds, principal } = subscription;
    const text = JSON.stringify(event);
    const written = eventGrid.encoding === 'base64' ? Buffer.from(text).toString('base64') : escaped(text);
    const { token } = principals.issue(principal, 'https://storage.azure.com/');
    const call = {
      method: 'POST',
      uri: `${queueUrl}/messages?messagettl=${ttlSeconds}`,
      headers: { authorization: `Bearer ${token}`, 'x-ms-version': '2023-11-03', 'content-type': 'application/xml' },
      body: `<QueueMessage><MessageText>${written}</MessageText></QueueMessage>`,
    };
    return (await sendCall(call, agent).catch(() => ({ status: 0 }))).status;
  }

  async function deliver(one: Pending): Promise<void> {
    const status = await put(one);
    if (status >= 200 && status < 300) return;
    if (FINAL.includes(status) || one.tries + 1 >= MAX_TRIES) {
      dropped.push(`${one.subscription.id}: ${status}`);
      return;
    }
    const delay = (RETRY_MINUTES[one.tries] ?? 60) * MINUTE_MILLISECONDS;
    pending = [...pending, { ...one, tries: one.tries + 1, at: now() + delay }];
  }

  const eventGrid: RunningEventGrid = {
    encoding: 'base64',
    losesEvents: false,
    dropped,
    publish(change) {
      if (eventGrid.losesEvents) return;
      const interested = [...stacks.values()]
        .flat()
        .filter(
          ({ source, eventTypes }) =>
            source.toLowerCase() === change.registry.id.toLowerCase() && eventTypes.includes(TYPES[change.action]),
        );
      const event = { id: randomUUID(), at: clock.now().toISOString(), change };
      pending = [
        ...pending,
        ...interested.map((subscription) => ({
          subscription,
          event: written(subscription, event),
          tries: 0,
          at: now(),
        })),
      ];
    },
    deploy: (stack, subscriptions) => void stacks.set(stack, subscriptions),
    async deliverDue() {
      const due = pending.filter(({ at }) => at <= now());
      pending = pending.filter(({ at }) => at > now());
      for (const one of due) await deliver(one);
    },
    nextDeliveryAt: () => (pending.length === 0 ? undefined : Math.min(...pending.map(({ at }) => at))),
  };
  return eventGrid;
}

interface Published {
  readonly id: string;
  readonly at: string;
  readonly change: RegistryChange;
}

/** The event in the schema of a subscription. */
function written({ schema }: EventSubscription, { id, at, change }: Published): object {
  const { registry, action, repository, manifest, tag } = change;
  const of = tag === undefined ? '' : `:${tag}`;
  const target = {
    ...(manifest === undefined ? {} : { mediaType: manifest.mediaType, digest: manifest.digest }),
    ...(action === 'push' && manifest !== undefined ? { size: manifest.size, length: manifest.size } : {}),
    repository,
    ...(tag === undefined ? {} : { tag }),
  };
  const request = {
    id: randomUUID(),
    host: registry.loginServer,
    method: action === 'push' ? 'PUT' : 'DELETE',
    useragent: 'local',
  };
  const data = { id: randomUUID(), timestamp: at, action, target, request };
  const common = { id, subject: `${repository}${of}`, data };
  return schema === 'EventGridSchema'
    ? {
        ...common,
        topic: registry.id,
        eventType: TYPES[action],
        eventTime: at,
        dataVersion: '1.0',
        metadataVersion: '1',
      }
    : { ...common, specversion: '1.0', source: registry.id, type: TYPES[action], time: at };
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
