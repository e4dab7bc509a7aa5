// The server of the page of `npm start -- --watch`: serves loopback and the page's own origin only, and sends every
// change as a server-sent event.
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseAction } from './actions.ts';
import type { Change, World } from './world.ts';

export interface WatchServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const MAX_BODY_BYTES = 65_536;
const KEEP_ALIVE_MILLISECONDS = 20_000;
/** The placeholder in the page that the server replaces with the token. */
const TOKEN = '%TOKEN%';

const FILES: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  '/': { file: 'page.html', type: 'text/html; charset=utf-8' },
  '/page.css': { file: 'page.css', type: 'text/css; charset=utf-8' },
  '/parts.css': { file: 'parts.css', type: 'text/css; charset=utf-8' },
  '/page.js': { file: 'page.js', type: 'text/javascript; charset=utf-8' },
  '/policy.js': { file: 'policy.js', type: 'text/javascript; charset=utf-8' },
  '/view.js': { file: 'view.js', type: 'text/javascript; charset=utf-8' },
  '/icon.svg': { file: 'icon.svg', type: 'image/svg+xml' },
};

/**
 * The page loads nothing from other origins, cannot be framed, and never turns text into markup.
 * Source: https://www.w3.org/TR/CSP3/ and https://www.w3.org/TR/trusted-types/
 */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
} as const;

/**
 * Serves the page of a world. Requests wait until the world has started.
 *
 * @param port 0 for a free one
 * @throws Error if the port is in use
 */
export async function serveWorld(starting: Promise<World>, port: number): Promise<WatchServer> {
  const token = randomBytes(24).toString('base64url');
  const streams = new Set<ServerResponse>();
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent)
        end(response, 500, { problem: error instanceof Error ? error.message : 'the request failed' });
      else response.destroy();
    });
  });

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    const { pathname } = new URL(request.url ?? '/', 'http://page');
    // Reject a foreign host name that resolves to this address (DNS rebinding).
    if (!isOurs(`http://${request.headers.host}`))
      return end(response, 403, { problem: `This page is available only at ${url()}.` });
    if (request.method === 'POST' && pathname === '/do') return act(request, response);
    if (request.method !== 'GET') return end(response, 405, { problem: 'Use GET for the page, and POST for /do.' });
    if (pathname === '/events') return stream(await starting, request, response);
    const found = FILES[pathname];
    if (found === undefined) return end(response, 404, { problem: 'File not found.' });
    const text = await readFile(new URL(`./page/${found.file}`, import.meta.url), 'utf8');
    response.writeHead(200, { 'content-type': found.type }).end(text.replace(TOKEN, token));
  }

  async function act(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { origin, 'content-type': type, 'x-pullgate-token': given } = request.headers;
    if (origin === undefined || !isOurs(origin) || !isSame(given, token))
      return end(response, 403, { problem: 'Only the page can send this request. Reload the page.' });
    if (!/^application\/json\b/.test(type ?? ''))
      return end(response, 415, { problem: 'The content type must be application/json.' });
    const body = await bodyOf(request);
    if (body === undefined) {
      response.setHeader('connection', 'close');
      return end(response, 413, { problem: `The body must not be larger than ${MAX_BODY_BYTES} bytes.` });
    }
    const parsed = parseAction(body);
    if ('problem' in parsed) return end(response, 400, { problem: parsed.problem });
    const world = await starting;
    const outcome = await world.act(parsed.action);
    // Once the page has received this id, it has received every change that the action caused.
    const id = world.lastId();
    return end(response, outcome.ok ? 200 : 422, outcome.ok ? { id } : { id, problem: outcome.problem });
  }

  /** Sends everything so far, or only what the page missed while disconnected; then each change as it happens. */
  function stream(world: World, request: IncomingMessage, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    const send = (change: Change): void => {
      const data = JSON.stringify(change.kind === 'entry' ? change.entry : change.state);
      response.write(`id: ${change.id}\nevent: ${change.kind}\ndata: ${data}\n\n`);
    };
    const seen = Number(request.headers['last-event-id'] ?? 0);
    // Lets a page from an earlier run detect that its token is no longer valid.
    response.write(`event: run\ndata: ${JSON.stringify(token)}\n\n`);
    for (const entry of world.entries()) if (!(entry.id <= seen)) send({ kind: 'entry', id: entry.id, entry });
    send({ kind: 'state', id: world.lastId(), state: world.state() });
    const unsubscribe = world.onChange(send);
    streams.add(response);
    const alive = setInterval(() => response.write(': still here\n\n'), KEEP_ALIVE_MILLISECONDS);
    response.on('close', () => {
      clearInterval(alive);
      unsubscribe();
      streams.delete(response);
    });
  }

  const portNow = (): number => (server.address() as AddressInfo).port;
  const url = (): string => `http://${HOST}:${portNow()}`;
  const isOurs = (origin: string): boolean => origin === url() || origin === `http://localhost:${portNow()}`;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(
        cause.code === 'EADDRINUSE'
          ? new Error(`port ${port} is in use; choose another one with --port, or omit --port to use a free one`, {
              cause,
            })
          : cause,
      ),
    );
    server.listen(port, HOST, resolve);
  });
  return {
    url: url(),
    async stop() {
      for (const response of streams) response.end();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function end(response: ServerResponse, status: number, answer: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
}

function isSame(given: string | readonly string[] | undefined, wanted: string): boolean {
  const [one, other] = [Buffer.from(String(given ?? '')), Buffer.from(wanted)];
  return one.byteLength === other.byteLength && timingSafeEqual(one, other);
}

/** Reads the body. Returns undefined if it is too large. */
async function bodyOf(request: IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.byteLength;
    if (bytes > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
