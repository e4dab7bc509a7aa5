// The managed-identity endpoint of App Service and Functions: gives a process tokens for its identities.
// Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '../clock.ts';
import type { ManagedIdentity, Principals } from './principals.ts';

/** The environment variables of an app's process. */
export interface IdentityEnvironment extends Readonly<Record<string, string>> {
  readonly IDENTITY_ENDPOINT: string;
  readonly IDENTITY_HEADER: string;
}

export interface IdentityEndpoint {
  /**
   * Lets a process request tokens for these identities. The header tells the processes apart.
   *
   * @param name of the process, which the log records for calls with its tokens
   */
  environment(identities: readonly ManagedIdentity[], name?: string): IdentityEnvironment;
}

const PATH = '/msi/token';
const API_VERSION = '2019-08-01';

export function createIdentityEndpoint(clock: Clock, principals: Principals) {
  const apps = new Map<string, readonly ManagedIdentity[]>();

  function read(request: IncomingMessage): { status: number; body: object } {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://identity');
    const refuse = (status: number, message: string) => ({ status, body: { statusCode: status, message } });
    if (request.method !== 'GET' || pathname !== PATH)
      return refuse(404, `the local Azure has no ${request.method} ${pathname}`);
    const identities = apps.get(String(request.headers['x-identity-header']));
    if (identities === undefined) return refuse(401, 'the X-IDENTITY-HEADER does not match the environment');
    const version = searchParams.get('api-version');
    if (version !== API_VERSION) return refuse(400, `the api-version must be ${API_VERSION}; got ${version}`);
    const resource = searchParams.get('resource');
    if (!resource) return refuse(400, 'the parameter resource, the audience of the token, is required');
    const clientId = searchParams.get('client_id');
    if (clientId === null)
      return refuse(400, 'the parameter client_id is required because the app has only user-assigned identities');
    const identity = identities.find((one) => one.clientId === clientId);
    if (identity === undefined)
      return refuse(400, `No User Assigned or Delegated Managed Identity found for ${clientId}`);
    const { token, expiresAt } = principals.issue(identity, resource);
    const expires = Math.floor((expiresAt ?? clock.now()).getTime() / 1000);
    const body = {
      access_token: token,
      expires_on: String(expires),
      resource,
      token_type: 'Bearer',
      client_id: clientId,
    };
    return { status: 200, body };
  }

  return {
    answer(request: IncomingMessage, response: ServerResponse): void {
      const { status, body } = read(request);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    },
    at(origin: string): IdentityEndpoint {
      return {
        environment(identities, name) {
          const secret = randomUUID();
          apps.set(secret, name === undefined ? identities : identities.map((one) => ({ ...one, process: name })));
          principals.secrets.push({ what: 'the header of a managed-identity endpoint', value: secret });
          return { IDENTITY_ENDPOINT: `${origin}${PATH}`, IDENTITY_HEADER: secret };
        },
      };
    },
  };
}
