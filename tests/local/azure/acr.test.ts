// The local ACR, as the real SDK client and a container client see it.
import { ContainerRegistryClient } from '@azure/container-registry';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Attributes } from '../../../local/azure/acr.ts';
import { IMAGE_INDEX, IMAGE_MANIFEST } from '../../../local/manifest.ts';
import { REPOSITORY_NAME } from '../../../shared/policy/repository-name.ts';
import { REGISTRY_ID, type Stage, startStage } from './stage.ts';

let stage: Stage;
let client: ContainerRegistryClient;

beforeAll(async () => {
  stage = await startStage();
  client = clientOf('Owner');
});
afterAll(() => stage.wire.stop());
beforeEach(() => stage.calls.reset());

function clientOf(role: string, scope = REGISTRY_ID, loginServer = 'contoso.azurecr.io'): ContainerRegistryClient {
  return new ContainerRegistryClient(`https://${loginServer}`, stage.addPrincipal({ role, scope }), stage.options);
}

describe('metadata', () => {
  it('of an image contains platform, tags and attributes', async () => {
    const digest = stage.registry.push('meta/image', { tag: 'v1', content: 'one', architecture: 'amd64' });
    const properties = await client.getArtifact('meta/image', digest).getManifestProperties();
    expect(properties).toMatchObject({
      digest,
      registryLoginServer: 'contoso.azurecr.io',
      repositoryName: 'meta/image',
      architecture: 'amd64',
      operatingSystem: 'linux',
      tags: ['v1'],
      createdOn: stage.clock.now(),
      canRead: true,
      canWrite: true,
      canDelete: true,
      canList: true,
    });
    expect(properties.relatedArtifacts).toEqual([]);
  });

  it('of an index names its children with their platforms, and has no platform itself', async () => {
    const children = ['amd64', 'arm64'].map((architecture) => stage.registry.push('meta/index', { architecture }));
    const digest = stage.registry.pushIndex('meta/index', { tag: 'latest', children });
    const properties = await client.getArtifact('meta/index', digest).getManifestProperties();
    expect(properties.architecture).toBeUndefined();
    expect(properties.relatedArtifacts).toEqual([
      { digest: children[0], architecture: 'amd64', operatingSystem: 'linux' },
      { digest: children[1], architecture: 'arm64', operatingSystem: 'linux' },
    ]);
  });

  it('of a registry lists its repositories in pages', async () => {
    for (const name of ['catalog/b', 'catalog/a']) stage.registry.push(name);
    const listed: string[] = [];
    for await (const page of client.listRepositoryNames().byPage({ maxPageSize: 1 })) listed.push(...page);
    expect(listed).toEqual(listed.toSorted());
    expect(listed.filter((name) => name.startsWith('catalog/'))).toEqual(['catalog/a', 'catalog/b']);
  });

  it('is listed by digest in pages, of 100 by default', async () => {
    const digests = Array.from({ length: 205 }, (_, index) =>
      stage.registry.push('meta/many', { content: `m${index}` }),
    );
    const listed: string[] = [];
    for await (const { digest } of client.getRepository('meta/many').listManifestProperties()) listed.push(digest);
    expect(listed).toEqual(digests.toSorted());
    expect(stage.calls.count()['acr:ListManifests']).toBe(3);
    const pages: number[] = [];
    for await (const page of client.getRepository('meta/many').listManifestProperties().byPage({ maxPageSize: 150 }))
      pages.push(page.length);
    expect(pages).toEqual([150, 55]);
  });

  it('in a list identifies an index by its media type, without its children', async () => {
    const children = [stage.registry.push('meta/list', { content: 'child' })];
    const index = stage.registry.pushIndex('meta/list', { tag: 'multi', children });
    const reader = stage.addPrincipal({ role: 'AcrPull', scope: REGISTRY_ID });
    const raw: { body?: string | null } = {};
    const pager = new ContainerRegistryClient('https://contoso.azurecr.io', reader, stage.options)
      .getRepository('meta/list')
      .listManifestProperties({ onResponse: ({ bodyAsText }) => void Object.assign(raw, { body: bodyAsText }) });
    for await (const _ of pager);
    const { manifests }: { manifests: readonly Record<string, unknown>[] } = JSON.parse(raw.body ?? '');
    const of = (digest: string | undefined) => manifests.find((one) => one['digest'] === digest);
    expect(of(index)).toMatchObject({ mediaType: IMAGE_INDEX, tags: ['multi'] });
    expect(Object.keys(of(index) ?? {})).not.toContain('architecture');
    expect(Object.keys(of(index) ?? {})).not.toContain('references');
    expect(of(children[0])).toMatchObject({ mediaType: IMAGE_MANIFEST, architecture: 'arm64', os: 'linux' });
    expect(Object.keys(of(children[0]) ?? {})).not.toContain('tags');
  });

  it('changes only in the attributes that are sent', async () => {
    const digest = stage.registry.push('meta/lock', { tag: 'v1' });
    const artifact = client.getArtifact('meta/lock', digest);
    expect(await artifact.updateManifestProperties({ canRead: false })).toMatchObject({
      canRead: false,
      canWrite: true,
    });
    expect(await artifact.updateManifestProperties({ canDelete: false })).toMatchObject({
      canRead: false,
      canDelete: false,
    });
    const repository = client.getRepository('meta/lock');
    expect(await repository.updateProperties({ canRead: false })).toMatchObject({ canRead: false, canDelete: true });
    expect(await repository.getProperties()).toMatchObject({
      name: 'meta/lock',
      manifestCount: 1,
      tagCount: 1,
      canRead: false,
    });
    expect(stage.registry.attributes('meta/lock')).toMatchObject({ readEnabled: false });
    expect(stage.registry.attributes('meta/lock', { digest })).toMatchObject({
      readEnabled: false,
      deleteEnabled: false,
    });
    expect(stage.registry.attributes('meta/lock', { tag: 'v1' })).toMatchObject({ readEnabled: true });
  });

  it.each([
    ['a repository', () => client.getRepository('absent').getProperties(), 'NAME_UNKNOWN'],
    ['the list of a repository', () => client.getRepository('absent').listManifestProperties().next(), 'NAME_UNKNOWN'],
    [
      'a manifest',
      () => client.getArtifact('meta/known', `sha256:${'0'.repeat(64)}`).getManifestProperties(),
      'MANIFEST_UNKNOWN',
    ],
    [
      'a manifest to change',
      () => client.getArtifact('meta/known', `sha256:${'0'.repeat(64)}`).updateManifestProperties({ canRead: false }),
      'MANIFEST_UNKNOWN',
    ],
  ])('of %s that does not exist is answered with 404', async (_what, ask, code) => {
    stage.registry.push('meta/known');
    await expect(ask()).rejects.toMatchObject({
      statusCode: 404,
      details: { errors: [expect.objectContaining({ code })] },
    });
  });
});

