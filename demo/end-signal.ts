// Detects the end of the demo: Ctrl-C, a signal from npm, the end of npm itself, or the end of the process that reads
// the output.

const POLL_MILLISECONDS = 250;
/** If the cleanup takes longer, the process exits anyway; its child processes exit when their channel to it closes. */
const CLEANUP_MILLISECONDS = 5_000;

/**
 * Returns a signal that is aborted once, when the demo must end. The caller then stops what it started.
 *
 * @param exitCode of the process if the cleanup takes too long
 */
export function createEndSignal(exitCode: number): AbortSignal {
  const ending = new AbortController();
  const end = () => {
    if (ending.signal.aborted) return;
    ending.abort();
    setTimeout(() => process.exit(exitCode), CLEANUP_MILLISECONDS).unref();
  };
  // Keep the handlers: both the terminal and npm send SIGINT on Ctrl-C, and the second one must not interrupt the
  // cleanup.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  // `npm start | head`: the reader has exited.
  process.stdout.on('error', end);
  // npm cannot pass on `kill -9`, but its end changes the parent of this process.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && end(), POLL_MILLISECONDS).unref();
  return ending.signal;
}
