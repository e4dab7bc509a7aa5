// One worker of a local Functions host: loads the archive, collects its registrations, and runs invocations as Azure's
// own worker does. The API that a worker supplies:
// https://github.com/Azure/azure-functions-nodejs-worker/blob/v4.x/types-core/index.d.ts
import { format } from 'node:util';
import { keepCompileCache } from '../archive.ts';
import { type CloudTime, setCloudTime, tellCloudTime } from '../cloud-date.ts';
import { peakMemoryBytes } from '../peak-memory.ts';
import { keepConnections } from './kept-connections.ts';

/** A value from the host to a worker: text or JSON. */
export type TypedData = { readonly string: string } | { readonly json: string };

export type ToChild =
  | { readonly kind: 'load'; readonly url: string; readonly clock: CloudTime }
  | {
      readonly kind: 'invoke';
      readonly invocationId: string;
      readonly functionName: string;
      readonly input: TypedData;
      readonly triggerMetadata: Readonly<Record<string, TypedData>>;
      readonly clock: CloudTime;
    };

/** The trigger of a function, with its binding's properties: `type`, `queueName`, `connection`, `schedule`, ... */
export interface RegisteredFunction {
  readonly name: string;
  readonly trigger: Readonly<Record<string, unknown>>;
}

export type FromChild =
  | { readonly kind: 'loaded'; readonly functions: readonly RegisteredFunction[] }
  | { readonly kind: 'broken'; readonly error: string }
  | { readonly kind: 'log'; readonly level: string; readonly text: string }
  | {
      readonly kind: 'answered';
      readonly invocationId: string;
      readonly answer: unknown;
      readonly peakMemoryMegabytes: number;
    }
  | {
      readonly kind: 'failed';
      readonly invocationId: string;
      readonly error: string;
      readonly peakMemoryMegabytes: number;
    };

interface Metadata {
  readonly name: string;
  readonly bindings: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}
type Callback = (...inputs: readonly unknown[]) => unknown;
interface Model {
  getInvocationModel(context: object): InvocationModel;
}
interface InvocationModel {
  getArguments(): Promise<{ readonly context: object; readonly inputs: readonly unknown[] }>;
  invokeFunction(context: object, inputs: readonly unknown[], handler: Callback): Promise<unknown>;
  getResponse(context: object, result: unknown): Promise<unknown>;
}

tellCloudTime();
keepConnections();
keepCompileCache();

const functions = new Map<string, { readonly metadata: Metadata; readonly callback: Callback }>();
let model: Model | undefined;

/** The module that `require('@azure/functions-core')` returns in the archive's folder. */
const core = {
  version: '3.12.0',
  hostVersion: '4.1040.300',
  registerFunction(metadata: Metadata, callback: Callback) {
    if (functions.has(metadata.name)) throw new Error(`A function named "${metadata.name}" is registered already`);
    functions.set(metadata.name, { metadata, callback });
    return { dispose: () => void functions.delete(metadata.name) };
  },
  setProgrammingModel(given: Model) {
    model = given;
  },
  getProgrammingModel: () => model,
  registerHook() {
    throw new Error('the local Functions host does not support hooks');
  },
  log: (level: string, _category: string, text: string) => sendMessage({ kind: 'log', level, text }),
};
Object.assign(globalThis, { [Symbol.for('local-functions-core')]: core });

/**
 * Azure's worker writes logs and answers to one gRPC stream, which sends them later: what it wrote in the turn in which
 * its process ends is lost.
 * Source: https://github.com/Azure/azure-functions-nodejs-worker/blob/v4.x/src/GrpcClient.ts
 */
function sendMessage(message: FromChild): void {
  setImmediate(() => process.send?.(message));
}

const peak = () => Math.ceil(peakMemoryBytes() / 2 ** 20);

async function load(url: string): Promise<void> {
  try {
    await import(url);
    if (model === undefined) throw new Error('the program registered no function');
    const registered = [...functions.values()].map(({ metadata: { name, bindings } }) => {
      const trigger = Object.values(bindings).find(({ type }) => String(type).endsWith('Trigger'));
      return { name, trigger: trigger ?? {} };
    });
    sendMessage({ kind: 'loaded', functions: registered });
  } catch (error) {
    sendMessage({ kind: 'broken', error: format(error) });
  }
}

async function invoke(message: Extract<ToChild, { kind: 'invoke' }>): Promise<void> {
  const { invocationId, functionName, input, triggerMetadata } = message;
  try {
    const found = functions.get(functionName);
    if (found === undefined || model === undefined) throw new Error(`there is no function ${functionName}`);
    const { metadata, callback } = found;
    const [binding = ''] = Object.keys(metadata.bindings);
    const invocation = model.getInvocationModel({
      metadata,
      invocationId,
      request: {
        invocationId,
        inputData: [{ name: binding, data: input }],
        triggerMetadata,
        traceContext: {
          traceParent: `00-${invocationId.replaceAll('-', '')}-0000000000000000-00`,
          traceState: '',
          attributes: {},
        },
        retryContext: null,
      },
      state: undefined,
      log: (level: string, _category: string, text: string) => sendMessage({ kind: 'log', level, text }),
    });
    const { context, inputs } = await invocation.getArguments();
    const answer = await invocation.invokeFunction(context, inputs, callback);
    await invocation.getResponse(context, answer);
    const plain = answer === undefined ? null : JSON.parse(JSON.stringify(answer));
    sendMessage({ kind: 'answered', invocationId, answer: plain, peakMemoryMegabytes: peak() });
  } catch (error) {
    sendMessage({ kind: 'failed', invocationId, error: format(error), peakMemoryMegabytes: peak() });
  }
}

process.on('message', (message: ToChild) => {
  setCloudTime(message.clock);
  void (message.kind === 'load' ? load(message.url) : invoke(message));
});
process.on('disconnect', () => process.exit());
