// One invocation: takes a batch of messages, reconciles the gates that they name, and returns the messages to retry.
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { deliverInTick } from '../../shared/reconcile/deliver.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import type { Result, UnconfirmedReport } from '../../shared/reconcile/result.ts';
import { currentRules, type Rules } from '../../shared/reconcile/rules.ts';
import { sweep, tick } from '../../shared/reconcile/sweep.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { withinTime } from '../../shared/runtime/deadline.ts';
import { describeError } from '../../shared/runtime/errors.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { type Adapters, createAdapters, type Dependencies } from './adapters.ts';
import { type Group, groupByRepository, type Received } from './group.ts';
import { parseMessage } from './parse.ts';
import { createSweepPorts } from './sweep.ts';

/** The remaining time of an invocation, from Lambda's context. */
export interface Deadline {
  getRemainingTimeInMillis(): number;
}

/** What the steps of one invocation share. */
interface Invocation extends Dependencies {
  readonly adapters: Adapters;
  readonly deadline: Deadline;
}

/**
 * The messages that a step could not finish. SQS moves a message that was retried too often to the dead-letter queue.
 */
type ToRetry = readonly SQSRecord[];

const GATES_AT_ONCE = 8;
const RETRIES_AT_ONCE = 8;
/** The time kept at the end of an invocation for reporting which messages to retry. */
const RESERVE_MILLISECONDS = 10_000;

