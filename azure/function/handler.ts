// The entry point of the Functions host. Apart from the settings, only this file uses the environment and the clock.
import { app, type InvocationContext } from '@azure/functions';
import { ManagedIdentityCredential } from '@azure/identity';
import { createUsage } from '../../shared/runtime/usage.ts';
import { createClients } from './clients.ts';
import { createHandler } from './invocation.ts';
import type { Log } from './log.ts';
import { readSettings } from './settings.ts';

// Throws at load time if the settings are wrong. The host then reports the error, and the messages stay in the queue.
const settings = readSettings(process.env, import.meta.dirname);
const usage = createUsage();
const handler = createHandler({
  settings,
  clients: createClients(settings, new ManagedIdentityCredential({ clientId: settings.clientId }), {}, usage.count),
  now: () => new Date().toISOString(),
});

/** Runs a handler with the log of its invocation. The last line lists the calls that were made. */
async function counted(context: InvocationContext, handle: (log: Log) => Promise<void>) {
  const log: Log = (line) => context.log(JSON.stringify(line));
  try {
    await handle(log);
  } finally {
    log(usage.takeLine());
  }
}

app.storageQueue('message', {
  queueName: '%PULLGATE_QUEUE%',
  connection: 'AzureWebJobsStorage',
  handler: (message, context) => counted(context, (log) => handler.message(message, log)),
});

/** Runs every five minutes. The tick decides whether a sweep is due. */
app.timer('tick', {
  schedule: '0 */5 * * * *',
  handler: (_timer, context) => counted(context, handler.tick),
});
