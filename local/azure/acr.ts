// The state of ACR: registries, repositories, manifests and tags, each with the attributes that lock it.
// Source of the attributes: https://learn.microsoft.com/azure/container-registry/container-registry-image-lock
import * as v from 'valibot';
import { REPOSITORY_NAME, repositoryName } from '../../shared/policy/repository-name.ts';
import type { Clock } from '../clock.ts';
import { artifactOf, type Built, imageOf, indexOf, type Manifest } from '../manifest.ts';
import { failure } from './failure.ts';

/** The operations that are enabled on a repository, a manifest or a tag; all of them by default. */
export interface Attributes {
  readonly deleteEnabled: boolean;
  readonly writeEnabled: boolean;
  readonly readEnabled: boolean;
  readonly listEnabled: boolean;
}

interface Changing {
  attributes: Attributes;
  readonly createdAt: Date;
  /** The last change of the content. A change of attributes does not update it. */
  updatedAt: Date;
}

export interface StoredManifest extends Changing {
  readonly manifest: Manifest;
}

export interface StoredTag extends Changing {
  readonly name: string;
  digest: string;
}

export interface Repository extends Changing {
  readonly name: string;
  /** By digest. */
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, StoredTag>;
  readonly blobs: Map<string, Buffer>;
}

export type RoleMode = 'LegacyRegistryPermissions' | 'AbacRepositoryPermissions';

export interface RegistryOptions {
  /** Default: `NAME.azurecr.io`. */
  readonly loginServer?: string;
  /** Default: LegacyRegistryPermissions. */
  readonly roleMode?: RoleMode;
  /**
   * The ARM id of the only subnet that reaches the registry, by its private endpoint: public network access is
   * disabled. Default: everyone reaches it.
   */
  readonly onlyFrom?: string;
  /** With `onlyFrom`: public network access is enabled, but the firewall denies every address. Default: false. */
  readonly hasFirewall?: boolean;
}

/** The target of attributes: a manifest, a tag, or the whole repository. */
export type Target = { readonly digest: string } | { readonly tag: string } | Record<never, never>;

/** Changes of a registry by a test, a story or a person, without authorization. */
export interface Registry {
  /** `/subscriptions/.../providers/Microsoft.ContainerRegistry/registries/NAME` */
  readonly id: string;
  readonly name: string;
  readonly loginServer: string;
  roleMode: RoleMode;
  readonly onlyFrom: string | undefined;
  readonly hasFirewall: boolean;
  readonly repositories: ReadonlyMap<string, Repository>;
  /**
   * Pushes an image and returns its digest, which the content determines. With `artifactType` or `subject`, pushes an
   * artifact such as a signature. Without content, the image is unique.
   */
  push(
    repository: string,
    options?: {
      readonly tag?: string;
      readonly content?: string;
      readonly architecture?: string;
      readonly artifactType?: string;
      readonly subject?: string;
    },
  ): string;
  pushIndex(repository: string, options: { readonly tag?: string; readonly children: readonly string[] }): string;
  /** Adds a tag to an existing manifest. If another manifest has the tag, it loses it. */
  tag(repository: string, tag: string, digest: string): void;
  untag(repository: string, tag: string): void;
  /** Deletes a manifest and all its tags. If it is pushed again, it is new and has no old attributes. */
  delete(repository: string, digest: string): void;
  deleteRepository(repository: string): void;
  attributes(repository: string, target?: Target): Attributes;
  /** Changes attributes, as `az acr repository update` does. Omitted attributes keep their values. */
  setAttributes(repository: string, attributes: Partial<Attributes>, target?: Target): Attributes;
}

export interface RegistryWorld extends Registry {
  /** @throws Failure if the repository does not exist, as each operation of ACR does */
  need(repository: string): Repository;
  find(repository: Repository, reference: string): StoredManifest | undefined;
  /** Stores a pushed manifest under its digest and, optionally, a tag. The first push creates the repository. */
  put(repository: string, manifest: Manifest, tag: string | undefined): Repository;
  /**
   * The repository that a push goes to.
   *
   * @throws Failure if the name is invalid
   */
  make(repository: string): Repository;
}

