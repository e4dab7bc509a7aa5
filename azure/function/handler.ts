// The entry point of the Functions host. Apart from the settings, only this file uses the environment and the clock.
import { app, type InvocationContext } from '@azure/functions';
import { ManagedIdentityCredential } from '@azure/identity';
import { lineText } from '../../shared/report/log-line.ts';
import { createUsage } from '../../shared/runtime/usage.ts';
import { createClients } from './clients.ts';
import { describeCallError } from './errors.ts';
import { createHandler, type Handler } from './invocation.ts';
import { type Log, MAX_LINE_CHARACTERS } from './log.ts';
import { readMessage } from './queue.ts';
import { readSettings } from './settings.ts';

/** Every five minutes. The tick decides whether a sweep is due. */
const EVERY_TICK = '0 */5 * * * *';
const usage = createUsage();

function logOf(context: InvocationContext): Log {
  return (line) => context.log(lineText(line, MAX_LINE_CHARACTERS));
}

/** Runs a handler with the log of its invocation. The last line lists the calls that were made. */
async function counted(context: InvocationContext, handle: (log: Log) => Promise<void>) {
  const log = logOf(context);
  try {
    await handle(log);
  } finally {
    log(usage.takeLine());
  }
}

/** @throws Error if the settings are wrong */
function createHandlers(): Handler {
  const settings = readSettings(process.env, import.meta.dirname);
  return createHandler({
    settings,
    clients: createClients(settings, new ManagedIdentityCredential({ clientId: settings.clientId }), {}, usage.count),
    now: () => new Date().toISOString(),
  });
}

function register(handler: Handler): void {
  app.storageQueue('message', {
    queueName: '%PULLGATE_QUEUE%',
    connection: 'AzureWebJobsStorage',
    handler: (message, context) => counted(context, (log) => handler.message(readMessage(message), log)),
  });
  app.timer('tick', { schedule: EVERY_TICK, handler: (_timer, context) => counted(context, handler.tick) });
}

/**
 * Without any function, the app would write no line and raise no alarm for an hour. The failing tick raises one within
 * minutes and says why. The messages stay in the queue.
 */
function registerFailure(error: unknown): void {
  app.timer('tick', {
    schedule: EVERY_TICK,
    handler(_timer, context) {
      logOf(context)({ kind: 'failed', error: `the function could not start: ${describeCallError(error)}` });
      throw error;
    },
  });
}

try {
  register(createHandlers());
} catch (error) {
  registerFailure(error);
}
