// A stack on the local Azure, from its config to a pull: the real program, the deployed bundle, and the SDK's wire.
import { TableClient } from '@azure/data-tables';
import { expect, onTestFinished } from 'vitest';
import { createTable } from '../../../azure/function/records.ts';
import type { Registry, RegistryOptions } from '../../../local/azure/acr.ts';
import type { Cve, Status } from '../../../local/azure/assessment.ts';
import { type LocalAzure, startAzure } from '../../../local/azure/cloud.ts';
import type { AssessOptions } from '../../../local/azure/defender.ts';
import { type Graph, graphOf } from '../../../local/graph.ts';
import type { Gate } from '../../../shared/gate/gate.ts';
import type { GateRecord } from '../../../shared/gate/record.ts';
import { subjectsIn } from '../../mail-subjects.ts';

export const DAY = 86_400_000;
export const HOUR = 3_600_000;
export const MINUTE = 60_000;
/** How long the events of a burst wait for each other at most (azure/component/logic-app.ts). */
export const EVENT_WAIT = 2 * MINUTE;

/** An event has waited in the queue, and the time that its retries took has passed. */
export function expectWaited(milliseconds: number, retries = 0): void {
  expect(milliseconds - retries).toBeGreaterThanOrEqual(EVENT_WAIT - 10_000);
  expect(milliseconds - retries).toBeLessThanOrEqual(EVENT_WAIT);
}
export const REPOSITORY = 'team/app';
export const REGISTRY = registryId('acmeimages');

export function registryId(name: string): string {
  return `/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/${name}`;
}

/** A critical vulnerability, and a package with a fix for it. */
export const CRITICAL: Cve = { id: 'CVE-2026-1001', severity: 'Critical', score: 9.8 };
export const OPENSSL = { name: 'openssl', version: '3.0.13', fixedVersion: '3.0.14' };

/**
 * Keys of the stack's config, without their namespace. If `azure` has no registries, the stack has the default
 * registry.
 */
export type Config = Readonly<Record<string, unknown>> & { readonly azure?: Readonly<Record<string, unknown>> };

/** A decision in the function's log. */
export interface DecisionLine {
  readonly kind: 'decision';
  readonly registry: string;
  readonly repository: string;
  readonly digest?: string;
  readonly verdict: string;
  readonly action: string;
  readonly from: string;
  readonly to: string;
  readonly mode: string;
  readonly triggers: readonly string[];
  readonly message: string;
  readonly problem?: string;
  readonly images: readonly Readonly<Record<string, unknown>>[];
}

export interface Image {
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
}

/**
 * Everything that pullgate can change, under readable names: `team/app:v1` is the image that was pushed with this tag,
 * `team/app` the repository.
 */
export interface World {
  /** The locks in all registries, as attributes that differ from their initial values: `team/app:v1 readEnabled`. */
  readonly locked: readonly string[];
  /** The state of each record, such as `waiting: brake`. Why its only image is inactive follows: `open (gone)`. */
  readonly records: Readonly<Record<string, string>>;
  /** The subjects of the mails, in order, such as `closed team/app:v1`. */
  readonly notified: readonly string[];
  /** The messages of the poison queue. */
  readonly poison: readonly unknown[];
}

/** A world in which pullgate has done nothing. */
export const UNTOUCHED: World = { locked: [], records: {}, notified: [], poison: [] };

export interface Stage {
  readonly cloud: LocalAzure;
  readonly graph: Graph;
  readonly registry: Registry;
  /** Delivers every event and every retried message. */
  runUntilIdle(): Promise<void>;
  /** Delivers the events when they become visible. Retried messages stay in the queue. */
  deliver(): Promise<void>;
  /**
   * Runs the next tick, which sweeps if a sweep is due, and the reconciliations that it requests. If they leave notices
   * to the tick, runs another one, which delivers them.
   */
  tick(): Promise<void>;
  /** Advances the clock by six hours, and runs a sweep of everything. */
  sweep(): Promise<void>;
  /** Runs `pulumi up` with another config, and the tick after it. */
  redeploy(config: Config): Promise<void>;
  push(tag: string, repository?: string): Image;
  /**
   * Makes Defender report the image, by default one package with a critical vulnerability. Returns the ids of the
   * assessments.
   */
  report(image: Image, options?: Partial<AssessOptions>): Promise<readonly string[]>;
  /** A minute later, Defender changes these assessments, and the events are delivered. */
  setStatus(ids: readonly string[], status: Status): Promise<void>;
  /** Pushes an image that is reported at once, and delivers the events. */
  close(tag: string, repository?: string): Promise<Image & { readonly ids: readonly string[] }>;
  /** Begins or ends a pause, as the commands `pullgate pause` and `resume` do. */
  setPause(paused: boolean): Promise<void>;
  /** Puts a message on the queue, as the Logic App or the function would. */
  send(message: unknown): void;
  world(): Promise<World>;
  record(gate: Gate): Promise<GateRecord | undefined>;
  /** The result of a pull by a deployment. */
  pull(reference: string, repository?: string): Promise<'pulled' | 'refused'>;
  lines(kind: string): readonly Readonly<Record<string, unknown>>[];
  decisions(image?: Image): readonly DecisionLine[];
  lastDecision(image?: Image): DecisionLine;
  /** How often the function made a call. */
  calls(name: string): number;
  /** Gives a name in `world` to an image that was pushed in another way. */
  name(image: Image, name: string): Image;
}

