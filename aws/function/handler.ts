// What Lambda calls: the only file, besides the settings, that knows the environment and the clock.
import type { LogLine } from '../../shared/report/log-line.ts';
import { createUsage } from '../../shared/runtime/usage.ts';
import { createClients } from './clients.ts';
import { createHandler } from './invocation.ts';
import { readSettings } from './settings.ts';

// Not `console.log`: Lambda puts a time and a request id before its lines, and then they are not JSON for metric
// filters.
const log = (line: LogLine) => process.stdout.write(`${JSON.stringify(line)}\n`);
const usage = createUsage();
const handle = createHandler({
  settings: readSettings(process.env),
  clients: createClients(undefined, usage.count),
  now: () => new Date().toISOString(),
  log,
});

/**
 * Handles a batch of the stack's queue. Throws while it loads if the settings are wrong: the messages are retried, and
 * end in the dead-letter queue.
 */
export const handler: typeof handle = async (event, deadline) => {
  try {
    return await handle(event, deadline);
  } finally {
    log(usage.takeLine({ messages: event.Records.length }));
  }
};
