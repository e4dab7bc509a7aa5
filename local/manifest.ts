// OCI manifests with real digests: images, indexes and artifacts.
// Sources: https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md
import { createHash } from 'node:crypto';

export const IMAGE_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const IMAGE_INDEX = 'application/vnd.oci.image.index.v1+json';
const IMAGE_CONFIG = 'application/vnd.oci.image.config.v1+json';
const IMAGE_LAYER = 'application/vnd.oci.image.layer.v1.tar';
const EMPTY_CONFIG = 'application/vnd.oci.empty.v1+json';

export interface Blob {
  readonly digest: string;
  readonly content: Buffer;
}

export interface Manifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly text: string;
  readonly artifactType: string | undefined;
  readonly subject: string | undefined;
  /** The digests of config and layers. */
  readonly blobs: readonly string[];
  /** The digests of an index's manifests. */
  readonly children: readonly string[];
  /** The size of config and layers together, in bytes. */
  readonly size: number;
}

export interface Built {
  readonly manifest: Manifest;
  readonly blobs: readonly Blob[];
}

export function digestOf(content: string | Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** An image with one layer, which holds the content. */
export function imageOf(content: string, architecture = 'arm64'): Built {
  const layer = blobOf(content);
  const rootfs = { type: 'layers', diff_ids: [layer.digest] };
  const config = blobOf(JSON.stringify({ architecture, os: 'linux', rootfs }));
  return built({ config: descriptor(IMAGE_CONFIG, config), layers: [descriptor(IMAGE_LAYER, layer)] }, [config, layer]);
}

/** An index of manifests that already exist. */
export function indexOf(children: readonly Manifest[]): Built {
  const manifests = children.map(({ digest, mediaType, text }) => ({
    mediaType,
    digest,
    size: Buffer.byteLength(text),
  }));
  return { manifest: readManifest(JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_INDEX, manifests })), blobs: [] };
}

/** An artifact, such as a signature of a subject. */
export function artifactOf(artifactType: string, content: string, subject?: Manifest): Built {
  const config = blobOf('{}');
  const layer = blobOf(content);
  const of = subject && { mediaType: subject.mediaType, digest: subject.digest, size: Buffer.byteLength(subject.text) };
  const fields = { artifactType, config: descriptor(EMPTY_CONFIG, config), layers: [descriptor(artifactType, layer)] };
  return built({ ...fields, ...(of === undefined ? {} : { subject: of }) }, [config, layer]);
}

/**
 * Parses a manifest.
 *
 * @throws Error if the text is not a manifest
 */
export function readManifest(text: string): Manifest {
  const parsed: {
    mediaType?: string;
    artifactType?: string;
    subject?: { digest: string };
    config?: { digest: string; size: number; mediaType: string };
    layers?: readonly { digest: string; size: number }[];
    manifests?: readonly { digest: string }[];
  } = JSON.parse(text);
  if (parsed.config === undefined && parsed.manifests === undefined) {
    throw new Error(`a manifest has a config or manifests; got ${text.slice(0, 200)}`);
  }
  const parts = [...(parsed.config === undefined ? [] : [parsed.config]), ...(parsed.layers ?? [])];
  return {
    digest: digestOf(text),
    mediaType: parsed.mediaType ?? (parsed.manifests === undefined ? IMAGE_MANIFEST : IMAGE_INDEX),
    text,
    artifactType: parsed.artifactType ?? parsed.config?.mediaType,
    subject: parsed.subject?.digest,
    blobs: parts.map(({ digest }) => digest),
    children: (parsed.manifests ?? []).map(({ digest }) => digest),
    size: parts.reduce((sum, { size }) => sum + size, 0),
  };
}

function built(fields: object, blobs: readonly Blob[]): Built {
  return { manifest: readManifest(JSON.stringify({ schemaVersion: 2, mediaType: IMAGE_MANIFEST, ...fields })), blobs };
}

function blobOf(text: string): Blob {
  const content = Buffer.from(text);
  return { digest: digestOf(content), content };
}

function descriptor(mediaType: string, { digest, content }: Blob) {
  return { mediaType, digest, size: content.byteLength };
}
