// The Logic App's workflow: it puts an event's identifiers on the queue, and nothing else. Pure: the queue's address in, the definition out.

/** Keys as Azure Resource Manager writes them; what Defender puts below them comes in both casings. */
interface Path {
  readonly fixed: readonly string[];
  /** In camelCase; read in PascalCase, too. */
  readonly either: readonly string[];
}

/**
 * What the function is told of an event, in the order in which it is looked for: first as the individual recommendations have it, then as the
 * grouped ones do.
 */
const IDENTIFIERS: Readonly<Record<string, readonly Path[]>> = {
  assessment: [{ fixed: [], either: ['id'] }],
  repository: [
    { fixed: ['properties', 'resourceAdditionalData'], either: ['repositoryDetails', 'repositoryName'] },
    { fixed: ['properties', 'additionalData'], either: ['artifactDetails', 'repositoryName'] },
  ],
  digest: [
    { fixed: ['properties', 'resourceAdditionalData'], either: ['digest'] },
    { fixed: ['properties', 'additionalData'], either: ['artifactDetails', 'digest'] },
  ],
  resource: [{ fixed: ['properties', 'resourceDetails'], either: ['id'] }],
  action: [{ fixed: [], either: ['assessmentEventDataEnrichment', 'action'] }],
};

/** The expression for the first of these places that holds something; null where none does. */
function firstOf(paths: readonly Path[]): string {
  const places = paths.flatMap(({ fixed, either }) =>
    [either, either.map(pascal)].map((keys) =>
      [...fixed, ...keys].reduce((place, key) => `${place}?['${key}']`, 'triggerBody()'),
    ),
  );
  return `@coalesce(${places.join(', ')})`;
}

function pascal(key: string): string {
  return key.charAt(0).toUpperCase() + key.slice(1);
}

/** The version of the storage services' interface that the message is written for. */
const STORAGE_VERSION = '2023-11-03';

/** What stands in the run's history instead of the event, which names images and their weaknesses. */
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
    ...Object.fromEntries(Object.entries(IDENTIFIERS).map(([name, paths]) => [name, firstOf(paths)])),
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
          // What is lost after the tenth try, the sweep heals.
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
