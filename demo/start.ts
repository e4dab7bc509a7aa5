// `npm start`: plays the story of one vulnerable image on the local clouds; with --watch it serves a page to try
// everything on.
import { setTimeout } from 'node:timers/promises';
import { parseArguments } from './arguments.ts';
import { createEndSignal } from './end-signal.ts';
import { tellStory } from './story/story.ts';
import { print, printStep, printWrapped, style } from './terminal.ts';

/** The exit code that shells report for a program that Ctrl-C ended. */
const INTERRUPTED = 130;
const SIGNAL_MILLISECONDS = 50;

const { clouds, isWatch, port } = parseArguments(process.argv.slice(2));
const signal = createEndSignal(INTERRUPTED);

async function watchClouds(): Promise<void> {
  const { watch } = await import('./watch/watch.ts');
  printWrapped('pullgate: deploying the stack on clouds that run on this machine.', 'bold');
  await watch({
    clouds,
    port,
    signal,
    onReady(url) {
      print(`Open ${style('cyan', url)} in a browser.`);
      print('Press Ctrl-C to end everything.');
    },
  });
  print('\nEnded.');
  // Work in progress is not waited for.
  process.exit(0);
}

async function tellStoryInTerminal(): Promise<void> {
  const printer = {
    title(text: string) {
      printWrapped(text, 'bold');
      print();
    },
    step: printStep,
    note: (text: string) => printWrapped(text, 'dim'),
  };
  await tellStory(printer, { clouds, signal });
}

try {
  await (isWatch ? watchClouds() : tellStoryInTerminal());
} catch (error) {
  // Ctrl-C ends the child processes too, and the error from that can be faster than the signal.
  await setTimeout(SIGNAL_MILLISECONDS);
  print();
  if (signal.aborted) {
    print('Interrupted.');
    // Work in progress is not waited for.
    process.exit(INTERRUPTED);
  }
  const what = isWatch ? 'The page could not be started.' : 'The story failed.';
  printWrapped(`${what} ${error instanceof Error ? error.message : String(error)}`, 'red');
  process.exitCode = 1;
}
