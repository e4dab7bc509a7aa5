// Sends requests with a bearer token to services whose client package would be a large part of the bundle.
import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createPipelineFromOptions,
  createPipelineRequest,
  type PipelineOptions,
  type PipelinePolicy,
  type PipelineRequestOptions,
  type PipelineResponse,
} from '@azure/core-rest-pipeline';
import type { TokenCredential } from '@azure/identity';

/** Sends a request, and returns the answer, whatever its status is. */
export type Send = (request: PipelineRequestOptions) => Promise<PipelineResponse>;

/**
 * A bare pipeline ignores the additional policies in the options.
 *
 * @param perCall applies once to each request
 * @param perRetry applies to each try
 */
export function createSend(
  scopes: string,
  credential: TokenCredential,
  options: PipelineOptions,
  { perCall, perRetry }: { readonly perCall: PipelinePolicy; readonly perRetry: PipelinePolicy },
): Send {
  const pipeline = createPipelineFromOptions(options);
  pipeline.addPolicy(perCall);
  pipeline.addPolicy(bearerTokenAuthenticationPolicy({ credential, scopes }), { phase: 'Sign' });
  pipeline.addPolicy(perRetry, { afterPhase: 'Sign' });
  const http = createDefaultHttpClient();
  return (request) => pipeline.sendRequest(http, createPipelineRequest(request));
}
