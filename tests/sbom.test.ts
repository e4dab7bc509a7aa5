// Proves that a bill of materials names what is in a bundle, all of it and nothing else, and that it is the same for the same source.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleHandler } from '../aws/component/function.ts';
import { bundleHandler as bundleAzureHandler } from '../azure/component/code.ts';
import type { Bundle } from '../bundle.ts';
import { type LockedPackages, lockedPackages, packagesIn, sbomOf, sboms } from '../sbom.ts';

const project = join(import.meta.dirname, '..');
const locked = lockedPackages(project);
const INTEGRITY = `sha512-${Buffer.alloc(64, 1).toString('base64')}`;

interface Component {
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly 'bom-ref': string;
  readonly hashes: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly unknown[];
}
interface Bill {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

/** A bundle of these files. */
function bundleOf(...inputs: readonly string[]): Pick<Bundle, 'files' | 'inputs'> {
  return { files: { 'index.mjs': 'export {};', 'settings.json': '{}' }, inputs };
}

function bill(bundle: Pick<Bundle, 'files' | 'inputs'>, packages: LockedPackages): Bill {
  return JSON.parse(sbomOf('example', '1.0.0', bundle, packages)) as Bill;
}

describe('a bill of materials', () => {
  it('names a package once, by its own name and version, with the hash that npm checks', () => {
    const files = ['/a/shared/own.ts', '/a/node_modules/ms/index.js', '/a/node_modules/ms/lib/more.js'];
    const { components, dependencies } = bill(bundleOf(...files), {
      'node_modules/ms': { version: '2.1.3', license: 'MIT', integrity: INTEGRITY },
      'node_modules/not-reached': { version: '1.0.0', integrity: INTEGRITY },
    });
    expect(components).toEqual([
      {
        type: 'library',
        name: 'ms',
        version: '2.1.3',
        'bom-ref': 'pkg:npm/ms@2.1.3',
        purl: 'pkg:npm/ms@2.1.3',
        hashes: [{ alg: 'SHA-512', content: '01'.repeat(64) }],
        licenses: [{ license: { id: 'MIT' } }],
      },
    ]);
    expect(dependencies).toContainEqual({ ref: 'example', dependsOn: ['pkg:npm/ms@2.1.3'] });
  });

  it.each([
    ['node_modules/@azure/core-util', { version: '1.0.0' }, '@azure', 'core-util', 'pkg:npm/%40azure/core-util@1.0.0'],
    ['node_modules/a/node_modules/@b/c', { version: '1.0.0-rc.1' }, '@b', 'c', 'pkg:npm/%40b/c@1.0.0-rc.1'],
    ['node_modules/@a/old', { version: '1.0.0', name: '@a/new' }, '@a', 'new', 'pkg:npm/%40a/new@1.0.0'],
    ['node_modules/alias', { version: '1.0.0', name: 'real' }, undefined, 'real', 'pkg:npm/real@1.0.0'],
  ])('knows the package of %s', (folder, entry, group, name, purl) => {
    const { components } = bill(bundleOf(`/x/${folder}/dist/index.js`), {
      [folder]: { ...entry, integrity: INTEGRITY },
    });
    expect(components.map((one) => [one.group, one.name, one.purl])).toEqual([[group, name, purl]]);
  });

  it('names a version once that is installed in two folders, and two versions twice', () => {
    const folders = ['node_modules/a', 'node_modules/b/node_modules/a', 'node_modules/c/node_modules/a'];
    const versions = ['1.0.0', '1.0.0', '2.0.0'];
    const packages = Object.fromEntries(
      folders.map((folder, place) => [folder, { version: versions[place] ?? '', integrity: INTEGRITY }]),
    );
    const { components } = bill(bundleOf(...folders.map((folder) => `/x/${folder}/index.js`)), packages);
    expect(components.map(({ purl }) => purl)).toEqual(['pkg:npm/a@1.0.0', 'pkg:npm/a@2.0.0']);
  });

  it.each([
    ['MIT', { license: { id: 'MIT' } }],
    ['(MIT OR Apache-2.0)', { expression: '(MIT OR Apache-2.0)' }],
    ['SEE LICENSE IN LICENSE.md', { license: { name: 'SEE LICENSE IN LICENSE.md' } }],
  ])('gives the license %j', (license, written) => {
    const { components } = bill(bundleOf('/x/node_modules/a/index.js'), {
      'node_modules/a': { version: '1.0.0', license, integrity: INTEGRITY },
    });
    expect(components[0]?.licenses).toEqual([written]);
  });

  it.each<[string, LockedPackages]>([
    ['is not in the lock file', {}],
    ['has no version', { 'node_modules/a': { integrity: INTEGRITY } }],
    ['has no hash', { 'node_modules/a': { version: '1.0.0' } }],
    ['has a weak hash', { 'node_modules/a': { version: '1.0.0', integrity: 'sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=' } }],
  ])('is refused where a package %s', (_what, packages) => {
    expect(() => bill(bundleOf('/x/node_modules/a/index.js'), packages)).toThrow(
      'the bundle has code of node_modules/a, and package-lock.json has to name its version and its sha512; it has',
    );
  });
});

describe('the bills of both bundles', () => {
  let written: Readonly<Record<string, string>>;
  let bundles: Readonly<Record<string, Bundle>>;
  beforeAll(async () => {
    written = await sboms(project);
    const settings = { stack: 'another' };
    bundles = { 'aws.cdx.json': await bundleHandler(settings), 'azure.cdx.json': await bundleAzureHandler(settings) };
  });

  it.each([
    ['aws.cdx.json', 'pullgate-aws', 'pkg:npm/%40aws-sdk/client-ecr@'],
    ['azure.cdx.json', 'pullgate-azure', 'pkg:npm/%40azure/monitor-query-logs@'],
  ])('%s is what the deployed code is made of', (file, name, example) => {
    const { bomFormat, specVersion, metadata, components } = JSON.parse(written[file] ?? '') as Bill;
    const bundle = bundles[file];
    if (bundle === undefined) throw new Error(`no bundle of ${file}`);
    const { version } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')) as { readonly version: string };
    expect([bomFormat, specVersion, metadata.component.name, metadata.component.version]).toEqual([
      'CycloneDX',
      '1.6',
      name,
      version,
    ]);
    const content = createHash('sha256').update(bundle.files['index.mjs']).digest('hex');
    expect(metadata.component.hashes).toEqual([{ alg: 'SHA-256', content }]);
    expect(components.length).toBeGreaterThan(20);
    expect(components).toHaveLength(packagesIn(bundle).length);
    expect(components.filter(({ purl }) => purl.startsWith(example))).toHaveLength(1);
    for (const one of components) expect([one.purl, one.licenses?.length]).toEqual([one.purl, 1]);
  });

  it('hold nothing that is only there to develop and test, and happens to be found', () => {
    const folders = Object.values(bundles).flatMap(packagesIn);
    expect(folders.filter((folder) => locked[folder]?.dev === true)).toEqual([]);
  });

  it('have the same bytes again: nothing of the settings, of the time or of chance is in them', () => {
    const version = locked['']?.version ?? '';
    const { 'aws.cdx.json': aws, 'azure.cdx.json': azure } = bundles;
    if (aws === undefined || azure === undefined) throw new Error('both bundles are needed');
    expect(sbomOf('pullgate-aws', version, aws, locked)).toBe(written['aws.cdx.json']);
    expect(sbomOf('pullgate-azure', version, azure, locked)).toBe(written['azure.cdx.json']);
  });
});
