// One invocation: reconciles the gate that a message names, and sends the message again if it must be retried.
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { globFilter } from '../../shared/policy/glob.ts';
import { deliverInTick } from '../../shared/reconcile/deliver.ts';
import type { ReconcileRequest } from '../../shared/reconcile/request.ts';
import type { UnconfirmedReport } from '../../shared/reconcile/result.ts';
import { currentRules } from '../../shared/reconcile/rules.ts';
import { tick } from '../../shared/reconcile/sweep.ts';
import type { FunctionTrigger } from '../../shared/reconcile/trigger.ts';
import type { LogLine } from '../../shared/report/log-line.ts';
import { withinTime } from '../../shared/runtime/deadline.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import { type Adapters, createAdapters, type Dependencies } from './adapters.ts';
import { type ImageLocation, type ImageLocations, locateImage } from './attribution.ts';
import type { JobResult } from './coalesce.ts';
import { describeCallError } from './errors.ts';
import { createReconcilers, type Reconcilers } from './gates.ts';
import type { Log } from './log.ts';
import { type Message, parseMessage, type Received } from './parse.ts';
import type { AzureRegistry } from './registry.ts';
import type { RegistryId } from './registry-id.ts';
import { createSweepPorts } from './sweep.ts';

type ImageMessage = Extract<Message, { kind: 'image' }>;
type ReconcileMessage = Extract<Message, { kind: 'reconcile' }>;
/** Why a message is retried, and what happens when its retries are used up. */
type Retry = Pick<UnconfirmedReport, 'why' | 'whenUsedUp'> & {
  /** The image, if Log Analytics has no row for the message's report on it. */
  readonly noRowFor?: string;
};
/** The outcome of a message at one of its locations. */
export type Handled = 'done' | 'deadLettered' | Retry;

/** The handlers of the deployed function. Each call receives the log of its invocation. */
export interface Handler {
  /** Handles one message. Throws only if the message could not be sent again. The host then retries it. */
  message(payload: unknown, log: Log): Promise<void>;
  /** Throws if anything failed. The next tick, five minutes later, tries again. */
  tick(log: Log): Promise<void>;
}

/** What the steps of one invocation share. */
interface Invocation extends Dependencies, Reconcilers {
  readonly adapters: Adapters;
  /** Whether the config includes a repository. */
  readonly includes: (repository: string) => boolean;
  readonly log: Log;
}

/**
 * The delay before each retry, in minutes. The retries take two hours in all; then the message moves to the poison
 * queue. Rows arrive minutes after their events, and a service may be down for longer.
 */
const RETRY_MINUTES = [1, 2, 4, 8, 16, 32, 57] as const;
/**
 * The delays if the next sweep does the same work anyway. They take half an hour in all; then the message is dropped.
 */
const FEW_RETRY_MINUTES = RETRY_MINUTES.slice(0, 5);
/** The host gives an invocation ten minutes, and then ends the whole process. */
const TIMEOUT_MINUTES = 8;

/** Creates the handlers of the function. */
export function createHandler(dependencies: Dependencies): Handler {
  const adapters = createAdapters(dependencies);
  const { include, exclude } = dependencies.settings.repositories;
  const includes = globFilter(include, exclude);
  const common = { ...dependencies, ...createReconcilers(dependencies, adapters), adapters, includes };
  return {
    message: (payload, log) => withLines({ ...common, log }, () => handleMessage(payload, { ...common, log })),
    tick: (log) => withLines({ ...common, log }, () => inTime(() => runTick({ ...common, log }))),
  };
}

async function handleMessage(payload: unknown, invocation: Invocation): Promise<void> {
  const { adapters, log } = invocation;
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
    const retry = await inTime(() => handle(message, invocation));
    if (retry === undefined) return;
    const { whenUsedUp, ...line } = retry;
    await retryLater(parsed.value, whenUsedUp, { kind: 'retried', ...line }, invocation);
  } catch (error) {
    await retryLater(parsed.value, 'deadLetter', { kind: 'failed', error: describeCallError(error) }, invocation);
  }
}

/**
 * An invocation that fails leaves a line, whatever failed: alarms read the lines. It also logs how many details were
 * read.
 */
async function withLines({ adapters, log }: Invocation, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log({ kind: 'failed', error: describeCallError(error) });
    throw error;
  } finally {
    const line = adapters.details.takeLine();
    if (line !== undefined) log(line);
  }
}

