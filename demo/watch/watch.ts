// `npm start -- --watch`: keeps the local clouds running, and serves a page that shows both registries live until
// Ctrl-C.
import type { Cloud } from '../../config/config.ts';
import { serveWorld } from './server.ts';
import { startWorld, type World } from './world.ts';

export interface WatchOptions {
  /** The clouds to run, at least one. */
  readonly clouds: readonly Cloud[];
  /** The port of the page. Default: a free one. */
  readonly port?: number;
  /** Stops the page and everything that was started. */
  readonly signal: AbortSignal;
  /** Called when the page is ready. */
  readonly onReady: (url: string) => void;
}

/**
 * Serves the page until the signal is aborted.
 *
 * @throws Error if a cloud or the page cannot be started; or the signal's reason, if it is aborted before the page is
 *   ready
 */
export async function watch({ clouds, port = 0, signal, onReady }: WatchOptions): Promise<void> {
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const wanted = Promise.withResolvers<World>();
  // Start the server first, so that a port in use is reported at once.
  const server = await serveWorld(wanted.promise, port);
  const starting = startWorld(clouds);
  let world: World | undefined;
  try {
    world = await Promise.race([starting, aborted]);
    if (world === undefined) throw signal.reason;
    wanted.resolve(world);
    onReady(server.url);
    await aborted;
  } finally {
    await server.stop();
    await world?.stop();
    // Do not wait for clouds that are still starting: after the abort, the caller ends the process.
    if (world === undefined) starting.then((late) => late.stop()).catch(() => {});
  }
}
