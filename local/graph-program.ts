// The process behind graph.ts: runs the real index.ts under Pulumi's mocks, once per request, and returns the resources
// that it registered.
import { registerHooks } from 'node:module';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import * as pulumi from '@pulumi/pulumi';
import type { Graph, GraphAnswer, GraphRequest, GraphResource } from './graph.ts';
import { answerCall, answerRegistration, placeOf } from './graph-mocks.ts';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

const loaded = new Set<string>();
registerHooks({
  load(url, context, nextLoad) {
    const path = url.startsWith('file:') ? fileURLToPath(url) : '';
    const [, pulumiPackage] = /\/node_modules\/(@pulumi\/[^/]+)\//.exec(path) ?? [];
    if (pulumiPackage !== undefined) loaded.add(pulumiPackage);
    else if (path.startsWith(PROJECT) && !path.includes('/node_modules/')) loaded.add(path.slice(PROJECT.length));
    return nextLoad(url, context);
  },
});

/** Errors outside the program's own promise chain: a resource that could not be registered. */
let strayFailures: unknown[] = [];
process.on('unhandledRejection', (reason) => strayFailures.push(reason));

let queue = Promise.resolve();
/** The runs are sequential because they share Pulumi's state. */
function ask(request: GraphRequest, tell: (given: GraphAnswer) => void): void {
  queue = queue.then(async () => tell(await answer(request)));
}

process.on('message', (request) => ask(request as GraphRequest, (given) => process.send?.(given)));
process.on('disconnect', () => process.exit());
const [, , socketPath] = process.argv;
if (socketPath !== undefined) {
  const server = createServer((socket) => {
    // The client has disconnected and needs no answer.
    socket.on('error', () => socket.destroy());
    createInterface({ input: socket }).on('line', (line) =>
      ask(JSON.parse(line), (given) => socket.writable && socket.write(`${JSON.stringify(given)}\n`)),
    );
  });
  server.on('error', ({ message }) => {
    process.stderr.write(`${message}\n`);
    process.exit(1);
  });
  server.listen(socketPath, () => process.send?.('listening'));
}

async function answer(request: GraphRequest): Promise<GraphAnswer> {
  const { number } = request;
  registered = [];
  strayFailures = [];
  try {
    return { number, kind: 'graph', graph: await run(request) };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // Later errors with the same cause must not count as errors of the next run.
    await pulumi.runtime.disconnect().catch(() => {});
    await new Promise(setImmediate);
    return { number, kind: 'failed', message, made: registered.map(({ urn }) => urn), loaded: [...loaded] };
  }
}

type Registration = Pick<GraphResource, 'type' | 'name' | 'inputs' | 'outputs' | 'id'>;
/** What the program has registered in this run, except the stack itself. */
let registered: (Registration & { urn: string; readonly parent: string | undefined })[] = [];

/** The default parent of every resource. */
const STACK = 'pulumi:pulumi:Stack';

/** The query makes each run load a new module. */
let runs = 0;

async function run({ config, organization, project, stack, state: kept }: GraphRequest): Promise<Graph> {
  const place = placeOf(config);
  let newest: Registration | undefined;
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs, custom }) {
        // A component does not exist in a cloud, so it has no outputs but its own. The stack is a component.
        const { id, state } =
          custom === false ? { id: '', state: {} } : answerRegistration(place, kept, { type, name, inputs });
        newest = type === STACK ? undefined : { type, name, inputs, outputs: state, id };
        return { id, state };
      },
      call: ({ token, inputs }) => answerCall(place, token, inputs),
    },
    project,
    stack,
    false,
    organization,
  );
  // Pulumi's mocks receive neither URN nor parent, so both are read from the registration.
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, done) => {
    newest = undefined;
    // Unlike the mocks' URNs, a real URN does not contain the stack's type.
    if (request.getParent().includes(`::${STACK}::`)) request.setParent('');
    const registering = register(request, (error, response) => {
      if (entry !== undefined && response !== undefined) entry.urn = response.getUrn();
      done(error, response);
    });
    const entry =
      newest === undefined
        ? undefined
        : { ...(newest as Registration), urn: '', parent: request.getParent() || undefined };
    if (entry !== undefined) registered.push(entry);
    return registering;
  };

  // The stack's default location, as a provider takes it from the environment.
  pulumi.runtime.setAllConfig({ 'azure-native:location': place.azure.location, ...config });
  const { returned, warnings } = await withWarnings(async () => {
    const { default: deploy }: { default: () => Promise<object> } = await import(`../index.ts?run=${++runs}`);
    return await deploy();
  });
  const outputs: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(returned)) outputs[name] = await resolveOutput(value);
  await pulumi.runtime.disconnect();
  await new Promise(setImmediate);
  const [failure] = strayFailures;
  if (failure !== undefined) throw failure;

  const archives: Record<string, Record<string, string>> = {};
  const resources: GraphResource[] = [];
  for (const { inputs, outputs: state, ...rest } of registered) {
    for (const value of Object.values(inputs)) {
      if (pulumi.asset.Archive.isInstance(value)) archives[rest.urn] = await filesOf(value);
    }
    resources.push({ ...rest, inputs: fields(inputs), outputs: fields(state) });
  }
  // Registrations arrive in a random order. Sort them, so that the same program gives the same graph.
  resources.sort((one, other) => (one.urn < other.urn ? -1 : 1));
  return { resources, outputs, archives, warnings, loaded: [...loaded] };
}

/** The part of Pulumi's resource monitor that is intercepted. */
interface Monitor {
  registerResource(
    request: { getParent(): string; setParent(urn: string): void },
    done: (error: unknown, response: { getUrn(): string } | undefined) => void,
  ): Promise<void>;
}

/**
 * Runs the program as Pulumi does: in a stack whose outputs are what the program returns. Without an engine, Pulumi
 * writes warnings to the console.
 */
async function withWarnings(program: () => Promise<object>): Promise<{ returned: object; warnings: string[] }> {
  const warnings: string[] = [];
  const { warn } = console;
  console.warn = (text: string) => warnings.push(text.replace(/^warning: \[runtime\] /, ''));
  try {
    let returned: object = {};
    await pulumi.runtime.runInPulumiStack(async () => {
      returned = await program();
      return returned;
    });
    return { returned, warnings };
  } finally {
    console.warn = warn;
  }
}

/** The value of an output, with a secret marked. */
async function resolveOutput(value: unknown): Promise<unknown> {
  const output = pulumi.output(value) as pulumi.Output<unknown> & { promise(): Promise<unknown> };
  const [known, secret] = await Promise.all([output.promise(), pulumi.isSecret(output)]);
  return secret ? { secret: known } : known;
}

async function filesOf(archive: pulumi.asset.Archive): Promise<Record<string, string>> {
  if (!(archive instanceof pulumi.asset.AssetArchive)) throw new Error('the local cloud supports only AssetArchive');
  const files: Record<string, string> = {};
  for (const [name, file] of Object.entries(await archive.assets)) {
    if (!(file instanceof pulumi.asset.StringAsset))
      throw new Error(`the local cloud supports only text; ${name} is not a StringAsset`);
    files[name] = await file.text;
  }
  return files;
}

/** A resource's fields as data, without archives and with secrets marked. */
function fields(given: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => !pulumi.asset.Archive.isInstance(value))
      .map(([key, value]) => [key, marked(value)]),
  );
}

function marked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(marked);
  if (value === null || typeof value !== 'object') return value;
  if (pulumi.runtime.isRpcSecret(value)) return { secret: marked(pulumi.runtime.unwrapRpcSecret(value)) };
  return fields(value as Record<string, unknown>);
}