/** Delivers pending notices first, so that no later failure can delay them. */
async function runTick(invocation: Invocation): Promise<void> {
  const { settings, adapters, now, log } = invocation;
  await deliverInTick(adapters.deliveryWith(log), log, describeCallError);
  const rules = await currentRules(settings, adapters.pause, now());
  await tick(createSweepPorts(invocation, adapters, rules, log));
}

/** Why the message must be retried. Undefined if it is done. */
function handle(message: ImageMessage | ReconcileMessage, invocation: Invocation): Promise<Retry | undefined> {
  return message.kind === 'image' ? handleImage(message, invocation) : handleReconcile(message, invocation);
}

async function handleReconcile(
  { registry: named, repository, digest, trigger, isIndex }: ReconcileMessage,
  invocation: Invocation,
): Promise<Retry | undefined> {
  const registry = await findRegistry(named, invocation);
  if (registry === undefined) return undefined;
  const isOfRegistry = trigger === 'push' || trigger === 'delete';
  if (isOfRegistry && isOutOfScope({ registry, repository }, invocation)) return undefined;
  const asked: Asked = { digest, scope: 'all', trigger, namedReports: [], isIndex };
  return retryOf([await reconcileAt({ registry, repository }, asked, invocation)]);
}

/** @throws Error the first that kept a location from being reconciled; logs the others */
async function handleImage(message: ImageMessage, invocation: Invocation): Promise<Retry | undefined> {
  const { digest, assessment, at } = message;
  const namedReports = assessment === undefined ? [] : [{ id: assessment, digest, at, notBefore: rowTimeOf(at) }];
  const asked: Asked = { digest, scope: [digest], trigger: 'finding', namedReports };
  const { locations, failures } = await findLocations(message, invocation);
  const errors = [...failures];
  const handled: Handled[] = [];
  for (const location of locations) {
    if (isOutOfScope(location, invocation)) continue;
    const one = await reconcileAt(location, asked, invocation).catch((error: unknown) => void errors.push(error));
    if (one !== undefined) handled.push(one);
  }
  if (errors.length === 0) return retryOf(handled);
  const [first, ...others] = errors;
  for (const error of others) invocation.log({ kind: 'failed', error: describeCallError(error) });
  throw first;
}

/**
 * Does the config exclude the repository? Its events need no observation: a sweep opens what was closed before. A
 * registry with a problem is not asked which repository a dashed name means, so its messages are refused instead.
 */
function isOutOfScope({ registry, repository }: ImageLocation, { includes }: Invocation): boolean {
  return registry.resolved.problem === undefined && !includes(repository);
}

/** The stack's registry with this id. If there is none, the log says so. */
async function findRegistry(id: RegistryId, { adapters, log }: Invocation): Promise<AzureRegistry | undefined> {
  const registry = await adapters.registryOfStack(id);
  if (registry === undefined) log({ kind: 'ignored', why: `the registry ${id.name} is not one of the stack's` });
  return registry;
}

async function findLocations(message: ImageMessage, invocation: Invocation): Promise<ImageLocations> {
  const { registry: named, repository, isDashed } = message;
  const { registries, registryAt } = invocation.adapters;
  if (named === undefined) return search(message, (await registries.usable()).map(registryAt), invocation);
  const registry = await findRegistry(named, invocation);
  if (registry === undefined) return { locations: [], failures: [] };
  // Only the registry can tell which repository a dashed name means. A registry with a problem is not asked.
  if (isDashed === true && registry.resolved.problem === undefined) return search(message, [registry], invocation);
  return { locations: [{ registry, repository }], failures: [] };
}

async function search(
  message: ImageMessage,
  registries: readonly AzureRegistry[],
  { log }: Invocation,
): Promise<ImageLocations> {
  const found = await locateImage(message, registries);
  if (found.locations.length === 0 && found.failures.length === 0) {
    const image = `${message.repository}@${message.digest}`;
    const why = `none of the stack's registries that pullgate can read has the image ${image}`;
    log({ kind: 'unattributed', assessment: message.assessment, why });
  }
  return found;
}

/** What a message requests for a repository. */
interface Asked extends Pick<ReconcileRequest, 'scope' | 'namedReports'> {
  /** Undefined for the whole repository. */
  readonly digest: string | undefined;
  readonly trigger: FunctionTrigger;
  /** The children of the image may have come into scope, too. */
  readonly isIndex?: true | undefined;
}

