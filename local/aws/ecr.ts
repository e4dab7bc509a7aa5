// The state of ECR: repositories, images, tags and repository policies, and the events about their changes.
import type { ImageStatus, ScanFrequency } from '@aws-sdk/client-ecr';
import * as v from 'valibot';
import { REPOSITORY_NAME, repositoryName } from '../../shared/policy/repository-name.ts';
import { type Clock, earliest } from '../clock.ts';
import { artifactOf, type Blob, type Built, imageOf, indexOf, type Manifest } from '../manifest.ts';
import type { Bus } from './events.ts';
import { failure } from './failure.ts';
import { type Place, repositoryArn } from './place.ts';
import type { Principals } from './principals.ts';

export interface StoredImage {
  readonly manifest: Manifest;
  pushedAt: Date;
  tags: Set<string>;
  /** Only an active image can be pulled. One that is being reactivated becomes active at `activeAt`. */
  status: ImageStatus;
  activeAt: Date | undefined;
  lastArchivedAt: Date | undefined;
  lastActivatedAt: Date | undefined;
  lastPulledAt: Date | undefined;
}

export interface Repository {
  readonly name: string;
  readonly arn: string;
  readonly createdAt: Date;
  /** Kept and returned as written. */
  policyText: string | undefined;
  /** By digest, in the order of the first push. */
  readonly images: Map<string, StoredImage>;
  readonly blobs: Map<string, Buffer>;
  scanFrequency: ScanFrequency;
}

/**
 * Changes of the state by a test, a story or a person, without authorization. Each change that ECR reports goes to the
 * bus.
 */
export interface Ecr {
  /** By name. */
  readonly repositories: ReadonlyMap<string, Repository>;
  /** @throws Error if the name is invalid */
  createRepository(name: string, options?: { readonly policyText?: string }): Repository;
  deleteRepository(name: string): Promise<void>;
  repository(name: string): Repository;
  /** Pushes an image and returns its digest, which the content determines. Without content, the image is unique. */
  pushImage(repository: string, options?: { readonly tag?: string; readonly content?: string }): Promise<string>;
  pushIndex(
    repository: string,
    options: { readonly tag?: string; readonly children: readonly string[] },
  ): Promise<string>;
  /** Pushes an artifact, such as a signature or an attestation. */
  pushArtifact(
    repository: string,
    options?: {
      readonly tag?: string;
      readonly subject?: string;
      readonly artifactType?: string;
      readonly content?: string;
    },
  ): Promise<string>;
  /** Adds a tag to an existing image. Another image that had the tag loses it. */
  tag(repository: string, tag: string, digest: string): Promise<void>;
  /** Removes a tag. The image remains. */
  untag(repository: string, tag: string): Promise<void>;
  /** Deletes an image and all its tags. */
  deleteImage(repository: string, digest: string): Promise<void>;
  /** Replicates an image into this registry, from another one. */
  replicateImage(repository: string, options?: { readonly tag?: string; readonly content?: string }): Promise<string>;
  /** Archives an image: it cannot be pulled, and ECR lists it only on request. */
  archive(repository: string, digest: string): Promise<void>;
  /** Begins to reactivate an archived image. It is active after 20 minutes, when `advance` has moved the clock. */
  reactivate(repository: string, digest: string): void;
  /** Changes how often Inspector scans a repository. Default: continuously. */
  setScanFrequency(repository: string, frequency: ScanFrequency): Promise<void>;
}

export interface EcrWorld extends Ecr {
  /** @throws Failure if the repository does not exist, as each operation of ECR does */
  need(name: string | undefined): Repository;
  /** Stores a manifest under its digest and, optionally, a tag. */
  put(repository: Repository, manifest: Manifest, tag: string | undefined): Promise<void>;
  setPolicy(repository: Repository, text: string): void;
  /** Ends the activations that are due. */
  finishActivations(): Promise<void>;
  /** When the next activation ends, in milliseconds since the epoch. */
  nextActiveAt(): number | undefined;
}

/**
 * "Within 20 minutes": the longest wait.
 * Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive_restore_image.html
 */
const ACTIVATION_MILLISECONDS = 20 * 60_000;
/** Source: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_SetRepositoryPolicy.html */
const MAX_POLICY_CHARACTERS = 10_240;
const SIGNATURE = 'application/vnd.dev.cosign.artifact.sig.v1+json';

interface Parts {
  readonly place: Place;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly principals: Principals;
}

