// The output that a page shows below a command, so that a test can compare it with what the command prints.

/** A command of a page, with the output that the page shows below it. */
export interface ShownOutput {
  /** What stands behind `npm run pullgate --`. */
  readonly command: string;
  readonly output: string;
}

/** Every block in `sh` with one command of `pullgate` that is followed by a block in `text`. */
export function outputsShownIn(page: string): readonly ShownOutput[] {
  return [...page.matchAll(/^```sh\nnpm run pullgate -- ([^\n]*)\n```\n\n```text\n(.*?)\n```$/gms)].map(
    ([, command = '', output = '']) => ({ command, output }),
  );
}

/**
 * The first line of the shown output that the printed one does not have behind the line before it; undefined if there
 * is none. A line of three dots stands for any lines. Times and durations differ from run to run.
 */
export function firstLineNotPrinted(shown: string, printed: string): string | undefined {
  const lines = timeless(printed).split('\n');
  let at = -1;
  let mayLeaveOut = true;
  for (const line of timeless(shown).split('\n')) {
    if (line === '...') {
      mayLeaveOut = true;
      continue;
    }
    const found = lines.indexOf(line, at + 1);
    if (found === -1 || (!mayLeaveOut && found !== at + 1)) return line;
    [at, mayLeaveOut] = [found, false];
  }
  return undefined;
}

function timeless(text: string): string {
  return text.replaceAll(/\d{4}-\d\d-\d\d \d\d:\d\d UTC/g, 'TIME').replaceAll(/ {2}\([\d.]+ m?s\)$/gm, '');
}
