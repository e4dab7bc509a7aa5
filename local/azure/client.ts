// What the SDK's clients of this process need to reach the local Azure, as a child process has it in its environment:
// proxy and certificate.
import { request as httpRequest } from 'node:http';
import { Agent } from 'node:https';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import type { Wire } from './server.ts';

/**
 * Options that every client of the Azure SDK takes, and a pipeline of its core:
 * `new TableClient(url, table, credential, clientOptions(wire))`.
 */
export interface ClientOptions {
  readonly agent: Agent;
}

/**
 * Azure's own `tlsOptions` do not count behind a proxy, and NODE_EXTRA_CA_CERTS is read at a process's start only: so
 * the connections are made here.
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
