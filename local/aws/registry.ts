// ECR's registry endpoint: what `docker pull` and `docker push` talk to, each step asking IAM as ECR does. Sources:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
import type { Clock } from '../clock.ts';
import { readManifest } from '../manifest.ts';
import { blobAnswer, createUploads, type OciAnswer, ociError } from '../oci-uploads.ts';
import type { Call } from './calls.ts';
import type { EcrWorld, Repository } from './ecr.ts';
import { type EcrApi, findImage, repositoryNeed } from './ecr-api.ts';
import type { Iam } from './iam.ts';
import type { Place } from './place.ts';
import type { Principal } from './principals.ts';
import type { WireRequest } from './protocol.ts';

/** A request that has been understood: the call that it is, and its work. */
export interface RegistryStep {
  readonly call: Call;
  readonly run: () => Promise<OciAnswer>;
}

interface Parts {
  readonly place: Place;
  readonly clock: Clock;
  readonly world: EcrWorld;
  readonly api: EcrApi;
  readonly iam: Iam;
}

type Work = (repository: Repository) => Promise<OciAnswer> | OciAnswer;

export function createRegistry({ place, clock, world, api, iam }: Parts) {
  const uploads = createUploads();

  const manifest = (repository: Repository, reference: string, withBody: boolean): OciAnswer => {
    const image = findImage(
      repository,
      reference.startsWith('sha256:') ? { imageDigest: reference } : { imageTag: reference },
    );
    if (image === undefined || image.storageClass === 'ARCHIVE')
      return ociError(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
    image.lastPulledAt = clock.now();
    const { mediaType, digest, text } = image.manifest;
    const headers = {
      'content-type': mediaType,
      'docker-content-digest': digest,
      'content-length': String(Buffer.byteLength(text)),
    };
    return { status: 200, headers, body: withBody ? text : '' };
  };
  const putManifest = async (repository: Repository, reference: string, body: Buffer): Promise<OciAnswer> => {
    const pushed = readManifest(body.toString('utf8'));
    const missing =
      pushed.blobs.find((digest) => !repository.blobs.has(digest)) ??
      pushed.children.find((digest) => !repository.images.has(digest));
    if (missing !== undefined) return ociError(404, 'MANIFEST_BLOB_UNKNOWN', `${missing} was not pushed`);
    if (reference.startsWith('sha256:') && reference !== pushed.digest)
      return ociError(400, 'DIGEST_INVALID', `the digest is ${pushed.digest}`);
    await world.put(repository, pushed, reference.startsWith('sha256:') ? undefined : reference);
    return {
      status: 201,
      headers: {
        'docker-content-digest': pushed.digest,
        location: `/v2/${repository.name}/manifests/${pushed.digest}`,
      },
      body: '',
    };
  };
  /** The operation's name, the actions that it needs, and its work. */
  function route(
    method: string,
    rest: string,
    query: URLSearchParams,
    body: Buffer,
  ): [string, readonly string[], Work] | undefined {
    const [, kind, reference = ''] = /^(manifests|blobs)\/(?!uploads\/)([^/]+)$/.exec(rest) ?? [];
    const upload = /^blobs\/uploads\/([^/]*)$/.exec(rest)?.[1];
    const reads = method === 'GET' || method === 'HEAD';
    if (kind === 'manifests' && reads)
      return ['GetManifest', ['BatchGetImage'], (repository) => manifest(repository, reference, method === 'GET')];
    if (kind === 'manifests' && method === 'PUT')
      return ['PutManifest', ['PutImage'], (repository) => putManifest(repository, reference, body)];
    if (kind === 'blobs' && method === 'GET')
      return ['GetBlob', ['GetDownloadUrlForLayer'], (repository) => blobAnswer(repository, reference, true)];
    if (kind === 'blobs' && method === 'HEAD')
      return ['HeadBlob', ['BatchCheckLayerAvailability'], (repository) => blobAnswer(repository, reference, false)];
    if (upload === '' && method === 'POST') return ['StartUpload', ['InitiateLayerUpload'], uploads.start];
    if (upload && method === 'PATCH')
      return ['AddToUpload', ['UploadLayerPart'], (repository) => uploads.add(repository, upload, body)];
    if (upload && method === 'PUT') {
      const actions = body.byteLength > 0 ? ['UploadLayerPart', 'CompleteLayerUpload'] : ['CompleteLayerUpload'];
      return [
        'CompleteUpload',
        actions,
        (repository) => uploads.complete(repository, upload, body, query.get('digest')),
      ];
    }
    return undefined;
  }

  return {
    /** Reads a request; one without a valid login or route is answered at once. */
    read(request: WireRequest): RegistryStep | OciAnswer {
      const url = new URL(request.path, 'http://registry');
      const [, encoded = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? [];
      const [user, token = ''] = Buffer.from(encoded, 'base64').toString().split(':');
      const principal = user === 'AWS' ? api.holderOf(token) : undefined;
      if (principal === undefined) {
        const answer = ociError(401, 'UNAUTHORIZED', 'Not Authorized');
        return {
          ...answer,
          headers: {
            ...answer.headers,
            'www-authenticate': `Basic realm="http://${request.headers.host}/",service="ecr.amazonaws.com"`,
          },
        };
      }
      if (url.pathname === '/v2/')
        return { status: 200, headers: { 'docker-distribution-api-version': 'registry/2.0' }, body: '' };
      const [, name = '', rest = ''] =
        /^\/v2\/(.+)\/((?:manifests|blobs)\/.*)$/.exec(decodeURIComponent(url.pathname)) ?? [];
      const found = route(request.method, rest, url.searchParams, request.body);
      if (found === undefined)
        return ociError(404, 'UNSUPPORTED', `the local registry has no ${request.method} ${url.pathname}`);
      const [operation, actions, work] = found;
      const input = { repositoryName: name, reference: rest.split('/').at(-1) };
      const call: Call = { service: 'oci', operation, input, principal, accessKeyId: '' };
      return { call, run: () => perform(principal, name, actions, work) };
    },
  };

  async function perform(
    principal: Principal,
    name: string,
    actions: readonly string[],
    work: Work,
  ): Promise<OciAnswer> {
    for (const action of actions) {
      const refused = await iam.refusal(principal, repositoryNeed(place, world, action, name));
      if (refused !== undefined) return ociError(403, 'DENIED', refused);
    }
    const repository = world.repositories.get(name);
    return repository === undefined
      ? ociError(404, 'NAME_UNKNOWN', `The repository with name '${name}' does not exist`)
      : work(repository);
  }
}
