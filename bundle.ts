// A function's entry -> a deployable archive: one ECMAScript module, its settings and what its host wants, the same
// bytes for the same source.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
// Not the whole of Pulumi: this file also runs in a process of its own, which only compiles.
import { AssetArchive, StringAsset } from '@pulumi/pulumi/asset/index.js';
import { type BuildFailure, build, type Plugin } from 'esbuild';

interface CodeArgs {
  /** The absolute path of the file that exports the handler. */
  readonly entry: string;
  /** Packages that the host supplies and that are not bundled. Default: none. */
  readonly external?: readonly string[];
  /** Packages that are replaced by a file: the package's name to an absolute path. Default: none. */
  readonly alias?: Readonly<Record<string, string>>;
  /**
   * The paths of files whose top-level arrays are data, so that unused ones are left out; esbuild keeps arrays with
   * computed keys for fear of side effects. Default: none.
   */
  readonly dataFiles?: RegExp;
  /** Code before everything else. Default: none. */
  readonly banner?: string;
}

export interface BundleArgs extends CodeArgs {
  /** What goes into `settings.json` beside the code. Its keys are sorted, so that their order changes nothing. */
  readonly settings: object;
  /** The text of further files of the archive, by name. Default: none. */
  readonly files?: Readonly<Record<string, string>>;
}

/** What every archive has. */
type Own = 'index.mjs' | 'settings.json';
type ByFile<T> = Readonly<Record<Own, T>> & Readonly<Record<string, T>>;

export interface Bundle {
  /** What the cloud is given. */
  readonly archive: AssetArchive;
  /** The archive's files, by name. */
  readonly files: ByFile<string>;
  /** The size of each of them, uncompressed. */
  readonly bytes: ByFile<number>;
  /** The absolute paths of the files whose code is in the module, in order: what was not reached is not among them. */
  readonly inputs: readonly string[];
}

type Compiled = Pick<Bundle, 'inputs'> & { readonly module: string };

/**
 * Bundles a function for Node 24. The result depends on the source only, not on the folder that it is checked out in,
 * so an unchanged function is not deployed again. The source is read once in a process. Synchronous, because a
 * component's constructor is.
 *
 * @throws Error that names the entry and says what esbuild found wrong, with file and line
 */
export function bundleFunction({ settings, files: more, ...code }: BundleArgs): Bundle {
  if (!isAbsolute(code.entry)) {
    throw new Error(`bundling needs the absolute path of a function's entry, not ${code.entry}`);
  }
  const { module, inputs } = compileOnce(code);
  const files: ByFile<string> = { 'index.mjs': module, 'settings.json': `${stableJson(settings)}\n`, ...more };
  const mapped = <T>(map: (text: string) => T) =>
    Object.fromEntries(Object.entries(files).map(([name, text]) => [name, map(text)])) as ByFile<T>;
  return {
    archive: new AssetArchive(mapped((text) => new StringAsset(text))),
    files,
    bytes: mapped((text) => Buffer.byteLength(text)),
    inputs,
  };
}

const compiled = new Map<string, Compiled>();

/** A program that runs again in the same process, as the local cloud's does, has other settings and the same source. */
function compileOnce({ dataFiles, ...args }: CodeArgs): Compiled {
  const order: Order = { ...args, dataFiles: dataFiles?.source };
  const key = stableJson(order);
  const once = compiled.get(key) ?? compileSync(order);
  compiled.set(key, once);
  return once;
}

/** What the compiling process is asked for. */
type Order = Omit<CodeArgs, 'dataFiles'> & { readonly dataFiles: string | undefined };
/** What it answers. */
type Answer =
  | ({ readonly kind: 'compiled' } & Compiled)
  | { readonly kind: 'failed'; readonly problems: readonly string[] };

const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** Compiles in another process and waits for it: esbuild's own synchronous functions take no plugins. */
function compileSync(order: Order): Compiled {
  const { stdout, stderr, error } = spawnSync(process.execPath, [import.meta.filename, JSON.stringify(order)], {
    encoding: 'utf8',
    maxBuffer: MAX_ANSWER_BYTES,
  });
  const answer: Answer = stdout ? JSON.parse(stdout) : { kind: 'failed', problems: [error?.message ?? stderr] };
  if (answer.kind === 'compiled') return answer;
  throw new Error(
    `the function ${order.entry} cannot be bundled; fix this and run pulumi again:\n${answer.problems.join('\n')}`,
  );
}

async function compile({ entry, external = [], alias = {}, dataFiles, banner }: Order): Promise<Answer> {
  const folder = dirname(entry);
  try {
    const { outputFiles, metafile } = await build({
      entryPoints: [entry],
      absWorkingDir: folder,
      write: false,
      metafile: true,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node24',
      mainFields: ['module', 'main'],
      minify: true,
      treeShaking: true,
      legalComments: 'none',
      // A tsconfig.json says nothing about bundling, and the bytes shall not depend on one.
      tsconfigRaw: {},
      external: [...external],
      alias: { ...alias },
      ...(banner === undefined ? {} : { banner: { js: banner } }),
      plugins: dataFiles === undefined ? [] : [unusedData(new RegExp(dataFiles))],
      logLevel: 'silent',
    });
    const parts = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.entries(inputs));
    const reached = parts.flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [resolve(folder, path)] : []));
    return { kind: 'compiled', module: outputFiles.map(({ text }) => text).join(''), inputs: reached.sort() };
  } catch (cause) {
    const { errors = [] } = cause as Partial<BuildFailure>;
    const lines = errors.map(({ text, location }) =>
      location === null ? text : `${location.file}:${location.line}:${location.column}: ${text}`,
    );
    return { kind: 'failed', problems: lines.length > 0 ? lines : [String(cause)] };
  }
}

/** Marks the top-level arrays of these files as free of side effects. */
function unusedData(filter: RegExp): Plugin {
  return {
    name: 'unused-data',
    setup({ onLoad }) {
      onLoad({ filter }, async ({ path }) => {
        const source = await readFile(path, 'utf8');
        const marked = source.replaceAll(
          /^((?:export )?(?:var|const) [\w$]+ = )(\[[^;]*\]);$/gm,
          '$1/* @__PURE__ */ (() => $2)();',
        );
        return { contents: marked, loader: 'js' };
      });
    },
  };
}

/** JSON whose keys are in order, whatever the order in which they were written. */
export function stableJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, part: unknown) =>
      part !== null && typeof part === 'object' && !Array.isArray(part)
        ? Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)))
        : part,
    2,
  );
}

if (import.meta.main) {
  const order: Order = JSON.parse(process.argv[2] ?? '');
  // No top-level await: what imports this file may be loaded by `require`, as Pulumi loads a package of components.
  compile(order).then((answer) => process.stdout.write(JSON.stringify(answer)));
}
