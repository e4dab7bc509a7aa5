// The Event Grid subscriptions that put the registries' pushes and deletions on the queue.
import * as containerregistry from '@pulumi/azure-native/containerregistry/index.js';
import * as eventgrid from '@pulumi/azure-native/eventgrid/index.js';
import * as pulumi from '@pulumi/pulumi';
import { type Placement, parseArmId } from './placement.ts';
import { assignRole, ROLES, registryMark } from './roles.ts';
import type { Stores } from './storage.ts';

/** Source: https://learn.microsoft.com/azure/event-grid/event-schema-container-registry */
const TOPIC_TYPE = 'Microsoft.ContainerRegistry.Registries';
const EVENT_TYPES = ['Microsoft.ContainerRegistry.ImagePushed', 'Microsoft.ContainerRegistry.ImageDeleted'] as const;

export interface PushEventsSpec {
  /** The component's id. It makes the subscriptions' names unique on a topic that several stacks use. */
  readonly id: pulumi.Output<string>;
  readonly registries: readonly string[];
  /** The ARM ids of the topics that exist already, by the name of their registry. */
  readonly topics: Readonly<Record<string, string>>;
  readonly stores: Pick<Stores, 'account' | 'queue'>;
}

/** A registry's topic. */
interface Topic {
  readonly resourceGroupName: pulumi.Input<string>;
  readonly name: pulumi.Input<string>;
  /** The object id of its system-assigned identity. */
  readonly principalId: pulumi.Output<string>;
}

/**
 * Subscribes the queue to each registry. There is no dead-letter destination, because the sweep finds what cannot be
 * delivered within a day.
 * Source: https://learn.microsoft.com/azure/event-grid/delivery-and-retry
 */
export function createPushEvents(
  name: string,
  placement: Placement,
  { id, registries, topics, stores }: PushEventsSpec,
  parent: pulumi.Resource,
): void {
  const existing = new Map(Object.entries(topics).map(([registry, topic]) => [registry.toLowerCase(), topic]));
  for (const registry of registries) {
    const mark = registryMark(registry);
    const given = existing.get(mark);
    const topic =
      given === undefined ? createTopic(name, placement, registry, parent) : findTopic(given, registry, parent);
    const { subscriptionId } = placement;
    const { principalId } = topic;
    const sender = { name: `push-${mark}`, role: ROLES.queueMessageSender, scope: stores.queue.id };
    const maySend = assignRole(name, sender, { subscriptionId, principalId }, parent);
    new eventgrid.SystemTopicEventSubscription(
      `${name}-push-${mark}`,
      {
        resourceGroupName: topic.resourceGroupName,
        systemTopicName: topic.name,
        eventSubscriptionName: pulumi.interpolate`pullgate-${id}`,
        eventDeliverySchema: 'CloudEventSchemaV1_0',
        filter: { includedEventTypes: [...EVENT_TYPES] },
        deliveryWithResourceIdentity: {
          identity: { type: 'SystemAssigned' },
          destination: {
            endpointType: 'StorageQueue',
            resourceId: stores.account.id,
            queueName: stores.queue.name,
            // Like the function's own messages, they wait for as long as the function does not run.
            queueMessageTimeToLiveInSeconds: -1,
          },
        },
      },
      // Event Grid gives up an event that the queue refuses.
      { parent, dependsOn: [maySend] },
    );
  }
}

/**
 * Creates the topic of a registry, in the registry's location, as Event Grid requires. Its own name in the stack's
 * resource group is that of the registry, because a topic's name has at most 50 characters, and so has a registry's.
 * Source: https://learn.microsoft.com/azure/event-grid/system-topics
 */
function createTopic(name: string, { resourceGroupName }: Placement, registry: string, parent: pulumi.Resource): Topic {
  const { resourceGroup, name: registryName } = parseArmId(registry);
  const { location } = containerregistry.getRegistryOutput(
    { resourceGroupName: resourceGroup, registryName },
    { parent },
  );
  const topic = new eventgrid.SystemTopic(
    `${name}-topic-${registryMark(registry)}`,
    {
      resourceGroupName,
      location,
      systemTopicName: registryMark(registry),
      source: registry,
      topicType: TOPIC_TYPE,
      identity: { type: 'SystemAssigned' },
    },
    // A registry can have only one.
    { parent, deleteBeforeReplace: true },
  );
  const principalId = topic.identity.apply((identity) => identity?.principalId ?? '');
  return { resourceGroupName, name: topic.name, principalId };
}

/** @throws RunError if the topic is another registry's, or has no identity */
function findTopic(id: string, registry: string, parent: pulumi.Resource): Topic {
  const { resourceGroup: resourceGroupName, name } = parseArmId(id);
  const found = eventgrid.getSystemTopicOutput({ resourceGroupName, systemTopicName: name }, { parent });
  const principalId = found.apply(({ source, identity }) => {
    const key = `pullgate:azure.pushEvents.topics.${parseArmId(registry).name}`;
    if (source?.toLowerCase() !== registry.toLowerCase())
      throw new pulumi.RunError(`${key}: the system topic ${id} has the source ${source}, not ${registry}`);
    if (identity?.principalId !== undefined && /SystemAssigned/.test(identity.type ?? '')) return identity.principalId;
    throw new pulumi.RunError(
      `${key}: the system topic ${id} has no system-assigned identity, with which it would deliver to the queue. Turn it on: az eventgrid system-topic update --name ${name} --resource-group ${resourceGroupName} --identity systemassigned`,
    );
  });
  return { resourceGroupName, name, principalId };
}
