// Bundles: they depend only on the source, their settings are stable, and errors about a broken entry are clear.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleHandler } from '../aws/component/function.ts';
import { bundleHandler as bundleAzureHandler } from '../azure/component/code.ts';
import { bundleFunction, stableJson } from '../bundle.ts';

const project = join(import.meta.dirname, '..');
/** The SDK is nine tenths of it; the project is about 65 KB. */
const BUDGET_BYTES = 465_000;
const AZURE_BUDGET_BYTES = 850_000;

let folder = '';
beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'pullgate-bundle-')));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A function with two files and a CommonJS package, in its own folder. */
function writeSource(name: string): string {
  const root = join(folder, name);
  mkdirSync(join(root, 'node_modules', 'greeter'), { recursive: true });
  writeFileSync(join(root, 'node_modules', 'greeter', 'package.json'), '{"name":"greeter","main":"index.js"}');
  writeFileSync(join(root, 'node_modules', 'greeter', 'index.js'), "exports.greet = (name) => 'hello ' + name;\n");
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

  it('is one module that runs, without unused code', async () => {
    const { files, bytes } = bundleFunction({ entry: writeSource('runs'), settings: {} });
    const written = join(folder, 'index.mjs');
    writeFileSync(written, files['index.mjs']);
    const { handler } = (await import(written)) as { handler: () => Promise<string> };
    expect(await handler()).toBe('hello gate');
    expect(files['index.mjs']).not.toContain('never reached');
    expect(files['index.mjs']).not.toContain('licence');
    expect(bytes['index.mjs']).toBe(Buffer.byteLength(files['index.mjs']));
  });

  it('replaces a package with a file, and omits packages that the host provides', () => {
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

  it('puts additional files into the archive, and the banner before the code', async () => {
    const entry = writeSource('more');
    writeFileSync(entry, "export const handler = async (): Promise<string> => require('node:path').sep;\n");
    const banner = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);";
    const { archive, files, bytes } = bundleFunction({
      entry,
      settings: {},
      banner,
      files: { 'host.json': '{}\n', 'query.kql': 'Täble\n' },
    });
    const assets = (await archive.assets) as Record<string, { text: Promise<string> }>;
    expect(Object.keys(assets)).toEqual(['index.mjs', 'settings.json', 'host.json', 'query.kql']);
    expect(await assets['query.kql']?.text).toBe('Täble\n');
    expect(bytes['query.kql']).toBe(7);
    expect(files['index.mjs'].startsWith(`${banner}\n`)).toBe(true);
    const written = join(folder, 'more.mjs');
    writeFileSync(written, files['index.mjs']);
    const { handler } = (await import(written)) as { handler: () => Promise<string> };
    expect(await handler()).toBe('/');
  });

  it('drops unused data from data files', async () => {
    const entry = writeSource('data');
    const data =
      "const key = 'longEnough';\nexport var used = [1, { [key]: 'used' }];\nexport var unused = [\n  2, { [key]: 'unused' }\n];\n";
    writeFileSync(join(folder, 'data', 'data.js'), data);
    writeFileSync(entry, "import { used } from './data.js';\nexport const handler = async () => used;\n");
    const kept = bundleFunction({ entry, settings: {} });
    const shaken = bundleFunction({ entry, settings: {}, dataFiles: /[\\/]data\.js$/ });
    expect(kept.files['index.mjs']).toContain('unused');
    expect(shaken.files['index.mjs']).not.toContain('unused');
    const written = join(folder, 'data.mjs');
    writeFileSync(written, shaken.files['index.mjs']);
    const { handler } = (await import(written)) as { handler: () => Promise<unknown> };
    expect(await handler()).toEqual([1, { longEnough: 'used' }]);
  });

  it('says which entry is missing', () => {
    const entry = join(folder, 'nowhere.ts');
    expect(() => bundleFunction({ entry, settings: {} })).toThrow(
      `the function ${entry} cannot be bundled; fix this and run pulumi again:\nCould not resolve`,
    );
  });

  it('says where the source has an error', () => {
    const entry = join(folder, 'broken.ts');
    writeFileSync(entry, 'export const handler = ;\n');
    expect(() => bundleFunction({ entry, settings: {} })).toThrow('broken.ts:1:23: Unexpected ";"');
  });

  it('requires an absolute path', () => {
    expect(() => bundleFunction({ entry: 'handler.ts', settings: {} })).toThrow(
      'the entry of a function must be an absolute path; given handler.ts',
    );
  });
});

