// Progress of long work: one line on stderr that is written over, where stderr is a terminal; nothing at all in a pipe.

export interface Progress {
  /** Shows a line, not more than some times a second: the text is only made where it is shown. */
  show(text: () => string): void;
  /** Takes the line away. */
  end(): void;
}

/** As much of a stream as progress needs. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const PAUSE_MILLISECONDS = 100;
const ERASE = '\r\u001B[K';
const SILENT: Progress = { show: () => {}, end: () => {} };

/**
 * The progress of a command on a stream.
 *
 * @param clock milliseconds that never go back
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
      // A line that is longer than the terminal would be more than one, and could not be written over.
      stream.write(`${ERASE}${text().slice(0, (stream.columns || 80) - 1)}`);
    },
    end() {
      if (isShown) stream.write(ERASE);
      isShown = false;
      shownAt = Number.NEGATIVE_INFINITY;
    },
  };
}
