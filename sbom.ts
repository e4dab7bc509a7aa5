// The SBOM (software bill of materials) of each bundle: the packages whose code the bundle contains, as `npm sbom`
// describes them. The same source always gives the same bytes.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { bundleHandler as bundleAws } from './aws/component/function.ts';
import { bundleHandler as bundleAzure } from './azure/component/code.ts';
import type { Bundle } from './bundle.ts';

/** A package as `npm sbom` describes it, with CycloneDX fields. */
export interface NpmComponent {
  /** The package's own name and version, even if it is installed under an alias: `ms@2.1.3`. */
  readonly 'bom-ref': string;
  readonly type: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly unknown[];
  readonly properties?: readonly { readonly name: string }[];
}

export interface NpmSbom {
  /** The project. */
  readonly metadata: { readonly component: { readonly version: string } };
  readonly components: readonly NpmComponent[];
}

/** The property of a package that only development dependencies need. */
const DEVELOPMENT = 'cdx:npm:package:development';

/**
 * The packages in package-lock.json, without those that only development dependencies need. It does not call a
 * registry. `--omit dev` would also leave out what development dependencies share with others.
 *
 * Source: https://docs.npmjs.com/cli/commands/npm-sbom
 */
export function npmSbom(project: string): NpmSbom {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const text = execFileSync('npm', args, { cwd: project, encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 26 });
  const { metadata, components } = JSON.parse(text) as NpmSbom;
  return {
    metadata,
    components: components.filter((one) => !one.properties?.some(({ name }) => name === DEVELOPMENT)),
  };
}

/** The installed packages whose code a bundle contains, as name and version, sorted: `ms@2.1.3`. */
export function packagesIn({ inputs }: Pick<Bundle, 'inputs'>): readonly string[] {
  const folders = inputs.flatMap(
    (path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path.replaceAll(sep, '/')) ?? [],
  );
  const packages = [...new Set(folders)].map((folder) => {
    const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    const { name, version } = manifest as { readonly name: string; readonly version: string };
    return `${name}@${version}`;
  });
  return [...new Set(packages)].sort();
}

/**
 * The SBOM of a bundle, as JSON.
 *
 * Each package has its version, license, package URL, and the hash of the archive that npm installs. The bundle has the
 * hash of `index.mjs`, which identifies deployed code. The SBOM contains no times or random numbers.
 *
 * @param name the name of the bundle, such as `pullgate-aws`
 * @throws Error if `npm sbom` does not list a package of the bundle, or has no SHA-512 hash for it
 */
export function sbomOf(
  name: string,
  bundle: Pick<Bundle, 'files' | 'inputs'>,
  { metadata, components }: NpmSbom,
): string {
  const content = createHash('sha256').update(bundle.files['index.mjs']).digest('hex');
  const { version } = metadata.component;
  const whole = { type: 'application', 'bom-ref': name, name, version, hashes: [{ alg: 'SHA-256', content }] };
  const byRef = new Map(components.map((one) => [one['bom-ref'], one]));
  const refs = packagesIn(bundle);
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: whole },
    components: refs.map((ref) => componentOf(ref, byRef.get(ref))),
    dependencies: [{ ref: name, dependsOn: refs }],
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

/** The fields that are the same in npm 10 and 11, and in CycloneDX 1.5, which npm writes, and 1.6. */
function componentOf(ref: string, component: NpmComponent | undefined): NpmComponent & { readonly name: string } {
  if (!component?.hashes?.some(({ alg }) => alg === 'SHA-512')) {
    throw new Error(
      `the bundle contains code of ${ref}, so package-lock.json must list it with a sha512 hash and not only as a development dependency; npm sbom has ${JSON.stringify(component)}. Run npm install and commit the lock file`,
    );
  }
  const { type, version, purl, hashes, licenses = [] } = component;
  return { type, 'bom-ref': ref, name: ref.slice(0, ref.lastIndexOf('@')), version, purl, hashes, licenses };
}

/** The SBOMs of both bundles, by file name. They apply to every stack, because the settings are a separate file. */
export function sboms(project: string): Readonly<Record<string, string>> {
  const locked = npmSbom(project);
  const settings = { stack: 'sbom' };
  return {
    'aws.cdx.json': sbomOf('pullgate-aws', bundleAws(settings), locked),
    'azure.cdx.json': sbomOf('pullgate-azure', bundleAzure(settings), locked),
  };
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, 'dist', 'sbom');
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(sboms(import.meta.dirname))) {
    writeFileSync(join(folder, file), text);
    process.stdout.write(`dist/sbom/${file}\n`);
  }
}
