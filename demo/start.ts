// `npm start`: the story of one vulnerable image, told by the deployed bundles on the local clouds; with --watch, a page to try it all on. Exits with 1 if a step does not go as told, with 2 on a word that it does not know.
import { setTimeout } from 'node:timers/promises';
import { parseArgs, styleText } from 'node:util';
import { CLOUDS, type Cloud } from '../config/config.ts';
import { createEndSignal } from './end-signal.ts';
import { layOut, wrap } from './layout.ts';
import type { Line } from './story/cloud.ts';
import { type Block, tellStory } from './story/story.ts';

/** As shells report a program that Ctrl-C ended. */
const INTERRUPTED = 130;
const UNKNOWN_WORD = 2;
const SIGNAL_MILLISECONDS = 50;
const WIDEST = 100;
const INDENT = '    ';
/** The clouds' names stand in a column of their own. */
const NAME_WIDTH = 'Azure  '.length;

const width = Math.min(process.stdout.columns ?? WIDEST, WIDEST);
const style = (format: Parameters<typeof styleText>[0], text: string) =>
  styleText(format, text, { stream: process.stdout });
const print = (line = '') => process.stdout.write(`${line}\n`);
const printWrapped = (text: string, format: Parameters<typeof styleText>[0]) => {
  for (const line of wrap(text, width)) print(style(format, line));
};

/** A line as it stands beside the name of its cloud: `room` columns wide at most, where words allow it. */
function laidOut(line: Line, room: number): readonly string[] {
  if (line.kind === 'text') return wrap(line.text, room);
  const isNew = line.kind === 'added';
  return layOut(line.value, room - 2).map((text) => style(isNew ? 'green' : 'dim', `${isNew ? '+' : ' '} ${text}`));
}

function printBlock({ cloud, lines }: Block): void {
  const margin = cloud === undefined ? INDENT : INDENT + ' '.repeat(NAME_WIDTH);
  for (const [place, text] of lines.flatMap((line) => laidOut(line, width - margin.length)).entries()) {
    const name = cloud !== undefined && place === 0 ? style('cyan', cloud.padEnd(NAME_WIDTH)) : undefined;
    print(name === undefined ? margin + text : INDENT + name + text);
  }
}

function printHeadline(number: number, headline: string, milliseconds: number): void {
  const time = milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
  const lines = wrap(headline, width - INDENT.length);
  for (const [place, text] of lines.entries()) {
    const start = place === 0 ? style(['bold', 'cyan'], `${String(number).padStart(2)}  `) : INDENT;
    const end = place === lines.length - 1 ? `  ${style('dim', `(${time})`)}` : '';
    print(`${start}${style('bold', text)}${end}`);
  }
}

const USAGE = 'npm start -- [--watch [--port NUMBER]] [aws] [azure]';
const MAX_PORT = 65_535;

function refuse(problem: string): never {
  process.stderr.write(`${problem}\n`);
  process.exit(UNKNOWN_WORD);
}

interface Wish {
  /** All of them where none is named. */
  readonly clouds: readonly Cloud[];
  readonly isWatch: boolean;
  readonly port: number | undefined;
}

/** What the command's words ask for. */
function wishOf(args: readonly string[]): Wish {
  const { watch: isWatch, port: given, words } = optionsIn(args);
  const unknown = words.find((word) => !CLOUDS.some((name) => name === word));
  if (unknown !== undefined) {
    const known = CLOUDS.map((name) => `npm start -- ${name}`).join(' or ');
    refuse(
      `"${unknown}" is no cloud that the story knows. npm start tells it on ${CLOUDS.join(' and ')}; ${known} on one.`,
    );
  }
  const port = given === undefined ? undefined : Number(given);
  if (port !== undefined && !(isWatch && Number.isInteger(port) && port >= 0 && port <= MAX_PORT))
    refuse(`--port needs --watch, and a port from 0 (any that is free) to ${MAX_PORT}; given "${given}". ${USAGE}`);
  const named = CLOUDS.filter((name) => words.includes(name));
  return { clouds: named.length === 0 ? CLOUDS : named, isWatch, port };
}

function optionsIn(args: readonly string[]) {
  try {
    const options = { watch: { type: 'boolean', default: false }, port: { type: 'string' } } as const;
    const { values, positionals: words } = parseArgs({ args: [...args], options, allowPositionals: true });
    return { ...values, words };
  } catch (error) {
    return refuse(`${error instanceof Error ? error.message : error} ${USAGE}`);
  }
}

const { clouds, isWatch, port } = wishOf(process.argv.slice(2));
const endSignal = createEndSignal(INTERRUPTED);

async function watchClouds(): Promise<void> {
  const { watch } = await import('./watch/watch.ts');
  printWrapped('pullgate: the stack is being deployed on clouds that run on this machine.', 'bold');
  await watch({
    clouds,
    ...(port === undefined ? {} : { port }),
    signal: endSignal,
    onReady(url) {
      print(`Look at it, push and pull: ${style('cyan', url)}`);
      print('Ctrl-C ends everything.');
    },
  });
  print('\nEnded.');
  // What was under way is not waited for.
  process.exit(0);
}

const tell = () =>
  tellStory(
    {
      title: (text) => {
        printWrapped(text, 'bold');
        print();
      },
      step({ number, headline, blocks, milliseconds }) {
        printHeadline(number, headline, milliseconds);
        for (const block of blocks) printBlock(block);
        print();
      },
      note: (text) => printWrapped(text, 'dim'),
    },
    { clouds, signal: endSignal },
  );

try {
  await (isWatch ? watchClouds() : tell());
} catch (error) {
  // Ctrl-C ends the processes that the story has started too, and the word of that may be faster than the signal.
  await setTimeout(SIGNAL_MILLISECONDS);
  print();
  if (endSignal.aborted) {
    print('Interrupted.');
    // What was under way is not waited for.
    process.exit(INTERRUPTED);
  }
  const what = isWatch ? 'It could not be started.' : 'The story did not go as told.';
  printWrapped(`${what} ${error instanceof Error ? error.message : String(error)}`, 'red');
  process.exitCode = 1;
}