describe('tokens', () => {
  const LEGACY = 'LegacyRegistryPermissions';
  const ABAC = 'AbacRepositoryPermissions';

  it('are requested once per repository and action, and again after 75 minutes', async () => {
    const digest = stage.registry.push('tokens/app');
    const own = clientOf('Owner').getArtifact('tokens/app', digest);
    await own.getManifestProperties();
    await own.getManifestProperties();
    expect(stage.calls.count()).toEqual({ 'acr:Exchange': 1, 'acr:GetManifest': 2, 'acr:Token': 1 });
    stage.clock.advance(75 * 60 * 1000);
    await own.getManifestProperties();
    expect(stage.calls.count()).toMatchObject({ 'acr:GetManifest': 3, 'acr:Token': 2 });
    await own.updateManifestProperties({ canRead: true });
    expect(stage.calls.count()).toMatchObject({ 'acr:Token': 3, 'acr:UpdateManifest': 1 });
  });

  it('without a principal are rejected at the exchange', async () => {
    const stranger = { getToken: () => Promise.resolve({ token: 'x', expiresOnTimestamp: Date.now() + 600_000 }) };
    const strange = new ContainerRegistryClient('https://contoso.azurecr.io', stranger, stage.options);
    stage.registry.push('tokens/app');
    await expect(strange.getRepository('tokens/app').getProperties()).rejects.toMatchObject({ statusCode: 401 });
  });

  it.each([
    [LEGACY, 'AcrPush', 'read'],
    [LEGACY, 'AcrPull', 'read'],
    [LEGACY, 'Reader', 'read'],
    [LEGACY, 'AcrDelete', 'nothing'],
    [LEGACY, 'Container Registry Repository Contributor', 'nothing'],
    [LEGACY, 'Owner', 'read and write'],
    [ABAC, 'Container Registry Repository Contributor', 'read and write'],
    [ABAC, 'Container Registry Repository Reader', 'read'],
    [ABAC, 'AcrPush', 'nothing'],
    [ABAC, 'Owner', 'nothing'],
  ] as const)('in the mode %s, let %s do this: %s', async (roleMode, role, may) => {
    stage.registry.roleMode = roleMode;
    const digest = stage.registry.push('roles/app', { content: 'x' });
    const artifact = clientOf(role).getArtifact('roles/app', digest);
    const tried = [
      await outcome(artifact.getManifestProperties()),
      await outcome(artifact.updateManifestProperties({ canRead: true })),
    ];
    stage.registry.roleMode = LEGACY;
    expect(tried).toEqual({ 'read and write': ['ok', 'ok'], read: ['ok', 401], nothing: [401, 401] }[may]);
  });

  it.each([
    [LEGACY, 'AcrPull', 'ok'],
    [LEGACY, 'AcrDelete', 401],
    [ABAC, 'Container Registry Repository Catalog Lister', 'ok'],
    [ABAC, 'Container Registry Repository Contributor', 401],
  ] as const)('in the mode %s, answer %s that asks for the repositories with %s', async (roleMode, role, answer) => {
    stage.registry.roleMode = roleMode;
    const listed = await outcome(clientOf(role).listRepositoryNames().next());
    stage.registry.roleMode = LEGACY;
    expect(listed).toBe(answer);
  });

  it.each([
    [LEGACY, 'actions', 'pull/read metadata/read metadata/write', ['ok', 'ok', 401]],
    [LEGACY, 'actions', 'pull/read metadata/read', ['ok', 401, 401]],
    [LEGACY, 'actions', 'metadata/read metadata/write', [401, 401, 401]],
    [LEGACY, 'dataActions', 'repositories/metadata/read repositories/metadata/write', [401, 401, 401]],
    [ABAC, 'dataActions', 'repositories/metadata/read repositories/metadata/write', ['ok', 'ok', 401]],
    [ABAC, 'dataActions', 'repositories/metadata/read', ['ok', 401, 401]],
    [ABAC, 'actions', 'repositories/metadata/read repositories/metadata/write', [401, 401, 401]],
    [ABAC, 'actions', 'pull/read metadata/read metadata/write', [401, 401, 401]],
  ] as const)(
    'in the mode %s, of a custom role with the %s %s, read, lock and delete only as it permits',
    async (mode, kind, ends, wanted) => {
      stage.registry.roleMode = mode;
      const given = ends.split(' ').map((end) => `Microsoft.ContainerRegistry/registries/${end}`);
      const permissions = [{ actions: [], dataActions: [], [kind]: given }];
      const id = '50000000-0000-4000-8000-000000000005';
      const person = stage.addPrincipal();
      const assignment = { principalId: person.principal.id, roleDefinitionId: id, scope: REGISTRY_ID };
      stage.roles.deploy('locker', [{ id, name: 'locker', permissions }], [assignment]);
      const digest = stage.registry.push('roles/custom', { content: 'x' });
      const own = new ContainerRegistryClient('https://contoso.azurecr.io', person, stage.options);
      const artifact = own.getArtifact('roles/custom', digest);
      const tried = [
        await outcome(artifact.getManifestProperties()),
        await outcome(artifact.updateManifestProperties({ canRead: true })),
        await outcome(artifact.delete()),
      ];
      stage.roles.deploy('locker', [], []);
      stage.registry.roleMode = LEGACY;
      expect(tried).toEqual(wanted);
    },
  );

  it('name the missing permission in a refusal', async () => {
    stage.registry.push('roles/named');
    const repository = clientOf('AcrPull').getRepository('roles/named');
    await expect(repository.updateProperties({ canRead: false })).rejects.toMatchObject({
      statusCode: 401,
      message: expect.stringContaining(
        '"detail":[{"Type":"repository","Name":"roles/named","Action":"metadata_write"}]',
      ),
      details: { errors: [{ code: 'UNAUTHORIZED' }] },
    });
  });

  it('are valid only for their registry, under any login server name', async () => {
    const id = REGISTRY_ID.replace('contoso', 'sovereign');
    const sovereign = stage.acr.addRegistry(id, { loginServer: 'sovereign-hash.azurecr.de' });
    const digest = sovereign.push('app', { tag: 'v1' });
    const own = clientOf('Owner', id, 'sovereign-hash.azurecr.de').getArtifact('app', digest);
    expect(await own.getManifestProperties()).toMatchObject({
      registryLoginServer: 'sovereign-hash.azurecr.de',
      tags: ['v1'],
    });
    const other = clientOf('Owner', REGISTRY_ID, 'sovereign-hash.azurecr.de').getArtifact('app', digest);
    await expect(other.getManifestProperties()).rejects.toMatchObject({ statusCode: 401 });
  });
});

