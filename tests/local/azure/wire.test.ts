// The wire of the local Azure: proxy, certificates, managed identities, and rejected callers.
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ContainerRegistryManagementClient } from '@azure/arm-containerregistry';
import { createDefaultHttpClient, createPipelineFromOptions, createPipelineRequest } from '@azure/core-rest-pipeline';
import { ManagedIdentityCredential } from '@azure/identity';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { REGISTRY_ID, type Stage, startStage } from './stage.ts';

const SUBSCRIPTION = '00000000-1111-2222-3333-444444444444';
const IDENTITY = {
  id: '10000000-0000-4000-8000-000000000001',
  name: 'function',
  clientId: '20000000-0000-4000-8000-000000000002',
};
let stage: Stage;

beforeAll(async () => {
  stage = await startStage();
});
afterAll(() => stage.wire.stop());
beforeEach(() => {
  stage.faults.clear();
  stage.calls.reset();
});

/** Sets the environment of an app's process for the duration of a test. */
function appEnvironment(): Record<string, string> {
  const environment = { ...stage.wire.environment(), ...stage.wire.identity.environment([IDENTITY]) };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  onTestFinished(() => void vi.unstubAllEnvs());
  return environment;
}

describe('the proxy', () => {
  it('connects only to hosts that are served, so that nothing leaves the machine', async () => {
    const pipeline = createPipelineFromOptions(stage.options);
    const request = createPipelineRequest({ url: 'https://example.com/', method: 'GET' });
    await expect(pipeline.sendRequest(createDefaultHttpClient(), request)).rejects.toThrow(
      'the proxy does not lead to example.com: status 502',
    );
  });

  it('answers with the reason if a client asks for another host', async () => {
    const { hostname, port } = new URL(stage.wire.proxy);
    const socket = connect(Number(port), hostname);
    socket.end('CONNECT login.microsoftonline.com:443 HTTP/1.1\r\nHost: login.microsoftonline.com:443\r\n\r\n');
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text).toContain('502 Bad Gateway');
    expect(text).toContain(
      'the local Azure does not serve login.microsoftonline.com:443, and does not connect to other hosts',
    );
  });
});

