// The resource graph that the real Pulumi program registers, taken under Pulumi's mocks in a process of its own.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** One resource, as the program registered it. */
export interface GraphResource {
  /** `aws:sqs/queue:Queue` */
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** The URN of the component that it belongs to. */
  readonly parent: string | undefined;
  /** What the program asked for; archives are in `archives`. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** What the cloud would have answered: the inputs, and names, ARNs and URLs that look real. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly id: string;
}

/** What a run of the program made. A secret value is `{ secret: value }`. */
export interface Graph {
  readonly resources: readonly GraphResource[];
  /** The stack's outputs. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** The URN of a function to the text of the files in its archive. */
  readonly archives: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What the program warned of. */
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
}

/** What the process is asked for, and what it answers. */
export interface GraphRequest {
  readonly number: number;
  readonly config: Readonly<Record<string, string>>;
  readonly stack: string;
}
export type GraphAnswer = { readonly number: number } & (
  | { readonly kind: 'graph'; readonly graph: Graph }
  | ({ readonly kind: 'failed'; readonly message: string } & Pick<ProgramError, 'made' | 'loaded'>)
);

/** A process that runs the program as often as it is asked to. */
export interface Program {
  /**
   * Runs the program.
   *
   * @param config by full keys: `{ 'pullgate:severityThreshold': 'high' }`; objects and numbers are handed over as
   *   JSON, as Pulumi does
   * @throws ProgramError with the program's own words if it fails, as on a config that is wrong
   */
  graphOf(config: Readonly<Record<string, unknown>>, options?: GraphOptions): Promise<Graph>;
  stop(): void;
}

/** The program's failure, in its own words. */
export interface ProgramError extends Error {
  /** The URNs of what it had registered until then. */
  readonly made: readonly string[];
  /** What the process had loaded until then, as in `Graph`. */
  readonly loaded: readonly string[];
}

/** The program's process; it listens at these sockets too. It ends with this one. */
function startProcess(...sockets: readonly string[]): ChildProcess {
  return fork(new URL('./graph-program.ts', import.meta.url), sockets, { execArgv: [] });
}

/** How a process went, in a sentence about it. */
function endOf(code: number | null, signal: string | null): string {
  return `ended (${signal ?? code}) without an answer`;
}

/** Starts a process. It does not keep this one alive while nothing is asked. */
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
 * Starts a process that others can ask, too, at this socket: see `SHARED_PROGRAM`.
 *
 * @throws Error if it does not come to listen there
 */
export async function shareProgram(socket: string): Promise<{ stop(): void }> {
  const child = startProcess(socket);
  const listens = once(child, 'message');
  const ends = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the program's process should listen at ${socket}, and ${endOf(code, signal)}`);
  });
  ends.catch(() => {});
  await Promise.race([listens, ends]);
  child.unref();
  child.channel?.unref();
  return { stop: () => child.kill() };
}

/**
 * The variable of the environment with the socket of a program that several processes share: each then need not load
 * Pulumi for itself.
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

/** The way to a program's process and back. */
interface Line {
  send(request: GraphRequest, failed: (error: Error) => void): void;
  hear(answered: (answer: GraphAnswer) => void, ended: (how: string) => void): void;
  /** Keeps this process alive, while something is asked; or does not. */
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
    async graphOf(config, { stack = 'dev' } = {}) {
      const number = ++last;
      const texts = Object.entries(config).map(([key, value]) => [
        key,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]);
      const request: GraphRequest = { number, stack, config: Object.fromEntries(texts) };
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

let own: Program | undefined;

/** Runs the program in a process that is kept for the next time: in the shared one, if there is one. */
export function graphOf(config: Readonly<Record<string, unknown>>, options?: GraphOptions): Promise<Graph> {
  const shared = process.env[SHARED_PROGRAM];
  own ??= shared === undefined ? startProgram() : programAt(shared);
  return own.graphOf(config, options);
}
