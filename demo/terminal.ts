// The demo's terminal output: prints a step with the cloud's name in a column, wrapped to the width of the terminal.
import { styleText } from 'node:util';
import { layOut, wrap } from './layout.ts';
import type { Line } from './story/cloud.ts';
import type { Block, Step } from './story/story.ts';

type Style = Parameters<typeof styleText>[0];

const MAX_WIDTH = 100;
const INDENT = '    ';
/** The column for the names of the clouds. */
const NAME_WIDTH = 'Azure  '.length;

/** Some CI systems report a terminal with 0 columns. */
const width = Math.min(process.stdout.columns || MAX_WIDTH, MAX_WIDTH);

export function style(format: Style, text: string): string {
  return styleText(format, text, { stream: process.stdout });
}

export function print(line = ''): void {
  process.stdout.write(`${line}\n`);
}

export function printWrapped(text: string, format: Style): void {
  for (const line of wrap(text, width)) print(style(format, line));
}

export function printStep({ number, headline, blocks, milliseconds }: Step): void {
  printHeadline(number, headline, milliseconds);
  for (const block of blocks) printBlock(block);
  print();
}

function printHeadline(number: number, headline: string, milliseconds: number): void {
  const time = milliseconds < 1_000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
  const lines = wrap(headline, width - INDENT.length);
  for (const [index, text] of lines.entries()) {
    const start = index === 0 ? style(['bold', 'cyan'], `${String(number).padStart(2)}  `) : INDENT;
    const end = index === lines.length - 1 ? `  ${style('dim', `(${time})`)}` : '';
    print(`${start}${style('bold', text)}${end}`);
  }
}

function printBlock({ cloud, lines }: Block): void {
  const margin = cloud === undefined ? INDENT : INDENT + ' '.repeat(NAME_WIDTH);
  for (const [index, text] of lines.flatMap((line) => renderLine(line, width - margin.length)).entries()) {
    const name = cloud !== undefined && index === 0 ? style('cyan', cloud.padEnd(NAME_WIDTH)) : undefined;
    print(name === undefined ? margin + text : INDENT + name + text);
  }
}

/** Renders a line of a block, at most `room` columns wide unless a single word is wider. */
function renderLine(line: Line, room: number): readonly string[] {
  if (line.kind === 'text') return wrap(line.text, room);
  const isNew = line.kind === 'added';
  return layOut(line.value, room - 2).map((text) => style(isNew ? 'green' : 'dim', `${isNew ? '+' : ' '} ${text}`));
}
