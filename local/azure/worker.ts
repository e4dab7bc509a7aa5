// The process that runs a deployed archive. It starts on demand, with only the graph's app settings and Azure's own.
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { unpack } from '../archive.ts';
import type { Clock } from '../clock.ts';
import { jsonObject, type LogLine, logLine, type Outcome } from '../log-line.ts';
import type { FromChild, RegisteredFunction, ToChild, TypedData } from './functions-child.ts';

export interface Invocation {
  readonly invocationId: string;
  readonly functionName: string;
  readonly outcome: Outcome;
  readonly coldStart: boolean;
  /** Real time, of the invocation only. */
  readonly durationMilliseconds: number;
  /** The peak memory of the worker's process since its start. */
  readonly peakMemoryMegabytes: number | undefined;
}

export interface Worker {
  /**
   * Starts the process unless one runs, and returns the registered functions; undefined if the archive does not load,
   * which the log reports.
   */
  functions(): Promise<readonly RegisteredFunction[] | undefined>;
  invoke(
    functionName: string,
    input: TypedData,
    triggerMetadata: Readonly<Record<string, TypedData>>,
  ): Promise<Invocation>;
  /**
   * Kills the process, even during an invocation. The next invocation is a cold start. With a name, only if the process
   * has that name.
   */
  kill(name?: string): Promise<void>;
  /** Kills the process. */
  stop(): Promise<void>;
}

interface Parts {
  readonly clock: Clock;
  /** The archive: file name to text. */
  readonly files: Readonly<Record<string, string>>;
  /** Called for each new process, with the folder of the archive and the name of the process. */
  readonly environment: (root: string, name: string) => Readonly<Record<string, string>>;
  readonly memoryMegabytes: number;
  readonly timeoutMilliseconds: number;
  readonly logs: LogLine[];
}

interface Running {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly functions: Promise<readonly RegisteredFunction[] | undefined>;
  readonly waiting: Map<string, (answer: FromChild | 'ended') => void>;
  isFresh: boolean;
}

/**
 * The host starts Node without a limit of its own, so that V8 takes half of the memory that it sees. Here it would see
 * the memory of the machine instead of an instance's, and take up to 4 GB. Sources:
 * https://github.com/Azure/azure-functions-host/issues/6455,
 * https://github.com/v8/v8/blob/main/src/heap/heap.cc (`HeapSizeFromPhysicalMemory`; Node 24 in a cgroup of 2,048 MB has
 * an old generation of 1,024 MB)
 */
const MEMORY_FOR_HEAP = 0.5;
const CORE = "module.exports = globalThis[Symbol.for('local-functions-core')];\n";

export function createWorker({ clock, files, environment, memoryMegabytes, timeoutMilliseconds, logs }: Parts): Worker {
  const { folder: root, compiled } = unpack({ ...files, 'node_modules/@azure/functions-core/index.js': CORE });
  const main = join(root, mainOf(files));
  const cloudTime = () => ({ now: clock.now().getTime(), runs: clock.runs, haste: clock.haste });
  const log = (text: string) => void logs.push(logLine(text, clock.now()));
  let running: Running | undefined;

  function start(): Running {
    const name = randomUUID();
    const child = fork(new URL('./functions-child.ts', import.meta.url), [], {
      cwd: root,
      env: { ...environment(root, name), ...compiled },
      execArgv: [`--max-old-space-size=${Math.floor(memoryMegabytes * MEMORY_FOR_HEAP)}`],
      silent: true,
    });
    const waiting: Running['waiting'] = new Map();
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', log);
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const functions = new Promise<readonly RegisteredFunction[] | undefined>((resolve) => {
      child.on('message', (message: FromChild) => {
        switch (message.kind) {
          case 'loaded':
            return resolve(message.functions);
          case 'broken':
            log(message.error);
            return resolve(undefined);
          case 'log':
            return log(message.text);
          default:
            return waiting.get(message.invocationId)?.(message);
        }
      });
      void ended.then(() => resolve(undefined));
    });
    const made: Running = { name, child, ended, functions, waiting, isFresh: true };
    void ended.then(() => {
      if (running === made) running = undefined;
      for (const answer of waiting.values()) answer('ended');
    });
    sendMessage(made, { kind: 'load', url: pathToFileURL(main).href, clock: cloudTime() });
    running = made;
    return made;
  }

  async function kill(name?: string): Promise<void> {
    const killed = running;
    if (name !== undefined && killed?.name !== name) return;
    running = undefined;
    killed?.child.kill('SIGKILL');
    await killed?.ended;
  }

  async function answerOf(
    worker: Running,
    message: Extract<ToChild, { kind: 'invoke' }>,
  ): Promise<FromChild | 'ended' | 'timedOut'> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<'timedOut'>((resolve) => {
      timer = setTimeout(resolve, timeoutMilliseconds, 'timedOut');
    });
    const answer = new Promise<FromChild | 'ended'>((resolve) => worker.waiting.set(message.invocationId, resolve));
    sendMessage(worker, message);
    const first = await Promise.race([answer, timeout, worker.ended.then(() => 'ended' as const)]);
    clearTimeout(timer);
    worker.waiting.delete(message.invocationId);
    return first;
  }

  return {
    functions: () => (running ?? start()).functions,
    async invoke(functionName, input, triggerMetadata) {
      const worker = running ?? start();
      const coldStart = worker.isFresh;
      worker.isFresh = false;
      const invocationId = randomUUID();
      const registered = await worker.functions;
      const startedAt = performance.now();
      const done = (outcome: Outcome, peakMemoryMegabytes?: number): Invocation => {
        const durationMilliseconds = performance.now() - startedAt;
        return { invocationId, functionName, outcome, coldStart, durationMilliseconds, peakMemoryMegabytes };
      };
      if (registered === undefined)
        return done(
          worker.child.connected ? { kind: 'failed', error: 'the archive does not load' } : { kind: 'crashed' },
        );
      const message = {
        kind: 'invoke',
        invocationId,
        functionName,
        input,
        triggerMetadata,
        clock: cloudTime(),
      } as const;
      const answer = await answerOf(worker, message);
      if (answer === 'timedOut') {
        log(
          `Timeout value of ${timeoutMilliseconds / 1000} seconds was exceeded by function: Functions.${functionName}`,
        );
        if (running === worker) await kill();
        return done({ kind: 'timedOut' });
      }
      if (answer === 'ended' || (answer.kind !== 'answered' && answer.kind !== 'failed'))
        return done({ kind: 'crashed' });
      if (answer.kind === 'answered')
        return done({ kind: 'answered', answer: answer.answer }, answer.peakMemoryMegabytes);
      log(`Executed 'Functions.${functionName}' (Failed, Id=${invocationId}) ${answer.error}`);
      return done({ kind: 'failed', error: answer.error }, answer.peakMemoryMegabytes);
    },
    kill,
    async stop() {
      await kill();
    },
  };
}

function sendMessage({ child }: Running, message: ToChild): void {
  // If the process has just died, the exit handler notices.
  if (child.connected) child.send(message, () => undefined);
}

/** The file that `main` in package.json names. */
function mainOf(files: Readonly<Record<string, string>>): string {
  const main = jsonObject(files['package.json'] ?? '')?.['main'];
  if (typeof main !== 'string' || !(main in files))
    throw new Error(
      `the archive needs a package.json whose main is one of its files; it has ${Object.keys(files)} and main ${main}`,
    );
  return main;
}
