// A small container client: logs in to ECR with the SDK and pulls or pushes as docker does.
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { type Built, imageOf } from './manifest.ts';
import type { Credentials } from './principals.ts';

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

export function createOciClient(endpoint: string, region: string, credentials: Credentials): OciClient {
  let token: string | undefined;

  async function login(): Promise<string> {
    if (token !== undefined) return token;
    const client = new ECRClient({ endpoint, region, credentials });
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}));
    client.destroy();
    token = authorizationData?.[0]?.authorizationToken;
    if (token === undefined) throw new Error('ECR gave no authorization token');
    return token;
  }

  async function ask(method: string, path: string, body?: string | Buffer): Promise<Response> {
    const headers = { authorization: `Basic ${await login()}` };
    return fetch(new URL(path, endpoint), {
      method,
      headers,
      ...(body === undefined ? {} : { body: new Uint8Array(Buffer.from(body)) }),
    });
  }

  async function endOf(response: Response): Promise<Pulled> {
    const text = await response.text();
    const digest = response.headers.get('docker-content-digest') ?? undefined;
    if (response.ok) return { status: response.status, digest, message: undefined };
    const { errors }: { errors: readonly { message: string }[] } = JSON.parse(text === '' ? '{"errors":[]}' : text);
    return { status: response.status, digest: undefined, message: errors[0]?.message ?? response.statusText };
  }

  async function pushImage(repository: string, tag: string, { manifest, blobs }: Built): Promise<Pulled> {
    for (const { digest, content } of blobs) {
      const known = await ask('HEAD', `/v2/${repository}/blobs/${digest}`);
      if (known.ok) continue;
      const started = await ask('POST', `/v2/${repository}/blobs/uploads/`);
      if (!started.ok) return endOf(started);
      const location = started.headers.get('location') ?? '';
      await started.body?.cancel();
      const completed = await ask('PUT', `${location}?digest=${encodeURIComponent(digest)}`, content);
      if (!completed.ok) return endOf(completed);
      await completed.body?.cancel();
    }
    return endOf(await ask('PUT', `/v2/${repository}/manifests/${tag}`, manifest.text));
  }

  return {
    async pull(repository, reference) {
      const response = await ask('GET', `/v2/${repository}/manifests/${reference}`);
      if (!response.ok) return endOf(response);
      const digest = response.headers.get('docker-content-digest') ?? undefined;
      const manifest: { config?: { digest: string }; layers?: readonly { digest: string }[] } = JSON.parse(
        await response.text(),
      );
      for (const part of [...(manifest.config === undefined ? [] : [manifest.config]), ...(manifest.layers ?? [])]) {
        const blob = await ask('GET', `/v2/${repository}/blobs/${part.digest}`);
        if (!blob.ok) return endOf(blob);
        await blob.arrayBuffer();
      }
      return { status: 200, digest, message: undefined };
    },
    push: (repository, tag, content) => pushImage(repository, tag, imageOf(content)),
  };
}
