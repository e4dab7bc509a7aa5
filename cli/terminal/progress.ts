// Shows the progress of a long task in one line that is rewritten. Shows nothing if stderr is not a terminal.

export interface Progress {
  /** Shows a line, at most a few times a second. The text is created only if it is shown. */
  show(text: () => string): void;
  /** Removes the line. */
  end(): void;
}

/** The parts of a stream that progress uses. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const PAUSE_MILLISECONDS = 100;
const ERASE = '\r\u001B[K';
const SILENT: Progress = { show: () => {}, end: () => {} };

/**
 * Creates the progress of a command on a stream.
 *
 * @param clock milliseconds that never decrease
 */
export function progressOn(
  stream: ProgressStream = process.stderr,
  clock: () => number = () => performance.now(),
): Progress {
  if (stream.isTTY !== true) return SILENT;
  let shownAt = Number.NEGATIVE_INFINITY;
  let isShown = false;
  return {
    show(text) {
      if (clock() - shownAt < PAUSE_MILLISECONDS) return;
      shownAt = clock();
      isShown = true;
      // A line longer than the terminal would wrap and could not be rewritten.
      stream.write(`${ERASE}${text().slice(0, (stream.columns || 80) - 1)}`);
    },
    end() {
      if (isShown) stream.write(ERASE);
      isShown = false;
      shownAt = Number.NEGATIVE_INFINITY;
    },
  };
}
