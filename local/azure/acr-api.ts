// The data plane of one registry in ACR, as @azure/container-registry uses it: metadata, attributes and tokens.
// Source: https://learn.microsoft.com/rest/api/containerregistry/; answers as recorded by the Azure SDK's tests.

import type { Clock } from '../clock.ts';
import type { AcrWorld, Attributes, RegistryWorld, Repository, StoredManifest, StoredTag } from './acr.ts';
import type { Route } from './acr-route.ts';
import { type AcrTokens, createAcrTokens, type RegistryAction, type Scope } from './acr-tokens.ts';
import { failure } from './failure.ts';
import type { Principals } from './principals.ts';
import type { PullLog } from './pull-log.ts';
import { createOciRoutes } from './registry.ts';
import type { Roles } from './roles.ts';
import type { Service, Step } from './service.ts';
import { json, jsonBody, type WireAnswer, type WireRequest } from './wire.ts';

const API_VERSION = '2021-07-01';
const PAGE = 100;
const MAX_PAGE = 1000;
const ATTRIBUTES = ['deleteEnabled', 'writeEnabled', 'listEnabled', 'readEnabled'] as const;

interface Parts {
  readonly clock: Clock;
  readonly world: AcrWorld;
  readonly principals: Principals;
  readonly roles: Roles;
  readonly pullLog: Pick<PullLog, 'record'>;
}

export function createAcrService({ clock, world, principals, roles, pullLog }: Parts): Service {
  const tokens: AcrTokens = createAcrTokens(clock, principals, roles);
  const oci = createOciRoutes(pullLog.record);
  const routes = new WeakMap<Step, Scope>();
  const registryAt = (host: string): RegistryWorld => {
    const registry = world.byHost(host);
    if (registry === undefined) throw new Error(`no registry has the login server ${host}`);
    return registry;
  };
  return {
    name: 'acr',
    read(request) {
      const registry = registryAt(request.host);
      checkNetwork(registry, request);
      const ofTokens = tokens.read(registry, request);
      if (ofTokens !== undefined) return ofTokens;
      const route = request.url.pathname.startsWith('/v2/') ? oci(registry, request) : metadata(registry, request);
      if (route === undefined)
        throw failure(404, 'UNSUPPORTED', `the local registry has no ${request.method} ${request.url.pathname}`);
      const step: Step = { ...route.step, needs: [] };
      routes.set(step, route.scope);
      return step;
    },
    authenticate(request, step) {
      const scope = routes.get(step);
      const registry = registryAt(request.host);
      return scope === undefined ? tokens.holder(registry, request) : tokens.authenticate(registry, request, scope);
    },
    refuse({ status, code, message, headers, detail }) {
      return json(status, { errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] }, headers);
    },
  };
}

/**
 * Refuses every request from outside the only subnet.
 * Source: https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-access
 */
function checkNetwork({ onlyFrom }: RegistryWorld, { subnetId }: WireRequest): void {
  if (onlyFrom === undefined || onlyFrom.toLowerCase() === subnetId?.toLowerCase()) return;
  const message = `client with IP '${PUBLIC_IP}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.`;
  throw failure(403, 'DENIED', message);
}

/** An address for documentation, RFC 5737. */
const PUBLIC_IP = '203.0.113.5';

