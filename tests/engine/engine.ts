// Pulumi's CLI and engine for the tests: a copy of the project with a backend of its own, and a stub in the place of
// each cloud's plugin. Nothing is downloaded.
import { execFile } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { TestContext } from 'vitest';

const PROJECT = join(import.meta.dirname, '..', '..');
const HOST = 'pulumi-language-nodejs';
const NO_CLI =
  "The tests on Pulumi's engine are skipped because no Pulumi CLI is installed, and npm's launcher would download one. With Go, `.ci/engine` builds one.";

/** The registry that the stub of the `az` command names. */
export const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/shop/providers/Microsoft.ContainerRegistry/registries/acmeimages';
const AZ = `#!/bin/sh
case "$*" in
  login | "account set --subscription ID") ;;
  "acr show --name NAME --query id --output tsv") echo ${REGISTRY} ;;
  *) echo "the stub of az does not know: $*" >&2; exit 1 ;;
esac
`;

export interface Engine {
  /** The copy of the project. */
  readonly folder: string;
  /** Runs a line of shell in the copy. The output is what it wrote to both streams. */
  readonly run: (line: string) => Promise<{ readonly code: number; readonly output: string }>;
  readonly stop: () => void;
}

/** Skips the test if there is no Pulumi CLI, and prints the reason. */
export function needsPulumi({ skip }: Pick<TestContext, 'skip'>): void {
  if (findCli() !== undefined) return;
  process.stderr.write(`${NO_CLI}\n`);
  skip(NO_CLI);
}

/** The CLI on the PATH, except npm's launcher; else the one that the launcher has downloaded before. */
function findCli(): string | undefined {
  const home = process.env['PULUMI_HOME'] ?? join(homedir(), '.pulumi');
  const files = [...onPath('pulumi'), placeOfCli(home)];
  return files.find((file) => existsSync(file) && !file.endsWith('/pulumi/run.js'));
}

/** Where npm's launcher looks for the CLI before it downloads it. */
function placeOfCli(home: string): string {
  return join(home, 'versions', readManifest('pulumi').version, 'bin', 'pulumi');
}

function onPath(name: string): readonly string[] {
  const files = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  return files.filter(existsSync).map((file) => realpathSync(file));
}

/** Sets up an engine without stacks. */
export function startEngine(): Engine {
  const root = mkdtempSync(join(tmpdir(), 'pullgate-engine-'));
  const [folder, home, bin] = ['project', 'home', 'bin'].map((name) => join(root, name)) as [string, string, string];
  for (const path of [folder, join(home, 'backend'), bin]) mkdirSync(path, { recursive: true });
  copyProject(folder);
  installCli(home);
  for (const name of ['aws', 'azure-native']) installStub(home, name);
  writeProgram(join(bin, 'az'), AZ);
  const env = {
    // npm's launcher runs with any Node, and the program with the one that runs the tests.
    PATH: [bin, dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: home,
    NO_COLOR: '1',
    npm_config_update_notifier: 'false',
    PULUMI_HOME: home,
    PULUMI_BACKEND_URL: `file://${home}/backend`,
    PULUMI_CONFIG_PASSPHRASE: 'passphrase',
    PULUMI_SKIP_CONFIRMATIONS: 'true',
    PULUMI_SKIP_UPDATE_CHECK: 'true',
    PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: 'true',
  };
  const run: Engine['run'] = (line) =>
    new Promise((done) => {
      const options = { cwd: folder, env, maxBuffer: 64 * 1024 * 1024 };
      execFile('bash', ['-c', line], options, (error, stdout, stderr) =>
        done({ code: error === null ? 0 : Number(error.code), output: `${stdout}${stderr}` }),
      );
    });
  return { folder, run, stop: () => rmSync(root, { recursive: true }) };
}

/** Links everything but the files that Pulumi writes to, which are copied. */
function copyProject(folder: string): void {
  for (const name of readdirSync(PROJECT)) {
    if (name.startsWith('Pulumi.')) copyFileSync(join(PROJECT, name), join(folder, name));
    else symlinkSync(join(PROJECT, name), join(folder, name));
  }
}

/** Installs the CLI for npm's launcher, with a language host if there is none. */
function installCli(home: string): void {
  const [cli, place] = [findCli() ?? '', placeOfCli(home)];
  mkdirSync(dirname(place), { recursive: true });
  symlinkSync(cli, place);
  const hasHost = existsSync(join(dirname(cli), HOST)) || onPath(HOST).length > 0;
  // The launcher puts this folder on the PATH.
  if (!hasHost) writeProgram(join(dirname(place), HOST), startScript('language-host.ts'));
}

function installStub(home: string, name: string): void {
  const { version } = readManifest(`@pulumi/${name}`);
  const folder = join(home, 'plugins', `resource-${name}-v${version}`);
  mkdirSync(folder, { recursive: true });
  writeProgram(join(folder, `pulumi-resource-${name}`), startScript('stub-plugin.ts', version));
}

function readManifest(name: string): { readonly version: string } {
  return JSON.parse(readFileSync(join(PROJECT, 'node_modules', name, 'package.json'), 'utf8'));
}

function startScript(file: string, ...words: readonly string[]): string {
  return `#!/bin/sh\nexec ${[process.execPath, join(import.meta.dirname, file), ...words].join(' ')} "$@"\n`;
}

function writeProgram(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o755 });
}
