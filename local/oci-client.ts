// A small container client: pulls and pushes as docker does, once it is logged in.
// Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
import { type Built, imageOf } from './manifest.ts';

export interface Pulled {
  /** HTTP status of the step that ended it: 200 for a whole image. */
  readonly status: number;
  readonly digest: string | undefined;
  /** What the registry says of a refusal. */
  readonly message: string | undefined;
}

export interface OciClient {
  /** Pulls a manifest with its config and layers; of an index, the manifest only. */
  pull(repository: string, reference: string): Promise<Pulled>;
  /** Pushes an image of one layer with this content. */
  push(repository: string, tag: string, content: string): Promise<Pulled>;
}

export interface OciResponse {
  readonly status: number;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** Asks a registry, with a login. The path may have a host of its own. */
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
