// How large the deployed code is, and how long it takes to load against the same code unbundled.
import { execFile } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { readResources } from '../local/aws/resources.ts';
import { readResources as readAzureResources } from '../local/azure/resources.ts';
import { graphOf } from '../local/graph.ts';
import { count, median, type Part, ratio } from './part.ts';
import { AZURE_CONFIG } from './world-azure.ts';

const PROJECT = join(import.meta.dirname, '..');
const RUNS = { full: 11, tiny: 1 };

/** One cloud's function. */
interface Code {
  readonly title: string;
  /** The function's entry, in the project. */
  readonly handler: string;
  /** Of the minified code, uncompressed. */
  readonly budgetBytes: number;
  /** The archive, and the environment that the function has where the archive is in this folder. */
  readonly deployed: (folder: string) => Promise<{
    readonly files: Readonly<Record<string, string>>;
    readonly environment: Readonly<Record<string, string>>;
  }>;
  /** Can the source files be loaded where they are? Azure's look for their settings beside themselves. */
  readonly loadsAsIs: boolean;
}

export const bundle = bundleOf({
  title: 'Bundle of the Lambda',
  handler: 'aws/function/handler.ts',
  budgetBytes: 400_000,
  loadsAsIs: true,
  async deployed(folder) {
    const { lambda } = readResources(await graphOf({}));
    const environment = { ...lambda.environment, LAMBDA_TASK_ROOT: folder, AWS_REGION: 'eu-west-1' };
    return { files: lambda.files, environment };
  },
});

export const azureBundle = bundleOf({
  title: 'Bundle of the Azure function',
  handler: 'azure/function/handler.ts',
  budgetBytes: 850_000,
  loadsAsIs: false,
  async deployed() {
    const { app } = readAzureResources(await graphOf(AZURE_CONFIG));
    return { files: app.files, environment: app.appSettings };
  },
});

function bundleOf({ title, handler, budgetBytes, deployed, loadsAsIs }: Code): Part {
  return {
    title,
    async measure(scale) {
      const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pullgate-bench-')));
      try {
        const { files, environment } = await deployed(folder);
        for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
        symlinkSync(join(PROJECT, 'node_modules'), join(folder, 'node_modules'));
        const packagesApart = join(folder, 'packages-apart.mjs');
        await buildWithoutPackages(join(PROJECT, handler), packagesApart);
        const ways: readonly (readonly [name: string, path: string])[] = [
          ['the bundle', join(folder, 'index.mjs')],
          ['own code in one file, packages from node_modules', packagesApart],
          ...(loadsAsIs
            ? [['the source files as they are, packages from node_modules', join(PROJECT, handler)] as const]
            : []),
        ];
        const times: number[][] = ways.map(() => []);
        // In turn, so that what disturbs the machine disturbs all of them.
        for (let run = 0; run < RUNS[scale]; run++) {
          for (const [place, [, path]] of ways.entries())
            times[place]?.push(await importMilliseconds(path, environment));
        }
        const medians = times.map(median);
        const code = files['index.mjs'] ?? '';
        const bytes = Buffer.byteLength(code);
        return [
          {
            title: 'Size, in bytes',
            head: ['index.mjs', 'bytes', `share of the budget (${count(budgetBytes)})`],
            rows: [
              ['minified', count(bytes), `${((100 * bytes) / budgetBytes).toFixed(1)} %`],
              ['minified and compressed by gzip', count(gzipSync(code).length), ''],
            ],
          },
          {
            title: `Import time in a fresh process, median of ${RUNS[scale]} runs`,
            head: ['what is imported', 'time to the bundle', 'milliseconds here'],
            rows: ways.map(([name], place) => {
              const time = medians[place] ?? Number.NaN;
              return [name, ratio(time, medians[0] ?? Number.NaN), time.toFixed(0)];
            }),
          },
        ];
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  };
}

/** As a deployment would be that ships node_modules: JavaScript in one file, every package apart. */
async function buildWithoutPackages(entry: string, outfile: string): Promise<void> {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    packages: 'external',
    tsconfigRaw: {},
    logLevel: 'silent',
  });
}

const TIMED_IMPORT =
  'const startedAt = performance.now(); await import(process.argv[1]); process.stdout.write(String(performance.now() - startedAt));';

async function importMilliseconds(path: string, environment: Readonly<Record<string, string>>): Promise<number> {
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', TIMED_IMPORT, path], {
    env: environment,
  });
  return Number(stdout);
}