export function createEcr({ place, clock, bus, principals }: Parts): EcrWorld {
  const repositories = new Map<string, Repository>();
  let pushes = 0;

  const need = (name: string | undefined): Repository => {
    const found = repositories.get(name ?? '');
    if (found !== undefined) return found;
    const message = `The repository with name '${name}' does not exist in the registry with id '${place.account}'`;
    throw failure('RepositoryNotFoundException', message);
  };
  const imageIn = (repository: Repository, digest: string): StoredImage => {
    const image = repository.images.get(digest);
    if (image === undefined) throw new Error(`${repository.name} has no image ${digest}`);
    return image;
  };
  /** Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/ecr-eventbridge.html */
  const send = (type: string, detail: object, resources: readonly string[] = []) =>
    bus.put({ source: 'aws.ecr', 'detail-type': type, resources, detail: { result: 'SUCCESS', ...detail } });
  const report = async (
    action: 'PUSH' | 'DELETE' | 'UPDATE_STORAGE_CLASS',
    { name }: Repository,
    { manifest }: StoredImage,
    more: object,
  ) => {
    const media = { 'manifest-media-type': manifest.mediaType, 'artifact-media-type': manifest.artifactType };
    const image = { 'repository-name': name, 'image-digest': manifest.digest };
    await send('ECR Image Action', { ...image, 'action-type': action, ...media, ...more });
  };
  const store = (repository: Repository, manifest: Manifest, tag: string | undefined): StoredImage => {
    const known = repository.images.get(manifest.digest);
    const image = known ?? {
      manifest,
      pushedAt: clock.now(),
      tags: new Set(),
      status: 'ACTIVE',
      activeAt: undefined,
      lastArchivedAt: undefined,
      lastActivatedAt: undefined,
      lastPulledAt: undefined,
    };
    // A push reactivates an archived image.
    // https://docs.aws.amazon.com/AmazonECR/latest/userguide/archive-image.html
    Object.assign(image, { status: 'ACTIVE', activeAt: undefined });
    repository.images.set(manifest.digest, image);
    if (tag !== undefined) {
      for (const other of repository.images.values()) other.tags.delete(tag);
      image.tags.add(tag);
    }
    return image;
  };
  const put = async (repository: Repository, manifest: Manifest, tag: string | undefined): Promise<void> =>
    report('PUSH', repository, store(repository, manifest, tag), tagged(tag));
  const addBlobs = (repository: Repository, blobs: readonly Blob[]): void => {
    for (const { digest, content } of blobs) repository.blobs.set(digest, content);
  };
  const push = async (name: string, { manifest, blobs }: Built, tag: string | undefined): Promise<string> => {
    const repository = need(name);
    addBlobs(repository, blobs);
    await put(repository, manifest, tag);
    return manifest.digest;
  };
  const activating = () =>
    [...repositories.values()].flatMap((repository) =>
      [...repository.images.values()].flatMap((image) =>
        image.activeAt === undefined ? [] : [{ repository, image, activeAt: image.activeAt }],
      ),
    );
  const freshContent = (content: string | undefined): string => content ?? `content ${++pushes}`;

  return {
    repositories,
    need,
    put,
    repository: need,
    createRepository(name, { policyText } = {}) {
      if (!v.is(repositoryName, name))
        throw new Error(`the local ECR needs ${REPOSITORY_NAME}; got ${JSON.stringify(name)}`);
      if (repositories.has(name)) throw new Error(`repository ${name} already exists`);
      const images = new Map<string, StoredImage>();
      const repository = {
        name,
        arn: repositoryArn(place, name),
        createdAt: clock.now(),
        policyText,
        images,
        blobs: new Map(),
        scanFrequency: 'CONTINUOUS_SCAN' as const,
      };
      repositories.set(name, repository);
      return repository;
    },
    async deleteRepository(name) {
      const repository = need(name);
      repositories.delete(name);
      for (const image of repository.images.values())
        await report('DELETE', repository, image, tagged([...image.tags][0]));
    },
    pushImage: (name, { tag, content } = {}) => push(name, imageOf(freshContent(content)), tag),
    pushIndex(name, { tag, children }) {
      const manifests = children.map((digest) => imageIn(need(name), digest).manifest);
      return push(name, indexOf(manifests), tag);
    },
    pushArtifact(name, { tag, subject, artifactType = SIGNATURE, content } = {}) {
      const of = subject === undefined ? undefined : imageIn(need(name), subject).manifest;
      return push(name, artifactOf(artifactType, freshContent(content), of), tag);
    },
    tag: (name, tag, digest) => put(need(name), imageIn(need(name), digest).manifest, tag),
    async untag(name, tag) {
      const repository = need(name);
      const image = [...repository.images.values()].find(({ tags }) => tags.has(tag));
      if (image === undefined) throw new Error(`${name} has no tag ${tag}`);
      image.tags.delete(tag);
      await report('DELETE', repository, image, tagged(tag));
    },
    async deleteImage(name, digest) {
      const repository = need(name);
      const image = imageIn(repository, digest);
      const parent = [...repository.images.values()].find(({ manifest }) => manifest.children.includes(digest));
      if (parent !== undefined)
        throw new Error(`${name}: ECR does not delete ${digest}, which the index ${parent.manifest.digest} refers to`);
      repository.images.delete(digest);
      const tags = image.tags.size === 0 ? [undefined] : [...image.tags];
      for (const tag of tags) await report('DELETE', repository, image, tagged(tag));
    },
    async replicateImage(name, { tag, content } = {}) {
      const repository = need(name);
      const { manifest, blobs } = imageOf(freshContent(content));
      addBlobs(repository, blobs);
      store(repository, manifest, tag);
      const from = { 'source-account': place.account, 'source-region': 'us-west-2', 'action-type': 'REPLICATE' };
      const image = { 'repository-name': name, 'image-digest': manifest.digest };
      await send('ECR Replication Action', { ...image, ...from, ...tagged(tag) }, [repository.arn]);
      return manifest.digest;
    },
    async archive(name, digest) {
      const repository = need(name);
      const image = imageIn(repository, digest);
      Object.assign(image, { status: 'ARCHIVED', activeAt: undefined, lastArchivedAt: clock.now() });
      await report('UPDATE_STORAGE_CLASS', repository, image, { 'target-storage-class': 'ARCHIVE' });
    },
    reactivate(name, digest) {
      const image = imageIn(need(name), digest);
      if (image.status !== 'ARCHIVED') return;
      Object.assign(image, {
        status: 'ACTIVATING',
        activeAt: new Date(clock.now().getTime() + ACTIVATION_MILLISECONDS),
      });
    },
    async finishActivations() {
      for (const { repository, image, activeAt } of activating()) {
        if (activeAt > clock.now()) continue;
        Object.assign(image, { status: 'ACTIVE', activeAt: undefined, lastActivatedAt: activeAt });
        const restored = { 'target-storage-class': 'STANDARD', 'last-activated-at': activeAt.toISOString() };
        await report('UPDATE_STORAGE_CLASS', repository, image, restored);
      }
    },
    nextActiveAt: () => earliest(activating().map(({ activeAt }) => activeAt.getTime())),
    async setScanFrequency(name, frequency) {
      const repository = need(name);
      const changed = {
        'repository-name': name,
        'repository-arn': repository.arn,
        'scan-frequency': frequency,
        'previous-scan-frequency': repository.scanFrequency,
      };
      repository.scanFrequency = frequency;
      const detail = { 'action-type': 'SCAN_FREQUENCY_CHANGE', repositories: [changed] };
      const type = { 'resource-type': 'REPOSITORY', 'scan-type': 'ENHANCED' };
      await bus.put({
        source: 'aws.ecr',
        'detail-type': 'ECR Scan Resource Change',
        detail: { ...detail, ...type },
      });
    },
    setPolicy(repository, text) {
      if (text.length > MAX_POLICY_CHARACTERS) {
        throw invalid(
          `'policyText' failed to satisfy constraint: 'Member must have length less than or equal to ${MAX_POLICY_CHARACTERS}'`,
        );
      }
      const named = principalsIn(text);
      const removed = named.find((one) => UNIQUE_ID.test(one) || principals.isRemoved(one));
      if (removed !== undefined)
        throw invalid(
          `'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided' (Principal not found: ${removed})`,
        );
      repository.policyText = text;
    },
  };
}

