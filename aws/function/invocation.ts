// One invocation: a batch of messages in, gates where they should be, and the messages that are to be retried out.
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import type { AwaitedReport, Result } from '../../shared/reconcile/result.ts';
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

/** How much is left of an invocation, as Lambda's context tells it. */
export interface Deadline {
  getRemainingTimeInMillis(): number;
}

/** What the steps of one invocation have in common. */
interface Invocation extends Dependencies {
  readonly adapters: Adapters;
  readonly deadline: Deadline;
  /** The messages that are to be retried. SQS itself moves one that was retried too often to the dead-letter queue. */
  readonly retried: Set<SQSRecord>;
}

const GATES_AT_ONCE = 8;
const RETRIES_AT_ONCE = 8;
/** What the rest of an invocation needs: saying which messages are to be retried. */
const RESERVE_MILLISECONDS = 10_000;

/** Makes the function that handles a batch. */
export function createWork(worker: Dependencies): (event: SQSEvent, deadline: Deadline) => Promise<SQSBatchResponse> {
  const adapters = createAdapters(worker);
  return async ({ Records: deliveries }, deadline) => {
    const invocation: Invocation = { ...worker, adapters, deadline, retried: new Set() };
    const received = await parseAll(deliveries, invocation);
    const understood = received.map(({ delivery }) => delivery);
    if (received.length > 0) await retryOnError(understood, invocation, () => handleAll(received, invocation));
    const retried = [...invocation.retried];
    await mapConcurrently(retried, RETRIES_AT_ONCE, (delivery) => retryLater(delivery, invocation));
    return { batchItemFailures: retried.map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/**
 * Reads every message. One that is wrong is moved to the dead-letter queue with a line that says why; the rest of the
 * batch goes on.
 */
async function parseAll(
  deliveries: readonly SQSRecord[],
  { settings, log, adapters, retried }: Invocation,
): Promise<readonly Received[]> {
  const received: Received[] = [];
  for (const delivery of deliveries) {
    const parsed = parseMessage(delivery.body, settings.accountId);
    if (parsed.ok && parsed.value.kind === 'ignored') log({ ...parsed.value, messageId: delivery.messageId });
    else if (parsed.ok) received.push({ delivery, message: parsed.value });
    else {
      const problem = parsed.problems.map(describeProblem).join('; ');
      log({ kind: 'refused', messageId: delivery.messageId, problem });
      await adapters.queue.deadLetter(delivery.body).catch(() => retried.add(delivery));
    }
  }
  return received;
}

async function handleAll(received: readonly Received[], invocation: Invocation): Promise<void> {
  const { settings, adapters, now } = invocation;
  const rules = await currentRules(settings, adapters.pause, now());
  const ports = createSweepPorts(invocation, adapters, rules);
  const steps = { sweep: () => sweep(ports), tick: () => tick(ports) };
  for (const kind of ['sweep', 'tick'] as const) {
    const deliveries = received.flatMap(({ delivery, message }) => (message.kind === kind ? [delivery] : []));
    if (deliveries.length > 0)
      await retryOnError(deliveries, invocation, () => inTime<unknown>(`a ${kind}`, invocation, steps[kind]));
  }
  await mapConcurrently(groupByRepository(received, settings.accountId), GATES_AT_ONCE, (group) =>
    retryOnError(group.deliveries, invocation, () => handleGroup(group, rules, invocation)),
  );
}

async function handleGroup(group: Group, rules: Rules, invocation: Invocation): Promise<void> {
  const { adapters, now } = invocation;
  const { request } = group;
  const result = await inTime(request.gate.repository, invocation, () =>
    reconcile(request, rules, adapters.portsFrom(now())),
  );
  await finish(result, group, invocation);
}

/** Does with the messages of a group what the result says. */
async function finish(result: Result, group: Group, { adapters, log, retried }: Invocation): Promise<void> {
  const { gate, triggers } = group.request;
  const { notifyError } = result.decision;
  if (notifyError !== undefined) {
    const error = `a notice could not be sent: ${notifyError}`;
    log({ kind: 'failed', repository: gate.repository, error, messages: group.deliveries.length });
  }
  switch (result.kind) {
    case 'done':
      return;
    case 'retry': {
      const deliveries = deliveriesToRetry(result.reports, group);
      log({ kind: 'retried', repository: gate.repository, why: result.why, messages: deliveries.length });
      for (const delivery of deliveries) retried.add(delivery);
      return;
    }
    case 'deadLetter': {
      log({ kind: 'refused', repository: gate.repository, problem: result.why });
      // One message for the gate, whatever number of events led there.
      const message = { pullgate: 'reconcile', repository: gate.repository, trigger: triggers[0] };
      await adapters.queue.deadLetter(JSON.stringify(message));
    }
  }
}

function deliveriesToRetry(
  reports: 'all' | readonly AwaitedReport[],
  { deliveries, deliveriesByFinding }: Group,
): readonly SQSRecord[] {
  return reports === 'all' ? deliveries : reports.flatMap(({ id }) => deliveriesByFinding.get(id) ?? []);
}

/** Gives up on a step before the invocation ends, so that only its own messages are retried. */
function inTime<T>(what: string, { deadline }: Invocation, work: () => Promise<T>): Promise<T> {
  const milliseconds = deadline.getRemainingTimeInMillis() - RESERVE_MILLISECONDS;
  return withinTime(milliseconds, `no time left in this invocation for ${what}`, work);
}

/** Runs a step; if it fails, its messages are retried, and the log says why. */
async function retryOnError(
  deliveries: readonly SQSRecord[],
  { log, retried }: Invocation,
  step: () => Promise<unknown>,
): Promise<void> {
  try {
    await step();
  } catch (error) {
    log({ kind: 'failed', error: describeError(error), messages: deliveries.length });
    for (const delivery of deliveries) retried.add(delivery);
  }
}

/** If SQS does not take the delay, the message is retried after the queue's visibility timeout. */
async function retryLater(delivery: SQSRecord, { log, adapters }: Invocation): Promise<void> {
  const receiveCount = Number(delivery.attributes.ApproximateReceiveCount);
  await adapters.queue
    .retryLater(delivery.receiptHandle, receiveCount)
    .catch((error: unknown) =>
      log({ kind: 'retryDelayFailed', messageId: delivery.messageId, error: describeError(error) }),
    );
}
