// Proves what the project is made from: exact versions, a lock file with a hash of everything, no code at install time,
// the verbatim licence, and the same bundles from two clones.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bundleHandler } from '../../aws/component/function.ts';
import { bundleHandler as bundleAzureHandler } from '../../azure/component/code.ts';

const project = join(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(project, file), 'utf8');

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly license?: string;
}
interface Manifest {
  readonly license: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}
type Packages = Readonly<Record<string, Locked>>;

const manifest = JSON.parse(read('package.json')) as Manifest;
const { lockfileVersion, packages } = JSON.parse(read('package-lock.json')) as {
  readonly lockfileVersion: number;
  readonly packages: Packages;
};
const KINDS = ['dependencies', 'devDependencies', 'optionalDependencies'] as const;

/** One version of one package of the registry, and nothing that may mean another one tomorrow. */
function isExact(wanted: string): boolean {
  return /^(?:npm:(?:@[\w.-]+\/)?[\w.-]+@)?\d+[.]\d+[.]\d+(?:-[\w.-]+)?$/.test(wanted);
}

/** The packages that are not the registry's own archive with a strong hash. */
function withoutIntegrity(all: Packages): readonly string[] {
  return Object.entries(all).flatMap(([folder, { integrity = '', resolved, link }]) => {
    const isFromRegistry = resolved === undefined || resolved.startsWith('https://registry.npmjs.org/');
    const isSound = /^sha512-[\w+/]{86}==$/.test(integrity) && isFromRegistry && link !== true;
    return folder === '' || isSound ? [] : [folder];
  });
}

/** The packages that ask for code at install time, by name. */
function withInstallScript(all: Packages): readonly string[] {
  const folders = Object.entries(all).flatMap(([folder, { hasInstallScript }]) => (hasInstallScript ? [folder] : []));
  return folders.map((folder) => folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length)).sort();
}

describe('the versions', () => {
  it.each(KINDS)('are exact in the %s of package.json', (kind) => {
    expect(Object.entries(manifest[kind]).filter(([, wanted]) => !isExact(wanted))).toEqual([]);
  });

  it('are those that the lock file was made for', () => {
    expect(packages['']).toMatchObject(Object.fromEntries(KINDS.map((kind) => [kind, manifest[kind]])));
    for (const [name, wanted] of KINDS.flatMap((kind) => Object.entries(manifest[kind])))
      expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, wanted.replace(/^npm:.*@/, '')]);
  });

  it.each([
    '^1.2.3',
    '~1.2.3',
    '1.2',
    '1.x',
    '*',
    '',
    'latest',
    '>=1.2.3',
    '1.2.3 || 2.0.0',
    'npm:other@^1.2.3',
    'file:../x',
    'github:a/b',
    'https://example.com/x.tgz',
  ])('would not be exact: %j', (wanted) => {
    expect(isExact(wanted)).toBe(false);
  });
});

describe('the lock file', () => {
  it('has a strong hash of every package, and all are the registry’s', () => {
    expect(lockfileVersion).toBe(3);
    expect(Object.keys(packages).length).toBeGreaterThan(Object.keys(manifest.dependencies).length);
    expect(withoutIntegrity(packages)).toEqual([]);
  });

  it('would be refused with a weak hash, with none, from elsewhere, or with a link', () => {
    const integrity = `sha512-${'A'.repeat(86)}==`;
    expect(
      withoutIntegrity({
        '': {},
        good: { integrity },
        weak: { integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' },
        none: {},
        elsewhere: { integrity, resolved: 'https://example.com/elsewhere-1.0.0.tgz' },
        link: { integrity, link: true },
      }),
    ).toEqual(['weak', 'none', 'elsewhere', 'link']);
  });
});

describe('the licence', () => {
  it('is the verbatim text of Apache-2.0, and both manifests name it', () => {
    // Source: https://www.apache.org/licenses/LICENSE-2.0.txt; Debian's base-files and several npm packages, such as
    // @pulumi/aws, ship the same bytes.
    const verbatim = 'cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30';
    expect(createHash('sha256').update(read('LICENSE')).digest('hex')).toBe(verbatim);
    expect([manifest.license, packages['']?.license]).toEqual(['Apache-2.0', 'Apache-2.0']);
  });
});

describe('the installation', () => {
  it('runs no code: npm is told so, and the project asks for none itself', () => {
    expect(read('.npmrc')).toMatch(/^ignore-scripts=true$/m);
    expect(read('.npmrc')).toMatch(/^save-exact=true$/m);
    const atInstall = /^(?:pre|post)?(?:install|prepare|publish|pack)|^prepublishOnly$|^dependencies$/;
    expect(Object.keys(manifest.scripts).filter((name) => atInstall.test(name))).toEqual([]);
  });

  it('is asked for code by the packages that docs/security.md explains, and by no other', () => {
    const [, section = ''] = read('docs/security.md').split('### Install scripts\n');
    const explained = [...(section.split('\n#')[0] ?? '').matchAll(/^\| `([^`]+)` \| \S.*\S \| \S.*\S \|$/gm)].map(
      ([, name]) => name,
    );
    expect(withInstallScript(packages)).toEqual(explained);
    const more = { ...packages, 'node_modules/a/node_modules/@x/y': { hasInstallScript: true } };
    expect(withInstallScript(more)).toEqual(['@x/y', ...explained]);
  });
});

describe('the bundles', () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'pullgate-clones-')));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function git(cwd: string, ...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('git', args, { cwd, encoding: 'utf8' });
    if (status !== 0) throw new Error(`git ${args.join(' ')} failed in ${cwd}: ${stderr}`);
    return stdout;
  }

  /**
   * A clone with the packages of the project. What is not committed yet comes along: in a fresh checkout that is
   * nothing.
   */
  function clone(name: string): string {
    const to = join(folder, name);
    git(project, 'clone', '--quiet', project, to);
    const listed = (...kinds: readonly string[]) =>
      git(project, 'ls-files', '-z', '--exclude-standard', ...kinds)
        .split('\0')
        .filter((file) => file !== '');
    const deleted = new Set(listed('--deleted'));
    for (const file of deleted) rmSync(join(to, file), { force: true });
    for (const file of listed('--modified', '--others'))
      if (!deleted.has(file)) cpSync(join(project, file), join(to, file));
    symlinkSync(join(project, 'node_modules'), join(to, 'node_modules'), 'dir');
    return to;
  }

  it('have the same bytes from two clones, and from the checkout', async () => {
    const settings = { stack: 'dev' };
    const ofAws = [bundleHandler(settings).files];
    const ofAzure = [bundleAzureHandler(settings).files];
    for (const name of ['one', 'quite/another']) {
      const root = clone(name);
      const aws = (await import(join(root, 'aws', 'component', 'function.ts'))) as {
        bundleHandler: typeof bundleHandler;
      };
      const azure = (await import(join(root, 'azure', 'component', 'code.ts'))) as {
        bundleHandler: typeof bundleAzureHandler;
      };
      ofAws.push(aws.bundleHandler(settings).files);
      ofAzure.push(azure.bundleHandler(settings).files);
    }
    for (const files of [ofAws, ofAzure]) {
      const texts = files.map((one) => JSON.stringify(one));
      expect(texts).toHaveLength(3);
      expect(new Set(texts).size).toBe(1);
      expect(files[0]?.['index.mjs'].length).toBeGreaterThan(100_000);
    }
  });
});
