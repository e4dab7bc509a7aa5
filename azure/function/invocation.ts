// One invocation: a message in, the gate that it names where it should be, and the message sent again where it has to come back.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Gate, gateKey } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { ImageObservation, Ports } from '../../shared/reconcile/ports.ts';
import type { ReconcileRequest } from '../../shared/reconcile/reconcile.ts';
import { currentRules } from '../../shared/reconcile/rules.ts';
import type { PauseState } from '../../shared/reconcile/schedule.ts';
import { tick } from '../../shared/reconcile/sweep.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { decisionLine, type LogLine } from '../../shared/report/log-line.ts';
import { limitedTo } from '../../shared/runtime/concurrency.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import type { Snapshot } from './attribute-lock.ts';
import { findHomes, type Home, type Homes } from './attribution.ts';
import type { Clients } from './clients.ts';
import { describeError } from './errors.ts';
import { createScanner } from './findings.ts';
import { createReconcilers } from './gates.ts';
import { createNotifier, deliverPending } from './notify.ts';
import { type Message, parseMessage, type Received, type RegistryId } from './parse.ts';
import { createQueue } from './queue.ts';
import { createTable } from './records.ts';
import { createRegistries, type RegistryPlace } from './registries.ts';
import { type AzureRegistry, createRegistry } from './registry.ts';
import type { Settings } from './settings.ts';
import { createSweepPorts } from './sweep.ts';

export interface Worker {
  readonly settings: Settings;
  readonly clients: Clients;
  readonly now: () => Instant;
}

type Log = (line: LogLine) => void;
type ImageMessage = Extract<Message, { kind: 'image' }>;
type GateMessage = ImageMessage | Extract<Message, { kind: 'reconcile' }>;

/** What the deployed function does. Each call gets the log of its own invocation. */
export interface Work {
  /** Handles one message. Throws only where the message could not even be sent again: then the host lets it come back. */
  message(payload: unknown, log: Log): Promise<void>;
  /** Throws where something failed: the next tick, five minutes later, does it again. */
  tick(log: Log): Promise<void>;
}

/** When a message comes back, in minutes: two hours in all, then it is buried. Rows lag events by minutes, and a service may be down for longer. */
const RETURN_MINUTES = [1, 2, 4, 8, 16, 32, 57] as const;
/** The same where the next observation will see to it anyway: half an hour in all, and then it is done. */
const FEW_RETURN_MINUTES = RETURN_MINUTES.slice(0, 5);
/** The host gives an invocation ten minutes, and then ends the whole process. */
const TIMEOUT_MILLISECONDS = 8 * 60_000;

/** The ports of the stack's registries, and the rest that an invocation needs. */
export function createParts({ settings, clients, now }: Worker) {
  const table = createTable(clients.table);
  const scanner = createScanner(clients.logs, settings.workspaceId, settings.findingsQuery, settings.policy);
  const registries = createRegistries(clients, settings, now);

  const inTurn = limitedTo(1);
  /** As long as a registry's place is known, so is what was learnt of its images. */
  const known = new Map<string, AzureRegistry>();

  /** The stack's registry with this id; undefined where it is none of the stack's. */
  async function registryOfStack(id: RegistryId): Promise<AzureRegistry | undefined> {
    const place = await registries.find(id);
    return place === undefined ? undefined : registryAt(place);
  }

  function registryAt(place: RegistryPlace): AzureRegistry {
    const before = known.get(place.id);
    if (before?.place === place) return before;
    const registry = createRegistry(place, clients.registry(place.loginServer), scanner, settings.policy, now);
    known.set(place.id, registry);
    return registry;
  }

  /** The ports for one gate; the log says how long that one took. */
  function portsFrom(startedAt: Instant, registry: AzureRegistry, log: Log, seen?: Map<string, ImageObservation>) {
    const ports: Ports<Snapshot> = {
      registry: registry.port(seen),
      records: table.records,
      brake: table.row('brake'),
      inTurn,
      notify: createNotifier(clients.mail, settings, log),
      log: (decision: Decision) =>
        log({ kind: 'decision', ...decisionLine('azure', decision, Date.parse(now()) - Date.parse(startedAt)) }),
      now,
    };
    return ports;
  }

  return {
    table,
    scanner,
    registries,
    registryOfStack,
    registryAt,
    portsFrom,
    queue: createQueue(clients.queues, settings.queueUrl, settings.poisonQueueUrl),
    pause: table.row<PauseState>('pause'),
  };
}

export type Parts = ReturnType<typeof createParts>;