async function reconcileAt(
  { registry, repository }: ImageLocation,
  { digest, scope, trigger, namedReports, isIndex }: Asked,
  invocation: Invocation,
): Promise<Handled> {
  const { settings, adapters, now, log, reconcileGate, reconcileIndex, reconcileRepository } = invocation;
  const { id, problem } = registry.resolved;
  if (problem !== undefined) {
    log({ kind: 'refused', repository, problem });
    // There may be many, and the sweep does their work once a person has corrected the registry.
    if (trigger === 'push' || trigger === 'delete') return 'done';
    await adapters.queue.deadLetter({ pullgate: 'reconcile', registry: id, repository, digest, trigger });
    return 'deadLettered';
  }
  const job = { registry, log };
  const rules = () => currentRules(settings, adapters.pause, now());
  const isOfGranularity = (digest !== undefined) === (settings.granularity === 'image');
  if (trigger === 'lock' ? !isOfGranularity : digest === undefined) {
    // The lock of one gate says nothing about the other gates of its repository.
    const asked = trigger === 'lock' ? 'tick' : trigger;
    await reconcileRepository({ ...job, rules: await rules(), repository, trigger: asked });
    return 'done';
  }
  if (digest !== undefined && isIndex === true && settings.granularity === 'image') {
    await reconcileIndex({ ...job, rules: await rules(), repository, trigger, digest });
    return 'done';
  }
  const repositoryGate: Gate = { registry: id, repository };
  const imageGate: Gate = { ...repositoryGate, ...(digest === undefined ? {} : { digest }) };
  const gate = settings.granularity === 'image' ? imageGate : repositoryGate;
  // What has no record is open. A purge of many images must not cost a query each.
  if (trigger === 'delete' && (await adapters.table.records.load(gate)).value === undefined) return 'done';
  const request: ReconcileRequest = { gate, scope, triggers: [trigger], namedReports };
  return handledFrom(await reconcileGate({ ...job, rules, request }), request, imageGate);
}

function handledFrom(result: JobResult, { namedReports: [named] }: ReconcileRequest, imageGate: Gate): Handled {
  if (result === undefined || result.kind === 'done') return 'done';
  if (result.kind === 'deadLetter') return 'deadLettered';
  if (result.reports === 'all') return { why: result.why, whenUsedUp: 'deadLetter' };
  // A reconciliation may serve several messages. Each message is retried only for the report that it named.
  const retried = result.reports.find(({ id }) => id === named?.id);
  if (retried === undefined) return 'done';
  const { why, whenUsedUp } = retried;
  const image = gateKey(imageGate);
  return { why: `${image}: ${why}`, whenUsedUp, ...(whenUsedUp === 'deadLetter' ? { noRowFor: image } : {}) };
}

/** Sends a delayed copy of the message and logs it. The original message is done. */
async function retryLater(
  { payload, tries }: Received,
  whenUsedUp: Retry['whenUsedUp'],
  line: LogLine,
  { adapters, log }: Invocation,
): Promise<void> {
  const isVital = whenUsedUp === 'deadLetter';
  const minutes = (isVital ? RETRY_MINUTES : FEW_RETRY_MINUTES)[tries];
  if (minutes === undefined) {
    log({ ...line, tries, deadLettered: isVital });
    // If a person moves the message back, it gets all its retries again.
    if (isVital) await adapters.queue.deadLetter({ ...payload, tries: 0 });
    return;
  }
  log({ ...line, tries, minutes });
  await adapters.queue.sendLater({ ...payload, tries: tries + 1 }, minutes * 60);
}

/**
 * A message is done if Log Analytics confirms its report at any location. Otherwise it is retried if any location asks
 * for it.
 */
export function retryOf(handled: readonly Handled[]): Retry | undefined {
  if (handled.includes('done')) return undefined;
  const retries = handled.flatMap((one) => (typeof one === 'object' ? [one] : []));
  return retries.find(({ whenUsedUp }) => whenUsedUp === 'deadLetter') ?? retries[0];
}

function inTime<T>(work: () => Promise<T>): Promise<T> {
  return withinTime(TIMEOUT_MINUTES * MINUTE_MILLISECONDS, `did not finish within ${TIMEOUT_MINUTES} minutes`, work);
}

/** An event arrives shortly after its row was written. */
const EVENT_LAG_MILLISECONDS = 2 * MINUTE_MILLISECONDS;

/** The earliest time of the event's row. Older rows are from before the event. */
function rowTimeOf(event: Instant | undefined): Instant | undefined {
  return event === undefined ? undefined : new Date(Date.parse(event) - EVENT_LAG_MILLISECONDS).toISOString();
}
