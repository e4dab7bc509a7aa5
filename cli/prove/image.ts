// The images that `prove` pushes: a few text files that name an operating system and its packages. Nothing in them can
// run.
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { tarOf } from './tar.ts';

export interface Blob {
  readonly digest: string;
  readonly content: Buffer;
}

export interface BuiltImage {
  readonly digest: string;
  /** The text of the manifest. */
  readonly manifest: string;
  readonly config: Blob;
  readonly layer: Blob;
}

/** `vulnerable`: with a package that has a known critical vulnerability. `fixed`: without it. */
export type ImageKind = 'vulnerable' | 'fixed';

export const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const CONFIG = 'application/vnd.oci.image.config.v1+json';
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip';

/**
 * CVE-2023-38545 in curl, CVSS 9.8. The first version without it is 7.88.1-10+deb12u4.
 * Source: https://security-tracker.debian.org/tracker/CVE-2023-38545
 */
export const EXPECTED = {
  vulnerability: 'CVE-2023-38545',
  package: 'curl',
  version: '7.88.1-10',
  fixedVersion: '7.88.1-10+deb12u4',
  disclosedAt: '2023-10-18T00:00:00.000Z',
} as const;

/** A release that both scanners support. Source: https://docs.aws.amazon.com/inspector/latest/user/supported.html */
const OS_RELEASE = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"
NAME="Debian GNU/Linux"
VERSION_ID="12"
VERSION="12 (bookworm)"
VERSION_CODENAME=bookworm
ID=debian
HOME_URL="https://www.debian.org/"
`;

/** The fields that dpkg writes. Source: https://manpages.debian.org/bookworm/dpkg-dev/deb-control.5 */
function packageEntry(name: string, source: string, version: string): string {
  return `Package: ${name}
Status: install ok installed
Priority: optional
Section: web
Installed-Size: 1
Maintainer: pullgate prove <nobody@example.com>
Architecture: amd64
Source: ${source}
Version: ${version}
Description: an entry in a package database, without the files of the package

`;
}

const PACKAGES: Readonly<Record<ImageKind, string>> = {
  vulnerable: ['curl', 'libcurl4'].map((name) => packageEntry(name, 'curl', EXPECTED.version)).join(''),
  fixed: packageEntry('base-files', 'base-files', '12.4+deb12u12'),
};

/**
 * Builds an image. The same parameters give the same digest.
 *
 * @param nonce makes the digest differ from that of every other run, because findings belong to a digest
 */
export function buildImage(kind: ImageKind, nonce: string): BuiltImage {
  const tar = tarOf({
    'etc/os-release': OS_RELEASE,
    'etc/debian_version': '12.0\n',
    'var/lib/dpkg/status': PACKAGES[kind],
  });
  const layer = blobOf(gzipSync(tar));
  const config = blobOf(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Labels: { 'pullgate.prove': nonce, 'pullgate.prove.image': kind } },
      rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
    }),
  );
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: descriptor(CONFIG, config),
    layers: [descriptor(LAYER, layer)],
  });
  return { digest: digestOf(manifest), manifest, config, layer };
}

function blobOf(content: string | Buffer): Blob {
  return { digest: digestOf(content), content: Buffer.from(content) };
}

function descriptor(mediaType: string, { digest, content }: Blob) {
  return { mediaType, digest, size: content.byteLength };
}

function digestOf(content: string | Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
