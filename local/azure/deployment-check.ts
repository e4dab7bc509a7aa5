// Checks the permissions of an app's identity without which the Functions host cannot run it. In Azure, the app would
// fail silently.
// Source: https://learn.microsoft.com/en-us/azure/azure-functions/functions-reference#grant-permission-to-the-identity
import type { Queues } from './queue.ts';
import type { Resources } from './resources.ts';
import type { IdentityResource } from './resources-app.ts';
import type { Need, Roles } from './roles.ts';

const CONTAINERS = 'Microsoft.Storage/storageAccounts/blobServices/containers';
const MESSAGES = 'Microsoft.Storage/storageAccounts/queueServices/queues/messages';

/** @throws Error that names the first missing permission */
export function checkDeployment({ app, queues }: Resources, roles: Roles, deployed: Queues): void {
  const { hostIdentity, storageId, deployment, log } = app;
  const check = (identity: IdentityResource, why: string, ...needs: readonly Need[]) => {
    for (const need of needs) {
      const refused = roles.refusal(identity, need);
      if (refused !== undefined) throw new Error(`the app ${app.name} cannot run: ${why}. ${refused}`);
    }
  };
  check(
    hostIdentity,
    'the host keeps its leases in its own storage account, as Storage Blob Data Owner of it',
    { action: `${CONTAINERS}/write`, data: false, scope: storageId },
    { action: `${CONTAINERS}/blobs/write`, data: true, scope: storageId },
  );
  check(deployment.identity, 'the platform reads the code from its container', {
    action: `${CONTAINERS}/blobs/read`,
    data: true,
    scope: deployment.containerId,
  });
  const [, , , , , , , , account = ''] = storageId.split('/');
  for (const name of triggerQueues(app.appSettings)) {
    for (const queue of [name, `${name}-poison`].map((each) => deployed.find(account, each))) {
      if (!queues.some(({ id }) => id === queue.id))
        throw new Error(`the stack of ${app.name} has no queue ${queue.name}`);
      const actions = ['read', 'write', 'delete', 'process/action'].map((end) => `${MESSAGES}/${end}`);
      check(
        hostIdentity,
        `the queue trigger reads ${queue.name}, as Storage Queue Data Contributor of it`,
        ...actions.map((action) => ({ action, data: true, scope: queue.id })),
      );
    }
  }
  if (log !== undefined) {
    const publish = { action: 'Microsoft.Insights/Telemetry/Write', data: true, scope: log.componentId };
    check(log.identity, 'its log goes nowhere', publish);
  }
}

/** The trigger names an app setting that contains the queue's name. */
function triggerQueues(settings: Readonly<Record<string, string>>): readonly string[] {
  const name = settings['PULLGATE_QUEUE'];
  return name === undefined ? [] : [name];
}