const graphs = new Map<string, Promise<Graph>>();

/** The graph of the real program. It depends only on the config. */
export function graphFor({ azure, ...config }: Config = {}): Promise<Graph> {
  const keys = {
    clouds: ['azure'],
    mode: 'enforce',
    severityThreshold: 'high',
    notifyEmails: ['security@example.com'],
    ...config,
    azure: { registries: [REGISTRY], ...azure },
  };
  const named = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`pullgate:${key}`, value]));
  const text = JSON.stringify(named);
  const graph = graphs.get(text) ?? graphOf({ 'azure-native:location': 'westeurope', ...named });
  graphs.set(text, graph);
  return graph;
}

interface StageOptions {
  readonly registries?: Readonly<Record<string, RegistryOptions>>;
  /** Changes the graph before it is deployed. */
  readonly change?: (graph: Graph) => Graph;
  /** Is given what stops the cloud. Default: it stops with the test; a hook passes its own. */
  readonly onEnd?: (stop: () => Promise<void>) => void;
}

/** Deploys a stack with this config. By default, rows arrive together with their events. */
export async function stage(
  config: Config = {},
  { registries = {}, change, onEnd = onTestFinished }: StageOptions = {},
): Promise<Stage> {
  const program = await graphFor(config);
  const graph = change === undefined ? program : change(program);
  const cloud = await startAzure(graph, { registries });
  onEnd(async () => {
    await cloud.stop();
    // A call that the local cloud does not know would look like a refusal.
    expect(cloud.gaps).toEqual([]);
  });
  cloud.workspace.ingestionDelayMilliseconds = 0;
  const registry = cloud.acr.registry(REGISTRY);
  const puller = cloud.principals.add('deployment', [
    { role: 'AcrPull', scope: REGISTRY },
    { role: 'Container Registry Repository Reader', scope: REGISTRY },
  ]);
  const oci = cloud.oci(puller);
  const judge = cloud.principals.add('judge', [{ role: 'Storage Table Data Contributor', scope: cloud.table.id }]);
  const { records, row } = createTable(new TableClient(cloud.table.url, cloud.table.name, judge, cloud.clientOptions));
  const names = new Map<string, string>();
  const nameOf = ({ repository, digest }: Pick<Image, 'repository'> & { readonly digest?: string | undefined }) => {
    if (digest === undefined) return repository;
    const [known] = [...names].filter(([key]) => key.startsWith(`${repository}@${digest}`));
    return known?.[1] ?? `${repository}@${digest}`;
  };

  const runUntilIdle = async () => void (await cloud.runUntilIdle({ advance: true }));
  const lines = (kind: string) => cloud.logs.flatMap(({ json }) => (json?.['kind'] === kind ? [json] : []));
  const decisions = (image?: Image) =>
    (lines('decision') as unknown as readonly DecisionLine[]).filter(
      ({ repository, digest }) => image === undefined || (repository === image.repository && digest === image.digest),
    );
  const tick = async () => {
    await cloud.fireTimer('tick');
    await runUntilIdle();
    if (!cloud.table.entities().some(({ properties }) => properties.has('pending'))) return;
    await cloud.fireTimer('tick');
    await runUntilIdle();
  };
  const report: Stage['report'] = (image, options = {}) =>
    cloud.defender.assess({ ...image, package: OPENSSL, cves: [CRITICAL], ...options });
  const record: Stage['record'] = async ({ registry: id, repository, digest }) =>
    (await records.load({ registry: id, repository, digest })).value;
  const push: Stage['push'] = (tag, repository = REPOSITORY) => {
    const digest = registry.push(repository, { tag });
    names.set(`${repository}@${digest}`, `${repository}:${tag}`);
    return { registry: REGISTRY, repository, digest };
  };

  return {
    cloud,
    graph,
    registry,
    runUntilIdle,
    async deliver() {
      cloud.clock.advance(EVENT_WAIT);
      await cloud.runUntilIdle();
    },
    tick,
    async sweep() {
      cloud.clock.advance(6 * HOUR);
      await tick();
    },
    async redeploy(next) {
      await cloud.deploy(await graphFor(next));
      await tick();
    },
    push,
    report,
    async setStatus(ids, status) {
      cloud.clock.advance(MINUTE);
      await cloud.defender.setStatus(ids, status);
      await runUntilIdle();
    },
    async close(tag, repository) {
      const image = push(tag, repository);
      const ids = await report(image);
      await runUntilIdle();
      return { ...image, ids };
    },
    async setPause(paused) {
      const { version } = await row('pause').load();
      await row('pause').save({ paused, at: cloud.clock.now().toISOString(), by: 'somebody' }, version);
    },
    send: (message) => void cloud.queue.send(Buffer.from(JSON.stringify(message)).toString('base64')),
    async world() {
      const states = await Promise.all(
        cloud.table
          .entities()
          .filter(({ partitionKey }) => partitionKey.startsWith('gate|'))
          .map(async ({ properties }) => {
            const text = (key: string) => properties.get(key)?.value as string | undefined;
            const gate = { registry: text('registry') ?? '', repository: text('repository') ?? '' };
            const digest = text('digest');
            const found = await record(digest === undefined ? gate : { ...gate, digest });
            return [nameOf({ ...gate, digest }), found === undefined ? '' : stateOf(found)] as const;
          }),
      );
      const isOfStack = new Set([REGISTRY, ...Object.keys(registries)]);
      return {
        locked: [...isOfStack].flatMap((id) => lockedIn(cloud.acr.registry(id), nameOf)).toSorted(),
        records: Object.fromEntries(states),
        notified: cloud.mails.flatMap(subjectsIn).map((subject) => parseSubject(subject, nameOf)),
        poison: cloud.poisonQueue
          .messages()
          .map(({ text }) => JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as unknown),
      };
    },
    record,
    async pull(reference, repository = REPOSITORY) {
      const { status, message } = await oci.pull(registry, repository, reference);
      if (status === 200) return 'pulled';
      if (status === 405) return 'refused';
      throw new Error(`a pull of ${repository}:${reference} was answered with ${status}: ${message}`);
    },
    lines,
    decisions,
    lastDecision(image) {
      const last = decisions(image).at(-1);
      if (last === undefined) throw new Error(`expected a decision about ${image?.digest ?? 'an image'}`);
      return last;
    },
    calls: (name) => cloud.calls.count(cloud.identity.id)[name] ?? 0,
    name(image, name) {
      names.set(`${image.repository}@${image.digest}`, name);
      return image;
    },
  };
}

