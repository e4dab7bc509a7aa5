// The world behind the page of `npm start -- --watch`: the local clouds with a stack deployed, what a person does to
// them, one thing after the other, and what there is to see.
import type { Cloud } from '../../config/config.ts';
import { type Graph, startProgram } from '../../local/graph.ts';
import type { Acts } from '../acts.ts';
import { errorMessage } from '../story/cloud.ts';
import type { Action, StackConfig } from './actions.ts';
import { createDoing, onEach } from './doing.ts';
import { createJournal, type Entry } from './journal.ts';
import { cloudState, createKnownImages, imagesOn, type State } from './state.ts';

/** How a person's action went. */
export type Outcome = { readonly ok: true } | { readonly ok: false; readonly problem: string };

/** What there is to report; the ids count up. */
export type Change =
  | { readonly kind: 'state'; readonly id: number; readonly state: State }
  | { readonly kind: 'entry'; readonly id: number; readonly entry: Entry };

export interface World {
  state(): State;
  /** The id of the last change. */
  lastId(): number;
  /** The last lines of the log, oldest first. */
  entries(): readonly Entry[];
  /** Is called with each change; answers with what ends that. */
  onChange(listener: (change: Change) => void): () => void;
  /** Does it as soon as what was asked for before is done; answers when all that comes of it has come. */
  act(action: Action): Promise<Outcome>;
  stop(): Promise<void>;
}

const PUBLISH_MILLISECONDS = 150;
const IDLE_MILLISECONDS = 1_000;

/** Few closings an hour, so that a burst shows what the brake does. */
const CONFIG: StackConfig = {
  severityThreshold: 'high',
  mode: 'enforce',
  maxClosesPerHour: 8,
  policy: { exceptions: [] },
};

/** A cloud is loaded only if it is watched. */
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

/** What is under way, in the page's words. */
const LABELS: Readonly<Record<Action['do'], string>> = {
  push: 'CI pushes',
  report: 'The scanner reports',
  pull: 'Production pulls',
  scanClean: 'The scanner scans again',
  forget: 'The finding disappears',
  remove: 'The image is deleted',
  burst: 'Many findings at once',
  letPass: 'Time passes',
  deploy: 'pulumi up',
};

/**
 * Starts the clouds, and deploys the stack on them.
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
  /** Publishes what is new. */
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
  /** What is about no cloud in particular comes after all that has been said. */
  const latest = (): Date => new Date(Math.max(Date.now(), ...clouds.map(({ clock }) => clock.now().getTime())));
  const say = (text: string, cloud?: Acts, tone?: Entry['tone']): void => {
    // What the functions have written until now comes before it.
    read();
    const entry = { kind: 'act', text, ...(cloud && { cloud: cloud.name }), ...(tone && { tone }) } as const;
    journal.add(entry, cloud?.clock.now() ?? latest());
  };
  const doing = createDoing({
    clouds,
    known,
    say,
    async redeploy(next) {
      // A program that fails changes nothing.
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
      if (isStopping) return { ok: false, problem: 'it is being stopped' };
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
  // The clocks run: what falls due meanwhile is done when it is due.
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
  // Nothing else has its turn before the clouds are there.
  const starting = inTurn(async () => {
    const graph = await graphOf(config);
    const started = await Promise.allSettled(parts.map(([, { start }]) => start(graph)));
    for (const one of started) if (one.status === 'fulfilled') clouds.push(one.value);
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    say('The stack is deployed. Nothing is in the registries yet: push an image.');
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

/** The types of an action and of what does it go together, which the checker cannot see across the union. */
async function run(doing: ReturnType<typeof createDoing>, action: Action): Promise<void> {
  await (doing[action.do] as (action: Action) => Promise<void>)(action);
}
