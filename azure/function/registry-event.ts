// Reads what Event Grid reports about a registry: an image was pushed or deleted.
// Sources: https://learn.microsoft.com/azure/event-grid/event-schema-container-registry and, for the fields of `data`,
// https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference
import * as v from 'valibot';
import { digest as imageDigest } from '../../shared/policy/digest.ts';
import { repositoryName } from '../../shared/policy/repository-name.ts';
import { check, type Parsed, required } from '../../shared/runtime/problem.ts';
import { textOf } from './loose-json.ts';
import { type RegistryId, registryId } from './registry-id.ts';

/** A push or a deletion in a registry. */
export interface RegistryChange {
  readonly kind: 'reconcile';
  readonly registry: RegistryId;
  readonly repository: string;
  /** Undefined if a whole repository was deleted. */
  readonly digest: string | undefined;
  readonly trigger: 'push' | 'delete';
  /** An index was pushed. If it has a tag, its children come into scope. */
  readonly isIndex?: true;
}

const PUSHED = 'Microsoft.ContainerRegistry.ImagePushed';
const DELETED = 'Microsoft.ContainerRegistry.ImageDeleted';

/**
 * Sources: https://github.com/opencontainers/image-spec/blob/main/media-types.md,
 * https://distribution.github.io/distribution/spec/manifest-v2-2/
 */
const INDEXES: readonly string[] = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
/**
 * The manifests that are never of an image. Signatures and charts may have an image's manifest, so they are observed.
 * Sources: https://github.com/opencontainers/image-spec/blob/v1.1.0-rc2/artifact.md,
 * https://github.com/oras-project/artifacts-spec/blob/main/artifact-manifest.md
 */
const NOT_OF_IMAGES: readonly string[] = [
  'application/vnd.oci.artifact.manifest.v1+json',
  'application/vnd.cncf.oras.artifact.manifest.v1+json',
];

const TARGET = 'the image that was pushed or deleted';
const image = { repository: required(repositoryName), digest: v.nullish(v.string('the digest of a manifest')) };
const pushed = dataOf({ ...image, mediaType: v.nullish(v.string('the media type of a manifest')) });
const deleted = dataOf(image);

function dataOf<Entries extends v.ObjectEntries>(target: Entries) {
  return required(v.object({ target: required(v.object(target, TARGET)) }, TARGET));
}

/** Both schemas name a type of event: `eventType`, or the `type` of a CloudEvent. */
export function isRegistryEvent(message: object): boolean {
  return 'eventType' in message || 'specversion' in message;
}

/** @returns the change, or why the event is ignored */
export function parseRegistryEvent(event: object): Parsed<RegistryChange | string> {
  const { eventType, type = eventType, topic, source, data }: Readonly<Record<string, unknown>> = { ...event };
  if (type !== PUSHED && type !== DELETED)
    return { ok: true, value: `an event type that pullgate does not use: ${textOf(type)}` };
  const registry = eventType === undefined ? check(registryId, source, 'source') : check(registryId, topic, 'topic');
  if (!registry.ok) return registry;
  return type === PUSHED ? parsePush(registry.value, data) : parseDeletion(registry.value, data);
}

function parsePush(registry: RegistryId, data: unknown): Parsed<RegistryChange | string> {
  const push = check(pushed, data, 'data');
  if (!push.ok) return push;
  const { repository, digest, mediaType } = push.value.target;
  if (!v.is(imageDigest, digest)) return { ok: true, value: unknownDigest(digest) };
  if (NOT_OF_IMAGES.includes(mediaType ?? '')) return { ok: true, value: `a push of the media type ${mediaType}` };
  const change = { kind: 'reconcile', registry, repository, digest, trigger: 'push' } as const;
  return { ok: true, value: INDEXES.includes(mediaType ?? '') ? { ...change, isIndex: true } : change };
}

function parseDeletion(registry: RegistryId, data: unknown): Parsed<RegistryChange | string> {
  const deletion = check(deleted, data, 'data');
  if (!deletion.ok) return deletion;
  const { repository, digest = null } = deletion.value.target;
  if (digest !== null && !v.is(imageDigest, digest)) return { ok: true, value: unknownDigest(digest) };
  return {
    ok: true,
    value: { kind: 'reconcile', registry, repository, digest: digest ?? undefined, trigger: 'delete' },
  };
}

/** Defender names images by SHA-256 digests only, so another digest has no gate. */
function unknownDigest(digest: string | null | undefined): string {
  return `a change of an image with the digest ${digest ?? 'not given'}, which pullgate does not know`;
}