export type { Blob };

function tagged(tag: string | undefined): object {
  return tag === undefined ? {} : { 'image-tag': tag };
}

function invalid(what: string) {
  return failure('InvalidParameterException', `Invalid parameter at ${what}`);
}

/**
 * The unique id of a role or user. ECR shows it in place of the ARN of a deleted one, and refuses a policy with it.
 * Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
 */
const UNIQUE_ID = /^A(?:ROA|IDA)[A-Z0-9]+$/;

/** The AWS principals that a policy names, also as exceptions. Text that is not a policy is rejected. */
function principalsIn(text: string): readonly string[] {
  let policy: unknown;
  try {
    policy = JSON.parse(text);
  } catch (cause) {
    throw Object.assign(invalid("'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'"), {
      cause,
    });
  }
  const statements =
    typeof policy === 'object' && policy !== null && 'Statement' in policy ? [policy.Statement].flat() : [];
  if (statements.length === 0 || statements.some((statement) => typeof statement !== 'object' || statement === null)) {
    throw invalid("'PolicyText' failed to satisfy constraint: 'Invalid repository policy provided'");
  }
  return statements.flatMap((statement) => {
    const { Principal, NotPrincipal }: { Principal?: unknown; NotPrincipal?: unknown } = statement as object;
    return [Principal, NotPrincipal].flatMap((one) => {
      const aws = typeof one === 'object' && one !== null && 'AWS' in one ? [one.AWS].flat() : [];
      return aws.filter((arn) => typeof arn === 'string');
    });
  });
}
