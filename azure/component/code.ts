// The function's code and settings as they are deployed, and the template that hands them to the platform.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bundle, bundleFunction, stableJson } from '../../bundle.ts';

const FUNCTION = join(import.meta.dirname, '..', 'function');
/** Azure's packages in CommonJS ask for Node's own modules by `require`, which a module does not have. */
const BANNER = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";
/**
 * The first is the host's own. The second opens a browser, and is loaded at an interactive login. The third colours a
 * terminal's lines if it is installed: here only tests install it, and that must not change what is deployed.
 */
const EXTERNAL = ['@azure/functions-core', 'open', 'supports-color'];
/** The function proves who it is with its managed identity, which saves the bundle the other ways. */
const ALIAS = { jsonwebtoken: join(FUNCTION, 'client-assertion.ts') };

/**
 * How the host reads the queue and writes the log. No line is sampled away, since decisions and alerts depend on it.
 * Source: https://learn.microsoft.com/azure/azure-functions/functions-host-json
 */
const HOST = {
  version: '2.0',
  functionTimeout: '00:10:00',
  extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
  extensions: {
    queues: {
      batchSize: 8,
      newBatchThreshold: 4,
      maxDequeueCount: 5,
      visibilityTimeout: '00:01:00',
      messageEncoding: 'base64',
    },
  },
  logging: {
    logLevel: { default: 'Information' },
    applicationInsights: { samplingSettings: { isEnabled: false } },
  },
} as const;
const PACKAGE = { type: 'module', main: 'index.mjs' } as const;

/** The archive. The function reads its settings and its query beside itself. */
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

/**
 * One Deploy: the platform fetches the package and runs it.
 * Source: https://learn.microsoft.com/azure/azure-functions/functions-infrastructure-as-code#deployment-package
 */
export const ONE_DEPLOY = {
  $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
  contentVersion: '1.0.0.0',
  parameters: { siteName: { type: 'string' }, packageUri: { type: 'securestring' } },
  resources: [
    {
      type: 'Microsoft.Web/sites/extensions',
      apiVersion: '2022-09-01',
      name: "[concat(parameters('siteName'), '/onedeploy')]",
      properties: { packageUri: "[parameters('packageUri')]", remoteBuild: false },
    },
  ],
} as const;

/** Another mark for other code, settings or way of deploying, and the same for the same. */
export function codeMark({ files }: Bundle): string {
  return createHash('sha256')
    .update(stableJson({ files, template: ONE_DEPLOY }))
    .digest('hex')
    .slice(0, 12);
}