describe('a managed identity', () => {
  const ask = (query: string, headers: Record<string, string>) => {
    const { IDENTITY_ENDPOINT } = stage.wire.identity.environment([IDENTITY]);
    return fetch(`${IDENTITY_ENDPOINT}?${query}`, { headers });
  };

  it('gets a token in App Service’s format that is valid for a day of the cloud’s time', async () => {
    const { IDENTITY_HEADER } = stage.wire.identity.environment([IDENTITY]);
    const query = `api-version=2019-08-01&resource=https://management.azure.com&client_id=${IDENTITY.clientId}`;
    const response = await ask(query, { 'x-identity-header': IDENTITY_HEADER });
    const expires = String(stage.clock.now().getTime() / 1000 + 86_400);
    expect(await response.json()).toEqual({
      access_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.local$/),
      expires_on: expires,
      resource: 'https://management.azure.com',
      token_type: 'Bearer',
      client_id: IDENTITY.clientId,
    });
  });

  it.each([
    ['without the header of its environment', '', 'x', 401],
    ['with another client id', '&client_id=30000000-0000-4000-8000-000000000003', undefined, 400],
    ['without a client id', '', undefined, 400],
  ])('is rejected %s', async (_what, query, secret, status) => {
    const { IDENTITY_HEADER } = stage.wire.identity.environment([IDENTITY]);
    const headers = { 'x-identity-header': secret ?? IDENTITY_HEADER };
    const response = await ask(`api-version=2019-08-01&resource=https://management.azure.com${query}`, headers);
    expect(response.status).toBe(status);
  });

  it("works with the SDK's credential, and has the roles that the graph assigns", async () => {
    appEnvironment();
    const credential = new ManagedIdentityCredential({ clientId: IDENTITY.clientId });
    const client = new ContainerRegistryManagementClient(credential, SUBSCRIPTION, stage.options);
    await expect(client.registries.get('rg', 'contoso')).rejects.toMatchObject({
      statusCode: 403,
      code: 'AuthorizationFailed',
      message: expect.stringContaining(
        "does not have authorization to perform action 'Microsoft.ContainerRegistry/registries/read'",
      ),
    });
    const assignment = {
      principalId: IDENTITY.id,
      roleDefinitionId: 'acdd72a7-3385-48ef-bd42-f606fba81ae7',
      scope: REGISTRY_ID,
    };
    stage.roles.deploy('main', [], [assignment]);
    onTestFinished(() => stage.roles.deploy('main', [], []));
    const registry = await client.registries.get('rg', 'contoso');
    expect(registry).toMatchObject({
      name: 'contoso',
      loginServer: 'contoso.azurecr.io',
      roleAssignmentMode: 'LegacyRegistryPermissions',
    });
    expect(stage.calls.count(IDENTITY.id)).toEqual({ 'arm:GetRegistry': 2 });
  });

  it('works in a child process with only its environment', async () => {
    const assignment = { principalId: IDENTITY.id, roleDefinitionId: 'Reader', scope: REGISTRY_ID };
    stage.roles.deploy('main', [], [assignment]);
    onTestFinished(() => stage.roles.deploy('main', [], []));
    const root = join(import.meta.dirname, '..', '..', '..');
    const code = `
      import { ContainerRegistryManagementClient } from '@azure/arm-containerregistry';
      import { ManagedIdentityCredential } from '@azure/identity';
      const credential = new ManagedIdentityCredential({ clientId: '${IDENTITY.clientId}' });
      const client = new ContainerRegistryManagementClient(credential, '${SUBSCRIPTION}');
      console.log((await client.registries.get('rg', 'contoso')).loginServer);`;
    const env = { ...stage.wire.environment(), ...stage.wire.identity.environment([IDENTITY]) };
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', code], { cwd: root, env });
    expect((await run).stdout).toBe('contoso.azurecr.io\n');
  });
});

describe('a caller', () => {
  const get = (credential: ConstructorParameters<typeof ContainerRegistryManagementClient>[0]) =>
    new ContainerRegistryManagementClient(credential, SUBSCRIPTION, stage.options).registries.get('rg', 'contoso');

  it('is rejected with a token that was never issued', async () => {
    const stranger = { getToken: () => Promise.resolve({ token: 'made-up', expiresOnTimestamp: Date.now() + 60_000 }) };
    await expect(get(stranger)).rejects.toMatchObject({ statusCode: 401, code: 'InvalidAuthenticationToken' });
  });

  it('is rejected with a token for another audience', async () => {
    const reader = stage.addPrincipal({ role: 'Reader', scope: REGISTRY_ID });
    const elsewhere = { getToken: () => reader.getToken('https://storage.azure.com/.default') };
    await expect(get(elsewhere)).rejects.toMatchObject({ statusCode: 401 });
    await expect(get(reader)).resolves.toMatchObject({ name: 'contoso' });
  });

  it('is rejected if the role’s scope only starts the same', async () => {
    const reader = stage.addPrincipal({ role: 'Reader', scope: REGISTRY_ID.slice(0, -1) });
    await expect(get(reader)).rejects.toMatchObject({ statusCode: 403 });
  });

  it('may do what a custom role of the graph allows', async () => {
    const id = '40000000-0000-4000-8000-000000000004';
    const definition = {
      id,
      name: 'looker',
      permissions: [{ actions: ['Microsoft.ContainerRegistry/*/read'], dataActions: [] }],
    };
    const person = stage.addPrincipal();
    const roleDefinitionId = `/subscriptions/${SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/${id}`;
    stage.roles.deploy(
      'custom',
      [definition],
      [{ principalId: person.principal.id, roleDefinitionId, scope: REGISTRY_ID.toLowerCase() }],
    );
    await expect(get(person)).resolves.toMatchObject({ name: 'contoso' });
    expect(() =>
      stage.roles.deploy('custom', [], [{ principalId: 'x', roleDefinitionId: 'unheard-of', scope: '/' }]),
    ).toThrow('the local Azure does not know the role unheard-of');
    stage.roles.deploy('custom', [], []);
  });
});

