// The Functions host: its checks before it runs an app, its queue trigger and its timers.
// Source: https://learn.microsoft.com/en-us/azure/azure-functions/functions-bindings-storage-queue-trigger
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { LogLine } from '../log-line.ts';
import type { RegisteredFunction, TypedData } from './functions-child.ts';
import { readHostSettings } from './host-settings.ts';
import type { Queues } from './queue.ts';
import type { Message, Queue } from './queue-messages.ts';
import { readSchedule } from './schedule.ts';
import { createWorker, type Invocation, type Worker } from './worker.ts';

/** The app as the graph deploys it. */
export interface AppResource {
  readonly name: string;
  readonly appSettings: Readonly<Record<string, string>>;
  readonly memoryMegabytes: number;
  /** The archive: file name to text. */
  readonly files: Readonly<Record<string, string>>;
}

export interface FunctionsHost {
  /** Runs a queue function with a message, or a timer function, by name. */
  invoke(functionName: string, message?: unknown): Promise<Invocation>;
  /** The functions that the archive registered; undefined if it does not load. */
  functions(): Promise<readonly RegisteredFunction[] | undefined>;
  /** Kills every process, or the one with this name, even during an invocation. The next invocation is a cold start. */
  kill(name?: string): Promise<void>;
  /**
   * Stops the app, as *Stop* in the portal does, or starts it. A stopped app takes no message, and its timers do not
   * fire. A timer that was due fires once when the app starts.
   * Source: https://learn.microsoft.com/rest/api/appservice/web-apps/stop and, for the timers, `IsPastDue` in
   * https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer
   */
  setRunning(isRunning: boolean): void;
}

export interface RunningHost extends FunctionsHost {
  /**
   * Delivers visible messages to the function, to each instance at most as many at once as host.json allows. Returns an
   * empty list if no message is visible.
   */
  pollOnce(): Promise<readonly Invocation[]>;
  /** When the next message for the app becomes visible. */
  nextVisibleAt(): number | undefined;
  fireTimer(functionName: string): Promise<Invocation>;
  fireDueTimers(): Promise<readonly Invocation[]>;
  nextTimerAt(): Promise<number | undefined>;
  stop(): Promise<void>;
}

interface Parts {
  readonly app: AppResource;
  readonly clock: Clock;
  readonly queues: Queues;
  readonly logs: LogLine[];
  /** The environment variables that Azure adds to the named process. */
  readonly surroundings: (name: string) => Readonly<Record<string, string>>;
  /** The number of processes that share the messages. Timers fire in the first one. */
  readonly instances: number;
}

/** While a message is processed, it is hidden from other instances. */
const LEASE_SECONDS = 600;
/** How often an idle instance polls while others are busy. */
const POLL_MILLISECONDS = 5;

