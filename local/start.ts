// `npm start`: the story of one vulnerable image, told by the deployed bundle on the local cloud. Exits with 1 if a step does not go as told.
import { styleText } from 'node:util';
import { wrap } from './layout.ts';
import { type Line, tellStory } from './story.ts';

/** As shells report a program that Ctrl-C ended. */
const INTERRUPTED = 130;
const WIDEST = 100;
const INDENT = '    ';

const width = Math.min(process.stdout.columns ?? WIDEST, WIDEST);
const style = (format: Parameters<typeof styleText>[0], text: string) =>
  styleText(format, text, { stream: process.stdout });
const print = (line = '') => process.stdout.write(`${line}\n`);
const printWrapped = (text: string, format: Parameters<typeof styleText>[0]) => {
  for (const line of wrap(text, width)) print(style(format, line));
};

function printLine({ kind, text }: Line): void {
  if (kind === 'text') for (const line of wrap(`${INDENT}${text}`, width)) print(line);
  else if (kind === 'added') print(style('green', `${INDENT}+ ${text}`));
  else print(style('dim', `${INDENT}  ${text}`));
}

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());

try {
  await tellStory(
    {
      title: (text) => {
        printWrapped(text, 'bold');
        print();
      },
      step({ number, headline, lines, milliseconds }) {
        const time = milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
        print(
          `${style(['bold', 'cyan'], String(number).padStart(2))}  ${style('bold', headline)}  ${style('dim', `(${time})`)}`,
        );
        for (const line of lines) printLine(line);
        print();
      },
      note: (text) => printWrapped(text, 'dim'),
    },
    { signal: interruption.signal },
  );
} catch (error) {
  print();
  if (interruption.signal.aborted) {
    print('Interrupted.');
    // What was under way is not waited for.
    process.exit(INTERRUPTED);
  }
  printWrapped(`The story did not go as told. ${error instanceof Error ? error.message : String(error)}`, 'red');
  process.exitCode = 1;
}