/** Makes what the function does. */
export function createWork(worker: Worker): Work {
  const { settings } = worker;
  const parts = createParts(worker);
  const { reconcileGate, reconcileRepository } = createReconcilers(worker, parts);

  return {
    async message(payload, log) {
      const parsed = parseMessage(payload);
      if (!parsed.ok) {
        log({ kind: 'refused', problem: parsed.problems.map(describeProblem).join('; ') });
        await parts.queue.deadLetter(payload);
        return;
      }
      const { message } = parsed.value;
      if (message.kind === 'ignored' || message.kind === 'unattributed') {
        log(message);
        return;
      }
      try {
        const back = await inTime(() => handle(message, log));
        if (back !== undefined) await retryLater(payload, parsed.value, { kind: 'returned', why: back.why }, log, back);
      } catch (error) {
        const line = { kind: 'failed', error: describeError(error) };
        await retryLater(payload, parsed.value, line, log, { isVital: true });
      }
    },

    async tick(log) {
      try {
        await inTime(async () => {
          // Told first: nothing that goes wrong later keeps people from hearing of what was done.
          const gates = await deliverPending(worker.clients.mail, settings, parts.table, worker.now()).catch(
            (error: unknown) => log({ kind: 'failed', error: `notices could not be sent: ${describeError(error)}` }),
          );
          if (gates !== undefined && gates > 0) log({ kind: 'notified', gates });
          await tick(createSweepPorts(worker, parts, await currentRules(settings, parts.pause, worker.now()), log));
        });
      } catch (error) {
        log({ kind: 'failed', error: describeError(error) });
        throw error;
      }
    },
  };

  /**
   * Why the message has to come back; undefined if it is done.
   *
   * @throws Error the first of the errors that kept one of its gates from being observed; the others have been
   */
  async function handle(message: GateMessage, log: Log): Promise<Return | undefined> {
    const { homes, failures } = await homesOf(message, log);
    const errors = [...failures];
    const returns: Return[] = [];
    for (const home of homes) {
      const back = await handleIn(home, message, log).catch((error: unknown) => void errors.push(error));
      if (back !== undefined) returns.push(back);
    }
    if (errors.length > 0) throw errors[0];
    // What Log Analytics confirms of one of them is confirmed.
    if (returns.length < homes.length) return undefined;
    return returns.find(({ isVital }) => isVital) ?? returns[0];
  }

  /** The registries and repositories that a message is about. The log says it if there are none of the stack's. */
  async function homesOf(message: GateMessage, log: Log): Promise<Homes> {
    const { registry: named, repository } = message;
    const registry = named === undefined ? undefined : await parts.registryOfStack(named);
    if (named !== undefined && registry === undefined) {
      log({ kind: 'ignored', why: `the registry ${named.name} is not one of the stack's` });
      return NO_HOMES;
    }
    if (registry !== undefined && !(isDashed(message) && registry.place.problem === undefined))
      return { homes: [{ registry, repository }], failures: [] };
    const registries = registry === undefined ? (await parts.registries.usable()).map(parts.registryAt) : [registry];
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

  async function handleIn({ registry, repository }: Home, message: GateMessage, log: Log): Promise<Return | undefined> {
    const { digest } = message;
    const { id, problem } = registry.place;
    if (problem !== undefined) {
      log({ kind: 'refused', repository, problem });
      await parts.queue.deadLetter({
        pullgate: 'reconcile',
        registry: id,
        repository,
        digest,
        trigger: triggerOf(message),
      });
      return undefined;
    }
    const job = { registry, rules: await currentRules(settings, parts.pause, worker.now()), log };
    if (digest === undefined) {
      await reconcileRepository({ ...job, repository, trigger: triggerOf(message) });
      return undefined;
    }
    const whole: Gate = { registry: id, repository };
    const request = requestFor(message, digest, settings.granularity === 'image' ? { ...whole, digest } : whole);
    const { unconfirmed, outdated } = await reconcileGate({ ...job, request });
    const [reported] = request.activeFindings;
    if (reported === undefined) return undefined;
    const what = `the assessment ${reported.id} of ${gateKey({ ...whole, digest })}`;
    if (unconfirmed.includes(reported.id)) return { why: `Log Analytics has no row of ${what} yet`, isVital: true };
    if (outdated.includes(reported.id)) {
      return { why: `Log Analytics has no row of ${what} that is as new as the event yet`, isVital: false };
    }
    return undefined;
  }

  /** A copy comes back later; the one that was handed over is done. */
  async function retryLater(
    payload: unknown,
    { tries }: Received,
    line: LogLine,
    log: Log,
    { isVital }: Pick<Return, 'isVital'>,
  ): Promise<void> {
    const minutes = (isVital ? RETURN_MINUTES : FEW_RETURN_MINUTES)[tries];
    if (minutes === undefined) {
      log({ ...line, tries, deadLettered: isVital });
      // Whoever moves it back gives it all its tries again.
      if (isVital) await parts.queue.deadLetter({ ...(payload as object), tries: 0 });
      return;
    }
    log({ ...line, tries, minutes });
    await parts.queue.sendLater({ ...(payload as object), tries: tries + 1 }, minutes * 60);
  }
}

/** Why a message comes back. */
interface Return {
  readonly why: string;
  /** It ends in the poison queue where it never succeeds. */
  readonly isVital: boolean;
}

const NO_HOMES: Homes = { homes: [], failures: [] };

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
    activeFindings: assessment === undefined ? [] : [{ id: assessment, digest, since: sinceOf(message) }],
  };
}

/** An event is received a little after what it tells of was written down. */
const EVENT_LAG_MILLISECONDS = 2 * 60_000;

function sinceOf(message: GateMessage): Instant | undefined {
  if (message.kind !== 'image' || message.at === undefined) return undefined;
  return new Date(Date.parse(message.at) - EVENT_LAG_MILLISECONDS).toISOString();
}

/** Gives up on a step in time; what is still under way then is like a slow worker: the record's version keeps it from doing harm. */
async function inTime<T>(work: () => Promise<T>): Promise<T> {
  const timer = new AbortController();
  const end = sleep(TIMEOUT_MILLISECONDS, undefined, { signal: timer.signal }).then(() =>
    Promise.reject(new Error(`not done within ${TIMEOUT_MILLISECONDS / 60_000} minutes`)),
  );
  try {
    return await Promise.race([work(), end]);
  } finally {
    timer.abort();
    end.catch(() => {});
  }
}
