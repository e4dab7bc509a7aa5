// Lets the SDK clients of this process reach the local Azure through its proxy and certificate, which a child process
// gets in its environment.
import { request as httpRequest } from 'node:http';
import { Agent } from 'node:https';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import type { Wire } from './server.ts';

/**
 * Options for every client of the Azure SDK, and a pipeline of its core: `new TableClient(url, table, credential,
 * clientOptions(wire))`.
 */
export interface ClientOptions {
  readonly agent: Agent;
}

/**
 * The Azure SDK ignores its `tlsOptions` behind a proxy, and Node reads NODE_EXTRA_CA_CERTS only when a process starts.
 * So the connections are created here.
 */
export function clientOptions(wire: Pick<Wire, 'proxy' | 'ca'>): ClientOptions {
  return { agent: agentOf(wire) };
}

/** Connections through the proxy that trust the local certificate. */
export function agentOf({ proxy, ca }: Pick<Wire, 'proxy' | 'ca'>): Agent {
  const agent = new Agent({ keepAlive: true });
  agent.createConnection = ({ host }, answer) => {
    const name = host ?? '';
    const asked = httpRequest(proxy, { method: 'CONNECT', path: `${name}:443`, agent: false });
    asked.on('connect', (response, socket: Socket) => {
      if (response.statusCode === 200) answer?.(null, connect({ socket, servername: name, ca }));
      else {
        socket.destroy();
        failed(answer, new Error(`the proxy does not lead to ${name}: status ${response.statusCode}`));
      }
    });
    asked.on('error', (error) => failed(answer, error));
    asked.end();
    return undefined;
  };
  return agent;
}

function failed(answer: Parameters<Agent['createConnection']>[1], error: Error): void {
  answer?.(error, undefined as never);
}
