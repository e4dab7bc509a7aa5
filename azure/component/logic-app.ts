// The Logic App's workflow: it puts an event's identifiers on the queue, and nothing else. Pure: the queue's address
// in, the definition out.

/**
 * What is forwarded of an event besides its id, as text: Defender writes keys in both casings, and values as objects or
 * as JSON text. An expression that read a property of a text would fail the whole run; the function reads both.
 * `string()` makes JSON text of an object, and empty text of null.
 * Source: https://learn.microsoft.com/azure/logic-apps/expression-functions-reference#string
 */
const FORWARDED = [
  ['properties', 'resourceDetails'],
  ['properties', 'resourceAdditionalData'],
  ['assessmentEventDataEnrichment'],
] as const;

/** The value at a path of the event whose last key is in either casing; null if there is none. */
function valueAt(...path: readonly string[]): string {
  const last = path.at(-1) ?? '';
  const values = [last, last.charAt(0).toUpperCase() + last.slice(1)].map((key) =>
    [...path.slice(0, -1), key].reduce((value, step) => `${value}?['${step}']`, 'triggerBody()'),
  );
  return `coalesce(${values.join(', ')})`;
}

/** The version of the storage services' interface that the message is written for. */
const STORAGE_VERSION = '2023-11-03';

/** What the run's history shows instead of the event, which names images and their weaknesses. */
const SECURE = { secureData: { properties: ['inputs', 'outputs'] } } as const;

/**
 * The workflow definition.
 * Sources: https://learn.microsoft.com/azure/logic-apps/logic-apps-workflow-definition-language,
 * https://learn.microsoft.com/azure/logic-apps/authenticate-with-managed-identity,
 * https://learn.microsoft.com/rest/api/storageservices/put-message
 *
 * @param queueUrl the queue's address, https://ACCOUNT.queue.core.windows.net/NAME
 */
export function workflowDefinition(queueUrl: string): Readonly<Record<string, unknown>> {
  const identifiers = {
    assessment: `@${valueAt('id')}`,
    ...Object.fromEntries(FORWARDED.map((path) => [path.at(-1), `@string(${valueAt(...path)})`])),
    // A row from before the event says nothing of it.
    at: '@utcNow()',
  };
  return {
    $schema:
      'https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#',
    contentVersion: '1.0.0.0',
    parameters: {},
    triggers: {
      manual: {
        type: 'Request',
        kind: 'Http',
        inputs: { schema: {} },
        runtimeConfiguration: { secureData: { properties: ['outputs'] } },
      },
    },
    actions: {
      Identifiers: {
        type: 'Compose',
        inputs: identifiers,
        runAfter: {},
        runtimeConfiguration: { secureData: { properties: ['inputs'] } },
      },
      Put_message: {
        type: 'Http',
        inputs: {
          method: 'POST',
          uri: `${queueUrl}/messages`,
          headers: {
            'Content-Type': 'application/xml',
            'x-ms-date': "@{utcNow('R')}",
            'x-ms-version': STORAGE_VERSION,
          },
          body: "<QueueMessage><MessageText>@{base64(string(outputs('Identifiers')))}</MessageText></QueueMessage>",
          authentication: { type: 'ManagedServiceIdentity', audience: 'https://storage.azure.com/' },
          // The sweep repairs what is lost after the tenth try.
          retryPolicy: {
            type: 'exponential',
            count: 10,
            interval: 'PT7S',
            minimumInterval: 'PT5S',
            maximumInterval: 'PT15M',
          },
        },
        runAfter: { Identifiers: ['Succeeded'] },
        runtimeConfiguration: SECURE,
      },
    },
    outputs: {},
  };
}
