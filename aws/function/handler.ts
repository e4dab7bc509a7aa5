// The entry point that Lambda calls, and the only file that accesses `process.env` and the clock.
import { type LogLine, lineText } from '../../shared/report/log-line.ts';
import { createUsage } from '../../shared/runtime/usage.ts';
import { MAX_LINE_CHARACTERS } from './adapters.ts';
import { createClients } from './clients.ts';
import { createHandler } from './invocation.ts';
import { readSettings } from './settings.ts';

// Not `console.log`: Lambda prefixes its lines with a time and a request id, so metric filters could not parse them as
// JSON.
const log = (line: LogLine) => process.stdout.write(`${lineText(line, MAX_LINE_CHARACTERS)}\n`);
const usage = createUsage();
const handle = createHandler({
  settings: readSettings(process.env),
  clients: createClients(undefined, usage.count),
  now: () => new Date().toISOString(),
  log,
});

/**
 * Handles a batch of messages from the stack's queue. If the settings are invalid, this module throws when it loads.
 * The messages are then retried, and end up in the dead-letter queue.
 */
export const handler: typeof handle = async (event, deadline) => {
  try {
    return await handle(event, deadline);
  } finally {
    log(usage.takeLine({ messages: event.Records.length }));
  }
};
