// The bill of materials of each bundle: the packages whose code is really in it, as `npm sbom` describes them, the same
// bytes for the same source.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { bundleHandler as bundleAws } from './aws/component/function.ts';
import { bundleHandler as bundleAzure } from './azure/component/code.ts';
import type { Bundle } from './bundle.ts';

/** A package as `npm sbom` describes it, in the words of CycloneDX. */
export interface NpmComponent {
  /** The package's own name and version, whatever alias it is installed under: `ms@2.1.3`. */
  readonly 'bom-ref': string;
  readonly type: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly unknown[];
}

export interface NpmSbom {
  /** The project. */
  readonly metadata: { readonly component: { readonly version: string } };
  readonly components: readonly NpmComponent[];
}

/**
 * The packages of package-lock.json, without those that are there for development only. No registry is asked.
 *
 * Source: https://docs.npmjs.com/cli/commands/npm-sbom
 */
export function npmSbom(project: string): NpmSbom {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--omit', 'dev', '--package-lock-only'];
  const text = execFileSync('npm', args, { cwd: project, encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 26 });
  return JSON.parse(text) as NpmSbom;
}

/** The packages that a bundle has code of, as they are installed, by name and version, in order: `ms@2.1.3`. */
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
 * The bill of materials of a bundle, as JSON.
 *
 * Each package has its version, license, package URL, and the hash of the archive that npm installs; the whole has the
 * hash of `index.mjs`, by which deployed code can be told. No time and no random number is in it.
 *
 * @param name what the bundle is called, such as `pullgate-aws`
 * @throws Error if `npm sbom` does not name a package in the bundle, or has no SHA-512 of it
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

/** The fields that npm 10 and 11 write alike, and that are the same in CycloneDX 1.5, which npm writes, and 1.6. */
function componentOf(ref: string, component: NpmComponent | undefined): NpmComponent & { readonly name: string } {
  if (!component?.hashes?.some(({ alg }) => alg === 'SHA-512')) {
    throw new Error(
      `the bundle has code of ${ref}, and package-lock.json has to name it, with a sha512 and not for development only; npm sbom says ${JSON.stringify(component)}. Run npm install, and commit the lock file`,
    );
  }
  const { type, version, purl, hashes, licenses = [] } = component;
  return { type, 'bom-ref': ref, name: ref.slice(0, ref.lastIndexOf('@')), version, purl, hashes, licenses };
}

/**
 * The bills of both bundles, by the name of their file. The code is the same for every stack: its settings are beside
 * it.
 */
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
