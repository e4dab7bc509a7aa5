// SBOMs: they list exactly the packages in a bundle, and are the same for the same source.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleHandler } from '../aws/component/function.ts';
import { bundleHandler as bundleAzureHandler } from '../azure/component/code.ts';
import type { Bundle } from '../bundle.ts';
import { type NpmComponent, type NpmSbom, npmSbom, packagesIn, sbomOf, sboms } from '../sbom.ts';

const project = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'pullgate-sbom-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Bill {
  readonly bomFormat: string;
  readonly specVersion: string;
  readonly metadata: { readonly component: NpmComponent & { readonly name: string } };
  readonly components: readonly (NpmComponent & { readonly name: string })[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}

/** A bundle with these files. */
function bundleOf(...inputs: readonly string[]): Pick<Bundle, 'files' | 'inputs'> {
  return { files: { 'index.mjs': 'export {};', 'settings.json': '{}' }, inputs };
}

/** Installs a package in this folder, and returns one of its files. */
function install(at: string, name: string, version: string): string {
  mkdirSync(join(folder, at), { recursive: true });
  writeFileSync(join(folder, at, 'package.json'), JSON.stringify({ name, version }));
  return join(folder, at, 'dist', 'index.js');
}

/** A package as `npm sbom` describes it. */
function described(ref: string, hashAlgorithm = 'SHA-512'): NpmComponent {
  const version = ref.slice(ref.lastIndexOf('@') + 1);
  const purl = `pkg:npm/${ref.replace(/^@/, '%40')}`;
  const [hashes, licenses] = [[{ alg: hashAlgorithm, content: '01' }], [{ license: { id: 'MIT' } }]];
  return { type: 'library', 'bom-ref': ref, version, purl, hashes, licenses };
}

function bill(inputs: readonly string[], components: readonly NpmComponent[]): Bill {
  const npm: NpmSbom = { metadata: { component: { version: '1.0.0' } }, components };
  return JSON.parse(sbomOf('example', bundleOf(...inputs), npm)) as Bill;
}

describe('an SBOM', () => {
  it('lists a package once, with the fields of npm except its folder name and optional data', () => {
    const file = install('node_modules/ms', 'ms', '2.1.3');
    const npm = {
      ...described('ms@2.1.3'),
      name: 'an-alias',
      properties: [{ name: 'path', value: 'node_modules/ms' }],
    };
    const { components, dependencies } = bill(
      [join(folder, 'own.ts'), file, `${file}x`],
      [npm, described('not-reached@1.0.0')],
    );
    expect(components).toEqual([
      {
        type: 'library',
        name: 'ms',
        version: '2.1.3',
        'bom-ref': 'ms@2.1.3',
        purl: 'pkg:npm/ms@2.1.3',
        hashes: [{ alg: 'SHA-512', content: '01' }],
        licenses: [{ license: { id: 'MIT' } }],
      },
    ]);
    expect(dependencies).toEqual([{ ref: 'example', dependsOn: ['ms@2.1.3'] }]);
  });

  it.each([
    ['node_modules/@azure/core-util', '@azure/core-util'],
    ['node_modules/a/node_modules/@b/c', '@b/c'],
    ['node_modules/@a/old', '@a/new'],
    ['node_modules/alias', 'real'],
  ])('identifies the package in %s as %s', (at, name) => {
    expect(packagesIn(bundleOf(install(at, name, '1.0.0-rc.1')))).toEqual([`${name}@1.0.0-rc.1`]);
  });

  it('lists a version in two folders once, and two versions separately', () => {
    const files = [
      install('node_modules/c/node_modules/a', 'a', '2.0.0'),
      install('node_modules/a', 'a', '1.0.0'),
      install('node_modules/b/node_modules/a', 'a', '1.0.0'),
    ];
    const { components } = bill(files, [described('a@2.0.0'), described('a@1.0.0'), described('a@1.0.0')]);
    expect(components.map(({ purl }) => purl)).toEqual(['pkg:npm/a@1.0.0', 'pkg:npm/a@2.0.0']);
  });

  it.each<[string, readonly NpmComponent[]]>([
    ['is not in the lock file, or only a development dependency', []],
    ['is locked at another version', [described('a@1.0.1')]],
    ['has no hash', [{ 'bom-ref': 'a@1.0.0', type: 'library', version: '1.0.0', purl: 'pkg:npm/a@1.0.0' }]],
    ['has a weak hash', [described('a@1.0.0', 'SHA-1')]],
  ])('is refused if a package %s', (_what, components) => {
    expect(() => bill([install('node_modules/a', 'a', '1.0.0')], components)).toThrow(
      'the bundle contains code of a@1.0.0, so package-lock.json must list it with a sha512 hash and not only as a development dependency; npm sbom has ',
    );
  });
});

describe('the SBOMs of both bundles', () => {
  let written: Readonly<Record<string, string>>;
  let bundles: Readonly<Record<string, Bundle>>;
  beforeAll(() => {
    written = sboms(project);
    const settings = { stack: 'another' };
    bundles = { 'aws.cdx.json': bundleHandler(settings), 'azure.cdx.json': bundleAzureHandler(settings) };
  });

  it.each([
    ['aws.cdx.json', 'pullgate-aws', 'pkg:npm/%40aws-sdk/client-ecr@'],
    ['azure.cdx.json', 'pullgate-azure', 'pkg:npm/%40azure/monitor-query-logs@'],
  ])('%s lists the packages of the deployed code', (file, name, example) => {
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

  it('are refused if the bundle contains code of a development dependency', () => {
    const { name, version } = JSON.parse(readFileSync(join(project, 'node_modules/vitest/package.json'), 'utf8'));
    const code = bundleOf(join(project, 'node_modules/vitest/dist/index.js'));
    expect(packagesIn(code)).toEqual([`${name}@${version}`]);
    expect(() => sbomOf('example', code, npmSbom(project))).toThrow(`the bundle contains code of vitest@${version}`);
  });

  it('have the same bytes every time: they contain no settings, times or random numbers', () => {
    const { 'aws.cdx.json': aws, 'azure.cdx.json': azure } = bundles;
    if (aws === undefined || azure === undefined) throw new Error('both bundles are needed');
    const npm = npmSbom(project);
    expect(sbomOf('pullgate-aws', aws, npm)).toBe(written['aws.cdx.json']);
    expect(sbomOf('pullgate-azure', azure, npm)).toBe(written['azure.cdx.json']);
  });
});
