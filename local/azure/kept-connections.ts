// Lets a function's process keep its connections, as it does in Azure, where no proxy is in between: to greet anew for
// each call is most of a call's time.
import http from 'node:http';
import { syncBuiltinESMExports } from 'node:module';

/** What Node's agents have, and their types do not tell. */
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
 * An agent of a proxy guesses from the stack whether a call is over TLS, and finds a connection again only where it
 * guesses alike.
 */
const adding: Adding = {
  addRequest(request, options) {
    addRequest.call(this, request, Object.assign({ secureEndpoint: Number(options.port) === 443 }, options));
  },
};

/** For every agent that is made from now on. */
export function keepConnections(): void {
  Object.assign(KeepingAgent.prototype, adding);
  Object.assign(http, { Agent: KeepingAgent });
  syncBuiltinESMExports();
}
