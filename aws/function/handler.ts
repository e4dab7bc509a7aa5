// What Lambda calls: the only place, beside the settings, that knows the environment and the clock.
import { createClients } from './clients.ts';
import { readSettings } from './settings.ts';
import { createWork } from './work.ts';

/** Handles a batch of the stack's queue. Throws while it loads where the settings are wrong: the messages come back, and end in the dead-letter queue. */
export const handler = createWork({
  settings: readSettings(process.env),
  clients: createClients(),
  now: () => new Date().toISOString(),
  // Not `console.log`: Lambda puts a time and a request id before its lines, and then they are no JSON for metric filters.
  log: (line) => process.stdout.write(`${JSON.stringify(line)}\n`),
});
