// The resource graph that the real Pulumi program registers, recorded under Pulumi's mocks in a separate process.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** One resource as the program registered it. */
export interface GraphResource {
  /** `aws:sqs/queue:Queue` */
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** The URN of the component that contains it. */
  readonly parent: string | undefined;
  /** The program's inputs. Archives are in `archives`. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** The cloud's answer: the inputs, plus realistic names, ARNs and URLs. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly id: string;
}

/** The result of one run of the program. A secret value is `{ secret: value }`. */
export interface Graph {
  readonly resources: readonly GraphResource[];
  /** The stack's outputs. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** The files in each function's archive: the function's URN, then file name to text. */
  readonly archives: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The program's warnings. */
  readonly warnings: readonly string[];
  /**
   * What the process has loaded so far: the project's own files (`aws/component/pull-gate.ts`), and Pulumi's packages
   * by name (`@pulumi/aws`).
   */
  readonly loaded: readonly string[];
}

export interface GraphOptions {
  /** The stack's name. Default: dev. */
  readonly stack?: string;
  /** The name of its project, and of its organization. Default: pullgate, and Pulumi's own default. */
  readonly project?: string;
  readonly organization?: string;
  /**
   * The stack's state, which keeps the physical names that Pulumi made up. Stacks with the same state have the same
   * physical names, as a stack before and after it is renamed. Default: a state of its own.
   */
  readonly state?: string;
}

/** A request to the process, and its answer. */
export interface GraphRequest extends Required<GraphOptions> {
  readonly number: number;
  readonly config: Readonly<Record<string, string>>;
}
export type GraphAnswer = { readonly number: number } & (
  | { readonly kind: 'graph'; readonly graph: Graph }
  | ({ readonly kind: 'failed'; readonly message: string } & Pick<ProgramError, 'made' | 'loaded'>)
);

/** A process that can run the program any number of times. */
export interface Program {
  /**
   * Runs the program.
   *
   * @param config by full keys: `{ 'pullgate:severityThreshold': 'high' }`; objects and numbers are passed as JSON, as
   *   Pulumi does
   * @throws ProgramError with the program's message if it fails, for example because the config is invalid
   */
  graphOf(config: Readonly<Record<string, unknown>>, options?: GraphOptions): Promise<Graph>;
  stop(): void;
}

/** A failure of the program, with the program's own message. */
export interface ProgramError extends Error {
  /** The URNs of the resources that were registered before the failure. */
  readonly made: readonly string[];
  /** What the process had loaded before the failure, as in `Graph`. */
  readonly loaded: readonly string[];
}

/** The program's process. It also listens on these sockets, and ends with this process. */
function startProcess(...sockets: readonly string[]): ChildProcess {
  return fork(new URL('./graph-program.ts', import.meta.url), sockets, { execArgv: [] });
}

/** How a process ended, as the end of a sentence. */
function endOf(code: number | null, signal: string | null): string {
  return `ended (${signal ?? code}) without an answer`;
}

/** Starts a process. It does not keep this process alive while no request is pending. */
export function startProgram(): Program {
  const child = startProcess();
  const holders = [child, child.channel];
  return programBehind({
    send: (request, failed) => void child.send(request, (error) => error && failed(error)),
    hear: (answered, ended) => {
      child.on('message', (given) => answered(given as GraphAnswer));
      child.on('error', ({ message }) => ended(`failed: ${message}`));
      child.on('exit', (code, signal) => ended(endOf(code, signal)));
    },
    hold() {
      for (const holder of holders) holder?.ref();
    },
    letGo() {
      for (const holder of holders) holder?.unref();
    },
    stop: () => child.kill(),
  });
}

/**
 * Starts a process that other processes can use through this socket: see `SHARED_PROGRAM`.
 *
 * @throws Error if it does not start to listen
 */
export async function shareProgram(socket: string): Promise<{ stop(): void }> {
  const child = startProcess(socket);
  const listens = once(child, 'message');
  const ends = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the program's process did not listen on ${socket}: it ${endOf(code, signal)}`);
  });
  ends.catch(() => {});
  await Promise.race([listens, ends]);
  child.unref();
  child.channel?.unref();
  return { stop: () => child.kill() };
}

/**
 * The environment variable with the socket of a shared program process, so that not every process has to load Pulumi.
 */
export const SHARED_PROGRAM = 'PULLGATE_LOCAL_PROGRAM';

function programAt(path: string): Program {
  const socket = connect(path);
  return programBehind({
    send: (request) => void socket.write(`${JSON.stringify(request)}\n`),
    hear: (answered, ended) => {
      createInterface({ input: socket }).on('line', (line) => answered(JSON.parse(line)));
      socket.on('error', ({ message }) => ended(`failed: ${message}`));
      socket.on('close', () => ended('ended without an answer'));
    },
    hold: () => socket.ref(),
    letGo: () => socket.unref(),
    stop: () => socket.destroy(),
  });
}

/** A connection to a program's process. */
interface Line {
  send(request: GraphRequest, failed: (error: Error) => void): void;
  hear(answered: (answer: GraphAnswer) => void, ended: (how: string) => void): void;
  /** Sets whether the connection keeps this process alive, which is necessary while a request is pending. */
  hold(): void;
  letGo(): void;
  stop(): void;
}

function programBehind(line: Line): Program {
  const waiting = new Map<number, { answer: (given: GraphAnswer) => void; fail: (error: Error) => void }>();
  let last = 0;
  let stopped = false;
  line.letGo();
  const failAll = (message: string) => {
    for (const { fail } of waiting.values()) fail(new Error(message));
    waiting.clear();
  };
  line.hear(
    (answer) => {
      waiting.get(answer.number)?.answer(answer);
      waiting.delete(answer.number);
      if (waiting.size === 0) line.letGo();
    },
    (how) => failAll(`the program's process ${how}`),
  );
  return {
    async graphOf(config, options = {}) {
      const number = ++last;
      const texts = Object.entries(config).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]);
      const { stack = 'dev' } = options;
      const defaults = { stack, project: 'pullgate', organization: ORGANIZATION, state: stack };
      const request: GraphRequest = { ...defaults, ...options, number, config: Object.fromEntries(texts) };
      const answer = await new Promise<GraphAnswer>((answer, fail) => {
        if (stopped) {
          fail(new Error('the program has been stopped: start another one'));
          return;
        }
        waiting.set(number, { answer, fail });
        line.hold();
        line.send(request, ({ message }) => failAll(`the program's process cannot be reached: ${message}`));
      });
      if (answer.kind === 'graph') return answer.graph;
      throw Object.assign(new Error(answer.message), {
        made: answer.made,
        loaded: answer.loaded,
      }) satisfies ProgramError;
    },
    stop() {
      stopped = true;
      failAll('the program was stopped before it answered');
      line.stop();
    },
  };
}

/** Pulumi's name for the organization if the backend has none. */
const ORGANIZATION = 'organization';

let own: Program | undefined;

/** Runs the program in a process that is kept for the next call, or in the shared process if there is one. */
export function graphOf(config: Readonly<Record<string, unknown>>, options?: GraphOptions): Promise<Graph> {
  const shared = process.env[SHARED_PROGRAM];
  own ??= shared === undefined ? startProgram() : programAt(shared);
  return own.graphOf(config, options);
}
