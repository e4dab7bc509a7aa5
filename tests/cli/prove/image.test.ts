// Tests the images that `prove` builds, with the system's own tar.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { buildImage, type ImageKind } from '../../../cli/prove/image.ts';
import { digestOf, readManifest } from '../../../local/manifest.ts';

const FILES = ['etc/os-release', 'etc/debian_version', 'var/lib/dpkg/status'];

function unpacked(kind: ImageKind): { readonly listed: string; readonly text: (file: string) => string } {
  const folder = mkdtempSync(join(tmpdir(), 'prove-image-'));
  const { layer } = buildImage(kind, 'a');
  const listed = execFileSync('tar', ['-tvzf', '-'], { input: layer.content }).toString();
  execFileSync('tar', ['-xzf', '-', '-C', folder], { input: layer.content });
  return { listed, text: (file) => readFileSync(join(folder, file), 'utf8') };
}

it('the layer has the release of the system and its packages, and nothing that can run', () => {
  const { listed, text } = unpacked('vulnerable');
  const lines = listed.trimEnd().split('\n');
  expect(lines.map((line) => line.split(/\s+/).at(-1))).toEqual(FILES);
  for (const line of lines) expect(line).toMatch(/^-rw-r--r-- /);
  expect(text('etc/os-release')).toMatch(/^ID=debian$/m);
  expect(text('etc/os-release')).toMatch(/^VERSION_ID="12"$/m);
  expect(text('var/lib/dpkg/status').match(/^(?:Package|Version): .+$/gm)).toEqual([
    'Package: curl',
    'Version: 7.88.1-10',
    'Package: libcurl4',
    'Version: 7.88.1-10',
  ]);
});

it('the fixed image has no vulnerable package', () => {
  expect(
    unpacked('fixed')
      .text('var/lib/dpkg/status')
      .match(/^Package: .+$/gm),
  ).toEqual(['Package: base-files']);
});

it('manifest, config and layer name each other by digest and size, as the image specification requires', () => {
  const { digest, manifest, config, layer } = buildImage('vulnerable', 'a');
  expect(readManifest(manifest)).toMatchObject({ digest, blobs: [config.digest, layer.digest] });
  expect([config, layer].map(({ content }) => digestOf(content))).toEqual([config.digest, layer.digest]);
  const { config: named, layers } = JSON.parse(manifest);
  expect([named.size, layers[0].size]).toEqual([config.content.byteLength, layer.content.byteLength]);
  const { rootfs } = JSON.parse(config.content.toString());
  expect(rootfs.diff_ids).toEqual([digestOf(gunzipSync(layer.content))]);
});

it('the digest is the same for the same run, and another for another run or kind', () => {
  const digests = (['vulnerable', 'fixed'] as const).flatMap((kind) =>
    ['a', 'b', 'a'].map((nonce) => buildImage(kind, nonce).digest),
  );
  expect(new Set(digests).size).toBe(4);
  expect(digests[0]).toBe(digests[2]);
});
