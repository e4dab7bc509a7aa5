// A client of the page's server that reads the events and sends actions without a browser.
import { request } from 'node:http';
import { expect, vi } from 'vitest';
import type { Action } from '../../../demo/watch/actions.ts';
import type { Entry } from '../../../demo/watch/journal.ts';
import type { ImageState, State } from '../../../demo/watch/state.ts';

export interface Page {
  readonly url: string;
  readonly token: string;
  /** The last state that was sent. */
  state(): State;
  /** All lines of the log that were sent, oldest first. */
  entries(): readonly Entry[];
  /** Sends an action. Returns the status and the problem once every resulting change has been received. */
  act(action: Action): Promise<{ readonly status: number; readonly problem?: string }>;
  /** The newest image of a repository. */
  image(repository: string): ImageState;
  close(): void;
}

/** Loads the page as a browser does, and reads the events; `lastEventId` is the last event of an earlier connection. */
export async function openPage(url: string, lastEventId?: string): Promise<Page> {
  const html = await (await fetch(url)).text();
  const [, token = ''] = /name="pullgate-token" content="([^"]+)"/.exec(html) ?? [];
  const leaving = new AbortController();
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const { body } = await fetch(`${url}/events`, { signal: leaving.signal, headers });
  if (body === null) throw new Error('the events need a body');
  const entries: Entry[] = [];
  const first = Promise.withResolvers<void>();
  let state: State | undefined;
  let heard = 0;
  const hear = (id: number, kind: string, data: unknown): void => {
    heard = id;
    if (kind === 'entry') entries.push(data as Entry);
    if (kind !== 'state') return;
    state = data as State;
    first.resolve();
  };
  listen(body, hear).catch((error: unknown) => leaving.signal.aborted || first.reject(error));
  await first.promise;
  const stateNow = (): State => {
    if (state === undefined) throw new Error('no state was sent');
    return state;
  };
  return {
    url,
    token,
    state: stateNow,
    entries: () => entries,
    async act(action) {
      const headers = { 'content-type': 'application/json', 'x-pullgate-token': token, origin: url };
      const response = await fetch(`${url}/do`, { method: 'POST', headers, body: JSON.stringify(action) });
      const { id, ...rest } = (await response.json()) as { readonly id?: number; readonly problem?: string };
      await vi.waitFor(() => expect(heard).toBeGreaterThanOrEqual(id ?? 0), { timeout: 300_000, interval: 5 });
      return { status: response.status, ...rest };
    },
    image(repository) {
      const found = stateNow().images.findLast((image) => image.repository === repository);
      if (found === undefined) throw new Error(`no image of ${repository} is shown`);
      return found;
    },
    close: () => leaving.abort(),
  };
}

async function listen(
  body: ReadableStream<Uint8Array>,
  hear: (id: number, kind: string, data: unknown) => void,
): Promise<void> {
  let text = '';
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + part).split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, id] = /^id: (.+)$/m.exec(block) ?? [];
      const [, kind] = /^event: (.+)$/m.exec(block) ?? [];
      const [, data] = /^data: (.+)$/m.exec(block) ?? [];
      if (kind !== undefined && data !== undefined) hear(Number(id ?? 0), kind, JSON.parse(data));
    }
  }
}

/** Sends a request with any headers; `fetch` does not allow setting some of them. */
export function ask(
  url: string,
  options: {
    readonly method?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly path?: string;
  },
): Promise<{ readonly status: number; readonly headers: Readonly<Record<string, unknown>>; readonly text: string }> {
  const { method = 'GET', headers = {}, body, path = '/' } = options;
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url);
    const asking = request({ hostname, port, path, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
    });
    asking.on('error', reject);
    asking.end(body);
  });
}
