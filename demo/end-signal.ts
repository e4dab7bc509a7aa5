// What ends the demo: Ctrl-C, a signal from npm, the end of npm itself, or the end of whatever reads the output.

const POLL_MILLISECONDS = 250;
/** If the cleanup takes longer, the process exits anyway; its child processes exit when their channel to it closes. */
const CLEANUP_MILLISECONDS = 5_000;

/**
 * Starts watching for the end of the demo. The signal is aborted once; the caller then stops what it started.
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
  // The handlers stay: the terminal and npm each send SIGINT on Ctrl-C, and the second one must not interrupt the
  // cleanup.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, end);
  // `npm start | head`: the reader is gone.
  process.stdout.on('error', end);
  // After `kill -9`, npm passes no signal on, but the parent of this process changes.
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && end(), POLL_MILLISECONDS).unref();
  return ending.signal;
}
