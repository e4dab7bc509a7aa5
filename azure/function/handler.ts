// What the Functions host calls: the only place, beside the settings, that knows the environment and the clock.
import { app, type InvocationContext } from '@azure/functions';
import { ManagedIdentityCredential } from '@azure/identity';
import { createUsage } from '../../shared/runtime/usage.ts';
import { createClients } from './clients.ts';
import { createHandler } from './invocation.ts';
import type { Log } from './log.ts';
import { readSettings } from './settings.ts';

// Throws while it loads if the settings are wrong: the host then says so, and the messages stay in the queue.
const settings = readSettings(process.env, import.meta.dirname);
const usage = createUsage();
const handler = createHandler({
  settings,
  clients: createClients(settings, new ManagedIdentityCredential({ clientId: settings.clientId }), {}, usage.count),
  now: () => new Date().toISOString(),
});

/** Handles with the invocation's own log, whose last line says what was called. */
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

/** Every five minutes; whether it is time for a sweep, the tick decides. */
app.timer('tick', {
  schedule: '0 */5 * * * *',
  handler: (_timer, context) => counted(context, handler.tick),
});