/** `/acr/v1/_catalog` and `/acr/v1/NAME[/_manifests[/DIGEST]|/_tags[/TAG]]`; the name is encoded as one part. */
function metadata(registry: RegistryWorld, request: WireRequest): Route | undefined {
  const { method, url } = request;
  const [, first, kind, last] = /^\/acr\/v1\/([^/]+)(?:\/_(manifests|tags)(?:\/([^/]+))?)?$/.exec(url.pathname) ?? [];
  if (first === undefined) return undefined;
  const version = url.searchParams.get('api-version');
  if (version !== API_VERSION)
    throw failure(400, 'UNSUPPORTED', `the api-version must be ${API_VERSION}; got ${version}`);
  const name = decodeURIComponent(first);
  const reference = last === undefined ? undefined : decodeURIComponent(last);
  const { loginServer } = registry;
  if (name === '_catalog') return method === 'GET' ? catalogOf(registry, request) : undefined;
  const route = (operation: string, action: RegistryAction, answer: (repository: Repository) => WireAnswer): Route => ({
    scope: { type: 'repository', name, actions: [action] },
    step: {
      operation,
      input: { registry: registry.id, repository: name, ...(reference === undefined ? {} : { reference }) },
      run: () => answer(registry.need(name)),
    },
  });
  const whole = (repository: Repository) => json(200, repositoryBody(loginServer, repository));
  const oneManifest = (repository: Repository, digest: string) => {
    const stored = repository.manifests.get(digest);
    if (stored === undefined) throw failure(404, 'MANIFEST_UNKNOWN', `manifest ${digest} is not found`);
    const manifest = {
      ...manifestBody(repository, stored, tagsIn(repository).get(digest)),
      ...referencesOf(repository, stored),
    };
    return json(200, { registry: loginServer, imageName: name, manifest });
  };
  const oneTag = (repository: Repository, tag: string) => {
    const stored = repository.tags.get(tag);
    if (stored === undefined) throw failure(404, 'TAG_UNKNOWN', `the specified tag ${tag} does not exist`);
    return json(200, { registry: loginServer, imageName: name, tag: tagBody(stored) });
  };
  const change = (target: Parameters<RegistryWorld['setAttributes']>[2]) =>
    registry.setAttributes(name, changesIn(request), target);

  switch (`${method} ${kind ?? ''}${reference === undefined ? '' : '/one'}`) {
    case 'GET ':
      return route('GetRepository', 'metadata_read', whole);
    case 'PATCH ':
      return route('UpdateRepository', 'metadata_write', (repository) => {
        change({});
        return whole(repository);
      });
    // Source: https://learn.microsoft.com/rest/api/containerregistry/repository/delete
    case 'DELETE ':
      return route('DeleteRepository', 'delete', (repository) => {
        const kept = [repository, ...repository.manifests.values(), ...repository.tags.values()];
        if (kept.some(({ attributes }) => !attributes.deleteEnabled))
          throw failure(405, 'UNSUPPORTED', 'The operation is disallowed on this registry, repository or image.');
        registry.deleteRepository(name);
        return json(202, {
          manifestsDeleted: [...repository.manifests.keys()],
          tagsDeleted: [...repository.tags.keys()],
        });
      });
    case 'GET manifests':
      return route('ListManifests', 'metadata_read', (repository) => {
        const [page, link] = pageOf([...repository.manifests.keys()], request);
        const manifests = page.flatMap((digest) => repository.manifests.get(digest) ?? []);
        const tags = tagsIn(repository);
        const bodies = manifests.map((stored) => manifestBody(repository, stored, tags.get(stored.manifest.digest)));
        return json(200, { registry: loginServer, imageName: name, manifests: bodies }, link);
      });
    case 'GET manifests/one':
      return route('GetManifest', 'metadata_read', (repository) => oneManifest(repository, reference ?? ''));
    case 'PATCH manifests/one':
      return route('UpdateManifest', 'metadata_write', (repository) => {
        change({ digest: reference ?? '' });
        return oneManifest(repository, reference ?? '');
      });
    case 'GET tags':
      return route('ListTags', 'metadata_read', (repository) => {
        const digest = url.searchParams.get('digest');
        const names = [...repository.tags.values()].filter((tag) => digest === null || tag.digest === digest);
        const [page, link] = pageOf(
          names.map((tag) => tag.name),
          request,
        );
        const tags = page.flatMap((tag) => repository.tags.get(tag) ?? []).map(tagBody);
        return json(200, { registry: loginServer, imageName: name, tags }, link);
      });
    case 'GET tags/one':
      return route('GetTag', 'metadata_read', (repository) => oneTag(repository, reference ?? ''));
    case 'PATCH tags/one':
      return route('UpdateTag', 'metadata_write', (repository) => {
        change({ tag: reference ?? '' });
        return oneTag(repository, reference ?? '');
      });
    default:
      return undefined;
  }
}