describe('fault injection', () => {
  const get = (options: object = stage.options) => {
    const reader = stage.addPrincipal({ role: 'Reader', scope: REGISTRY_ID });
    return new ContainerRegistryManagementClient(reader, SUBSCRIPTION, options).registries.get('rg', 'contoso');
  };

  it.each([
    ['throttling', { kind: 'throttle' }, 429],
    ['a server error', { kind: 'serverError' }, 500],
    ['an error of choice', { kind: 'error', code: 'Teapot', message: 'x', status: 418 }, 418],
  ] as const)('%s affects once the call for which it is set', async (_what, fault, statusCode) => {
    stage.faults.add({ ...fault, service: 'arm', operation: 'GetRegistry', nth: 2 });
    await expect(get()).resolves.toMatchObject({ name: 'contoso' });
    await expect(get()).rejects.toMatchObject({ statusCode });
    await expect(get()).resolves.toMatchObject({ name: 'contoso' });
  });

  it('the SDK retries a throttled call as soon as it may', async () => {
    stage.faults.add({ kind: 'throttle', times: 2 });
    await expect(get(stage.retrying)).resolves.toMatchObject({ name: 'contoso' });
    expect(stage.calls.count()).toEqual({ 'arm:GetRegistry': 3 });
  });

  it('a reset comes before the work, a dropped answer after it, and silence lasts until the client times out', async () => {
    stage.faults.add({ kind: 'reset' });
    await expect(get()).rejects.toThrow();
    stage.faults.add({ kind: 'drop' });
    await expect(get()).rejects.toThrow();
    stage.faults.add({ kind: 'timeout' });
    const reader = stage.addPrincipal({ role: 'Reader', scope: REGISTRY_ID });
    const client = new ContainerRegistryManagementClient(reader, SUBSCRIPTION, stage.options);
    await expect(
      client.registries.get('rg', 'contoso', { abortSignal: AbortSignal.timeout(100) }),
    ).rejects.toMatchObject({
      name: 'AbortError',
    });
  });

  it("a crash kills the caller's process, before the work or after it", async () => {
    const done: string[] = [];
    const remove = stage.calls.after(({ operation }) => void done.push(operation));
    onTestFinished(remove);
    for (const when of ['before', 'after'] as const) {
      stage.faults.add({ kind: 'crash', when, where: ({ principal }) => principal.name.startsWith('principal') });
      await expect(get()).rejects.toThrow();
    }
    expect(stage.crashed.map(({ operation }) => operation)).toEqual(['GetRegistry', 'GetRegistry']);
    expect(done).toEqual(['GetRegistry']);
  });

  it('a hook holds a call before its work', async () => {
    const order: string[] = [];
    const removals = [
      stage.calls.before(({ operation }) => void order.push(`before ${operation}`)),
      stage.calls.after(({ operation }) => void order.push(`after ${operation}`)),
    ];
    await get();
    for (const remove of removals) remove();
    await get();
    expect(order).toEqual(['before GetRegistry', 'after GetRegistry']);
  });

  it('a feature that the local cloud lacks is reported as such, and no client retries', async () => {
    const reader = stage.addPrincipal({ role: 'Reader', scope: REGISTRY_ID });
    const client = new ContainerRegistryManagementClient(reader, SUBSCRIPTION, stage.retrying);
    await expect(client.replications.get('rg', 'contoso', 'x')).rejects.toMatchObject({
      statusCode: 400,
      code: 'LocalCloudException',
    });
    expect(stage.wire.gaps.splice(0)).toEqual([expect.stringContaining('the local Resource Manager has no GET')]);
  });
});
