// Blob uploads and downloads, which work alike in every registry.
// Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
import { randomUUID } from 'node:crypto';
import { digestOf } from './manifest.ts';

export interface OciAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

/** The blobs of a repository. */
export interface BlobStore {
  readonly name: string;
  /** By digest. */
  readonly blobs: Map<string, Buffer>;
}

export interface Uploads {
  start(store: BlobStore): OciAnswer;
  add(store: BlobStore, id: string, body: Buffer): OciAnswer;
  complete(store: BlobStore, id: string, body: Buffer, digest: string | null): OciAnswer;
}

export function createUploads(): Uploads {
  const uploads = new Map<string, Buffer>();
  const started = ({ name }: BlobStore, id: string) => `/v2/${name}/blobs/uploads/${id}`;
  const grown = (id: string, body: Buffer) => Buffer.concat([uploads.get(id) ?? Buffer.alloc(0), body]);
  return {
    start(store) {
      const id = randomUUID();
      uploads.set(id, Buffer.alloc(0));
      return { status: 202, headers: { location: started(store, id), 'docker-upload-uuid': id }, body: '' };
    },
    add(store, id, body) {
      const content = grown(id, body);
      uploads.set(id, content);
      return {
        status: 202,
        headers: { location: started(store, id), range: `0-${content.byteLength - 1}` },
        body: '',
      };
    },
    complete({ name, blobs }, id, body, digest) {
      const content = grown(id, body);
      uploads.delete(id);
      if (digest !== digestOf(content))
        return ociError(400, 'DIGEST_INVALID', `the digest is ${digestOf(content)}; got ${digest}`);
      blobs.set(digest, content);
      return {
        status: 201,
        headers: { 'docker-content-digest': digest, location: `/v2/${name}/blobs/${digest}` },
        body: '',
      };
    },
  };
}

export function blobAnswer({ blobs }: BlobStore, digest: string, withBody: boolean): OciAnswer {
  const content = blobs.get(digest);
  if (content === undefined) return ociError(404, 'BLOB_UNKNOWN', `no blob ${digest}`);
  const headers = { 'docker-content-digest': digest, 'content-length': String(content.byteLength) };
  return { status: 200, headers, body: withBody ? content : '' };
}

export function ociError(status: number, code: string, message: string): OciAnswer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ errors: [{ code, message }] }),
  };
}
