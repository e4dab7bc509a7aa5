// The event subscriptions of a resource graph. Refuses what Event Grid would refuse, and what the local one lacks.
import { isDeepStrictEqual } from 'node:util';
import type { Graph } from '../graph.ts';
import type { EventSubscription } from './event-grid.ts';
import { type AzurePlace, answerCall } from './graph-mocks.ts';
import { all, type Fields, fieldsOf, text } from './resources-fields.ts';

const TOPIC = 'azure-native:eventgrid:SystemTopic';
const SUBSCRIPTION = 'azure-native:eventgrid:SystemTopicEventSubscription';
const TOPIC_TYPE = 'Microsoft.ContainerRegistry.Registries';
/** Source: https://learn.microsoft.com/azure/event-grid/event-schema-container-registry */
const EVENT_TYPES = ['ImagePushed', 'ImageDeleted', 'ChartPushed', 'ChartDeleted'].map(
  (name) => `Microsoft.ContainerRegistry.${name}`,
);
/** Source: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsofteventgrid */
const NAMES = { topic: /^[a-z0-9-]{3,50}$/i, subscription: /^[a-z0-9-]{3,64}$/i };

/** @throws Error for what Event Grid or the local cloud does not support */
export function eventSubscriptionsOf(graph: Graph, place: AzurePlace): readonly EventSubscription[] {
  const topics = all(graph, TOPIC);
  checkTopics(topics, place);
  return all(graph, SUBSCRIPTION).map((subscription) => subscriptionOf(subscription, graph, place));
}

/** Only one system topic is allowed per source. Source: https://learn.microsoft.com/azure/event-grid/system-topics */
function checkTopics(topics: readonly Fields[], { location }: AzurePlace): void {
  const sources = topics.map((topic) => text(topic, 'source').toLowerCase());
  for (const topic of topics) {
    const name = text(topic, 'name');
    if (!NAMES.topic.test(name))
      throw new Error(`a system topic's name has 3 to 50 letters, digits and -; got ${name}`);
    if (topic['topicType'] !== TOPIC_TYPE)
      throw new Error(`the local Event Grid has topics of the type ${TOPIC_TYPE}; ${name} has ${topic['topicType']}`);
    if (topic['location'] !== location)
      throw new Error(
        `a system topic is in the location of its source, ${location}; ${name} is in ${topic['location']}`,
      );
  }
  const twice = sources.find((source, index) => sources.indexOf(source) !== index);
  if (twice !== undefined) throw new Error(`only one system topic is allowed for ${twice}; the graph has more`);
}

function subscriptionOf(subscription: Fields, graph: Graph, place: AzurePlace): EventSubscription {
  const name = text(subscription, 'name');
  if (!NAMES.subscription.test(name))
    throw new Error(`an event subscription's name has 3 to 64 letters, digits and -; got ${name}`);
  const topic = topicOf(subscription, graph, place);
  const { type, principalId } = fieldsOf(topic['identity']);
  const { identity, destination, ...more } = fieldsOf(subscription['deliveryWithResourceIdentity']);
  if (!String(type).includes('SystemAssigned') || typeof principalId !== 'string')
    throw new Error(`the topic ${topic['name']} of ${name} has no system-assigned identity, so it cannot deliver`);
  if (!isDeepStrictEqual(identity, { type: 'SystemAssigned' }) || Object.keys(more).length > 0)
    throw new Error(`the local Event Grid delivers only with the topic's system-assigned identity; see ${name}`);
  const schema = subscription['eventDeliverySchema'];
  if (schema !== 'EventGridSchema' && schema !== 'CloudEventSchemaV1_0')
    throw new Error(`the local Event Grid does not know the schema ${schema} of ${name}`);
  return {
    id: text(subscription, 'id'),
    source: text(topic, 'source'),
    principal: { id: principalId, name: text(topic, 'name') },
    schema,
    eventTypes: eventTypesOf(subscription),
    ...targetOf(fieldsOf(destination), graph),
  };
}

/** A topic of the graph, or one that exists already. */
function topicOf(subscription: Fields, graph: Graph, place: AzurePlace): Fields {
  const { systemTopicName, resourceGroupName } = subscription;
  const own = all(graph, TOPIC).find(
    (topic) => topic['name'] === systemTopicName && topic['resourceGroupName'] === resourceGroupName,
  );
  return own ?? answerCall(place, 'azure-native:eventgrid:getSystemTopic', { systemTopicName, resourceGroupName });
}

function eventTypesOf(subscription: Fields): readonly string[] {
  // No subject is filtered, so its case does not matter.
  const { includedEventTypes, isSubjectCaseSensitive: _case, ...unknown } = fieldsOf(subscription['filter']);
  const types = Array.isArray(includedEventTypes) ? includedEventTypes.map(String) : [];
  const odd = [...Object.keys(unknown), ...types.filter((type) => !EVENT_TYPES.includes(type))];
  if (types.length === 0 || odd.length > 0)
    throw new Error(
      `the local Event Grid needs a filter by ${EVENT_TYPES}; got ${JSON.stringify(subscription['filter'])}`,
    );
  return types;
}

function targetOf(destination: Fields, graph: Graph): Pick<EventSubscription, 'queueUrl' | 'ttlSeconds'> {
  const {
    endpointType,
    resourceId,
    queueName,
    queueMessageTimeToLiveInSeconds: ttl = 604_800,
    ...unknown
  } = destination;
  const account = all(graph, 'azure-native:storage:StorageAccount').find(({ id }) => id === resourceId);
  const queue = all(graph, 'azure-native:storage:Queue').find(
    (one) => one['name'] === queueName && one['accountName'] === account?.['name'],
  );
  if (endpointType !== 'StorageQueue' || queue === undefined || Object.keys(unknown).length > 0)
    throw new Error(`the local Event Grid delivers only to a queue of the graph; got ${JSON.stringify(destination)}`);
  if (ttl !== -1 && !(Number.isInteger(ttl) && Number(ttl) > 0))
    throw new Error(`queueMessageTimeToLiveInSeconds is positive, or -1 for infinite; got ${ttl}`);
  return {
    queueUrl: `https://${text(queue, 'accountName')}.queue.core.windows.net/${text(queue, 'name')}`,
    ttlSeconds: Number(ttl),
  };
}
