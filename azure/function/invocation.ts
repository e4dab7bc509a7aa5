// One invocation: a message in, the gate that it names where it should be, and the message sent again if it is to be
// retried.
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { AwaitedReport } from '../../shared/reconcile/result.ts';
import { currentRules } from '../../shared/reconcile/rules.ts';
import { tick } from '../../shared/reconcile/sweep.ts';
import type { LogLine } from '../../shared/report/log-line.ts';
import { withinTime } from '../../shared/runtime/deadline.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { createAdapters, type Dependencies, type Log } from './adapters.ts';
import { findHomes, type Home, type Homes } from './attribution.ts';
import { describeCallError } from './errors.ts';
import { createReconcilers } from './gates.ts';
import { deliverPending } from './notify.ts';
import { type Message, parseMessage, type Received } from './parse.ts';
import type { AzureRegistry } from './registry.ts';
import { createSweepPorts } from './sweep.ts';

type ImageMessage = Extract<Message, { kind: 'image' }>;
/** Why a message is retried, and what becomes of it if its retries are used up. */
type Retry = Pick<AwaitedReport, 'why' | 'whenUsedUp'>;
/** What came of a message in one of its homes. */
export type Handled = 'done' | 'deadLetter' | Retry;
type GateMessage = ImageMessage | Extract<Message, { kind: 'reconcile' }>;

/** What the deployed function does. Each call gets the log of its own invocation. */
export interface Work {
  /** Handles one message. Throws only if the message could not even be sent again: then the host retries it. */
  message(payload: unknown, log: Log): Promise<void>;
  /** Throws if something failed: the next tick, five minutes later, does it again. */
  tick(log: Log): Promise<void>;
}

/**
 * After how many minutes a message is retried: two hours in all, then it is moved to the poison queue. Rows lag events
 * by minutes, and a service may be down for longer.
 */
const RETRY_MINUTES = [1, 2, 4, 8, 16, 32, 57] as const;
/** The same if the next sweep does its work anyway: half an hour in all, and then it is done. */
const FEW_RETRY_MINUTES = RETRY_MINUTES.slice(0, 5);
/** The host gives an invocation ten minutes, and then ends the whole process. */
const TIMEOUT_MINUTES = 8;