export interface Acr {
  /** Creates a registry. No stack deploys it, so it exists beforehand. The id is case-insensitive. */
  addRegistry(id: string, options?: RegistryOptions): Registry;
  /** By name or ARM id. */
  registry(nameOrId: string): Registry;
}

export interface AcrWorld extends Acr {
  byHost(host: string): RegistryWorld | undefined;
  byId(id: string): RegistryWorld | undefined;
}

/**
 * What a registry reports when its content changes. A tag that is deleted is not reported.
 * Source: https://learn.microsoft.com/azure/container-registry/container-registry-webhook-reference
 */
export interface RegistryChange {
  readonly registry: Registry;
  readonly action: 'push' | 'delete';
  readonly repository: string;
  /** Undefined if a whole repository was deleted. */
  readonly manifest: Manifest | undefined;
  readonly tag: string | undefined;
}

export const UNLOCKED: Attributes = { deleteEnabled: true, writeEnabled: true, readEnabled: true, listEnabled: true };

/** Calls `onRegistry` for each added registry before it can receive requests. */
export function createAcr(
  clock: Clock,
  onRegistry: (registry: RegistryWorld) => void,
  onChange: (change: RegistryChange) => void = () => {},
): AcrWorld {
  const registries: RegistryWorld[] = [];
  const same = (one: string, other: string) => one.toLowerCase() === other.toLowerCase();
  return {
    addRegistry(id, options = {}) {
      const added = createRegistry(clock, id, options, onChange);
      if (registries.some(({ name }) => same(name, added.name)))
        throw new Error(`registry ${added.name} already exists`);
      registries.push(added);
      onRegistry(added);
      return added;
    },
    registry(nameOrId) {
      const found = registries.find(({ id, name }) => same(name, nameOrId) || same(id, nameOrId));
      if (found !== undefined) return found;
      throw new Error(`no registry ${nameOrId} was added; there are ${registries.map(({ name }) => name).join(', ')}`);
    },
    byHost: (host) => registries.find(({ loginServer }) => same(loginServer, host)),
    byId: (id) => registries.find((registry) => same(registry.id, id)),
  };
}

