// Proves that docs/cli.md has every command and option of the program's own help, in its words, and no other.
// `npx vitest run tests/repository/docs-cli --update=all` writes the usages, the tables and the exit codes anew.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { pullgate } from '../cli/command.ts';
import { PERMISSIONS } from './doc-rights.ts';

const FILE = join(import.meta.dirname, '../../docs/cli.md');
const page = readFileSync(FILE, 'utf8');
/** The section with the options that every command has. */
const SHARED = 'Options of every command';

/** A command's help: each entry is a term, such as `--policy <file>`, and what it means. */
interface Help {
  readonly usage: string;
  readonly entries: readonly Entry[];
  readonly exitCodes: string;
}
type Entry = readonly [term: string, meaning: string];

/** What the program says of a command. */
async function printHelp(command: string): Promise<string> {
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
  const [, list = ''] = new RegExp(`^${title}:\n((?: {2}.*\n)+)`, 'm').exec(text) ?? [];
  return [...list.matchAll(/^ {2}(\S.*?)(?: {2,}(\S.*))?\n((?: {3,}.*\n)*)/gm)].map(
    ([, term = '', meaning = '', rest = '']) => [term, inOneLine(`${meaning} ${rest}`)],
  );
}

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

/** The page's sections: each heading, and what stands below it up to the next one. */
function sectionsOf(text: string): readonly (readonly [heading: string, section: string])[] {
  return text.split(/^## /m).map((part) => {
    const end = part.indexOf('\n');
    return [part.slice(0, end), part.slice(end)];
  });
}

/** A section with the rows of its table replaced. */
function withRows(section: string, entries: readonly Entry[]): string {
  const rows = entries.map(([term, meaning]) => `| \`${term}\` | ${meaning} |\n`).join('');
  return section.replace(/(?<=^\|---\|---\|\n)(?:\|.*\n)*/m, () => rows);
}

/** The page with usages, tables and exit codes as the helps have them. */
function rewritten(text: string, helps: ReadonlyMap<string, Help>): string {
  const shared = sharedBy([...helps.values()]);
  const isShared = ([term]: Entry) => shared.some(([other]) => other === term);
  const parts = sectionsOf(text).map(([heading, section]) => {
    if (heading === SHARED) return heading + withRows(section, shared);
    const help = helps.get(heading);
    if (help === undefined) return heading + section;
    return (
      heading +
      withRows(
        section,
        help.entries.filter((entry) => !isShared(entry)),
      )
        .replace(/^Usage: .*$/m, () => `Usage: ${help.usage}`)
        .replace(/^Exit codes: .*$/m, () => `Exit codes: ${help.exitCodes}.`)
    );
  });
  return parts.join('## ');
}

/** The entries that every help has, with the same meaning. */
function sharedBy([first, ...others]: readonly Help[]): readonly Entry[] {
  const has = ({ entries }: Help, entry: Entry) => entries.some((other) => `${other}` === `${entry}`);
  return (first?.entries ?? []).filter((entry) => others.every((help) => has(help, entry)));
}

const sections = sectionsOf(page).filter(([heading]) => /^[a-z ]+$/.test(heading));
const helps = new Map<string, Help>();

beforeAll(async () => {
  const namesIn = (help: string) =>
    listIn(help, 'Commands').flatMap(([term]) => (term.startsWith('help ') ? [] : (term.split(' ')[0] ?? [])));
  const commands: string[] = [];
  for (const name of namesIn(await printHelp(''))) {
    // A command that has commands of its own is each of these.
    const below = namesIn(await printHelp(name));
    commands.push(...(below.length === 0 ? [name] : below.map((one) => `${name} ${one}`)));
  }
  const parsed = await mapConcurrently(commands, 2, async (command) => parseHelp(await printHelp(command)));
  for (const [index, command] of commands.entries()) helps.set(command, parsed[index] ?? parseHelp(''));
}, 60_000);

describe('docs/cli.md', () => {
  it('has a section for every command of the program, and no other', () => {
    expect(helps.size).toBeGreaterThan(5);
    expect(sections.map(([heading]) => heading).toSorted()).toEqual([...helps.keys()].toSorted());
  });

  it('has the usages, the arguments, the options and the exit codes of the helps, and no other', async () => {
    for (const [, { usage, entries, exitCodes }] of helps) {
      expect(usage).toMatch(/^pullgate [a-z ]+\[options\]/);
      expect(entries.length).toBeGreaterThan(5);
      expect(exitCodes).toMatch(/^0 .*; 1 .*; 2 /);
    }
    for (const [, section] of sections) expect(section).toMatch(/^Usage: .*^\|---\|---\|$.*^Exit codes: /ms);
    await expect(rewritten(page, helps)).toMatchFileSnapshot(FILE);
  });

  it.each(sections)(
    'says what it is for, what it needs, and shows an example with its output: %s',
    (_name, section) => {
      expect(section).toMatch(/^\n\n[A-Z][^\n]+\.\n/);
      expect(section).toMatch(/```sh\nnpm run pullgate -- [^`]+```\n\n```text\n/);
      const [, needs = ''] = /^Needs: (.*)$/m.exec(section) ?? [];
      const rows = [...needs.matchAll(/the row `([^`]+)`/g)].map(([, row = '']) => row);
      expect(rows.length).toBeGreaterThan(0);
      for (const row of rows) expect(PERMISSIONS).toMatch(new RegExp(`^\\| .*\`${row}\``, 'm'));
    },
  );

  it('would be found out of date: an option that is gone, new or has other words', () => {
    const help = (...entries: readonly Entry[]): Help => ({ usage: 'pullgate try', entries, exitCodes: '0 done' });
    const old =
      '## try\n\n```text\nUsage: old\n```\n\n| option | meaning |\n|---|---|\n| `--gone` | x |\n| `-a` | y |\n\nExit codes: old.\n';
    const shared: Entry = ['--json', 'for scripts'];
    const known = new Map([
      ['try', help(['-a', 'z'], ['--new', 'n'], shared)],
      ['other', help(shared)],
    ]);
    expect(rewritten(`## ${SHARED}\n\n| option | meaning |\n|---|---|\n\n${old}`, known)).toBe(
      `## ${SHARED}\n\n| option | meaning |\n|---|---|\n| \`--json\` | for scripts |\n\n## try\n\n\`\`\`text\nUsage: pullgate try\n\`\`\`\n\n| option | meaning |\n|---|---|\n| \`-a\` | z |\n| \`--new\` | n |\n\nExit codes: 0 done.\n`,
    );
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
