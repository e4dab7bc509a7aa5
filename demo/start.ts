// `npm start`: plays the story of one vulnerable image on the local clouds. With --watch, it serves a page to try
// things out.
import { setTimeout } from 'node:timers/promises';
import { parseArguments } from './arguments.ts';
import { createEndSignal } from './end-signal.ts';
import { playStory } from './story/story.ts';
import { print, printStep, printWrapped, style } from './terminal.ts';

/** The exit code that shells report for a program ended by Ctrl-C. */
const INTERRUPTED = 130;
const SIGNAL_MILLISECONDS = 50;

const { clouds, isWatch, port } = parseArguments(process.argv.slice(2));
const signal = createEndSignal(INTERRUPTED);

async function watchClouds(): Promise<void> {
  const { watch } = await import('./watch/watch.ts');
  printWrapped('pullgate: deploying the stack on local clouds.', 'bold');
  await watch({
    clouds,
    port,
    signal,
    onReady(url) {
      print(`Open ${style('cyan', url)} in a browser.`);
      print('Press Ctrl-C to stop.');
    },
  });
  print('\nStopped.');
  // Do not wait for work in progress.
  process.exit(0);
}

async function playStoryInTerminal(): Promise<void> {
  const printer = {
    title(text: string) {
      printWrapped(text, 'bold');
      print();
    },
    step: printStep,
    note: (text: string) => printWrapped(text, 'dim'),
  };
  await playStory(printer, { clouds, signal });
}

try {
  await (isWatch ? watchClouds() : playStoryInTerminal());
} catch (error) {
  // Ctrl-C also ends the child processes; the resulting error can arrive before the signal.
  await setTimeout(SIGNAL_MILLISECONDS);
  print();
  if (signal.aborted) {
    print('Interrupted.');
    // Do not wait for work in progress.
    process.exit(INTERRUPTED);
  }
  const what = isWatch ? 'The page could not be started.' : 'The story failed.';
  printWrapped(`${what} ${error instanceof Error ? error.message : String(error)}`, 'red');
  process.exitCode = 1;
}
