// Replaces the stack's function with the naive design: the same graph with other code, and one message per invocation.
import { join } from 'node:path';
import { bundleFunction } from '../../bundle.ts';
import type { Graph, GraphResource } from '../../local/graph.ts';

const CLOUDS = {
  aws: { entry: join(import.meta.dirname, 'aws.ts'), external: ['@smithy/core/event-streams'] },
  azure: {
    entry: join(import.meta.dirname, 'azure.ts'),
    external: ['@azure/functions-core', 'open'],
    // Azure's CommonJS packages load Node's modules with `require`, which ES modules lack.
    banner: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
} as const;
/** On Azure: the platform's defaults, and no wait in the queue. */
const DEFAULT_HOST = {
  version: '2.0',
  extensionBundle: { id: 'Microsoft.Azure.Functions.ExtensionBundle', version: '[4.*, 5.0.0)' },
};
const WAIT = /visibilitytimeout=@\{[^}]*\}/;
const MAPPING = 'aws:lambda/eventSourceMapping:EventSourceMapping';

/** The stack's graph with the naive function. On Azure, the host delivers one message per invocation anyway. */
export function naive(graph: Graph, cloud: keyof typeof CLOUDS): Graph {
  const { files } = bundleFunction({ ...CLOUDS[cloud], settings: {} });
  const host = cloud === 'azure' ? { 'host.json': JSON.stringify(DEFAULT_HOST) } : {};
  const code = { 'index.mjs': files['index.mjs'], ...host };
  const archives = Object.entries(graph.archives).map(([urn, before]) => [urn, { ...before, ...code }]);
  const resources = graph.resources.map(oneByOne).map(atOnce);
  return { ...graph, archives: Object.fromEntries(archives), resources };
}

function oneByOne(resource: GraphResource): GraphResource {
  if (resource.type !== MAPPING) return resource;
  const { inputs, outputs } = resource;
  return { ...resource, inputs: { ...inputs, batchSize: 1 }, outputs: { ...outputs, batchSize: 1 } };
}

/** Puts each message on the queue without a wait. */
function atOnce(resource: GraphResource): GraphResource {
  const text = JSON.stringify(resource);
  return WAIT.test(text) ? JSON.parse(text.replaceAll(new RegExp(WAIT, 'g'), 'visibilitytimeout=0')) : resource;
}
