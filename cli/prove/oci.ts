// Pushes and pulls an image over the API that every registry has.
// Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md
import { type Blob, type BuiltImage, MANIFEST } from './image.ts';
import type { Pull } from './scratch.ts';

/** Sends a request to the registry with a login. The path may be a URL of the registry. */
export type AskRegistry = (
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  content?: { readonly type: string; readonly body: Buffer },
) => Promise<Response>;

/** @throws Error with the registry's answer if it refuses a step */
export async function pushImage(ask: AskRegistry, repository: string, image: BuiltImage, tag: string): Promise<void> {
  for (const blob of [image.layer, image.config]) await pushBlob(ask, repository, blob);
  const content = { type: MANIFEST, body: Buffer.from(image.manifest) };
  await expectOk(await ask('PUT', `/v2/${repository}/manifests/${tag}`, content));
}

async function pushBlob(ask: AskRegistry, repository: string, { digest, content }: Blob): Promise<void> {
  const started = await expectOk(await ask('POST', `/v2/${repository}/blobs/uploads/`));
  const location = started.headers.get('location');
  if (location === null) throw new Error('the registry started an upload without saying where to');
  const path = `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
  await expectOk(await ask('PUT', path, { type: 'application/octet-stream', body: content }));
}

/** Pulls the manifest, the config and the layers. Stops at the first refusal. */
export async function pullImage(ask: AskRegistry, repository: string, tag: string): Promise<Pull> {
  const manifest = await ask('GET', `/v2/${repository}/manifests/${tag}`);
  const text = await manifest.text();
  if (!manifest.ok) return { status: manifest.status, body: text };
  const { config, layers }: { config: { digest: string }; layers: readonly { digest: string }[] } = JSON.parse(text);
  for (const { digest } of [config, ...layers]) {
    const blob = await ask('GET', `/v2/${repository}/blobs/${digest}`);
    const body = await blob.text();
    if (!blob.ok) return { status: blob.status, body };
  }
  return { status: 200, body: '' };
}

async function expectOk(response: Response): Promise<Response> {
  const text = await response.text();
  if (response.ok) return response;
  throw new Error(
    `the registry answers ${response.status} to ${new URL(response.url).pathname}: ${text.slice(0, 300)}`,
  );
}
