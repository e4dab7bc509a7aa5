// A container client for ACR. It logs in with a principal's token, as `az acr login` does, and connects through the
// proxy.
// Source: https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
import { request as httpsRequest } from 'node:https';
import type { TokenCredential } from '@azure/core-auth';
import { createOciClient, type OciResponse, type Pulled } from '../oci-client.ts';
import { agentOf } from './client.ts';
import type { Wire } from './server.ts';

export interface AcrOciClient {
  /** Pulls a manifest with its config and layers. For an index, pulls only the manifest. */
  pull(registry: HasLogin, repository: string, reference: string): Promise<Pulled>;
  /** Pushes an image with one layer, which holds this content. */
  push(registry: HasLogin, repository: string, tag: string, content: string): Promise<Pulled>;
}

export interface HasLogin {
  readonly loginServer: string;
}

export function createAcrOciClient(wire: Pick<Wire, 'proxy' | 'ca'>, credential: TokenCredential): AcrOciClient {
  const agent = agentOf(wire);

  const send = (method: string, url: URL, headers: Record<string, string>, body?: string): Promise<OciResponse> =>
    new Promise((resolve, reject) => {
      const asked = httpsRequest(url, { method, headers, agent }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const known = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
          resolve({
            status: response.statusCode ?? 0,
            headers: Object.fromEntries(known),
            body: Buffer.concat(chunks),
          });
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });

  async function tokenFor(challenge: string, loginServer: string): Promise<string> {
    const [, service = ''] = /service="([^"]+)"/.exec(challenge) ?? [];
    const [, scope = ''] = /scope="([^"]+)"/.exec(challenge) ?? [];
    const entra = await credential.getToken('https://containerregistry.azure.net/.default');
    const ask = async (path: string, form: Record<string, string>): Promise<Record<string, string>> => {
      const headers = { 'content-type': 'application/x-www-form-urlencoded' };
      const url = new URL(path, `https://${loginServer}`);
      const { status, body } = await send('POST', url, headers, String(new URLSearchParams({ service, ...form })));
      if (status !== 200)
        throw new Error(`the login to ${loginServer} failed: status ${status}, ${body.toString('utf8')}`);
      return JSON.parse(body.toString('utf8'));
    };
    const exchange = { grant_type: 'access_token', access_token: entra?.token ?? '' };
    const { refresh_token = '' } = await ask('/oauth2/exchange', exchange);
    const { access_token = '' } = await ask('/oauth2/token', { grant_type: 'refresh_token', scope, refresh_token });
    return access_token;
  }

  const clientOf = ({ loginServer }: HasLogin) => {
    let token = '';
    return createOciClient(async (method, path, body) => {
      const url = new URL(path, `https://${loginServer}`);
      const first = await send(method, url, { authorization: `Bearer ${token}` }, body);
      const challenge = first.headers['www-authenticate'];
      if (first.status !== 401 || challenge === undefined) return first;
      token = await tokenFor(challenge, loginServer);
      return send(method, url, { authorization: `Bearer ${token}` }, body);
    });
  };
  return {
    pull: (registry, repository, reference) => clientOf(registry).pull(repository, reference),
    push: (registry, repository, tag, content) => clientOf(registry).push(repository, tag, content),
  };
}
