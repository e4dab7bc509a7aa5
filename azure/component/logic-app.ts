// The Logic App's workflow: it puts an event's identifiers on the queue, and nothing else. This file is pure: the
// queue's URL in, the definition out.

/**
 * The parts of an event that are forwarded as text, in addition to its id. Defender writes keys in either casing, and
 * values as objects or as JSON text. An expression that reads a property of a text would fail the whole run, so the
 * workflow forwards text and the function parses both forms. `string()` turns an object into JSON text, and null into
 * empty text.
 * Source: https://learn.microsoft.com/azure/logic-apps/expression-functions-reference#string
 */
const FORWARDED = [
  ['properties', 'resourceDetails'],
  ['properties', 'resourceAdditionalData'],
  ['assessmentEventDataEnrichment'],
] as const;

/**
 * An expression for the value at a path of the event. The last key may be in either casing. Null if the event has
 * neither.
 */
function valueAt(...path: readonly string[]): string {
  const last = path.at(-1) ?? '';
  const values = [last, last.charAt(0).toUpperCase() + last.slice(1)].map((key) =>
    [...path.slice(0, -1), key].reduce((value, step) => `${value}?['${step}']`, 'triggerBody()'),
  );
  return `coalesce(${values.join(', ')})`;
}

/** The storage API version that the message is written for. */
const STORAGE_VERSION = '2023-11-03';

/**
 * How long each message stays invisible, from the shortest time up to before the longest. The events of one scan arrive
 * within this time, and so do most of their rows, so that one observation serves all of them. The wait needs no call
 * and no timer, and survives every crash. It differs between messages: the messages that the host hands over at once
 * are then about several images of a burst, which are observed at the same time.
 */
const HIDDEN_SECONDS = { from: 110, to: 121 } as const;

/** Hides the event in the run's history, because it names images and their vulnerabilities. */
const SECURE = { secureData: { properties: ['inputs', 'outputs'] } } as const;

/**
 * The workflow definition.
 * Sources: https://learn.microsoft.com/azure/logic-apps/logic-apps-workflow-definition-language,
 * https://learn.microsoft.com/azure/logic-apps/authenticate-with-managed-identity,
 * https://learn.microsoft.com/rest/api/storageservices/put-message
 *
 * @param queueUrl the queue's URL, https://ACCOUNT.queue.core.windows.net/NAME
 */
export function workflowDefinition(queueUrl: string): Readonly<Record<string, unknown>> {
  const identifiers = {
    assessment: `@${valueAt('id')}`,
    ...Object.fromEntries(FORWARDED.map((path) => [path.at(-1), `@string(${valueAt(...path)})`])),
    // Rows from before this time are no evidence about the event.
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
          uri: `${queueUrl}/messages?visibilitytimeout=@{rand(${HIDDEN_SECONDS.from},${HIDDEN_SECONDS.to})}`,
          headers: {
            'Content-Type': 'application/xml',
            'x-ms-date': "@{utcNow('R')}",
            'x-ms-version': STORAGE_VERSION,
          },
          body: "<QueueMessage><MessageText>@{base64(string(outputs('Identifiers')))}</MessageText></QueueMessage>",
          authentication: { type: 'ManagedServiceIdentity', audience: 'https://storage.azure.com/' },
          // If the tenth retry fails, the message is lost, and the sweep repairs that.
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