type NameOf = (of: Pick<Image, 'repository'> & { readonly digest?: string | undefined }) => string;

function stateOf({ state, blockers }: GateRecord): string {
  const inactive = blockers.flatMap((blocker) => blocker.inactive?.why ?? []);
  const word = state.kind === 'waiting' ? `waiting: ${state.for}` : state.kind;
  return inactive.length === 0 ? word : `${word} (${inactive.join(', ')})`;
}

function lockedIn({ repositories }: Registry, nameOf: NameOf): readonly string[] {
  return [...repositories.values()].flatMap((repository) => {
    const { name, attributes, manifests, tags } = repository;
    return [
      ...changed(name, attributes),
      ...[...manifests].flatMap(([digest, manifest]) =>
        changed(nameOf({ repository: name, digest }), manifest.attributes),
      ),
      ...[...tags.values()].flatMap((tag) => changed(`the tag ${tag.name}`, tag.attributes)),
    ];
  });
}

function changed(name: string, attributes: object): readonly string[] {
  const off = Object.entries(attributes).flatMap(([key, value]) => (value === false ? [key] : []));
  return off.length === 0 ? [] : [`${name} ${off.join(' ')}`];
}

/** `[pullgate] closed: team/app@sha256:0123456789ab` in the form of `World`. */
function parseSubject(subject: string, nameOf: NameOf): string {
  const [, what = '', repository = '', , digest] =
    /^\[pullgate\] (.+): ([^@]+)(@(sha256:[0-9a-f]+))?$/.exec(subject) ?? [];
  return `${what} ${nameOf({ repository, digest })}`;
}

/** The graph without these resources, as if the program did not create them. */
export function without(isGone: (resource: Graph['resources'][number]) => boolean): (graph: Graph) => Graph {
  return (graph) => {
    const resources = graph.resources.filter((resource) => !isGone(resource));
    if (resources.length === graph.resources.length) throw new Error('expected a resource of the graph to remove');
    return { ...graph, resources };
  };
}