/** Creates the function that handles a batch. */
export function createHandler(
  dependencies: Dependencies,
): (event: SQSEvent, deadline: Deadline) => Promise<SQSBatchResponse> {
  const adapters = createAdapters(dependencies);
  return async ({ Records: deliveries }, deadline) => {
    const invocation: Invocation = { ...dependencies, adapters, deadline };
    const { received, toRetry: notMoved } = await parseAll(deliveries, invocation);
    const notHandled = received.length === 0 ? [] : await handleAll(received, invocation);
    const toRetry = [...new Set([...notMoved, ...notHandled])];
    await mapConcurrently(toRetry, RETRIES_AT_ONCE, (delivery) => retryLater(delivery, invocation));
    return { batchItemFailures: toRetry.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/**
 * Parses every message. An invalid message is moved to the dead-letter queue, and a log line says why. The rest of the
 * batch continues.
 */
async function parseAll(
  deliveries: readonly SQSRecord[],
  { settings, log, adapters }: Invocation,
): Promise<{ readonly received: readonly Received[]; readonly toRetry: ToRetry }> {
  const received: Received[] = [];
  const toRetry: SQSRecord[] = [];
  for (const delivery of deliveries) {
    const { messageId, body } = delivery;
    const parsed = parseMessage(body, settings.accountId);
    if (!parsed.ok) {
      log({ kind: 'refused', messageId, problem: parsed.problems.map(describeProblem).join('; ') });
      await adapters.queue.deadLetter(body).catch((error: unknown) => {
        log({ kind: 'failed', messageId, error: describeError(error), messages: 1 });
        toRetry.push(delivery);
      });
    } else if (parsed.value.kind === 'ignored') log({ ...parsed.value, messageId });
    else received.push({ delivery, message: parsed.value });
  }
  return { received, toRetry };
}

/** Runs the sweep and the tick before the gates. A step that fails does not prevent the others. */
function handleAll(received: readonly Received[], invocation: Invocation): Promise<ToRetry> {
  const { settings, adapters, now, log } = invocation;
  const all = received.map(({ delivery }) => delivery);
  return retryOnError(all, invocation, async () => {
    const rules = await currentRules(settings, adapters.pause, now());
    for (const { message } of received) if (message.kind === 'scanReduced') logReduced(message, rules, invocation);
    const ports = createSweepPorts(invocation, adapters, rules);
    const sweeps = await runOnce('sweep', received, invocation, () => sweep(ports));
    const ticks = await runOnce('tick', received, invocation, async () => {
      await deliverInTick(adapters.delivery, log);
      await tick(ports);
    });
    const groups = groupByRepository(received, settings.accountId);
    const ofGates = await mapConcurrently(groups, GATES_AT_ONCE, (group) => handleGroup(group, rules, invocation));
    return [...sweeps, ...ticks, ...ofGates.flat()];
  });
}

/** Names the repositories that Inspector no longer scans continuously. An alarm counts these lines. */
function logReduced(
  { repositories }: Extract<Received['message'], { kind: 'scanReduced' }>,
  { includes }: Rules,
  { log }: Invocation,
): void {
  for (const { repository, frequency } of repositories) {
    if (!includes(repository)) continue;
    const why = `its scan frequency is ${frequency} now: new vulnerabilities of its images are not found, and nothing proves them clean`;
    log({ kind: 'scanReduced', repository, why });
  }
}

/** Runs a sweep or a tick once if any message requests it. */
async function runOnce(
  kind: 'sweep' | 'tick',
  received: readonly Received[],
  invocation: Invocation,
  run: () => Promise<unknown>,
): Promise<ToRetry> {
  const deliveries = received.flatMap(({ delivery, message }) => (message.kind === kind ? [delivery] : []));
  if (deliveries.length === 0) return [];
  return retryOnError(deliveries, invocation, async () => {
    await inTime(`a ${kind}`, invocation, run);
    return [];
  });
}

function handleGroup(group: Group, rules: Rules, invocation: Invocation): Promise<ToRetry> {
  const { adapters, now } = invocation;
  const { request, deliveries } = group;
  return retryOnError(deliveries, invocation, async () => {
    const result = await inTime(request.gate.repository, invocation, () =>
      reconcile(request, rules, adapters.portsFrom(now())),
    );
    return finish(result, group, invocation);
  });
}

/** Handles the messages of a group as the result says. */
async function finish(result: Result, group: Group, { adapters, log }: Invocation): Promise<ToRetry> {
  const { gate, triggers } = group.request;
  const { notifyError } = result.decision;
  if (notifyError !== undefined) {
    const error = `a notice could not be sent: ${notifyError}`;
    log({ kind: 'failed', repository: gate.repository, error, messages: group.deliveries.length });
  }
  switch (result.kind) {
    case 'done':
      return [];
    case 'retry': {
      const deliveries = deliveriesToRetry(result.reports, group);
      log({ kind: 'retried', repository: gate.repository, why: result.why, messages: deliveries.length });
      return deliveries;
    }
    case 'deadLetter': {
      log({ kind: 'refused', repository: gate.repository, problem: result.why });
      // One message per gate, however many events caused it.
      const message = { pullgate: 'reconcile', repository: gate.repository, trigger: triggers[0] };
      await adapters.queue.deadLetter(JSON.stringify(message));
      return [];
    }
  }
}

function deliveriesToRetry(
  reports: 'all' | readonly UnconfirmedReport[],
  { deliveries, deliveriesByFinding }: Group,
): ToRetry {
  return reports === 'all' ? deliveries : reports.flatMap(({ id }) => deliveriesByFinding.get(id) ?? []);
}

/** Stops a step before the invocation ends, so that only the messages of this step are retried. */
function inTime<T>(what: string, { deadline }: Invocation, work: () => Promise<T>): Promise<T> {
  const milliseconds = deadline.getRemainingTimeInMillis() - RESERVE_MILLISECONDS;
  return withinTime(milliseconds, `no time left in this invocation for ${what}`, work);
}

/** Runs a step. If it fails, all its messages are retried and the error is logged. */
async function retryOnError(
  deliveries: readonly SQSRecord[],
  { log }: Invocation,
  step: () => Promise<ToRetry>,
): Promise<ToRetry> {
  try {
    return await step();
  } catch (error) {
    log({ kind: 'failed', error: describeError(error), messages: deliveries.length });
    return deliveries;
  }
}

/** Sets the delay of a retry. If SQS rejects it, the message is retried after the queue's visibility timeout. */
async function retryLater(delivery: SQSRecord, { log, adapters }: Invocation): Promise<void> {
  const receiveCount = Number(delivery.attributes.ApproximateReceiveCount);
  await adapters.queue
    .retryLater(delivery.receiptHandle, receiveCount)
    .catch((error: unknown) =>
      log({ kind: 'retryDelayFailed', messageId: delivery.messageId, error: describeError(error) }),
    );
}
