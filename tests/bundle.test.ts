// Proves that a bundle depends on the source alone, that its settings are stable, and that a broken entry is told clearly.
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleFunction, stableJson } from '../bundle.ts';

const project = join(import.meta.dirname, '..');
const BUDGET_BYTES = 400_000;

let folder = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'pullgate-bundle-')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A function of two files and a package in CommonJS, in a folder of its own. */
function writeSource(name: string): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'node_modules', 'greeter'), { recursive: true });
  writeFileSync(join(root, 'node_modules', 'greeter', 'package.json'), '{"name":"greeter","main":"index.js"}');
  writeFileSync(join(root, 'node_modules', 'greeter', 'index.js'), 'exports.greet = (name) => `hello ${name}`;\n');
  writeFileSync(join(root, 'name.ts'), "export const name: string = 'gate';\nexport const unused = 'never reached';\n");
  writeFileSync(
    join(root, 'handler.ts'),
    "/*! a licence */\nimport { greet } from 'greeter';\nimport { name } from './name.ts';\nexport const handler = async (): Promise<string> => greet(name);\n",
  );
  return join(root, 'handler.ts');
}

describe('the bundle', () => {
  it('has the same bytes for the same source in another folder', () => {
    const one = bundleFunction({ entry: writeSource('one'), settings: { mode: 'audit' } });
    const other = bundleFunction({ entry: writeSource(join('quite', 'another')), settings: { mode: 'audit' } });
    expect(other.files).toEqual(one.files);
  });

  it('is one module that runs, without what is not reached', async () => {
    const { files, bytes } = bundleFunction({ entry: writeSource('runs'), settings: {} });
    const written = join(folder, 'index.mjs');
    writeFileSync(written, files['index.mjs']);
    const { handler } = (await import(written)) as { handler: () => Promise<string> };
    expect(await handler()).toBe('hello gate');
    expect(files['index.mjs']).not.toContain('never reached');
    expect(files['index.mjs']).not.toContain('licence');
    expect(bytes['index.mjs']).toBe(Buffer.byteLength(files['index.mjs']));
  });

  it('takes another file for a package where it is told to, and leaves out what the host supplies', () => {
    const entry = writeSource('replaced');
    const replacement = join(folder, 'replacement.ts');
    writeFileSync(replacement, "export const greet = (name: string): string => 'replaced ' + name;\n");
    const replaced = bundleFunction({ entry, settings: {}, alias: { greeter: replacement } });
    expect(replaced.files['index.mjs']).toContain('replaced ');
    const external = bundleFunction({ entry, settings: {}, external: ['greeter'] });
    expect(external.files['index.mjs']).toMatch(/from"greeter"/);
  });

  it('puts code and settings into the archive', async () => {
    const { archive, files } = bundleFunction({ entry: writeSource('archive'), settings: { b: 1 } });
    const assets = (await archive.assets) as Record<string, { text: Promise<string> }>;
    expect(Object.keys(assets)).toEqual(['index.mjs', 'settings.json']);
    expect(await assets['index.mjs']?.text).toBe(files['index.mjs']);
    expect(await assets['settings.json']?.text).toBe('{\n  "b": 1\n}\n');
  });

  it('says which entry is missing', () => {
    const entry = join(folder, 'nowhere.ts');
    expect(() => bundleFunction({ entry, settings: {} })).toThrow(
      `the function ${entry} cannot be bundled; fix this and run pulumi again:\nCould not resolve`,
    );
  });

  it('says where the source is wrong', () => {
    const entry = join(folder, 'broken.ts');
    writeFileSync(entry, 'export const handler = ;\n');
    expect(() => bundleFunction({ entry, settings: {} })).toThrow('broken.ts:1:23: Unexpected ";"');
  });

  it('asks for an absolute path', () => {
    expect(() => bundleFunction({ entry: 'handler.ts', settings: {} })).toThrow(
      "bundling needs the absolute path of a function's entry, not handler.ts",
    );
  });
});

describe('the settings', () => {
  it('are the same text whatever the order of their keys', () => {
    expect(stableJson({ b: { d: [{ f: 1, e: 2 }], c: null }, a: 'x' })).toBe(
      stableJson({ a: 'x', b: { c: null, d: [{ e: 2, f: 1 }] } }),
    );
    expect(JSON.parse(stableJson({ b: [2, 1], a: undefined }))).toEqual({ b: [2, 1] });
  });
});

describe("the Lambda's bundle", () => {
  const entry = join(project, 'aws', 'function', 'handler.ts');
  const alias = { '@aws-sdk/credential-provider-node': join(project, 'aws', 'function', 'credentials.ts') };

  it(`is below ${BUDGET_BYTES} bytes`, () => {
    expect(bundleFunction({ entry, settings: {}, alias }).bytes['index.mjs']).toBeLessThan(BUDGET_BYTES);
  });

  it('has the same bytes from a copy of the project', () => {
    const copy = join(folder, 'copy');
    for (const part of ['aws', 'shared']) cpSync(join(project, part), join(copy, part), { recursive: true });
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'), 'dir');
    const copied = bundleFunction({
      entry: join(copy, 'aws', 'function', 'handler.ts'),
      settings: {},
      alias: { '@aws-sdk/credential-provider-node': join(copy, 'aws', 'function', 'credentials.ts') },
    });
    expect(copied.files['index.mjs'] === bundleFunction({ entry, settings: {}, alias }).files['index.mjs']).toBe(true);
  });
});
