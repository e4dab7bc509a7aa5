// What the Functions host calls: the only place, beside the settings, that knows the environment and the clock.
import { app, type InvocationContext } from '@azure/functions';
import { ManagedIdentityCredential } from '@azure/identity';
import type { LogLine } from '../../shared/log-line.ts';
import { createClients } from './clients.ts';
import { readSettings } from './settings.ts';
import { createWork } from './work.ts';

// Throws while it loads where the settings are wrong: the host then says so, and the messages stay where they are.
const settings = readSettings(process.env, import.meta.dirname);
const work = createWork({
  settings,
  clients: createClients(settings, new ManagedIdentityCredential({ clientId: settings.clientId })),
  now: () => new Date().toISOString(),
});

const linesOf = (context: InvocationContext) => (line: LogLine) => context.log(JSON.stringify(line));

app.storageQueue('message', {
  queueName: '%PULLGATE_QUEUE%',
  connection: 'AzureWebJobsStorage',
  handler: (message, context) => work.message(message, linesOf(context)),
});

/** Every five minutes; whether it is time for a sweep, the tick decides. */
app.timer('tick', {
  schedule: '0 */5 * * * *',
  handler: (_timer, context) => work.tick(linesOf(context)),
});
