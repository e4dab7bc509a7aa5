// One invocation: a batch of messages in, gates where they should be, and the messages that have to come back out.
import { setTimeout as sleep } from 'node:timers/promises';
import type { SQSBatchResponse, SQSEvent, SQSRecord } from 'aws-lambda';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Ports } from '../../shared/reconcile/ports.ts';
import { type ReconcileRequest, reconcile } from '../../shared/reconcile/reconcile.ts';
import { currentRules, type Rules } from '../../shared/reconcile/rules.ts';
import type { PauseState } from '../../shared/reconcile/schedule.ts';
import { sweep, tick } from '../../shared/reconcile/sweep.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { decisionLine, type LogLine } from '../../shared/report/log-line.ts';
import { limitedTo, mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import type { Clients } from './clients.ts';
import { createScanner } from './findings.ts';
import { groupByRepository, type Received } from './group.ts';
import { createImages } from './images.ts';
import { createNotifier } from './notify.ts';
import { parseMessage } from './parse.ts';
import { createQueue } from './queue.ts';
import { createTable } from './records.ts';
import { createRegistry } from './registry.ts';
import { createRepositoryLock, type Snapshot } from './repository-lock.ts';
import { denyStatement } from './repository-policy.ts';
import type { Settings } from './settings.ts';
import { createSweepPorts } from './sweep.ts';

export interface Worker {
  readonly settings: Settings;
  readonly clients: Clients;
  readonly now: () => Instant;
  readonly log: (line: LogLine) => void;
}

/** How much is left of an invocation, as Lambda's context tells it. */
export interface Deadline {
  getRemainingTimeInMillis(): number;
}

const GATES_AT_ONCE = 8;
const RETURNS_AT_ONCE = 8;
/** What the rest of an invocation needs: saying which messages come back. */
const RESERVE_MILLISECONDS = 10_000;

/** The ports of one account's registry, and the rest that an invocation needs. */
export function createParts({ settings, clients, now, log }: Worker) {
  const table = createTable(clients.dynamodb, settings.tableName);
  const scanner = createScanner(clients.inspector, settings.accountId, settings.policy);
  const registry = createRegistry({
    images: createImages(clients.ecr, settings.accountId),
    scanner,
    gate: createRepositoryLock(clients, settings.accountId, denyStatement(settings)),
    policy: settings.policy,
  });
  const notify = createNotifier(clients.sns, settings.topicArn);
  const inTurn = limitedTo(1);
  /** The ports for one gate; the log says how long that one took. */
  const portsFrom = (startedAt: Instant): Ports<Snapshot> => ({
    registry,
    records: table.records,
    brake: table.row('brake'),
    inTurn,
    notify,
    log: (decision: Decision) =>
      log({ kind: 'decision', ...decisionLine('aws', decision, Date.parse(now()) - Date.parse(startedAt)) }),
    now,
  });
  return {
    table,
    scanner,
    portsFrom,
    queue: createQueue(clients.sqs, settings.queueUrl, settings.deadLetterQueueUrl),
    pause: table.row<PauseState>('pause'),
  };
}

export type Parts = ReturnType<typeof createParts>;

/** Makes the function that handles a batch. */
export function createWork(worker: Worker): (event: SQSEvent, deadline: Deadline) => Promise<SQSBatchResponse> {
  const parts = createParts(worker);
  return async ({ Records: records }, deadline) => {
    const returning = new Set<SQSRecord>();
    const requests = await parseAll(records, worker, parts, returning);
    if (requests.length > 0) {
      await retryAll(
        requests.map(({ record }) => record),
        worker,
        returning,
        async () => {
          const rules = await currentRules(worker.settings, parts.pause, worker.now());
          await handleAll(requests, rules, worker, parts, returning, deadline);
        },
      );
    }
    await mapConcurrently([...returning], RETURNS_AT_ONCE, (record) => retryLater(record, worker, parts));
    return { batchItemFailures: [...returning].map(({ messageId }) => ({ itemIdentifier: messageId })) };
  };
}

/** Reads every message. One that is wrong is put aside with a line that says why; the rest of the batch goes on. */
async function parseAll(
  records: readonly SQSRecord[],
  { settings, log }: Worker,
  { queue }: Parts,
  returning: Set<SQSRecord>,
): Promise<readonly Received[]> {
  const received: Received[] = [];
  for (const record of records) {
    const parsed = parseMessage(record.body, settings.accountId);
    if (parsed.ok && parsed.value.kind === 'ignored') log({ ...parsed.value, messageId: record.messageId });
    else if (parsed.ok) received.push({ record, message: parsed.value });
    else {
      const problem = parsed.problems.map(describeProblem).join('; ');
      log({ kind: 'refused', messageId: record.messageId, problem });
      await queue.deadLetter(record.body).catch(() => returning.add(record));
    }
  }
  return received;
}

async function handleAll(
  requests: readonly Received[],
  rules: Rules,
  worker: Worker,
  parts: Parts,
  returning: Set<SQSRecord>,
  deadline: Deadline,
): Promise<void> {
  const ports = createSweepPorts(worker, parts, rules);
  const steps = { sweep: () => sweep(ports), tick: () => tick(ports) };
  for (const kind of ['sweep', 'tick'] as const) {
    const records = requests.flatMap(({ record, message }) => (message.kind === kind ? [record] : []));
    if (records.length > 0)
      await retryAll(records, worker, returning, () => inTime<unknown>(deadline, `a ${kind}`, steps[kind]));
  }
  const groups = groupByRepository(requests, worker.settings.accountId);
  await mapConcurrently(groups, GATES_AT_ONCE, ({ request, records, reports }) =>
    retryAll(records, worker, returning, async () => {
      const decision = await inTime(deadline, request.gate.repository, () =>
        reconcile(request, rules, parts.portsFrom(worker.now())),
      );
      if (decision.notifyError !== undefined) throw new Error(`a notice could not be sent: ${decision.notifyError}`);
      if (decision.action === 'refused') await deadLetter(decision, request, worker, parts);
      if (decision.isUnsettled) for (const record of records) returning.add(record);
      for (const id of decision.unconfirmed) for (const record of reports.get(id) ?? []) returning.add(record);
    }),
  );
}

/**
 * Gives up on a step before the invocation ends, so that only its own messages come back. What is still under way then is like a slow worker:
 * the record's version keeps it from doing harm.
 */
async function inTime<T>(deadline: Deadline, what: string, work: () => Promise<T>): Promise<T> {
  const milliseconds = deadline.getRemainingTimeInMillis() - RESERVE_MILLISECONDS;
  const tooLate = new Error(`no time left in this invocation for ${what}`);
  if (milliseconds <= 0) throw tooLate;
  const timer = new AbortController();
  const end = sleep(milliseconds, undefined, { signal: timer.signal }).then(() => Promise.reject(tooLate));
  try {
    return await Promise.race([work(), end]);
  } finally {
    timer.abort();
    end.catch(() => {});
  }
}

/** The registry will not take it as things are: one message for the gate goes to where the alarm is, whatever number of events led there. */
async function deadLetter(
  { problem }: Decision,
  { gate, triggers }: ReconcileRequest,
  { log }: Worker,
  { queue }: Parts,
): Promise<void> {
  log({ kind: 'refused', repository: gate.repository, problem });
  await queue.deadLetter(JSON.stringify({ pullgate: 'reconcile', repository: gate.repository, trigger: triggers[0] }));
}

/** Runs a step; where it fails, its messages come back, and the log says why. */
async function retryAll(
  records: readonly SQSRecord[],
  { log }: Worker,
  returning: Set<SQSRecord>,
  step: () => Promise<unknown>,
): Promise<void> {
  try {
    await step();
  } catch (error) {
    log({ kind: 'failed', error: describeError(error), messages: records.length });
    for (const record of records) returning.add(record);
  }
}

/** Where the message cannot be told when to come back, it comes back after the queue's visibility timeout. */
async function retryLater(record: SQSRecord, { log }: Worker, { queue }: Parts): Promise<void> {
  const receiveCount = Number(record.attributes.ApproximateReceiveCount);
  await queue
    .retryLater(record.receiptHandle, receiveCount)
    .catch((error: unknown) => log({ kind: 'delayed', messageId: record.messageId, error: describeError(error) }));
}

function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
