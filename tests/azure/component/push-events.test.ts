// Tests the subscriptions that put the registries' pushes and deletions on the queue, their topics and their roles.
import { describe, expect, it } from 'vitest';
import { ARGS, counts, deploy, deployFailing, one, outputOf, registryId, SUBSCRIPTION } from './deployment.ts';

const SUBSCRIPTION_TYPE = 'azure-native:eventgrid:SystemTopicEventSubscription';
const TOPIC_TYPE = 'azure-native:eventgrid:SystemTopic';
const ROLE_TYPE = 'azure-native:authorization:RoleAssignment';
/** Storage Queue Data Message Sender */
const SENDER = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/c6a89b2d-59bc-44d0-9896-0f6e12d7b80a`;
const topicId = (name: string, group = 'registries') =>
  `/subscriptions/${SUBSCRIPTION}/resourceGroups/${group}/providers/Microsoft.EventGrid/systemTopics/${name}`;

describe('push events', () => {
  it('are off by default', async () => {
    const { [SUBSCRIPTION_TYPE]: subscriptions, [TOPIC_TYPE]: topics } = counts(await deploy());
    expect([subscriptions, topics]).toEqual([undefined, undefined]);
  });

  it("of each registry come from a topic in the registry's location, whose identity may only send to the one queue", async () => {
    const deployment = await deploy({ registries: [registryId('Contoso'), registryId('fabrikam')], pushEvents: {} });
    const topic = one(deployment, TOPIC_TYPE, 'pullgate-topic-contoso');
    expect(topic.inputs).toEqual({
      resourceGroupName: expect.stringMatching(/^pullgate-group/),
      location: 'westeurope',
      systemTopicName: 'contoso',
      source: registryId('Contoso'),
      topicType: 'Microsoft.ContainerRegistry.Registries',
      identity: { type: 'SystemAssigned' },
    });
    const queue = one(deployment, 'azure-native:storage:Queue', 'pullgate-queue');
    const roles = ['contoso', 'fabrikam'].map((mark) => one(deployment, ROLE_TYPE, `pullgate-push-${mark}-role`));
    expect(roles.map(({ inputs }) => [inputs['roleDefinitionId'], inputs['scope']])).toEqual([
      [SENDER, queue.id],
      [SENDER, queue.id],
    ]);
    expect(new Set(roles.map(({ inputs }) => inputs['principalId'])).size).toBe(2);
    expect(counts(deployment)).toMatchObject({ [SUBSCRIPTION_TYPE]: 2, [TOPIC_TYPE]: 2 });
  });

  it('are pushes and deletions of images only, and wait in the queue without an end', async () => {
    const deployment = await deploy({ pushEvents: {} });
    const { inputs, dependencies } = one(deployment, SUBSCRIPTION_TYPE, 'pullgate-push-contoso');
    expect(inputs).toMatchObject({
      systemTopicName: 'contoso',
      eventSubscriptionName: expect.stringMatching(/^pullgate-[0-9a-f]{12}$/),
      eventDeliverySchema: 'CloudEventSchemaV1_0',
      filter: {
        includedEventTypes: ['Microsoft.ContainerRegistry.ImagePushed', 'Microsoft.ContainerRegistry.ImageDeleted'],
      },
      deliveryWithResourceIdentity: {
        identity: { type: 'SystemAssigned' },
        destination: {
          endpointType: 'StorageQueue',
          resourceId: one(deployment, 'azure-native:storage:StorageAccount', 'pullgate-storage').id,
          queueName: 'pullgate',
          queueMessageTimeToLiveInSeconds: -1,
        },
      },
    });
    expect(inputs['destination']).toBeUndefined();
    expect(dependencies).toContain(one(deployment, ROLE_TYPE, 'pullgate-push-contoso-role').urn);
  });

  it('come from a topic that exists already if the config names it, and no other is created', async () => {
    const topics = { CONTOSO: topicId('events-of-contoso') };
    const deployment = await deploy({ pushEvents: { topics } });
    expect(counts(deployment)[TOPIC_TYPE]).toBeUndefined();
    const { inputs } = one(deployment, SUBSCRIPTION_TYPE, 'pullgate-push-contoso');
    expect([inputs['resourceGroupName'], inputs['systemTopicName']]).toEqual(['registries', 'events-of-contoso']);
    const { principalId } = one(deployment, ROLE_TYPE, 'pullgate-push-contoso-role').inputs;
    expect(principalId).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('change nothing in the function', async () => {
    const [on, off] = await Promise.all([deploy({ pushEvents: {} }), deploy()]);
    expect(on.outputs.settings).toEqual(off.outputs.settings);
    expect(await outputOf(on.outputs.queueUrl)).toBe(await outputOf(off.outputs.queueUrl));
  });
});

describe('a topic that exists already is refused', () => {
  it.each<[string, string, string]>([
    [
      'of another registry',
      topicId('events-of-fabrikam'),
      `pullgate:azure.pushEvents.topics.contoso: the system topic ${topicId('events-of-fabrikam')} has the source ${registryId('fabrikam')}, not ${registryId('contoso')}`,
    ],
    [
      'without an identity',
      topicId('bare-events-of-contoso'),
      `pullgate:azure.pushEvents.topics.contoso: the system topic ${topicId('bare-events-of-contoso')} has no system-assigned identity, with which it would deliver to the queue. Turn it on: az eventgrid system-topic update --name bare-events-of-contoso --resource-group registries --identity systemassigned`,
    ],
  ])('%s', async (_what, topic, failure) => {
    const { registered, failures } = await deployFailing({ ...ARGS, pushEvents: { topics: { contoso: topic } } });
    expect(new Set(failures)).toEqual(new Set([expect.stringContaining(failure)]));
    expect(registered.some(({ type }) => type === SUBSCRIPTION_TYPE)).toBe(false);
  });

  it('in another subscription', async () => {
    const other = topicId('events-of-contoso').replace(SUBSCRIPTION, SUBSCRIPTION.replaceAll('4', '5'));
    const { failures } = await deployFailing({ ...ARGS, pushEvents: { topics: { contoso: other } } });
    expect(failures[0]).toContain(`${other} is in subscription`);
  });

  it('of a registry that the component does not have, before anything is created', async () => {
    const topics = { fabrikam: topicId('events-of-fabrikam') };
    await expect(deploy({ pushEvents: { topics } })).rejects.toThrow(/pushEvents\.topics\.fabrikam .*: contoso/);
  });
});
