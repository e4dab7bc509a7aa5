// The settings in host.json that the local Functions host follows. It refuses what the real one would ignore or reject.
// Source: https://learn.microsoft.com/en-us/azure/azure-functions/functions-host-json
import { jsonObject } from '../log-line.ts';

export interface HostSettings {
  readonly batchSize: number;
  readonly newBatchThreshold: number;
  readonly maxDequeueCount: number;
  readonly visibilityTimeoutSeconds: number;
  /** Whether the host decodes base64. Otherwise it passes the text of a message as it is. */
  readonly decodes: boolean;
  readonly timeoutMilliseconds: number;
}

/**
 * The keys of `extensions.queues` with their defaults.
 * Source: https://learn.microsoft.com/en-us/azure/azure-functions/functions-bindings-storage-queue#hostjson-settings
 */
const QUEUE_DEFAULTS = {
  maxPollingInterval: '00:01:00',
  visibilityTimeout: '00:00:00',
  batchSize: 16,
  maxDequeueCount: 5,
  newBatchThreshold: undefined,
  messageEncoding: 'base64',
} as const;
const MIN_POLLING_MILLISECONDS = 100;

/** @throws Error if the real host would not run the app as its author expects */
export function readHostSettings(text: string | undefined): HostSettings {
  const host = jsonObject(text ?? '');
  if (host?.['version'] !== '2.0') throw new Error(`the archive needs a host.json with version 2.0; got ${text}`);
  const bundle = fieldsOf(host['extensionBundle']);
  if (bundle['id'] !== 'Microsoft.Azure.Functions.ExtensionBundle' || typeof bundle['version'] !== 'string')
    throw new Error(
      'host.json needs the extension bundle Microsoft.Azure.Functions.ExtensionBundle: without it there is no queue trigger',
    );
  return {
    ...readQueueSettings(fieldsOf(fieldsOf(host['extensions'])['queues'])),
    timeoutMilliseconds: millisecondsOf(host['functionTimeout'] ?? '00:30:00'),
  };
}

function readQueueSettings(given: Readonly<Record<string, unknown>>): Omit<HostSettings, 'timeoutMilliseconds'> {
  // The real host ignores a misspelled key, so that its default applies.
  const unknown = Object.keys(given).filter((key) => !(key in QUEUE_DEFAULTS));
  if (unknown.length > 0) throw new Error(`host.json has unknown settings of queues: ${unknown.join(', ')}`);
  const queues = { ...QUEUE_DEFAULTS, ...given };
  const { messageEncoding }: { readonly messageEncoding: unknown } = queues;
  if (messageEncoding !== 'base64' && messageEncoding !== 'none')
    throw new Error(`messageEncoding must be base64 or none; host.json has ${messageEncoding}`);
  const batchSize = Number(queues.batchSize);
  if (!(batchSize >= 1 && batchSize <= 32))
    throw new Error(`batchSize must be from 1 to 32; host.json has ${batchSize}`);
  // Only checked: the local host polls whenever a message is visible, so that an idle queue costs no time.
  if (millisecondsOf(queues.maxPollingInterval) < MIN_POLLING_MILLISECONDS)
    throw new Error(`maxPollingInterval must be at least 00:00:00.100; host.json has ${queues.maxPollingInterval}`);
  return {
    batchSize,
    newBatchThreshold: Number(queues.newBatchThreshold ?? Math.floor(batchSize / 2)),
    maxDequeueCount: Number(queues.maxDequeueCount),
    visibilityTimeoutSeconds: millisecondsOf(queues.visibilityTimeout) / 1000,
    decodes: messageEncoding === 'base64',
  };
}

/** A .NET TimeSpan below a day. `24:00:00` is 24 days there. */
function millisecondsOf(text: unknown): number {
  const [, hours, minutes, seconds] = /^([01]\d|2[0-3]):([0-5]\d):([0-5]\d(?:\.\d{1,7})?)$/.exec(String(text)) ?? [];
  if (seconds === undefined) throw new Error(`host.json needs times such as 00:10:00; got ${text}`);
  return Math.round(((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1000);
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