describe('a container client', () => {
  const closed: Partial<Attributes> = { readEnabled: false };
  const puller = () => stage.oci(stage.addPrincipal({ role: 'AcrPull', scope: REGISTRY_ID }));
  const pusher = () => stage.oci(stage.addPrincipal({ role: 'AcrPush', scope: REGISTRY_ID }));

  it('pulls its pushed image by tag and by digest', async () => {
    const pushed = await pusher().push(stage.registry, 'oci/app', 'v1', 'hello');
    expect(pushed.status).toBe(201);
    const oci = puller();
    expect(await oci.pull(stage.registry, 'oci/app', 'v1')).toEqual({
      status: 200,
      digest: pushed.digest,
      message: undefined,
    });
    expect(await oci.pull(stage.registry, 'oci/app', pushed.digest ?? '')).toMatchObject({ status: 200 });
    expect(await oci.pull(stage.registry, 'oci/app', 'v2')).toMatchObject({ status: 404 });
    expect(await puller().push(stage.registry, 'oci/app', 'v1', 'mine')).toMatchObject({ status: 401 });
  });

  it('finds a repository whose name contains segments of the endpoint’s own paths', async () => {
    const repository = 'oci/blobs/uploads/manifests/app';
    const { status, digest } = await pusher().push(stage.registry, repository, 'v1', 'hello');
    expect(status).toBe(201);
    expect(await puller().pull(stage.registry, repository, 'v1')).toEqual({ status: 200, digest, message: undefined });
  });

  it.each(['Team/App', '-team/app', 'a'.repeat(257)])('cannot push to the invalid repository name %j', async (name) => {
    const message = `the local registry needs ${REPOSITORY_NAME}; got ${JSON.stringify(name)}`;
    expect(await pusher().push(stage.registry, name, 'v1', 'hello')).toEqual({
      status: 400,
      digest: undefined,
      message,
    });
    expect(() => stage.registry.push(name, { tag: 'v1' })).toThrow(message);
  });

  it.each([
    ['its manifest', (digest: string) => ({ digest }), [405, 405, 200]],
    ['its tag', () => ({ tag: 'v1' }), [405, 200, 200]],
    ['its repository', () => ({}), [405, 405, 405]],
  ])('cannot pull an image if %s is locked', async (_what, target, statuses) => {
    const repository = `oci/locked-${statuses.join('-')}`;
    const digest = stage.registry.push(repository, { tag: 'v1' });
    const good = stage.registry.push(repository, { tag: 'good' });
    stage.registry.setAttributes(repository, closed, target(digest));
    const oci = puller();
    const pulled = [];
    for (const reference of ['v1', digest, good])
      pulled.push((await oci.pull(stage.registry, repository, reference)).status);
    expect(pulled).toEqual(statuses);
  });

  it('pulls an index by its tag, but not its locked child', async () => {
    const [bad = '', good = ''] = ['a', 'b'].map((content) => stage.registry.push('oci/index', { content }));
    stage.registry.pushIndex('oci/index', { tag: 'latest', children: [bad, good] });
    stage.registry.setAttributes('oci/index', closed, { digest: bad });
    const oci = puller();
    expect(await oci.pull(stage.registry, 'oci/index', 'latest')).toMatchObject({ status: 200 });
    expect(await oci.pull(stage.registry, 'oci/index', good)).toMatchObject({ status: 200 });
    expect(await oci.pull(stage.registry, 'oci/index', bad)).toEqual({
      status: 405,
      digest: undefined,
      message: expect.stringContaining('The operation is disallowed on this registry, repository or image.'),
    });
  });

  it('moves a tag with a push, and finds a deleted and repushed digest unlocked', async () => {
    const first = stage.registry.push('oci/again', { tag: 'v1', content: 'first' });
    stage.registry.setAttributes('oci/again', closed, { digest: first });
    expect(stage.registry.push('oci/again', { tag: 'v1', content: 'first' })).toBe(first);
    expect(stage.registry.attributes('oci/again', { digest: first }).readEnabled).toBe(false);
    const second = stage.registry.push('oci/again', { tag: 'v1', content: 'second' });
    expect((await puller().pull(stage.registry, 'oci/again', 'v1')).digest).toBe(second);
    stage.registry.delete('oci/again', first);
    expect(await puller().pull(stage.registry, 'oci/again', first)).toMatchObject({ status: 404 });
    expect(stage.registry.push('oci/again', { content: 'first' })).toBe(first);
    expect(await puller().pull(stage.registry, 'oci/again', first)).toMatchObject({ status: 200 });
  });

  it('cannot write if writes are locked', async () => {
    stage.registry.push('oci/frozen', { tag: 'v1' });
    stage.registry.setAttributes('oci/frozen', { writeEnabled: false });
    expect(await pusher().push(stage.registry, 'oci/frozen', 'v1', 'new')).toMatchObject({ status: 405 });
  });
});

