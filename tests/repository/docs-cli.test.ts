// Proves that docs/cli.md has every command and option of the program's own help, in its words, and no other.
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { pullgate } from '../cli/command.ts';
import { PERMISSIONS } from './doc-rights.ts';

const page = readFileSync('docs/cli.md', 'utf8');

/** What the page keeps in a table of its own: every command has these. */
const SHARED = '## Options of every command';

/** A command's help: each entry is a term, such as `--policy <file>`, and what it means. */
interface Help {
  readonly usage: string;
  readonly entries: readonly Entry[];
  readonly exitCodes: string;
}
type Entry = readonly [term: string, meaning: string];

/** What the program says of a command. */
async function helpOf(command: string): Promise<string> {
  const { stdout } = await pullgate([...command.split(' ').filter((word) => word !== ''), '--help']);
  return stdout;
}

function parseHelp(text: string): Help {
  const [, usage = ''] = /^Usage: (.*)$/m.exec(text) ?? [];
  const [, exitCodes = ''] = /^Exit codes: (.*?)\.?\n(?:\n|(?=[A-Z]))/ms.exec(text) ?? [];
  return {
    usage,
    entries: [...listIn(text, 'Arguments'), ...listIn(text, 'Options')],
    exitCodes: inOneLine(exitCodes),
  };
}

/** The entries of a list of the help; a meaning may go on in further lines, which are indented more. */
function listIn(text: string, title: string): readonly Entry[] {
  const [, list = ''] = new RegExp(`^${title}:\n((?:  .*\n)+)`, 'm').exec(text) ?? [];
  return [...list.matchAll(/^ {2}(\S.*?)(?: {2,}(\S.*))?\n((?: {3,}.*\n)*)/gm)].map(
    ([, term = '', meaning = '', rest = '']) => [term, inOneLine(`${meaning} ${rest}`)],
  );
}

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** What stands below a heading of the page, up to the next one. */
function sectionOf(heading: string): string {
  const [, section = ''] = new RegExp(`^${heading}\n(.*?)(?=^## |(?![^]))`, 'ms').exec(page) ?? [];
  return section;
}

function entriesIn(section: string): readonly Entry[] {
  return [...section.matchAll(/^\| `(.+?)` \| (.+) \|$/gm)].map(([, term = '', meaning = '']) => [term, meaning]);
}

const shared = entriesIn(sectionOf(SHARED));
const headings = [...page.matchAll(/^## ([a-z ]+)$/gm)].map(([, heading = '']) => heading);
const helps = new Map<string, Help>();
/** The commands that the program lists; a command with commands of its own is each of these. */
const commands: string[] = [];

beforeAll(async () => {
  const namesIn = (help: string) =>
    listIn(help, 'Commands')
      .flatMap(([term]) => term.split(' ')[0] ?? [])
      .filter((name) => name !== 'help');
  for (const name of namesIn(await helpOf(''))) {
    const below = namesIn(await helpOf(name));
    commands.push(...(below.length === 0 ? [name] : below.map((one) => `${name} ${one}`)));
  }
  await mapConcurrently(commands, 2, async (command) => void helps.set(command, parseHelp(await helpOf(command))));
}, 60_000);

describe('docs/cli.md', () => {
  it('has a section for every command of the program, and no other', () => {
    expect(headings.length).toBeGreaterThan(5);
    expect(headings.toSorted()).toEqual(commands.toSorted());
  });

  it.each(headings)('has the usage, the arguments, the options and the exit codes of the help: %s', (command) => {
    const section = sectionOf(`## ${command}`);
    const { usage, entries, exitCodes } = helps.get(command) ?? { usage: '', entries: [], exitCodes: '' };
    expect(section).toContain(`\nUsage: ${usage}\n`);
    expect([...entriesIn(section), ...shared].toSorted()).toEqual(entries.toSorted());
    expect(exitCodes).toMatch(/^0 .*; 1 .*; 2 /);
    expect(section).toContain(`\nExit codes: ${exitCodes}.\n`);
  });

  it.each(headings)('says what it is for, what it needs, and shows an example with its output: %s', (command) => {
    const section = sectionOf(`## ${command}`);
    expect(section).toMatch(/^\n[A-Z][^\n]+\.\n/);
    expect(section).toMatch(/```sh\nnpm run pullgate -- [^`]+```\n\n```text\n/);
    const [, needs = ''] = /^Needs: (.*)$/m.exec(section) ?? [];
    const rows = [...needs.matchAll(/the row `([^`]+)`/g)].map(([, row = '']) => row);
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) expect(PERMISSIONS).toMatch(new RegExp(`^\\| .*\`${row}\``, 'm'));
  });
});

describe('the reading of a help', () => {
  it('joins the lines of an entry, and knows an entry whose meaning begins in the next line', () => {
    const text = [
      'Usage: pullgate try [options] <file>',
      '',
      'Arguments:',
      '  file        what to try',
      '',
      'Options:',
      '  --one <a>   first line',
      '              second line',
      '  --very-long-option <value>',
      '              next line',
      '',
      'Exit codes: 0 done; 1 not; 2 wrong',
      'usage.',
      'More.',
      '',
    ].join('\n');
    expect(parseHelp(text)).toEqual({
      usage: 'pullgate try [options] <file>',
      entries: [
        ['file', 'what to try'],
        ['--one <a>', 'first line second line'],
        ['--very-long-option <value>', 'next line'],
      ],
      exitCodes: '0 done; 1 not; 2 wrong usage',
    });
  });
});
