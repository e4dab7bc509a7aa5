// The function's deployed code and settings, and the template that deploys them.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bundle, bundleFunction, stableJson } from '../../bundle.ts';

const FUNCTION = join(import.meta.dirname, '..', 'function');
/** Azure's CommonJS packages load Node's built-in modules with `require`, which an ES module does not have. */
const BANNER = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";
/**
 * Packages that are not bundled. The host provides `@azure/functions-core`. `open` starts a browser and is loaded only
 * for an interactive login. `supports-color` colours terminal output if it is installed. Here only the tests install
 * it, and that must not change the deployed code.
 */
const EXTERNAL = ['@azure/functions-core', 'open', 'supports-color'];
/** The function authenticates with its managed identity, so the bundle leaves out the code for client assertions. */
const ALIAS = { jsonwebtoken: join(FUNCTION, 'client-assertion.ts') };

/**
 * How the host reads the queue and writes the log. Sampling is off, because decisions and alerts depend on every line.
 * Large batches bring the events of a burst to few instances. Each instance observes an image for itself. Most messages
 * wait for the observation of their image, which costs nothing.
 * The host would poll an idle queue only once a minute, which is the default of `maxPollingInterval`. The function
 * decodes the messages, because the host would refuse plain text.
 * Sources: https://learn.microsoft.com/azure/azure-functions/functions-host-json,
 * https://learn.microsoft.com/azure/azure-functions/functions-bindings-storage-queue#hostjson-settings
 */
const HOST = {
  version: '2.0',
  functionTimeout: '00:10:00',
  extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
  extensions: {
    queues: {
      batchSize: 32,
      newBatchThreshold: 32,
      maxDequeueCount: 5,
      visibilityTimeout: '00:01:00',
      maxPollingInterval: '00:00:10',
      messageEncoding: 'none',
    },
  },
  logging: {
    logLevel: { default: 'Information' },
    applicationInsights: { samplingSettings: { isEnabled: false } },
  },
} as const;
const PACKAGE = { type: 'module', main: 'index.mjs' } as const;

/** The function's package. The function reads its settings and its query from files next to its code. */
export function bundleHandler(settings: object): Bundle {
  return bundleFunction({
    entry: join(FUNCTION, 'handler.ts'),
    settings,
    external: EXTERNAL,
    alias: ALIAS,
    banner: BANNER,
    files: {
      'host.json': `${stableJson(HOST)}\n`,
      'package.json': `${stableJson(PACKAGE)}\n`,
      'findings.kql': readFileSync(join(FUNCTION, 'findings.kql'), 'utf8'),
    },
  });
}

const POLICIES = 'Microsoft.Web/sites/basicPublishingCredentialsPolicies';

/**
 * Refuses publishing with a password. Every app has both policies from the start, and the provider's own resources
 * refuse one that does not have the default value, which an Azure Policy can change. A template sets it.
 * Source: https://learn.microsoft.com/azure/app-service/configure-basic-auth-disable
 */
const noPassword = (policy: 'ftp' | 'scm') =>
  ({
    type: POLICIES,
    apiVersion: '2024-04-01',
    name: `[concat(parameters('siteName'), '/${policy}')]`,
    properties: { allow: false },
  }) as const;

/**
 * One Deploy: the platform downloads the package and runs it. Before that, both publishing policies are set.
 * Source: https://learn.microsoft.com/azure/azure-functions/functions-infrastructure-as-code#deployment-package
 */
export const ONE_DEPLOY = {
  $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
  contentVersion: '1.0.0.0',
  parameters: { siteName: { type: 'string' }, packageUri: { type: 'securestring' } },
  resources: [
    noPassword('ftp'),
    noPassword('scm'),
    {
      type: 'Microsoft.Web/sites/extensions',
      apiVersion: '2022-09-01',
      name: "[concat(parameters('siteName'), '/onedeploy')]",
      dependsOn: ['ftp', 'scm'].map((policy) => `[resourceId('${POLICIES}', parameters('siteName'), '${policy}')]`),
      properties: { packageUri: "[parameters('packageUri')]", remoteBuild: false },
    },
  ],
} as const;

/** A hash of the code, the settings and the deployment template: it changes if and only if one of them changes. */
export function codeMark({ files }: Bundle): string {
  return createHash('sha256')
    .update(stableJson({ files, template: ONE_DEPLOY }))
    .digest('hex')
    .slice(0, 12);
}
