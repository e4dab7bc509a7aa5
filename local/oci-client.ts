// A small container client that pulls and pushes as docker does after login.
// Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
import { type Built, imageOf } from './manifest.ts';

export interface Pulled {
  /** The HTTP status of the last step: 200 for a whole image. */
  readonly status: number;
  readonly digest: string | undefined;
  /** The registry's message if it refused. */
  readonly message: string | undefined;
}

export interface OciClient {
  /** Pulls a manifest with its config and layers. For an index, pulls only the manifest. */
  pull(repository: string, reference: string): Promise<Pulled>;
  /** Pushes an image with one layer, which holds this content. */
  push(repository: string, tag: string, content: string): Promise<Pulled>;
}

export interface OciResponse {
  readonly status: number;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** Sends a request to a registry with a login. The path may be a URL on another host. */
export type OciAsk = (method: string, path: string, body?: string) => Promise<OciResponse>;

export function createOciClient(ask: OciAsk): OciClient {
  const pushImage = async (repository: string, tag: string, { manifest, blobs }: Built): Promise<Pulled> => {
    for (const { digest, content } of blobs) {
      const known = await ask('HEAD', `/v2/${repository}/blobs/${digest}`);
      if (isOk(known)) continue;
      const started = await ask('POST', `/v2/${repository}/blobs/uploads/`);
      if (!isOk(started)) return endOf(started);
      const path = `${started.headers['location']}?digest=${encodeURIComponent(digest)}`;
      const completed = await ask('PUT', path, content.toString('utf8'));
      if (!isOk(completed)) return endOf(completed);
    }
    return endOf(await ask('PUT', `/v2/${repository}/manifests/${tag}`, manifest.text));
  };
  return {
    async pull(repository, reference) {
      const response = await ask('GET', `/v2/${repository}/manifests/${reference}`);
      if (!isOk(response)) return endOf(response);
      const manifest: { config?: { digest: string }; layers?: readonly { digest: string }[] } = JSON.parse(
        response.body.toString('utf8'),
      );
      for (const part of [...(manifest.config === undefined ? [] : [manifest.config]), ...(manifest.layers ?? [])]) {
        const blob = await ask('GET', `/v2/${repository}/blobs/${part.digest}`);
        if (!isOk(blob)) return endOf(blob);
      }
      return { status: 200, digest: response.headers['docker-content-digest'], message: undefined };
    },
    push: (repository, tag, content) => pushImage(repository, tag, imageOf(content)),
  };
}

function isOk({ status }: OciResponse): boolean {
  return status >= 200 && status < 300;
}

function endOf(response: OciResponse): Pulled {
  const { status, headers, body } = response;
  if (isOk(response)) return { status, digest: headers['docker-content-digest'], message: undefined };
  const { errors }: { errors: readonly { message: string }[] } = JSON.parse(
    body.byteLength === 0 ? '{"errors":[]}' : body.toString('utf8'),
  );
  return { status, digest: undefined, message: errors[0]?.message ?? `status ${status}` };
}
