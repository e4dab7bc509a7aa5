// Proves that the test runner's own guards bite: a stray console call, code of the core without a test, a test that
// runs alone, a test that is skipped.
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';

const project = join(import.meta.dirname, '..', '..');
const vitest = join(project, 'node_modules/vitest/vitest.mjs');
const folders: string[] = [];

/** Runs vitest with the project's config over other files, and answers with its exit code and what it printed. */
async function runTests(files: Readonly<Record<string, string>>): Promise<{ code: number; output: string }> {
  const root = mkdtempSync(join(tmpdir(), 'pullgate-guards-'));
  folders.push(root);
  symlinkSync(join(project, 'node_modules'), join(root, 'node_modules'));
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
  const args = [vitest, 'run', '--coverage', '--config', join(project, 'vitest.config.ts'), '--root', root];
  const { code, stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: root }).then(
    (printed) => ({ code: 0, ...printed }),
    (error) => error,
  );
  return { code, output: stripVTControlCharacters(`${stdout}${stderr}`) };
}

const PASSING = `import { expect, it } from 'vitest'; import { sign } from '../shared/sign.ts'; it('holds', () => expect(sign(1)).toBe('plus'));`;
const TWO_BRANCHES = `export const sign = (n: number) => (n > 0 ? 'plus' : 'minus');`;
const ONE_BRANCH = `export const sign = (n: number) => 'plus' + ' '.repeat(n - 1);`;

describe('the guards of the test runner', () => {
  afterAll(() => {
    for (const folder of folders) rmSync(folder, { recursive: true });
  });

  it('let pass what keeps them, and end with one plain line', async () => {
    const { code, output } = await runTests({ 'shared/sign.ts': ONE_BRANCH, 'tests/sign.test.ts': PASSING });
    expect(output).toContain('\n1 passed, 0 failed\n');
    expect(code).toBe(0);
  });

  it('stop a branch of the core that no test takes', async () => {
    const { code, output } = await runTests({ 'shared/sign.ts': TWO_BRANCHES, 'tests/sign.test.ts': PASSING });
    expect(output).toContain('Coverage for branches (50%) does not meet global threshold (100%)');
    expect(output).toContain('\n1 passed, 0 failed\n');
    expect(code).toBe(1);
  });

  it('stop a file of the core that no test loads', async () => {
    const files = { 'shared/sign.ts': ONE_BRANCH, 'shared/idle.ts': TWO_BRANCHES, 'tests/sign.test.ts': PASSING };
    const { code, output } = await runTests(files);
    expect(output).toContain('does not meet global threshold (100%)');
    expect(code).toBe(1);
  });

  it('stop a stray console call, in a test, in what it calls, and while a file is loaded', async () => {
    const { code, output } = await runTests({
      'shared/sign.ts': `export const sign = (n: number) => { console.warn('careful', n); return 'plus'; };`,
      'tests/in-what-it-calls.test.ts': PASSING,
      'tests/in-a-test.test.ts': `import { it } from 'vitest'; it('talks', () => { console.log('stray'); });`,
      'tests/while-loading.test.ts': `import { it } from 'vitest'; console.error('loading'); it('says nothing', () => {});`,
    });
    expect(output).toContain('console.warn(careful, 1)');
    expect(output).toContain('console.log(stray)');
    expect(output).toContain('console.error(loading)');
    expect(output).toContain('\n0 passed, 3 failed\n');
    expect(code).toBe(1);
  });

  it('stop a file that does not load, and count it', async () => {
    const { code, output } = await runTests({ 'tests/broken.test.ts': `import './nowhere.ts';` });
    expect(output).toContain('\n0 passed, 1 failed\n');
    expect(code).toBe(1);
  });

  it('stop a test that runs alone, so that no other is forgotten', async () => {
    const { code } = await runTests({
      'tests/alone.test.ts': `import { it } from 'vitest'; it.only('alone', () => {});`,
    });
    expect(code).toBe(1);
  });

  it("say why the tests on Pulumi's engine are skipped, if only npm's launcher is there", async () => {
    const env = { PATH: join(project, 'node_modules', '.bin'), PULUMI_HOME: join(project, 'none') };
    const args = [vitest, 'run', '--project', 'engine'];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: project, env });
    expect(stderr).toContain("no Pulumi CLI is installed, and npm's launcher would download one");
    expect(stdout).toContain('\n0 passed, 0 failed\n');
  });
});
