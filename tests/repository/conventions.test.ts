// Proves that every source file says its purpose in its first line, that no name says nothing, and that both checks
// bite.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const project = join(import.meta.dirname, '..', '..');
const FOLDERS = ['.ci', 'config', 'shared', 'aws', 'azure', 'local', 'demo', 'cli', 'tests', 'bench'];
const SOURCE = /[.](?:ts|js|cjs|mjs)$|^[.]ci\//;

/**
 * The comment of the first line, or of the second where the first names the interpreter. A few letters are no purpose.
 */
function purpose(text: string): string | undefined {
  return /^(?:#!.*\n)?(?:\/\/|#) (\S.{20,})/.exec(text.split('\n', 2).join('\n'))?.[1];
}

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

  it('find names that say nothing', () => {
    const names = ['shared/utils.ts', 'tests/test-helpers.ts', 'aws/common/policy.ts', 'local/aws/util.test.ts'];
    expect(names.filter(saysNothing)).toEqual(names);
  });
});
