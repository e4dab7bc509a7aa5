// Lets a function's process reuse its connections, as in Azure, where no proxy is in between. A new handshake per call
// would take most of each call's time.
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

/** Members of Node's agents that their types omit. */
interface Adding {
  addRequest(request: http.ClientRequest, options: { readonly port?: number | string }): void;
}

const { Agent } = http;
const { addRequest } = Agent.prototype as unknown as Adding;

class KeepingAgent extends Agent {
  constructor(options?: http.AgentOptions) {
    super({ keepAlive: true, ...options });
  }
}
/**
 * A proxy agent guesses from the call stack whether a call uses TLS, and reuses a connection only if the guesses agree.
 * So the answer is set here.
 */
const adding: Adding = {
  addRequest(request, options) {
    addRequest.call(this, request, Object.assign({ secureEndpoint: Number(options.port) === 443 }, options));
  },
};

/** Affects every agent that is created after this call. */
export function keepConnections(): void {
  Object.assign(KeepingAgent.prototype, adding);
  Object.assign(http, { Agent: KeepingAgent });
  syncBuiltinESMExports();
}
