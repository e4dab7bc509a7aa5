// Builds the core's ports for an invocation from the clients and the settings.

import type { Instant } from '../../shared/policy/finding.ts';
import { policiesOf } from '../../shared/policy/rule.ts';
import type { DeliveryPorts } from '../../shared/reconcile/deliver.ts';
import type { Ports } from '../../shared/reconcile/ports.ts';
import { imagesChooser } from '../../shared/reconcile/rules.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { decisionLine, type LogLine } from '../../shared/report/log-line.ts';
import { limitedTo } from '../../shared/runtime/concurrency.ts';
import type { Clients } from './clients.ts';
import { createScanner } from './findings.ts';
import { createFixes } from './fixes.ts';
import { createImages } from './images.ts';
import { createNotifier } from './notify.ts';
import { createQueue } from './queue.ts';
import { createTable, withLockIds } from './records.ts';
import { createRegistry } from './registry.ts';
import { registryHost } from './registry-host.ts';
import { createRepositoryLock, type Snapshot } from './repository-lock.ts';
import { denyStatement } from './repository-policy.ts';
import type { Settings } from './settings.ts';

export interface Dependencies {
  readonly settings: Settings;
  readonly clients: Clients;
  readonly now: () => Instant;
  readonly log: (line: LogLine) => void;
}

/**
 * CloudWatch accepts 256 KB per log event.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
 */
export const MAX_LINE_CHARACTERS = 200_000;
const CLOUD_LOG = { cloud: 'aws', maxCharacters: MAX_LINE_CHARACTERS } as const;

/** Creates the ports for one account's registry, and the other adapters that an invocation needs. */
export function createAdapters({ settings, clients, now, log }: Dependencies) {
  const created = createTable(clients.dynamodb, settings.tableName);
  const table = { ...created, records: withLockIds(created.records, settings.statementId) };
  const scanner = createScanner(clients.inspector, settings.accountId, ...policiesOf(settings));
  const lock = createRepositoryLock(clients, settings.accountId, denyStatement(settings));
  const imagesOf = imagesChooser(settings);
  const images = createImages(clients.ecr, settings.accountId);
  const registry = createRegistry({
    images,
    scanner,
    lock,
    imagesOf,
  });
  const fixes = createFixes(images, scanner, registryHost(settings));
  const { context, notify, publish } = createNotifier(clients.sns, settings.topicArn, imagesOf);
  const inTurn = limitedTo(1);
  /** The ports for one gate. Its log line says how long this gate took. */
  const portsFrom = (startedAt: Instant): Ports<Snapshot> => ({
    registry,
    fixes,
    records: table.records,
    brake: table.row('brake'),
    inTurn,
    notify,
    log: (decision: Decision) => log(decisionLine(CLOUD_LOG, decision, Date.parse(now()) - Date.parse(startedAt))),
    now,
  });
  /** The ports that deliver pending notices. SNS takes one message per call. */
  const delivery: DeliveryPorts = {
    pendingGates: () => table.pending(settings.accountId),
    records: table.records,
    context,
    sendsTogether: false,
    send: async (messages) => {
      for (const one of messages) await publish(one);
    },
    now,
  };
  return {
    table,
    images,
    scanner,
    lock,
    portsFrom,
    delivery,
    queue: createQueue(clients.sqs, settings.queueUrl, settings.deadLetterQueueUrl),
    pause: table.row('pause'),
  };
}

export type Adapters = ReturnType<typeof createAdapters>;
