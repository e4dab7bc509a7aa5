// Ctrl-C during a run: the first ends the run and cleans up, the second ends the process.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type Signal = (typeof SIGNALS)[number];

/** The parts of a process that this uses. */
export interface Signals {
  on(signal: Signal, listener: () => void): unknown;
  removeListener(signal: Signal, listener: () => void): unknown;
}

export interface Interrupts {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Ends listening. */
  end(): void;
}

/** One Ctrl-C may come several times: from the terminal, and from npm, which forwards it to its child. */
const ECHO_MILLISECONDS = 1_000;

/**
 * A terminal that is closed (SIGHUP) ends the run as Ctrl-C does.
 *
 * @param onFirst called once, when the run is about to end
 * @param onSecond called once, when the process should end at once
 * @param clock milliseconds that never decrease
 */
export function listenForInterrupts(
  onFirst: () => void,
  onSecond: () => void,
  from: Signals = process,
  clock: () => number = () => performance.now(),
): Interrupts {
  const controller = new AbortController();
  let firstAt: number | undefined;
  let isEnded = false;
  const listener = () => {
    if (firstAt === undefined) {
      firstAt = clock();
      controller.abort();
      onFirst();
    } else if (!isEnded && clock() - firstAt >= ECHO_MILLISECONDS) {
      isEnded = true;
      onSecond();
    }
  };
  for (const signal of SIGNALS) from.on(signal, listener);
  return {
    signal: controller.signal,
    end() {
      for (const signal of SIGNALS) from.removeListener(signal, listener);
    },
  };
}
