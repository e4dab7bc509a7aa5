// A container client for ECR. It logs in with the SDK, as docker does with the token from the AWS CLI.
import { ECRClient, GetAuthorizationTokenCommand } from '@aws-sdk/client-ecr';
import { createOciClient, type OciClient } from '../oci-client.ts';
import type { Credentials } from './principals.ts';

export function createEcrOciClient(endpoint: string, region: string, credentials: Credentials): OciClient {
  let token: string | undefined;

  async function login(): Promise<string> {
    if (token !== undefined) return token;
    const client = new ECRClient({ endpoint, region, credentials });
    const { authorizationData } = await client.send(new GetAuthorizationTokenCommand({}));
    client.destroy();
    token = authorizationData?.[0]?.authorizationToken;
    if (token === undefined) throw new Error('ECR gave no authorization token');
    return token;
  }

  return createOciClient(async (method, path, body) => {
    const headers = { authorization: `Basic ${await login()}` };
    const response = await fetch(new URL(path, endpoint), { method, headers, ...(body === undefined ? {} : { body }) });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: Buffer.from(await response.arrayBuffer()),
    };
  });
}
