// The bill of materials of each bundle: the packages whose code is really in it, as CycloneDX 1.6, the same bytes for the same source.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { Enums, Models, Serialize, SPDX, Spec } from '@cyclonedx/cyclonedx-library';
import { bundleHandler as bundleAws } from './aws/component/function.ts';
import { bundleHandler as bundleAzure } from './azure/component/code.ts';
import type { Bundle } from './bundle.ts';

/** A package in package-lock.json, as far as a bill of materials needs it. */
export interface LockedPackage {
  /** Where the folder has another name than the package: an alias. */
  readonly name?: string;
  readonly version?: string;
  readonly license?: string;
  /** Subresource integrity: `sha512-` and base64. */
  readonly integrity?: string;
  /** Is it there for a dev dependency only? */
  readonly dev?: boolean;
}

/** By the folder's path in the project: `node_modules/ms`. */
export type LockedPackages = Readonly<Record<string, LockedPackage>>;

/** The packages that package-lock.json names. */
export function lockedPackages(project: string): LockedPackages {
  const lock: unknown = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  return (lock as { readonly packages: LockedPackages }).packages;
}

/** The folders of the packages that a bundle has code of, as the lock file writes them, in order. */
export function packagesIn({ inputs }: Pick<Bundle, 'inputs'>): readonly string[] {
  const folders = inputs.flatMap((path) => {
    const [, folder] =
      /^.*?\/(node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(path.replaceAll(sep, '/')) ?? [];
    return folder === undefined ? [] : [folder];
  });
  return [...new Set(folders)].sort();
}

/**
 * The bill of materials of a bundle, as JSON.
 *
 * Each package has its version, license, package URL, and the hash of the archive that npm installs; the whole has the hash of `index.mjs`, by which
 * deployed code can be told. No time and no random number is in it.
 *
 * @param name what the bundle is called, such as `pullgate-aws`
 * @param version the project's version
 * @throws Error where a package in the bundle is not in the lock file, or has no version or integrity there
 */
export function sbomOf(
  name: string,
  version: string,
  bundle: Pick<Bundle, 'files' | 'inputs'>,
  locked: LockedPackages,
): string {
  const bom = new Models.Bom();
  const hash = createHash('sha256').update(bundle.files['index.mjs']).digest('hex');
  const whole = new Models.Component(Enums.ComponentType.Application, name, {
    version,
    bomRef: name,
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm['SHA-256'], hash]]),
  });
  bom.metadata.component = whole;
  const components = packagesIn(bundle).map((folder) => componentOf(folder, locked[folder]));
  // A version that is installed in two folders is one package.
  for (const component of new Map(components.map((one) => [one.purl, one])).values()) {
    bom.components.add(component);
    whole.dependencies.add(component.bomRef);
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`;
}

function componentOf(folder: string, locked: LockedPackage | undefined): Models.Component {
  const [, scope, short = ''] =
    /node_modules\/(?:(@[^/]+)\/)?([^/]+)$/.exec(`/node_modules/${nameOf(folder, locked)}`) ?? [];
  const { version, integrity, license } = locked ?? {};
  const [, base64] = /^sha512-(\S+)$/.exec(integrity ?? '') ?? [];
  if (version === undefined || base64 === undefined) {
    throw new Error(
      `the bundle has code of ${folder}, and package-lock.json has to name its version and its sha512; it has ${JSON.stringify(locked)}. Run npm install, and commit the lock file`,
    );
  }
  const purl = packageUrl(scope, short, version);
  return new Models.Component(Enums.ComponentType.Library, short, {
    ...(scope === undefined ? {} : { group: scope }),
    version,
    purl,
    bomRef: purl,
    hashes: new Models.HashDictionary([
      [Enums.HashAlgorithm['SHA-512'], Buffer.from(base64, 'base64').toString('hex')],
    ]),
    licenses: new Models.LicenseRepository(license === undefined ? [] : [licenseOf(license)]),
  });
}

/** The package's own name: that of its folder, unless it is installed under an alias. */
function nameOf(folder: string, locked: LockedPackage | undefined): string {
  return locked?.name ?? folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
}

/** Source: https://github.com/package-url/purl-spec/blob/main/types-doc/npm-definition.md */
function packageUrl(scope: string | undefined, name: string, version: string): string {
  const namespace = scope === undefined ? '' : `${encodeURIComponent(scope)}/`;
  return `pkg:npm/${namespace}${encodeURIComponent(name)}@${encodeURIComponent(version)}`;
}

function licenseOf(text: string): Models.License {
  if (SPDX.isSupportedSpdxId(text)) return new Models.SpdxLicense(text);
  return / (?:OR|AND|WITH) /.test(text) ? new Models.LicenseExpression(text) : new Models.NamedLicense(text);
}

/** The bills of both bundles, by the name of their file. The code is the same for every stack: its settings are beside it. */
export async function sboms(project: string): Promise<Readonly<Record<string, string>>> {
  const locked = lockedPackages(project);
  const version = locked['']?.version ?? '';
  const settings = { stack: 'sbom' };
  return {
    'aws.cdx.json': sbomOf('pullgate-aws', version, await bundleAws(settings), locked),
    'azure.cdx.json': sbomOf('pullgate-azure', version, await bundleAzure(settings), locked),
  };
}

if (import.meta.main) {
  const folder = join(import.meta.dirname, 'dist', 'sbom');
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(await sboms(import.meta.dirname))) {
    writeFileSync(join(folder, file), text);
    process.stdout.write(`dist/sbom/${file}\n`);
  }
}
