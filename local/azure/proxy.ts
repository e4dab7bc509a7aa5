// The loopback proxy for the clients of the local Azure. It connects only to the hosts that the local Azure serves.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

export interface Proxy {
  readonly url: string;
  stop(): Promise<void>;
}

interface Parts {
  readonly knows: (host: string) => boolean;
  /** Handles a connection to a known host. */
  readonly lead: (socket: Duplex) => void;
  /** Handles a plain HTTP request to the port itself. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void;
}

export async function startProxy({ knows, lead, answer }: Parts): Promise<Proxy> {
  const sockets = new Set<Duplex>();
  const server = createServer(answer);
  server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    // A client may disconnect at any time.
    socket.on('error', () => socket.destroy());
    const [host = '', port] = (request.url ?? '').toLowerCase().split(':');
    if (port !== '443' || !knows(host)) {
      const message = `the local Azure does not serve ${request.url}, and does not connect to other hosts\n`;
      socket.end(
        `HTTP/1.1 502 Bad Gateway\r\ncontent-length: ${Buffer.byteLength(message)}\r\nconnection: close\r\n\r\n${message}`,
      );
      return;
    }
    socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
    if (head.byteLength > 0) socket.unshift(head);
    lead(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of sockets) socket.destroy();
      }),
  };
}