export function createFunctionsHost({ app, clock, queues, logs, surroundings, instances }: Parts): RunningHost {
  const settings = readHostSettings(app.files['host.json']);
  const startInstance = (): Worker =>
    createWorker({
      clock,
      files: app.files,
      memoryMegabytes: app.memoryMegabytes,
      timeoutMilliseconds: settings.timeoutMilliseconds,
      logs,
      environment: (root, name) => ({
        ...app.appSettings,
        ...surroundings(name),
        FUNCTIONS_WORKER_RUNTIME: 'node',
        FUNCTIONS_EXTENSION_VERSION: '~4',
        WEBSITE_SITE_NAME: app.name,
        WEBSITE_HOSTNAME: `${app.name}.azurewebsites.net`,
        WEBSITE_SKU: 'FlexConsumption',
        AzureWebJobsScriptRoot: root,
      }),
    });
  const first = startInstance();
  const workers = [first, ...Array.from({ length: instances - 1 }, startInstance)];
  const account = app.appSettings['AzureWebJobsStorage__accountName'] ?? '';
  const firesAt = new Map<string, number>();
  /** The latest registrations. A restarted worker registers the same functions again. */
  let known: readonly RegisteredFunction[] | undefined;
  let isRunning = true;

  async function functions(): Promise<readonly RegisteredFunction[] | undefined> {
    known ??= checkTriggers(await first.functions());
    if (known !== undefined) startTimers(known);
    return known;
  }

  function startTimers(registered: readonly RegisteredFunction[]): void {
    for (const { name, trigger } of registered) {
      if (trigger['type'] === 'timerTrigger' && !firesAt.has(name))
        firesAt.set(name, readSchedule(resolved(trigger['schedule'], app))(clock.now().getTime()));
    }
  }

  function queueOf({ trigger }: RegisteredFunction): Queue {
    if (trigger['connection'] !== 'AzureWebJobsStorage')
      throw new Error(
        `the local Functions host supports only the connection AzureWebJobsStorage; got ${trigger['connection']}`,
      );
    return queues.find(account, resolved(trigger['queueName'], app));
  }

  const triggered = (type: string) => (known ?? []).filter(({ trigger }) => trigger['type'] === type);

  function toPoisonQueue(queue: Queue, message: Message): void {
    const poison = `${queue.name}-poison`;
    queues.find(account, poison).send(message.text);
    queue.delete(message);
    const text = `Message has reached MaxDequeueCount of ${settings.maxDequeueCount}. Moving message to queue '${poison}'.`;
    logs.push({ text, json: undefined, at: clock.now() });
  }

  /**
   * Receives messages. One that cannot be decoded is moved to the poison queue at once, and no function is invoked.
   * Source: https://github.com/Azure/azure-sdk-for-net/blob/main/sdk/storage/Microsoft.Azure.WebJobs.Extensions.Storage.Queues/src/QueueServiceClientProvider.cs
   */
  function receive(queue: Queue, most: number): readonly Message[] {
    const messages = queue.receive(most, LEASE_SECONDS);
    const sound = settings.decodes ? messages.filter(({ text }) => isBase64(text)) : messages;
    for (const message of messages) if (!sound.includes(message)) toPoisonQueue(queue, message);
    return sound.length > 0 || messages.length === 0 ? sound : receive(queue, most);
  }

  async function handle(worker: Worker, functionName: string, queue: Queue, message: Message): Promise<Invocation> {
    const text = settings.decodes ? Buffer.from(message.text, 'base64').toString('utf8') : message.text;
    const invocation = await worker.invoke(functionName, { string: text }, metadataOf(message, text));
    if (invocation.outcome.kind === 'answered') queue.delete(message);
    else if (message.dequeueCount >= settings.maxDequeueCount) toPoisonQueue(queue, message);
    else queue.release(message, settings.visibilityTimeoutSeconds);
    return invocation;
  }

  /**
   * An instance receives a batch when it works on at most `newBatchThreshold` messages, until no message is visible. It
   * takes at most its share of the visible messages.
   */
  async function takeBatches(worker: Worker): Promise<readonly Invocation[]> {
    const invocations: Invocation[] = [];
    for (const registered of triggered('queueTrigger')) {
      const queue = queueOf(registered);
      const running = new Set<Promise<unknown>>();
      do {
        if (running.size <= settings.newBatchThreshold) {
          const share = Math.ceil(queue.visible().length / workers.length);
          for (const message of receive(queue, Math.min(settings.batchSize, share))) {
            const handled: Promise<unknown> = handle(worker, registered.name, queue, message).then((invocation) => {
              invocations.push(invocation);
              running.delete(handled);
            });
            running.add(handled);
          }
        }
        if (running.size > 0) await Promise.race(running);
      } while (running.size > 0);
    }
    return invocations;
  }

  async function fireTimer(functionName: string): Promise<Invocation> {
    const found = (await functions())?.find(
      ({ name, trigger }) => name === functionName && trigger['type'] === 'timerTrigger',
    );
    if (found === undefined) throw new Error(`the app ${app.name} has no timer ${functionName}`);
    const now = clock.now();
    const due = firesAt.get(functionName) ?? now.getTime();
    if (due <= now.getTime())
      firesAt.set(functionName, readSchedule(resolved(found.trigger['schedule'], app))(now.getTime()));
    const timer = {
      Schedule: { AdjustForDST: true },
      ScheduleStatus: { Last: now, Next: new Date(due), LastUpdated: now },
      IsPastDue: false,
    };
    return first.invoke(functionName, { json: JSON.stringify(timer) }, {});
  }

  return {
    functions,
    fireTimer,
    async invoke(functionName, message) {
      const found = (await functions())?.find(({ name }) => name === functionName);
      if (found?.trigger['type'] === 'timerTrigger') return fireTimer(functionName);
      const text = typeof message === 'string' ? message : JSON.stringify(message ?? null);
      return first.invoke(functionName, { string: text }, { QueueTrigger: { string: text } });
    },
    setRunning(next) {
      isRunning = next;
    },
    async pollOnce() {
      if (!isRunning) return [];
      await functions();
      const invocations: Invocation[] = [];
      let busy = 0;
      const poll = async (worker: Worker): Promise<void> => {
        do {
          busy += 1;
          const done = await takeBatches(worker);
          busy -= 1;
          invocations.push(...done);
          // An idle instance takes new messages while another instance is busy.
          if (done.length === 0 && busy > 0) await sleep(POLL_MILLISECONDS);
        } while (busy > 0);
      };
      await Promise.all(workers.map(poll));
      return invocations;
    },
    nextVisibleAt() {
      if (!isRunning) return undefined;
      const times = triggered('queueTrigger').flatMap((registered) => queueOf(registered).nextVisibleAt() ?? []);
      return times.length === 0 ? undefined : Math.min(...times);
    },
    async fireDueTimers() {
      if (!isRunning) return [];
      await functions();
      const invocations: Invocation[] = [];
      for (const [name, at] of firesAt) if (at <= clock.now().getTime()) invocations.push(await fireTimer(name));
      return invocations;
    },
    async nextTimerAt() {
      if (!isRunning) return undefined;
      await functions();
      return firesAt.size === 0 ? undefined : Math.min(...firesAt.values());
    },
    kill: async (name) => void (await Promise.all(workers.map((worker) => worker.kill(name)))),
    stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))),
  };
}

