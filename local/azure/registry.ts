// A registry's OCI endpoint for `docker pull` and `docker push`, with the refusals of a lock. Sources:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
// https://learn.microsoft.com/azure/container-registry/container-registry-image-lock
import { readManifest } from '../manifest.ts';
import { blobAnswer, createUploads, type OciAnswer, ociError } from '../oci-uploads.ts';
import type { Attributes, RegistryWorld, Repository } from './acr.ts';
import type { Route } from './acr-route.ts';
import type { RegistryAction } from './acr-tokens.ts';
import type { Pull } from './pull-log.ts';
import type { WireRequest } from './wire.ts';

type Work = () => OciAnswer;

/** @param onPull receives each pull of a manifest that is allowed */
export function createOciRoutes(
  onPull: (pull: Pull) => void,
): (registry: RegistryWorld, request: WireRequest) => Route | undefined {
  const uploads = createUploads();

  const getManifest = (registry: RegistryWorld, name: string, reference: string, isPull: boolean): OciAnswer => {
    const repository = registry.need(name);
    const stored = registry.find(repository, reference);
    if (stored === undefined)
      return ociError(404, 'MANIFEST_UNKNOWN', `manifest tagged by "${reference}" is not found`);
    const tag = repository.tags.get(reference)?.attributes;
    if (isLocked('readEnabled', repository.attributes, stored.attributes, tag)) return disallowed();
    const { mediaType, digest, text } = stored.manifest;
    const tagged = tag === undefined ? '' : reference;
    if (isPull) {
      const { id, loginServer } = registry;
      onPull({ registry: id, loginServer, repository: name, tag: tagged, digest, mediaType });
    }
    const headers = {
      'content-type': mediaType,
      'docker-content-digest': digest,
      'content-length': String(Buffer.byteLength(text)),
    };
    return { status: 200, headers, body: text };
  };
  const putManifest = (registry: RegistryWorld, name: string, reference: string, body: Buffer): OciAnswer => {
    const repository = registry.make(name);
    const pushed = readManifest(body.toString('utf8'));
    const missing =
      pushed.blobs.find((digest) => !repository.blobs.has(digest)) ??
      pushed.children.find((digest) => !repository.manifests.has(digest));
    if (missing !== undefined) return ociError(404, 'MANIFEST_BLOB_UNKNOWN', `${missing} was not pushed`);
    if (reference.startsWith('sha256:') && reference !== pushed.digest)
      return ociError(400, 'DIGEST_INVALID', `the digest is ${pushed.digest}`);
    const known = repository.manifests.get(pushed.digest)?.attributes;
    if (isLocked('writeEnabled', repository.attributes, known, repository.tags.get(reference)?.attributes))
      return disallowed();
    registry.put(name, pushed, reference.startsWith('sha256:') ? undefined : reference);
    const headers = { 'docker-content-digest': pushed.digest, location: `/v2/${name}/manifests/${pushed.digest}` };
    return { status: 201, headers, body: '' };
  };
  const deleteManifest = (registry: RegistryWorld, name: string, reference: string): OciAnswer => {
    const repository = registry.need(name);
    const stored = repository.manifests.get(reference);
    if (stored === undefined) return ociError(404, 'MANIFEST_UNKNOWN', `manifest ${reference} is not found`);
    if (isLocked('deleteEnabled', repository.attributes, stored.attributes)) return disallowed();
    registry.delete(name, reference);
    return { status: 202, headers: {}, body: '' };
  };
  const getBlob = (repository: Repository, digest: string): OciAnswer =>
    repository.attributes.readEnabled ? blobAnswer(repository, digest, true) : disallowed();

  return (registry, { method, url, body }) => {
    const [, name = '', rest = ''] =
      /^\/v2\/(.+)\/((?:manifests|blobs)\/.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    const [, kind, reference = ''] = /^(manifests|blobs)\/(?!uploads\/)([^/]+)$/.exec(rest) ?? [];
    const upload = /^blobs\/uploads\/([^/]*)$/.exec(rest)?.[1];
    const reads = method === 'GET' || method === 'HEAD';
    const route = (operation: string, actions: readonly RegistryAction[], run: Work): Route => ({
      scope: { type: 'repository', name, actions },
      step: { service: 'oci', operation, input: { registry: registry.id, repository: name, reference }, run },
    });
    if (kind === 'manifests' && reads)
      return route('GetManifest', ['pull'], () => getManifest(registry, name, reference, method === 'GET'));
    if (kind === 'manifests' && method === 'PUT')
      return route('PutManifest', ['pull', 'push'], () => putManifest(registry, name, reference, body));
    if (kind === 'manifests' && method === 'DELETE')
      return route('DeleteManifest', ['delete'], () => deleteManifest(registry, name, reference));
    if (kind === 'blobs' && reads)
      return route(method === 'GET' ? 'GetBlob' : 'HeadBlob', ['pull'], () => getBlob(registry.need(name), reference));
    if (upload === '' && method === 'POST')
      return route('StartUpload', ['pull', 'push'], () => uploads.start(registry.make(name)));
    if (upload && method === 'PATCH')
      return route('AddToUpload', ['pull', 'push'], () => uploads.add(registry.make(name), upload, body));
    if (upload && method === 'PUT') {
      const digest = url.searchParams.get('digest');
      return route('CompleteUpload', ['pull', 'push'], () =>
        uploads.complete(registry.make(name), upload, body, digest),
      );
    }
    return undefined;
  };
}

function isLocked(attribute: keyof Attributes, ...levels: readonly (Attributes | undefined)[]): boolean {
  return levels.some((attributes) => attributes?.[attribute] === false);
}

/**
 * The status of a refused write is documented; that of a refused pull is not. Any status but 2xx is a refusal.
 * Source: https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation
 */
function disallowed(): OciAnswer {
  return ociError(
    405,
    'REGISTRY_DISALLOWED_OPERATION',
    'The operation is disallowed on this registry, repository or image. View troubleshooting steps at https://aka.ms/acr/faq/#why-does-my-pull-or-push-request-fail-with-disallowed-operation',
  );
}
