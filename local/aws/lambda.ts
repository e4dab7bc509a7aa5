// Lambda: runs the deployed archive in processes that have only the graph's environment and limits.
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { unpack } from '../archive.ts';
import type { Clock } from '../clock.ts';
import { type LogLine, logLine, type Outcome } from '../log-line.ts';
import type { FromChild, ToChild } from './lambda-child.ts';
import type { Place } from './place.ts';
import type { Credentials } from './principals.ts';
import type { FunctionResource } from './resources-function.ts';

export interface Invocation {
  readonly requestId: string;
  readonly outcome: Outcome;
  readonly coldStart: boolean;
  /** Real time, of the invocation only. */
  readonly durationMilliseconds: number;
  /** The peak memory of the environment's process since its start. */
  readonly peakMemoryMegabytes: number | undefined;
}

export interface LambdaHost {
  /** Invokes the function. Concurrent invocations run in separate environments, as in Lambda. */
  invoke(event: unknown): Promise<Invocation>;
  /** Kills every environment at once, even during an invocation. The next invocation is a cold start. */
  kill(): Promise<void>;
  /**
   * Sets the reserved concurrency to 0, as *Throttle* in the console does, or removes it. A new deployment keeps it.
   * Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
   */
  throttle(isThrottled: boolean): void;
}

export interface RunningLambda extends LambdaHost {
  /** Whether the reserved concurrency is 0, so that no invocation begins. */
  readonly isThrottled: boolean;
  /** Kills the environment that holds this access key. Returns false if there is none. */
  killHolder(accessKeyId: string): Promise<boolean>;
  /** Kills every environment. */
  stop(): Promise<void>;
}

interface Parts {
  readonly resource: FunctionResource;
  readonly place: Place;
  readonly clock: Clock;
  readonly endpoint: string;
  readonly logs: LogLine[];
  /** Returns credentials of a new session of the function's role. */
  readonly assumeRole: () => Credentials;
  readonly isThrottled: boolean;
}

interface Environment {
  readonly child: ChildProcess;
  readonly accessKeyId: string;
  readonly ended: Promise<void>;
  /** The next answer of the process, or undefined if the process ended. */
  receive(): Promise<FromChild | undefined>;
  /** Resolves when the log of this invocation has been read. */
  logged(requestId: string): Promise<void>;
  busy: boolean;
}

const MEMORY_FOR_HEAP = 0.9;
const RESERVED =
  /^(AWS_REGION|AWS_DEFAULT_REGION|AWS_ACCESS_KEY|AWS_ACCESS_KEY_ID|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|AWS_EXECUTION_ENV|AWS_LAMBDA_.*|LAMBDA_.*|_HANDLER|_X_AMZN_TRACE_ID)$/;
const END = /^END RequestId: (\S+)$/;