function checkTriggers(
  functions: readonly RegisteredFunction[] | undefined,
): readonly RegisteredFunction[] | undefined {
  for (const { name, trigger } of functions ?? []) {
    const { type } = trigger;
    if (type !== 'queueTrigger' && type !== 'timerTrigger')
      throw new Error(`the local Functions host supports only queue and timer triggers; ${name} has ${type}`);
  }
  return functions;
}

/** `%NAME%` refers to an app setting. */
function resolved(value: unknown, { appSettings, name }: AppResource): string {
  return String(value).replaceAll(/%([^%]+)%/g, (_all, setting: string) => {
    const found = appSettings[setting];
    if (found === undefined) throw new Error(`the app ${name} has no setting ${setting}, which a trigger names`);
    return found;
  });
}

/** .NET's rules: white space is ignored, and the padding must be complete. */
function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text.replaceAll(/[ \t\r\n]/g, ''));
}

function metadataOf(message: Message, text: string): Readonly<Record<string, TypedData>> {
  const time = (milliseconds: number) => ({ json: JSON.stringify(new Date(milliseconds)) });
  return {
    QueueTrigger: { string: text },
    Id: { string: message.id },
    PopReceipt: { string: message.popReceipt },
    DequeueCount: { json: String(message.dequeueCount) },
    InsertionTime: time(message.insertedAt.getTime()),
    ExpirationTime: time(Math.min(message.expiresAt, Date.UTC(9999, 11, 31))),
    NextVisibleTime: time(message.visibleAt),
  };
}
