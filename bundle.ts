// Bundles a function into a deployable archive: one ECMAScript module, its settings, and the files that its host needs.
// The same source always gives the same bytes.
import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';
// Do not import all of Pulumi: this file also runs as a separate process that only compiles.
import { AssetArchive, StringAsset } from '@pulumi/pulumi/asset/index.js';
import { type BuildFailure, build, type Plugin } from 'esbuild';

interface CodeArgs {
  /** The absolute path of the file that exports the handler. */
  readonly entry: string;
  /** Packages that the host provides, so that they are not bundled. Default: none. */
  readonly external?: readonly string[];
  /** Packages to replace with a file: a map from package name to absolute path. Default: none. */
  readonly alias?: Readonly<Record<string, string>>;
  /**
   * Matches the paths of files whose top-level arrays are only data, so that unused arrays are dropped. esbuild keeps
   * arrays with computed keys because they may have side effects. Default: none.
   */
  readonly dataFiles?: RegExp;
  /** Code to put before the module. Default: none. */
  readonly banner?: string;
}

export interface BundleArgs extends CodeArgs {
  /** The content of `settings.json`. Its keys are sorted, so that their order does not change the bytes. */
  readonly settings: object;
  /** The text of additional files in the archive, by name. Default: none. */
  readonly files?: Readonly<Record<string, string>>;
}

/** The files that every archive has. */
type Own = 'index.mjs' | 'settings.json';
type ByFile<T> = Readonly<Record<Own, T>> & Readonly<Record<string, T>>;

export interface Bundle {
  /** The archive to deploy. */
  readonly archive: AssetArchive;
  /** The archive's files, by name. */
  readonly files: ByFile<string>;
  /** The uncompressed size of each file. */
  readonly bytes: ByFile<number>;
  /** The absolute paths of the source files whose code is in the module, sorted. */
  readonly inputs: readonly string[];
}

type Compiled = Pick<Bundle, 'inputs'> & { readonly module: string };

/**
 * Bundles a function for Node 24. The result depends only on the source, not on the folder of the checkout, so an
 * unchanged function is not deployed again. A process reads the source only once. The function is synchronous because a
 * component's constructor is.
 *
 * @throws Error that names the entry and has esbuild's messages with file and line
 */
export function bundleFunction({ settings, files: more, ...code }: BundleArgs): Bundle {
  if (!isAbsolute(code.entry)) {
    throw new Error(`the entry of a function must be an absolute path; given ${code.entry}`);
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

/** Compiles the source only once, even if a program runs several times in one process, as with the local clouds. */
function compileOnce({ dataFiles, ...args }: CodeArgs): Compiled {
  const order: Order = { ...args, dataFiles: dataFiles?.source };
  const key = stableJson(order);
  const once = compiled.get(key) ?? compileSync(order);
  compiled.set(key, once);
  return once;
}

/** The input of the compiling process. */
type Order = Omit<CodeArgs, 'dataFiles'> & { readonly dataFiles: string | undefined };
/** The output of the compiling process. */
type Answer =
  | ({ readonly kind: 'compiled' } & Compiled)
  | { readonly kind: 'failed'; readonly problems: readonly string[] };

const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** Compiles in a child process and waits, because esbuild's synchronous functions do not accept plugins. */
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
      // Ignore tsconfig.json, so that the bytes do not depend on it.
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

/** JSON with sorted keys. */
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
  // No top-level await, because Pulumi loads a package of components, which imports this file, with `require`.
  compile(order).then((answer) => process.stdout.write(JSON.stringify(answer)));
}