async function outcome(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'ok',
    (error: { statusCode?: number }) => error.statusCode,
  );
}

describe('the deletion of a repository', () => {
  it('removes its images, whatever may be read, unless one of them may not be deleted', async () => {
    const digest = stage.registry.push('gone/app', { tag: 'v1' });
    stage.registry.setAttributes('gone/app', { readEnabled: false });
    stage.registry.setAttributes('gone/app', { deleteEnabled: false }, { digest });
    await expect(client.deleteRepository('gone/app')).rejects.toMatchObject({ statusCode: 405 });
    stage.registry.setAttributes('gone/app', { deleteEnabled: true }, { digest });
    await client.deleteRepository('gone/app');
    expect(stage.registry.repositories.has('gone/app')).toBe(false);
    // The SDK takes the status 404 for success.
    await client.deleteRepository('gone/app');
  });

  it('needs the permission to delete', async () => {
    stage.registry.push('kept/app', { tag: 'v1' });
    await expect(clientOf('AcrPush').deleteRepository('kept/app')).rejects.toMatchObject({ statusCode: 401 });
    // A principal that may not pull cannot log in.
    await expect(clientOf('AcrDelete').deleteRepository('kept/app')).rejects.toMatchObject({ statusCode: 401 });
    expect(stage.registry.repositories.has('kept/app')).toBe(true);
  });
});