function createRegistry(
  clock: Clock,
  id: string,
  options: RegistryOptions,
  onChange: (change: RegistryChange) => void,
): RegistryWorld {
  const [, name] = /\/providers\/Microsoft\.ContainerRegistry\/registries\/([A-Za-z0-9]{5,50})$/i.exec(id) ?? [];
  if (name === undefined)
    throw new Error(`a registry needs an ARM id with a name of 5 to 50 letters and digits; got ${id}`);
  const repositories = new Map<string, Repository>();
  let pushes = 0;

  const fresh = (): Changing => ({ attributes: UNLOCKED, createdAt: clock.now(), updatedAt: clock.now() });
  const need = (repository: string): Repository => {
    const found = repositories.get(repository);
    if (found !== undefined) return found;
    throw failure(404, 'NAME_UNKNOWN', `repository ${repository} is not found`);
  };
  const make = (repository: string): Repository => {
    if (!v.is(repositoryName, repository))
      throw failure(
        400,
        'NAME_INVALID',
        `the local registry needs ${REPOSITORY_NAME}; got ${JSON.stringify(repository)}`,
      );
    const found = repositories.get(repository) ?? {
      ...fresh(),
      name: repository,
      manifests: new Map<string, StoredManifest>(),
      tags: new Map<string, StoredTag>(),
      blobs: new Map<string, Buffer>(),
    };
    repositories.set(repository, found);
    return found;
  };
  const manifestIn = (repository: Repository, digest: string): StoredManifest => {
    const found = repository.manifests.get(digest);
    if (found !== undefined) return found;
    throw failure(404, 'MANIFEST_UNKNOWN', `manifest ${digest} is not found`);
  };
  const tagIn = (repository: Repository, tag: string): StoredTag => {
    const found = repository.tags.get(tag);
    if (found !== undefined) return found;
    throw failure(404, 'TAG_UNKNOWN', `the specified tag ${tag} does not exist`);
  };
  const targetOf = (repository: string, target: Target): Changing => {
    const found = need(repository);
    if ('digest' in target) return manifestIn(found, target.digest);
    return 'tag' in target ? tagIn(found, target.tag) : found;
  };
  const put = (into: string, manifest: Manifest, tag: string | undefined): Repository => {
    const repository = make(into);
    const known = repository.manifests.get(manifest.digest);
    if (known === undefined) repository.manifests.set(manifest.digest, { ...fresh(), manifest });
    else known.updatedAt = clock.now();
    repository.updatedAt = clock.now();
    onChange({ registry, action: 'push', repository: into, manifest, tag });
    if (tag === undefined) return repository;
    const moved = repository.tags.get(tag);
    if (moved === undefined) repository.tags.set(tag, { ...fresh(), name: tag, digest: manifest.digest });
    else Object.assign(moved, { digest: manifest.digest, updatedAt: clock.now() });
    return repository;
  };
  const push = (into: string, { manifest, blobs }: Built, tag: string | undefined): string => {
    const repository = make(into);
    for (const { digest, content } of blobs) repository.blobs.set(digest, content);
    put(into, manifest, tag);
    return manifest.digest;
  };

  const registry: RegistryWorld = {
    id,
    name,
    loginServer: (options.loginServer ?? `${name}.azurecr.io`).toLowerCase(),
    roleMode: options.roleMode ?? 'LegacyRegistryPermissions',
    onlyFrom: options.onlyFrom,
    hasFirewall: options.hasFirewall ?? false,
    repositories,
    need,
    make,
    put,
    find(repository, reference) {
      const digest = reference.startsWith('sha256:') ? reference : repository.tags.get(reference)?.digest;
      return digest === undefined ? undefined : repository.manifests.get(digest);
    },
    push(repository, { tag, content = `content ${++pushes}`, architecture, artifactType, subject } = {}) {
      if (artifactType === undefined && subject === undefined)
        return push(repository, imageOf(content, architecture), tag);
      const of = subject === undefined ? undefined : manifestIn(need(repository), subject).manifest;
      return push(repository, artifactOf(artifactType ?? SIGNATURE, content, of), tag);
    },
    pushIndex(repository, { tag, children }) {
      const manifests = children.map((digest) => manifestIn(need(repository), digest).manifest);
      return push(repository, indexOf(manifests), tag);
    },
    tag: (repository, tag, digest) => void put(repository, manifestIn(need(repository), digest).manifest, tag),
    untag(repository, tag) {
      need(repository).tags.delete(tagIn(need(repository), tag).name);
    },
    delete(from, digest) {
      const repository = need(from);
      const { manifest } = manifestIn(repository, digest);
      repository.manifests.delete(manifest.digest);
      for (const tag of repository.tags.values()) if (tag.digest === digest) repository.tags.delete(tag.name);
      // Removes a repository that has become empty.
      if (repository.manifests.size === 0) repositories.delete(from);
      onChange({ registry, action: 'delete', repository: from, manifest, tag: undefined });
    },
    deleteRepository(repository) {
      repositories.delete(need(repository).name);
      onChange({ registry, action: 'delete', repository, manifest: undefined, tag: undefined });
    },
    attributes: (repository, target = {}) => targetOf(repository, target).attributes,
    setAttributes(repository, attributes, target = {}) {
      const changed = targetOf(repository, target);
      changed.attributes = { ...changed.attributes, ...attributes };
      return changed.attributes;
    },
  };
  return registry;
}

const SIGNATURE = 'application/vnd.dev.cosign.artifact.sig.v1+json';
