// Every source file says its purpose in its first line, has a name that says something, and keeps its comments to 120
// columns and to plain English. Each check finds a bad example.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { pages } from './doc-commands.ts';

const project = join(import.meta.dirname, '..', '..');
const FOLDERS = ['.ci', 'config', 'shared', 'aws', 'azure', 'local', 'demo', 'cli', 'tests', 'bench'];
const SOURCE = /[.](?:ts|js|cjs|mjs)$|^[.]ci\//;

/**
 * The comment of the first line, or of the second where the first names the interpreter. A few letters are no purpose.
 */
function purpose(text: string): string | undefined {
  return /^(?:#!.*\n)?(?:\/\/|#) (\S.{20,})/.exec(text.split('\n', 2).join('\n'))?.[1];
}

/** The comment lines that are too long, but for a URL, which cannot be broken. */
function tooLong(text: string): readonly string[] {
  return text
    .split('\n')
    .filter((line) => line.length > 120 && /^\s*(?:\/\/|\*|\/\*)/.test(line) && !/https?:/.test(line));
}

/** Words that no technical writer uses today. */
const OLD_WORDS = ['whoever', 'whomever', 'lest', 'thereof', 'mend(?:s|ed|ing)?', '(?:is|are) told of', 'as far as'];
const OLD = new RegExp(`\\b(?:${OLD_WORDS.join('|')})\\b`, 'i');

/** Is it a name for what found no better place? */
function saysNothing(file: string): boolean {
  return (
    /(?:^|[/.-])(?:utils?|helpers?|common|misc|stuff)[.-]/.test(file) ||
    /(?:^|\/)(?:utils?|helpers?|common)\//.test(file)
  );
}

function sourceFiles(): readonly string[] {
  const atTop = readdirSync(project, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
  const present = FOLDERS.filter((folder) => readdirSync(project).includes(folder));
  const below = present.flatMap((folder) =>
    readdirSync(join(project, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(project.length + 1)),
  );
  return [...atTop, ...below].filter((file) => SOURCE.test(file));
}

describe('every source file', () => {
  const files = sourceFiles();

  it('is looked at', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'check-node.js',
        '.dependency-cruiser.cjs',
        '.ci/run',
        'shared/gate/image-evaluation.ts',
      ]),
    );
  });

  it('says its purpose in its first line', () => {
    expect(files.filter((file) => purpose(readFileSync(join(project, file), 'utf8')) === undefined)).toEqual([]);
  });

  it('has a name that says what is in it', () => {
    expect(files.filter(saysNothing)).toEqual([]);
  });

  it('has comments of at most 120 columns', () => {
    const long = files.flatMap((file) =>
      tooLong(readFileSync(join(project, file), 'utf8')).map((line) => [file, line]),
    );
    expect(long).toEqual([]);
  });

  it('uses no old words, nor does any page', () => {
    const all = [...files, ...pages()].filter((file) => file !== 'tests/repository/conventions.test.ts');
    expect(all.filter((file) => OLD.test(readFileSync(join(project, file), 'utf8')))).toEqual([]);
  });
});

describe('the checks', () => {
  it.each([
    ['a file that begins with an import', "import { it } from './it.ts';\n// What this file is for, too late.\n"],
    ['a file that begins with an empty line', '\n// What this file is for, a line too late.\n'],
    ['a comment of one word', '// Gate\nexport const gate = 1;\n'],
    ['a doc comment of the first export', '/** What the first export is for. */\nexport const gate = 1;\n'],
    ['an empty file', ''],
  ])('find %s', (_name, text) => {
    expect(purpose(text)).toBeUndefined();
  });

  it.each([
    ['// Globs over repository names.\nexport {};\n', 'Globs over repository names.'],
    ['#!/usr/bin/env bash\n# What CI runs, in a fresh clone.\n', 'What CI runs, in a fresh clone.'],
  ])('take %j', (text, said) => {
    expect(purpose(text)).toBe(said);
  });

  it('find a long comment, but not a long line of code or a URL', () => {
    const long = 'x'.repeat(120);
    expect(tooLong(`// ${long}\n * ${long}\nconst x = '${long}';\n// https://example.com/${long}`)).toEqual([
      `// ${long}`,
      ` * ${long}`,
    ]);
  });

  it.each(['Whoever reads this', 'what the function is told of', 'this mends the record'])(
    'find old words: %s',
    (text) => {
      expect(OLD.test(text)).toBe(true);
    },
  );

  it.each(['recommended', 'amend the commit', 'at least one'])('find no old words: %s', (text) => {
    expect(OLD.test(text)).toBe(false);
  });

  it('find names that say nothing', () => {
    const names = ['shared/utils.ts', 'tests/test-helpers.ts', 'aws/common/policy.ts', 'local/aws/util.test.ts'];
    expect(names.filter(saysNothing)).toEqual(names);
  });
});
