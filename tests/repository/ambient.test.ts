// Proves that the core and the functions are given the time and their environment, and that the check of it bites.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ambientUses } from './ambient.ts';

const project = join(import.meta.dirname, '..', '..');
/** Where a function's time and environment come in. */
const DOORS: ReadonlySet<string> = new Set(['handler.ts', 'settings.ts']);

function sources(folder: string): readonly string[] {
  return readdirSync(join(project, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`);
}

describe('time, randomness and environment', () => {
  const core = sources('shared');
  const functions = sources('aws/function').filter((file) => !DOORS.has(file.slice('aws/function/'.length)));

  it.each([...core, ...functions])('are given to %s', (file) => {
    expect(ambientUses(readFileSync(join(project, file), 'utf8'))).toEqual([]);
  });

  it('are looked for in the core and in what runs in Lambda', () => {
    expect(core).toContain('shared/reconcile/reconcile.ts');
    expect(functions).toContain('aws/function/findings.ts');
    expect(functions).not.toContain('aws/function/handler.ts');
  });
});

describe('the check for them', () => {
  it.each([
    ['the present moment', 'const now = new Date();', ['1: new Date()']],
    ['the present moment, without parentheses', '\nconst now = new Date;', ['2: new Date()']],
    ['the present moment as text', 'const now = Date();', ['1: Date()']],
    ['the clock', 'const at = Date.now();', ['1: Date.now']],
    ['the clock, under its full name', 'const at = globalThis.Date.now();', ['1: Date.now']],
    ['the clock, as a function to be called later', 'const clock = Date.now;', ['1: Date.now']],
    ['chance', 'const id = Math.random() * 10;', ['1: Math.random']],
    ['the environment', 'const { TABLE } = process.env;', ['1: process.env']],
    ['the environment, by a text key', "const region = process['env'].AWS_REGION;", ['1: process.env']],
    ['the environment, taken out of the process', 'const { env } = process;', ['1: process.env']],
    ['the environment, taken out under another name', 'const { env: settings } = process;', ['1: process.env']],
    ['the environment, imported', "import { env } from 'node:process';", ['1: import env']],
    ['a random id, imported', "import { randomUUID as id } from 'node:crypto';", ['1: import randomUUID as id']],
    ['each of two on one line', 'f(Date.now(), Math.random());', ['1: Date.now', '1: Math.random']],
  ])('finds %s', (_name, source, uses) => {
    expect(ambientUses(source)).toEqual(uses);
  });

  it.each([
    ['a moment that is read from text', 'const at = new Date(given); const same = Date.parse(given);'],
    ['words in a comment or a text', "// new Date() and process.env\nconst text = 'Date.now()';"],
    ['other members of the same objects', 'Math.max(1, 2); process.stdout.write(text); Date.UTC(2026, 0);'],
  ])('lets %s be', (_name, source) => {
    expect(ambientUses(source)).toEqual([]);
  });
});
