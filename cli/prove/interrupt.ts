// Ctrl-C during a run: the first ends the run and cleans up, the second ends the process.

/** The parts of a process that this uses. */
export interface Signals {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  removeListener(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

export interface Interrupts {
  /** Aborted by the first Ctrl-C. */
  readonly signal: AbortSignal;
  /** Ends listening. */
  end(): void;
}

/**
 * @param onFirst called once, when the run is about to end
 * @param onSecond called once, when the process should end at once
 */
export function listenForInterrupts(onFirst: () => void, onSecond: () => void, from: Signals = process): Interrupts {
  const controller = new AbortController();
  let count = 0;
  const listener = () => {
    count += 1;
    if (count === 1) {
      controller.abort();
      onFirst();
    } else if (count === 2) onSecond();
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) from.on(signal, listener);
  return {
    signal: controller.signal,
    end() {
      for (const signal of signals) from.removeListener(signal, listener);
    },
  };
}
