// ECR's registry endpoint for `docker pull` and `docker push`. Each step asks IAM, as ECR does. Sources:
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md and
// https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Clock } from '../clock.ts';
import { readManifest } from '../manifest.ts';
import { blobAnswer, createUploads, type OciAnswer, ociError, type Uploads } from '../oci-uploads.ts';
import type { Call } from './calls.ts';
import type { EcrWorld, Repository } from './ecr.ts';
import { type EcrApi, findImage, repositoryNeed } from './ecr-api.ts';
import type { Iam } from './iam.ts';
import type { Place } from './place.ts';
import type { Principal } from './principals.ts';
import type { WireRequest } from './protocol.ts';

/** A parsed request: the call for the log, and its work. */
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

/** The operation of a request: its name, the actions that it needs, and its work. */
interface Route {
  readonly operation: string;
  readonly actions: readonly string[];
  readonly work: Work;
}

export function createRegistry(parts: Parts) {
  const uploads = createUploads();
  return {
    /** Parses a request. A request without a valid login or route gets its answer at once. */
    read(request: WireRequest): RegistryStep | OciAnswer {
      const { pathname, searchParams } = new URL(request.path, 'http://registry');
      const principal = loggedIn(parts, request);
      if (principal === undefined) return notLoggedIn(request);
      if (pathname === '/v2/')
        return { status: 200, headers: { 'docker-distribution-api-version': 'registry/2.0' }, body: '' };
      const [, repositoryName = '', rest = ''] =
        /^\/v2\/(.+)\/((?:manifests|blobs)\/.*)$/.exec(decodeURIComponent(pathname)) ?? [];
      const route = manifestRoute(parts, request, rest) ?? blobRoute(uploads, request, rest, searchParams);
      if (route === undefined)
        return ociError(404, 'UNSUPPORTED', `the local registry has no ${request.method} ${pathname}`);
      const { operation } = route;
      const input = { repositoryName, reference: rest.split('/').at(-1) };
      const call: Call = { service: 'oci', operation, input, principal, accessKeyId: '' };
      return { call, run: () => perform(parts, principal, repositoryName, route) };
    },
  };
}

function loggedIn({ api }: Parts, { headers }: WireRequest): Principal | undefined {
  const [, encoded = ''] = /^Basic (.+)$/.exec(headers.authorization ?? '') ?? [];
  const [user, token = ''] = Buffer.from(encoded, 'base64').toString().split(':');
  return user === 'AWS' ? api.holderOf(token) : undefined;
}

function notLoggedIn({ headers: { host } }: WireRequest): OciAnswer {
  const answer = ociError(401, 'UNAUTHORIZED', 'Not Authorized');
  const challenge = `Basic realm="http://${host}/",service="ecr.amazonaws.com"`;
  return { ...answer, headers: { ...answer.headers, 'www-authenticate': challenge } };
}

function manifestRoute(parts: Parts, { method, body }: WireRequest, rest: string): Route | undefined {
  const reference = /^manifests\/([^/]+)$/.exec(rest)?.[1];
  if (reference === undefined) return undefined;
  if (method === 'GET' || method === 'HEAD') {
    const work: Work = (repository) => getManifest(parts, repository, reference, method === 'GET');
    return { operation: 'GetManifest', actions: ['BatchGetImage'], work };
  }
  if (method !== 'PUT') return undefined;
  const work: Work = (repository) => putManifest(parts, repository, reference, body);
  return { operation: 'PutManifest', actions: ['PutImage'], work };
}

function blobRoute(
  uploads: Uploads,
  { method, body }: WireRequest,
  rest: string,
  query: URLSearchParams,
): Route | undefined {
  const digest = /^blobs\/(?!uploads\/)([^/]+)$/.exec(rest)?.[1];
  const upload = /^blobs\/uploads\/([^/]*)$/.exec(rest)?.[1];
  if (digest !== undefined && method === 'GET') {
    const work: Work = (repository) => blobAnswer(repository, digest, true);
    return { operation: 'GetBlob', actions: ['GetDownloadUrlForLayer'], work };
  }
  if (digest !== undefined && method === 'HEAD') {
    const work: Work = (repository) => blobAnswer(repository, digest, false);
    return { operation: 'HeadBlob', actions: ['BatchCheckLayerAvailability'], work };
  }
  if (upload === '' && method === 'POST')
    return { operation: 'StartUpload', actions: ['InitiateLayerUpload'], work: uploads.start };
  if (upload && method === 'PATCH') {
    const work: Work = (repository) => uploads.add(repository, upload, body);
    return { operation: 'AddToUpload', actions: ['UploadLayerPart'], work };
  }
  if (upload && method === 'PUT') {
    const actions = body.byteLength > 0 ? ['UploadLayerPart', 'CompleteLayerUpload'] : ['CompleteLayerUpload'];
    const work: Work = (repository) => uploads.complete(repository, upload, body, query.get('digest'));
    return { operation: 'CompleteUpload', actions, work };
  }
  return undefined;
}

function getManifest({ clock }: Parts, repository: Repository, reference: string, withBody: boolean): OciAnswer {
  const image = findImage(
    repository,
    reference.startsWith('sha256:') ? { imageDigest: reference } : { imageTag: reference },
  );
  if (image === undefined || image.status !== 'ACTIVE')
    return ociError(404, 'MANIFEST_UNKNOWN', 'Requested image not found');
  image.lastPulledAt = recordedPull(image.lastPulledAt, clock.now());
  const { mediaType, digest, text } = image.manifest;
  const headers = {
    'content-type': mediaType,
    'docker-content-digest': digest,
    'content-length': String(Buffer.byteLength(text)),
  };
  return { status: 200, headers, body: withBody ? text : '' };
}

/**
 * ECR refreshes the time at least once every 24 hours: of several pulls in a day, the first is recorded here.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_ImageDetail.html
 */
function recordedPull(before: Date | undefined, now: Date): Date {
  return before !== undefined && now.getTime() - before.getTime() < DAY_MILLISECONDS ? before : now;
}

async function putManifest(
  { world }: Parts,
  repository: Repository,
  reference: string,
  body: Buffer,
): Promise<OciAnswer> {
  const pushed = readManifest(body.toString('utf8'));
  const missing =
    pushed.blobs.find((digest) => !repository.blobs.has(digest)) ??
    pushed.children.find((digest) => !repository.images.has(digest));
  if (missing !== undefined) return ociError(404, 'MANIFEST_BLOB_UNKNOWN', `${missing} was not pushed`);
  if (reference.startsWith('sha256:') && reference !== pushed.digest)
    return ociError(400, 'DIGEST_INVALID', `the digest is ${pushed.digest}`);
  await world.put(repository, pushed, reference.startsWith('sha256:') ? undefined : reference);
  const location = `/v2/${repository.name}/manifests/${pushed.digest}`;
  return { status: 201, headers: { 'docker-content-digest': pushed.digest, location }, body: '' };
}

async function perform(
  { place, world, iam }: Parts,
  principal: Principal,
  repositoryName: string,
  { actions, work }: Route,
): Promise<OciAnswer> {
  for (const action of actions) {
    const refused = await iam.refusal(principal, repositoryNeed(place, world, action, repositoryName));
    if (refused !== undefined) return ociError(403, 'DENIED', refused);
  }
  const repository = world.repositories.get(repositoryName);
  return repository === undefined
    ? ociError(404, 'NAME_UNKNOWN', `The repository with name '${repositoryName}' does not exist`)
    : work(repository);
}