describe('the settings', () => {
  it('are the same text for any order of their keys', () => {
    expect(stableJson({ b: { d: [{ f: 1, e: 2 }], c: null }, a: 'x' })).toBe(
      stableJson({ a: 'x', b: { c: null, d: [{ e: 2, f: 1 }] } }),
    );
    expect(JSON.parse(stableJson({ b: [2, 1], a: undefined }))).toEqual({ b: [2, 1] });
  });
});

describe("the Lambda's bundle", () => {
  const settings = { mode: 'audit' };

  it(`is below ${BUDGET_BYTES} bytes`, () => {
    expect(bundleHandler(settings).bytes['index.mjs']).toBeLessThan(BUDGET_BYTES);
  });

  it('has the same bytes from a copy of the project', async () => {
    const copy = join(folder, 'copy');
    for (const part of ['aws', 'shared']) cpSync(join(project, part), join(copy, part), { recursive: true });
    cpSync(join(project, 'bundle.ts'), join(copy, 'bundle.ts'));
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'), 'dir');
    const copied = (await import(join(copy, 'aws', 'component', 'function.ts'))) as {
      bundleHandler: typeof bundleHandler;
    };
    const [original, other] = [bundleHandler(settings), copied.bundleHandler(settings)];
    expect(other.files['index.mjs'] === original.files['index.mjs']).toBe(true);
  });
});

describe("the Azure function's bundle", () => {
  const settings = {
    severityThreshold: 'high',
    policy: {},
    mode: 'enforce',
    sweepHours: 6,
    maxClosesPerHour: 25,
    maxClosesPerDay: 100,
    brakeExempt: 'never',
    registries: [],
    repositories: { include: ['**'], exclude: [] },
    granularity: 'image',
    registryRoles: 'rbac',
    notifyEmails: [],
  };

  it(`is below ${AZURE_BUDGET_BYTES} bytes`, () => {
    expect(bundleAzureHandler(settings).bytes['index.mjs']).toBeLessThan(AZURE_BUDGET_BYTES);
  });

  it('has the same bytes from a copy of the project', async () => {
    const copy = join(folder, 'azure-copy');
    // package.json declares the files as modules, which decides how a CommonJS package is read.
    for (const part of ['azure', 'shared', 'bundle.ts', 'package.json'])
      cpSync(join(project, part), join(copy, part), { recursive: true });
    symlinkSync(join(project, 'node_modules'), join(copy, 'node_modules'), 'dir');
    const copied = (await import(join(copy, 'azure', 'component', 'code.ts'))) as {
      bundleHandler: typeof bundleAzureHandler;
    };
    const [original, other] = [bundleAzureHandler(settings), copied.bundleHandler(settings)];
    expect(other.files['index.mjs'] === original.files['index.mjs']).toBe(true);
    expect(other.files).toEqual(original.files);
  });

  it('loads with only the packages that the host provides, and registers its two triggers', () => {
    const deployed = join(folder, 'deployed');
    const core = join(deployed, 'node_modules', '@azure', 'functions-core');
    mkdirSync(core, { recursive: true });
    writeFileSync(
      join(core, 'index.js'),
      `const registered = [];
exports.setProgrammingModel = () => {};
exports.registerFunction = ({ name, bindings }) => registered.push([name, Object.values(bindings)[0].type]);
process.on('exit', () => process.stdout.write(JSON.stringify(registered)));
`,
    );
    const { files } = bundleAzureHandler(settings);
    for (const [name, text] of Object.entries(files)) writeFileSync(join(deployed, name), text);
    const { stdout, stderr } = spawnSync(process.execPath, ['index.mjs'], {
      cwd: deployed,
      encoding: 'utf8',
      env: {
        PULLGATE_QUEUE_URL: 'https://account.queue.core.windows.net/pullgate',
        PULLGATE_POISON_QUEUE_URL: 'https://account.queue.core.windows.net/pullgate-poison',
        PULLGATE_TABLE_URL: 'https://account.table.core.windows.net',
        PULLGATE_TABLE: 'records',
        PULLGATE_WORKSPACE_ID: '63f09d65-30ef-4a63-ae57-44dd73e08ca5',
        PULLGATE_CLIENT_ID: '8964f7b8-d0ff-452d-a869-76d69864bd7f',
      },
    });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual([
      ['message', 'queueTrigger'],
      ['tick', 'timerTrigger'],
    ]);
  });
});