function changesIn(request: WireRequest): Partial<Attributes> {
  const body = jsonBody(request);
  const changes = Object.entries(body ?? {});
  const wrong = changes.find(([key, value]) => !ATTRIBUTES.some((one) => one === key) || typeof value !== 'boolean');
  if (body === undefined || wrong !== undefined)
    throw failure(400, 'UNSUPPORTED', `attributes are ${ATTRIBUTES}, each true or false; got ${JSON.stringify(wrong)}`);
  return Object.fromEntries(changes);
}

/** A page ordered by name, and the header that links to the next page. */
/** Source: https://learn.microsoft.com/rest/api/containerregistry/container-registry/get-repositories */
function catalogOf(registry: RegistryWorld, request: WireRequest): Route {
  const run = () => {
    const [repositories, link] = pageOf([...registry.repositories.keys()], request);
    return json(200, { repositories }, link);
  };
  const step = { operation: 'ListRepositories', input: { registry: registry.id }, run };
  return { scope: { type: 'registry', name: 'catalog', actions: ['*'] }, step };
}

function pageOf(names: readonly string[], { url }: WireRequest): readonly [readonly string[], Record<string, string>] {
  const orderby = url.searchParams.get('orderby');
  if (orderby !== null && orderby !== '' && orderby !== 'none')
    throw new Error(`the local registry cannot order by ${orderby}`);
  const size = Math.min(Number(url.searchParams.get('n') ?? PAGE), MAX_PAGE);
  const last = url.searchParams.get('last');
  const rest = names.filter((name) => last === null || name > last).sort();
  const page = rest.slice(0, size);
  if (rest.length <= size) return [page, {}];
  const next = new URLSearchParams({ 'api-version': API_VERSION, last: page.at(-1) ?? '', n: String(size) });
  return [page, { link: `<${url.pathname}?${next}>; rel="next"` }];
}

function repositoryBody(registry: string, { name, createdAt, updatedAt, manifests, tags, attributes }: Repository) {
  return {
    registry,
    imageName: name,
    createdTime: timeOf(createdAt),
    lastUpdateTime: timeOf(updatedAt),
    manifestCount: manifests.size,
    tagCount: tags.size,
    changeableAttributes: attributes,
  };
}

/** The tags of each manifest, in order. */
function tagsIn({ tags }: Repository): ReadonlyMap<string, readonly string[]> {
  const byDigest = new Map<string, string[]>();
  for (const { name, digest } of tags.values()) byDigest.set(digest, [...(byDigest.get(digest) ?? []), name].sort());
  return byDigest;
}

/** An index has neither architecture nor operating system, and a manifest without tags has no `tags`. */
function manifestBody(
  repository: Repository,
  { manifest, createdAt, updatedAt, attributes }: StoredManifest,
  tags: readonly string[] = [],
) {
  return {
    digest: manifest.digest,
    imageSize: manifest.size,
    createdTime: timeOf(createdAt),
    lastUpdateTime: timeOf(updatedAt),
    ...platformOf(repository, manifest.digest),
    mediaType: manifest.mediaType,
    ...(tags.length === 0 ? {} : { tags }),
    changeableAttributes: attributes,
  };
}

function referencesOf(repository: Repository, { manifest }: StoredManifest) {
  if (manifest.children.length === 0) return {};
  return { references: manifest.children.map((digest) => ({ digest, ...platformOf(repository, digest) })) };
}

function platformOf({ manifests, blobs }: Repository, digest: string): { architecture?: string; os?: string } {
  const config = manifests.get(digest)?.manifest.blobs[0];
  const content = config === undefined ? undefined : blobs.get(config);
  if (content === undefined) return {};
  const { architecture, os }: { architecture?: string; os?: string } = JSON.parse(content.toString('utf8'));
  return { ...(architecture === undefined ? {} : { architecture }), ...(os === undefined ? {} : { os }) };
}

function tagBody({ name, digest, createdAt, updatedAt, attributes }: StoredTag) {
  return {
    name,
    digest,
    createdTime: timeOf(createdAt),
    lastUpdateTime: timeOf(updatedAt),
    signed: false,
    changeableAttributes: attributes,
  };
}

/** With seven digits after the second, as ACR writes times. */
function timeOf(date: Date): string {
  return date.toISOString().replace('Z', '0000Z');
}
