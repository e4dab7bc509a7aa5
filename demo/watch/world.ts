// The world behind the page of `npm start -- --watch`: runs the local clouds with a stack deployed, performs the user's
// actions one at a time, and publishes the state.
import type { Cloud } from '../../config/config.ts';
import { type Graph, startProgram } from '../../local/graph.ts';
import type { Acts } from '../acts.ts';
import { errorMessage } from '../story/cloud.ts';
import type { Action, StackConfig } from './actions.ts';
import { createDoing, onEach } from './doing.ts';
import { createJournal, type Entry } from './journal.ts';
import { cloudState, createKnownImages, imagesOn, type State } from './state.ts';

/** The result of a user's action. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly problem: string };

/** A change to publish. The ids increase. */
export type Change =
  | { readonly kind: 'state'; readonly id: number; readonly state: State }
  | { readonly kind: 'entry'; readonly id: number; readonly entry: Entry };

export interface World {
  state(): State;
  /** The id of the last change. */
  lastId(): number;
  /** The most recent entries of the log, oldest first. */
  entries(): readonly Entry[];
  /** Calls the listener with each change. Returns a function that unsubscribes it. */
  onChange(listener: (change: Change) => void): () => void;
  /** Performs the action after all earlier ones. Resolves when the functions are idle again. */
  act(action: Action): Promise<Outcome>;
  stop(): Promise<void>;
}

const PUBLISH_MILLISECONDS = 150;
const IDLE_MILLISECONDS = 1_000;

/** A low limit on closings per hour, so that a burst shows the brake. */
const CONFIG: StackConfig = {
  severityThreshold: 'high',
  mode: 'enforce',
  maxClosesPerHour: 8,
  policy: { exceptions: [] },
};

/** Each cloud's module is loaded only if that cloud is watched. */
const CLOUDS = {
  aws: async () => {
    const { CI, startAwsActs } = await import('../acts-aws.ts');
    return { start: startAwsActs, config: { exemptPrincipals: [CI] } };
  },
  azure: async () => {
    const { REGISTRY, startAzureActs } = await import('../acts-azure.ts');
    return { start: startAzureActs, config: { registries: [REGISTRY] } };
  },
} as const satisfies Record<Cloud, () => Promise<{ start(graph: Graph): Promise<Acts>; config: object }>>;

/** The labels of running actions on the page. */
const LABELS: Readonly<Record<Action['do'], string>> = {
  push: 'CI pushes',
  report: 'The scanner reports',
  pull: 'Production pulls',
  scanClean: 'The scanner rescans',
  forget: 'The findings disappear',
  remove: 'The image is deleted',
  burst: 'A burst of findings',
  letPass: 'The clocks advance',
  deploy: 'pulumi up',
};

/**
 * Starts the clouds and deploys the stack on them.
 *
 * @param names at least one
 */
export async function startWorld(names: readonly Cloud[]): Promise<World> {
  const program = startProgram();
  const listeners = new Set<(change: Change) => void>();
  const known = createKnownImages();
  const clouds: Acts[] = [];
  let config = CONFIG;
  let busy: string | undefined;
  let shown = '';
  let lastId = 0;
  let isStopping = false;

  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change);
  };
  const nextId = (): number => {
    lastId += 1;
    return lastId;
  };
  const journal = createJournal(nextId, (entry) => tell({ kind: 'entry', id: entry.id, entry }));
  const state = (): State => ({
    clouds: clouds.map(cloudState),
    images: imagesOn(clouds, known, journal.saidOf),
    config,
    ...(busy === undefined ? {} : { busy }),
  });
  const read = (): void => {
    for (const cloud of clouds) journal.read(cloud);
  };
  /** Publishes the new log entries, and the state if it changed. */
  const publish = (): void => {
    read();
    const now = state();
    const text = JSON.stringify(now);
    if (text === shown) return;
    shown = text;
    tell({ kind: 'state', id: nextId(), state: now });
  };

  const parts = await Promise.all(names.map(async (name) => [name, await CLOUDS[name]()] as const));
  const graphOf = (keys: StackConfig): Promise<Graph> =>
    program.graphOf({
      'pullgate:clouds': names,
      'pullgate:notifyEmails': ['security@example.com'],
      ...Object.fromEntries(parts.map(([name, own]) => [`pullgate:${name}`, own.config])),
      ...Object.fromEntries(Object.entries(keys).map(([key, value]) => [`pullgate:${key}`, value])),
    });
  /** The latest time on any clock. An entry that belongs to no cloud gets it, so that it comes last. */
  const latest = (): Date => new Date(Math.max(Date.now(), ...clouds.map(({ clock }) => clock.now().getTime())));
  const say = (text: string, cloud?: Acts, tone?: Entry['tone']): void => {
    // First read what the functions have logged so far, so that it comes before this entry.
    read();
    const entry = { kind: 'act', text, ...(cloud && { cloud: cloud.name }), ...(tone && { tone }) } as const;
    journal.add(entry, cloud?.clock.now() ?? latest());
  };
  const doing = createDoing({
    clouds,
    known,
    say,
    async redeploy(next) {
      // If the program fails, nothing changes.
      const graph = await graphOf(next);
      config = next;
      await onEach(clouds, (cloud) => cloud.redeploy(graph));
    },
  });

  let queue: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const inTurn = (work: () => Promise<void>, label?: string): Promise<Outcome> => {
    waiting += 1;
    const done = queue.then(async (): Promise<Outcome> => {
      if (isStopping) return { ok: false, problem: 'the demo is stopping' };
      busy = label;
      publish();
      const outcome = await work().then(
        () => ({ ok: true }) as const,
        (error: unknown) => ({ ok: false, problem: errorMessage(error) }) as const,
      );
      waiting -= 1;
      busy = undefined;
      if (isStopping) return outcome;
      if (!outcome.ok) journal.add({ kind: 'problem', text: outcome.problem }, latest());
      publish();
      return outcome;
    });
    queue = done;
    return done;
  };

  const publishing = setInterval(() => busy !== undefined && publish(), PUBLISH_MILLISECONDS);
  // The clocks keep running: run what is due.
  const idling = setInterval(() => {
    if (waiting === 0) void inTurn(() => onEach(clouds, (cloud) => cloud.letPass(0)));
  }, IDLE_MILLISECONDS);
  const stop = async (): Promise<void> => {
    isStopping = true;
    clearInterval(publishing);
    clearInterval(idling);
    listeners.clear();
    program.stop();
    await Promise.all(clouds.map((cloud) => cloud.stop()));
  };
  // This takes the first turn: every action waits until the clouds have started.
  const starting = inTurn(async () => {
    const graph = await graphOf(config);
    const started = await Promise.allSettled(parts.map(([, { start }]) => start(graph)));
    for (const one of started) if (one.status === 'fulfilled') clouds.push(one.value);
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    say('The stack is deployed. The registries are empty. Push an image.');
  });
  const started = await starting;
  if (!started.ok) {
    await stop();
    throw new Error(started.problem);
  }
  return {
    state,
    lastId: () => lastId,
    entries: journal.entries,
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    act: (action) => inTurn(() => run(doing, action), LABELS[action.do]),
    stop,
  };
}

/** `doing` maps each action to its function; TypeScript cannot check that across the union. */
async function run(doing: ReturnType<typeof createDoing>, action: Action): Promise<void> {
  await (doing[action.do] as (action: Action) => Promise<void>)(action);
}