export function createLambda({ resource, place, clock, endpoint, logs, assumeRole, ...parts }: Parts): RunningLambda {
  checkEnvironment(resource);
  let isThrottled = parts.isThrottled;
  const environments = new Set<Environment>();
  const [moduleName, exportName = ''] = resource.handler.split('.');
  const file = ['mjs', 'cjs', 'js']
    .map((extension) => `${moduleName}.${extension}`)
    .find((name) => name in resource.files);
  if (file === undefined)
    throw new Error(
      `the archive of ${resource.name} has no module for the handler ${resource.handler}: it has ${Object.keys(resource.files)}`,
    );

  const { folder: root, compiled } = unpack(resource.files);
  const cloudTime = () => ({ now: clock.now().getTime(), runs: clock.runs, haste: clock.haste });

  function start(): Environment {
    const { accessKeyId, secretAccessKey, sessionToken } = assumeRole();
    const own = {
      AWS_REGION: place.region,
      AWS_DEFAULT_REGION: place.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_SESSION_TOKEN: sessionToken,
      AWS_ENDPOINT_URL: endpoint,
      AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
      AWS_LAMBDA_FUNCTION_NAME: resource.name,
      AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(resource.memoryMegabytes),
      LAMBDA_TASK_ROOT: root,
      TZ: ':UTC',
    };
    const child = fork(new URL('./lambda-child.ts', import.meta.url), [], {
      cwd: root,
      env: { ...resource.environment, ...own, ...compiled },
      execArgv: [`--max-old-space-size=${Math.floor(resource.memoryMegabytes * MEMORY_FOR_HEAP)}`],
      silent: true,
    });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const waitingForLog = new Map<string, () => void>();
    const read = (line: string): void => {
      const [, requestId] = END.exec(line) ?? [];
      if (requestId === undefined) logs.push(logLine(line, clock.now()));
      else waitingForLog.get(requestId)?.();
    };
    for (const stream of [child.stdout, child.stderr])
      if (stream !== null) createInterface({ input: stream }).on('line', read);
    const environment: Environment = {
      child,
      accessKeyId,
      ended,
      busy: false,
      receive: () =>
        Promise.race([
          new Promise<FromChild>((resolve) => child.once('message', resolve)),
          ended.then(() => undefined),
        ]),
      logged: (requestId) =>
        Promise.race([new Promise<void>((resolve) => waitingForLog.set(requestId, resolve)), ended]),
    };
    environments.add(environment);
    void ended.then(() => environments.delete(environment));
    return environment;
  }

  async function kill(environment: Environment): Promise<void> {
    environments.delete(environment);
    environment.child.kill('SIGKILL');
    await environment.ended;
  }

  async function load(environment: Environment): Promise<Outcome | undefined> {
    const loaded = environment.receive();
    sendMessage(environment, {
      kind: 'load',
      url: pathToFileURL(join(root, file ?? '')).href,
      exportName,
      clock: cloudTime(),
    });
    const answer = await loaded;
    if (answer === undefined) return { kind: 'crashed' };
    if (answer.kind !== 'failed') return undefined;
    logs.push(logLine(answer.error, clock.now()));
    await kill(environment);
    return { kind: 'failed', error: answer.error };
  }

  async function run(environment: Environment, event: unknown, requestId: string) {
    const timeoutMilliseconds = resource.timeoutSeconds * 1000;
    const context = {
      functionName: resource.name,
      functionVersion: '$LATEST',
      invokedFunctionArn: resource.arn,
      memoryLimitInMB: String(resource.memoryMegabytes),
      logGroupName: resource.logGroupArn.split(':').at(-1) ?? '',
      logStreamName: `[$LATEST]${environment.accessKeyId}`,
      awsRequestId: requestId,
    };
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<'timedOut'>((resolve) => {
      timer = setTimeout(resolve, timeoutMilliseconds, 'timedOut');
    });
    const received = environment.receive();
    const logged = environment.logged(requestId);
    sendMessage(environment, { kind: 'invoke', event, clock: cloudTime(), timeoutMilliseconds, context });
    const answer = await Promise.race([received, timeout]);
    clearTimeout(timer);
    if (answer === 'timedOut') {
      await kill(environment);
      logs.push(
        logLine(
          `${clock.now().toISOString()} ${requestId} Task timed out after ${resource.timeoutSeconds}.00 seconds`,
          clock.now(),
        ),
      );
      return { outcome: { kind: 'timedOut' } as const, peakMemoryMegabytes: undefined };
    }
    if (answer === undefined || answer.kind === 'loaded')
      return { outcome: { kind: 'crashed' } as const, peakMemoryMegabytes: undefined };
    await logged;
    const { peakMemoryMegabytes, ...outcome } = answer;
    return { outcome, peakMemoryMegabytes };
  }

  return {
    get isThrottled() {
      return isThrottled;
    },
    throttle(next) {
      isThrottled = next;
    },
    async invoke(event) {
      const requestId = randomUUID();
      const warm = [...environments].find(({ busy }) => !busy);
      const environment = warm ?? start();
      environment.busy = true;
      const coldStart = warm === undefined;
      const failed = coldStart ? await load(environment) : undefined;
      const startedAt = performance.now();
      const ran =
        failed === undefined
          ? await run(environment, event, requestId)
          : { outcome: failed, peakMemoryMegabytes: undefined };
      environment.busy = false;
      return { requestId, coldStart, durationMilliseconds: performance.now() - startedAt, ...ran };
    },
    async kill() {
      await Promise.all([...environments].map(kill));
    },
    async killHolder(accessKeyId) {
      const environment = [...environments].find((one) => one.accessKeyId === accessKeyId);
      if (environment !== undefined) await kill(environment);
      return environment !== undefined;
    },
    async stop() {
      await Promise.all([...environments].map(kill));
    },
  };
}

function sendMessage({ child }: Environment, message: ToChild): void {
  // If the process has just died, the exit handler notices.
  if (child.connected) child.send(message, () => undefined);
}

/** Source: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and configuration-envvars.html */
function checkEnvironment({ name, environment }: FunctionResource): void {
  const reserved = Object.keys(environment).filter((key) => RESERVED.test(key));
  if (reserved.length > 0)
    throw new Error(`the environment of ${name} sets ${reserved.join(', ')}, which Lambda reserves`);
  const bytes = Buffer.byteLength(JSON.stringify(environment));
  if (bytes > 4096) throw new Error(`the environment of ${name} takes ${bytes} bytes; Lambda allows 4096`);
}
