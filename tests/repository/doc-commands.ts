// The commands that pages of the docs tell people to type, as a real shell reads them: each with its file and line, and
// with its arguments.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A piece of shell that a page shows. */
export interface Snippet {
  readonly file: string;
  /** The line of the page in which `text` begins. */
  readonly line: number;
  readonly text: string;
  /** A block of its own, or a few words within a sentence. */
  readonly kind: 'block' | 'inline';
}

/**
 * One command with its arguments: what stands between pipes, semicolons and `&&`, and what stands in `$(...)`, are
 * commands of their own.
 */
export interface Command {
  readonly file: string;
  readonly line: number;
  readonly argv: readonly string[];
  readonly kind: Snippet['kind'];
}

/** What begins a command within a sentence. `pullgate` is also the beginning of roles' names, which are no commands. */
const PROGRAMS = ['npm', 'npx', 'pulumi', 'aws', 'az', 'git', 'docker', 'jq', 'curl', 'node', 'pullgate'];
const NO_COMMANDS: readonly string[] = ['pullgate gatekeeper', 'pullgate mail sender'];

/**
 * The shell of a page: blocks in `sh`, blocks that are indented by four, and code within sentences that begins with a
 * program.
 */
export function snippetsIn(file: string, page: string): readonly Snippet[] {
  const snippets: Snippet[] = [];
  let fence: { readonly language: string; readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, line] of page.split('\n').entries()) {
    const [, indent = '', ticks, language = ''] = /^( *)(```)(\w*)\s*$/.exec(line) ?? [];
    if (ticks !== undefined && fence === undefined) fence = { language, line: index + 2, lines: [] };
    else if (ticks !== undefined && fence !== undefined) {
      const text = fence.lines.map((one) => (one.startsWith(indent) ? one.slice(indent.length) : one)).join('\n');
      if (fence.language === 'sh') snippets.push({ file, line: fence.line, text, kind: 'block' });
      fence = undefined;
    } else if (fence !== undefined) fence.lines.push(line);
    else if (/^ {4}\S/.test(line)) snippets.push({ file, line: index + 1, text: line.trim(), kind: 'block' });
    else snippets.push(...inlineIn(file, index + 1, line));
  }
  if (fence !== undefined) throw new Error(`${file}:${fence.line}: a block begins here and does not end`);
  return snippets;
}

function inlineIn(file: string, line: number, text: string): readonly Snippet[] {
  return [...text.matchAll(/(?<!`)`([^`]+)`(?!`)/g)].flatMap(([, code = '']) => {
    const isCommand = PROGRAMS.some((program) => code.startsWith(`${program} `)) && !NO_COMMANDS.includes(code);
    return isCommand ? [{ file, line, text: code, kind: 'inline' as const }] : [];
  });
}

/** What programs answer whose output another command takes as an argument. */
export type Answers = Readonly<Record<string, string>>;

/**
 * Lets the real shell read the snippets. No program is run: each is a function that only writes down with which
 * arguments it was called.
 *
 * @param answers what a program prints when it is called so: `az acr show --name NAME` to the registry's id
 * @throws Error that names file and line where the shell cannot read a snippet
 */
export function commandsIn(snippets: readonly Snippet[], answers: Answers = {}): readonly Command[] {
  const folder = mkdtempSync(join(tmpdir(), 'pullgate-docs-'));
  try {
    const preamble = preambleWith(answers, join(folder, 'calls'));
    const lines = preamble.split('\n');
    const origins = new Map<number, Snippet & { readonly at: number }>();
    for (const snippet of snippets) {
      for (const [offset, line] of snippet.text.split('\n').entries()) {
        lines.push(line);
        origins.set(lines.length, { ...snippet, at: snippet.line + offset });
      }
    }
    writeFileSync(join(folder, 'calls'), '');
    writeFileSync(join(folder, 'docs.sh'), `${lines.join('\n')}\n`);
    const { stderr } = spawnSync('bash', ['--noprofile', '--norc', 'docs.sh'], { cwd: folder, encoding: 'utf8' });
    const origin = (line: number) => {
      const found = origins.get(line);
      if (found === undefined)
        throw new Error(`a command is said to be in line ${line} of the shell's script: ${stderr}`);
      return found;
    };
    if (stderr !== '') {
      const [, line = ''] = /line (\d+)/.exec(stderr) ?? [];
      const { file, at } = origin(Number(line));
      throw new Error(`${file}:${at}: the shell cannot read this: ${stderr.trim()}`);
    }
    return callsIn(readFileSync(join(folder, 'calls'), 'utf8')).map(({ line, argv }) => {
      const { file, at, kind } = origin(line);
      return { file, line: at, argv, kind };
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Every program is a function, or is not found: both write down what they were called with. */
function preambleWith(answers: Answers, calls: string): string {
  const cases = Object.entries(answers).map(
    ([called, printed]) => `    ${quoted(called)}*) printf '%s\\n' ${quoted(printed)} ;;`,
  );
  return [
    'PATH=/nonexistent',
    `record() { printf '%s\\0' "\${BASH_LINENO[1]}" "$#" "$@" >> ${quoted(calls)}; case "$*" in`,
    ...cases,
    '  esac; }',
    ...PROGRAMS.map((program) => `${program}() { record ${program} "$@"; }`),
    'command_not_found_handle() { record "$@"; }',
  ].join('\n');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function callsIn(text: string): readonly { readonly line: number; readonly argv: readonly string[] }[] {
  const parts = text.split('\0').slice(0, -1);
  const calls: { line: number; argv: readonly string[] }[] = [];
  for (let at = 0; at < parts.length; ) {
    const [line, count] = [Number(parts[at]), Number(parts[at + 1])];
    calls.push({ line, argv: parts.slice(at + 2, at + 2 + count) });
    at += 2 + count;
  }
  return calls;
}

/** The pages that people follow. Decisions (docs/adr) are history: what they quote need not work today. */
export function pages(): readonly string[] {
  const below = readdirSync('docs').filter((name) => name.endsWith('.md'));
  const others = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'bench/README.md'];
  return [...others, ...below.toSorted().map((name) => `docs/${name}`)];
}
