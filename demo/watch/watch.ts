// `npm start -- --watch`: the local clouds stay up, and one page on loopback shows both registries live, until Ctrl-C.
import type { Cloud } from '../../config/config.ts';
import { serveWorld } from './server.ts';
import { startWorld, type World } from './world.ts';

export interface WatchOptions {
  /** Which clouds, at least one. */
  readonly clouds: readonly Cloud[];
  /** Of the page. Default: a free one. */
  readonly port?: number;
  /** Ends it; what it started is stopped. */
  readonly signal: AbortSignal;
  /** Is called when the page is there. */
  readonly onReady: (url: string) => void;
}

/**
 * Serves the page until the signal.
 *
 * @throws Error if a cloud or the page cannot be started; or the signal's reason, if it comes before the page is
 *   there
 */
export async function watch({ clouds, port = 0, signal, onReady }: WatchOptions): Promise<void> {
  const aborted = new Promise<undefined>((resolve) => {
    signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const wanted = Promise.withResolvers<World>();
  // A port that is in use is reported at once, and not after everything has been started.
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
    // What is half started is not waited for: the caller that aborted goes on to end the process.
    if (world === undefined) starting.then((late) => late.stop()).catch(() => {});
  }
}