/** Makes what the function does. */
export function createWork(worker: Dependencies): Work {
  const { settings } = worker;
  const adapters = createAdapters(worker);
  const { reconcileGate, reconcileRepository } = createReconcilers(worker, adapters);

  return {
    async message(payload, log) {
      const parsed = parseMessage(payload);
      if (!parsed.ok) {
        log({ kind: 'refused', problem: parsed.problems.map(describeProblem).join('; ') });
        await adapters.queue.deadLetter(payload);
        return;
      }
      const { message } = parsed.value;
      if (message.kind === 'ignored' || message.kind === 'unattributed') {
        log(message);
        return;
      }
      try {
        const retry = await inTime(() => handle(message, log));
        if (retry !== undefined)
          await retryLater(payload, parsed.value, { kind: 'retried', why: retry.why }, log, retry);
      } catch (error) {
        const line = { kind: 'failed', error: describeCallError(error) };
        await retryLater(payload, parsed.value, line, log, { whenUsedUp: 'deadLetter' });
      }
    },

    async tick(log) {
      try {
        await inTime(() => runTick(log));
      } catch (error) {
        log({ kind: 'failed', error: describeCallError(error) });
        throw error;
      }
    },
  };

  /** Pending notices come first: nothing that fails later keeps people from hearing of what was done. */
  async function runTick(log: Log): Promise<void> {
    const gates = await deliverPending(worker.clients.mail, settings, adapters.table, worker.now()).catch(
      (error: unknown) => log({ kind: 'failed', error: `notices could not be sent: ${describeCallError(error)}` }),
    );
    if (gates !== undefined && gates > 0) log({ kind: 'notified', gates });
    const rules = await currentRules(settings, adapters.pause, worker.now());
    await tick(createSweepPorts(worker, adapters, rules, log));
  }

  /**
   * Why the message is to be retried; undefined if it is done.
   *
   * @throws Error the first of the errors that kept one of its gates from being reconciled; the others have been
   */
  async function handle(message: GateMessage, log: Log): Promise<Retry | undefined> {
    const { homes, failures } = await homesOf(message, log);
    const errors = [...failures];
    const handled: Handled[] = [];
    for (const home of homes) {
      const one = await handleIn(home, message, log).catch((error: unknown) => void errors.push(error));
      if (one !== undefined) handled.push(one);
    }
    if (errors.length > 0) throw errors[0];
    return retryOf(handled);
  }

  /** The registries and repositories that a message is about. The log says it if there are none of the stack's. */
  async function homesOf(message: GateMessage, log: Log): Promise<Homes> {
    const { registry: named, repository } = message;
    const registry = named === undefined ? undefined : await adapters.registryOfStack(named);
    if (named !== undefined && registry === undefined) {
      log({ kind: 'ignored', why: `the registry ${named.name} is not one of the stack's` });
      return NO_HOMES;
    }
    if (registry !== undefined && !(isDashed(message) && registry.place.problem === undefined))
      return { homes: [{ registry, repository }], failures: [] };
    const registries =
      registry === undefined ? (await adapters.registries.usable()).map(adapters.registryAt) : [registry];
    return message.kind === 'image' ? homesAmong(registries, message, log) : NO_HOMES;
  }

  async function homesAmong(registries: readonly AzureRegistry[], image: ImageMessage, log: Log): Promise<Homes> {
    const found = await findHomes(image, registries);
    if (found.homes.length === 0 && found.failures.length === 0) {
      const { repository, digest, assessment } = image;
      const why = `none of the stack's registries that pullgate can read has the image ${repository}@${digest}`;
      log({ kind: 'unattributed', assessment, why });
    }
    return found;
  }

  async function handleIn({ registry, repository }: Home, message: GateMessage, log: Log): Promise<Handled> {
    const { digest } = message;
    const { id, problem } = registry.place;
    const trigger = triggerOf(message);
    if (problem !== undefined) {
      log({ kind: 'refused', repository, problem });
      await adapters.queue.deadLetter({ pullgate: 'reconcile', registry: id, repository, digest, trigger });
      return 'deadLetter';
    }
    const job = { registry, rules: await currentRules(settings, adapters.pause, worker.now()), log };
    if (digest === undefined) {
      await reconcileRepository({ ...job, repository, trigger });
      return 'done';
    }
    const whole: Gate = { registry: id, repository };
    const request = requestFor(message, digest, settings.granularity === 'image' ? { ...whole, digest } : whole);
    const result = await reconcileGate({ ...job, request });
    if (result.kind !== 'retry') return result.kind;
    if (result.reports === 'all') return { why: result.why, whenUsedUp: 'deadLetter' };
    // A reconciliation may serve several messages: this one is retried only for what it named itself.
    const [named] = request.namedReports;
    const retried = result.reports.find(({ id }) => id === named?.id);
    if (retried === undefined) return 'done';
    return { ...retried, why: `${gateKey({ ...whole, digest })}: ${retried.why}` };
  }

  /** A copy is sent for later; the message that was handed over is done. */
  async function retryLater(
    payload: unknown,
    { tries }: Received,
    line: LogLine,
    log: Log,
    retry: Pick<Retry, 'whenUsedUp'>,
  ): Promise<void> {
    const isVital = retry.whenUsedUp === 'deadLetter';
    const minutes = (isVital ? RETRY_MINUTES : FEW_RETRY_MINUTES)[tries];
    if (minutes === undefined) {
      log({ ...line, tries, deadLettered: isVital });
      // A person who moves it back gives it all its tries again.
      if (isVital) await adapters.queue.deadLetter({ ...(payload as object), tries: 0 });
      return;
    }
    log({ ...line, tries, minutes });
    await adapters.queue.sendLater({ ...(payload as object), tries: tries + 1 }, minutes * 60);
  }
}

/**
 * What Log Analytics confirms of an image in one of its homes is confirmed. Else it is retried if any home asks for it.
 */
export function retryOf(handled: readonly Handled[]): Retry | undefined {
  if (handled.includes('done')) return undefined;
  const retries = handled.flatMap((one) => (typeof one === 'object' ? [one] : []));
  return retries.find(({ whenUsedUp }) => whenUsedUp === 'deadLetter') ?? retries[0];
}

const NO_HOMES: Homes = { homes: [], failures: [] };

function inTime<T>(work: () => Promise<T>): Promise<T> {
  return withinTime(TIMEOUT_MINUTES * 60_000, `not done within ${TIMEOUT_MINUTES} minutes`, work);
}

function isDashed(message: GateMessage): boolean {
  return message.kind === 'image' && message.isDashed === true;
}

function triggerOf(message: GateMessage): ReconcileRequest['triggers'][number] {
  return message.kind === 'image' ? 'finding' : message.trigger;
}

function requestFor(message: GateMessage, digest: string, gate: Gate): ReconcileRequest {
  const assessment = message.kind === 'image' ? message.assessment : undefined;
  return {
    gate,
    scope: message.kind === 'image' ? [digest] : 'all',
    triggers: [triggerOf(message)],
    namedReports: assessment === undefined ? [] : [{ id: assessment, digest, notBefore: rowTimeOf(message) }],
  };
}

/** An event is received a little after its row was written. */
const EVENT_LAG_MILLISECONDS = 2 * 60_000;

/** What is older than this is not yet the row of the event. */
function rowTimeOf(message: GateMessage): Instant | undefined {
  if (message.kind !== 'image' || message.at === undefined) return undefined;
  return new Date(Date.parse(message.at) - EVENT_LAG_MILLISECONDS).toISOString();
}
