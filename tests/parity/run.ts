// Runs the rows of a group on the clouds, each with the group's stack deployed.
import { type Graph, graphOf } from '../../local/graph.ts';
import { startAwsWorld } from './aws-world.ts';
import { REGISTRY, startAzureWorld } from './azure-world.ts';
import { hasSomethingToSay, neutralLine, neutralMail, type Outcome, standing } from './outcome.ts';
import { type Group, type Row, repositoryOf, type Site, siteOf } from './row.ts';
import { type Line, TICK_HOURS, type World } from './world.ts';

/** The outcomes of a row: one for each stage on each cloud. */
export type Outcomes = Readonly<Record<World['name'], readonly Outcome[]>>;

export interface Ran {
  readonly outcomes: ReadonlyMap<Row, Outcomes>;
  /** Unexpected failures, by cloud. */
  readonly troubles: Readonly<Record<World['name'], readonly string[]>>;
}

type Graphs = Readonly<Record<World['name'], Graph>>;

const REPOSITORIES = { granularity: 'repository' } as const;

const graphs = new Map<string, Promise<Graphs>>();

function graphsFor(config: Readonly<Record<string, unknown>>): Promise<Graphs> {
  const key = JSON.stringify(config);
  const made = graphs.get(key) ?? graphsOf(config);
  graphs.set(key, made);
  return made;
}

/** The graphs of a config: one for both clouds with image gates on Azure, and one for Azure with repository gates. */
async function graphsOf(config: Readonly<Record<string, unknown>>): Promise<Graphs> {
  const keys = (clouds: readonly string[], azure: object) => {
    const all = {
      mode: 'enforce',
      severityThreshold: 'high',
      sweepHours: TICK_HOURS,
      maxClosesPerHour: 1000,
      notifyEmails: ['security@example.com'],
      ...config,
      clouds,
      azure: { registries: [REGISTRY], ...(config['azure'] as object | undefined), ...azure },
    };
    return Object.fromEntries(Object.entries(all).map(([key, value]) => [`pullgate:${key}`, value]));
  };
  const both = await graphOf(keys(['aws', 'azure'], {}));
  const repositories = await graphOf(keys(['azure'], REPOSITORIES));
  return { AWS: both, 'Azure, repositories': repositories, 'Azure, images': both };
}

/** Runs a group on one cloud after the other. */
export async function run(group: Group): Promise<Ran> {
  const deployed = await Promise.all(group.configs.map(graphsFor));
  const [first] = deployed;
  if (first === undefined) throw new Error(`the group ${group.name} has no config`);
  const started = await Promise.all([
    startAwsWorld(first.AWS),
    startAzureWorld('Azure, repositories', first['Azure, repositories']),
    startAzureWorld('Azure, images', first['Azure, images']),
  ]);
  try {
    // Not concurrently: while one cloud computes for a long time in this process, calls to another would time out.
    const ran: (readonly (readonly Outcome[])[])[] = [];
    for (const world of started) ran.push(await runOn(world, group, deployed));
    const outcomes = new Map(
      group.rows.map((row, index) => {
        const named = started.map(({ name }, cloud) => [name, ran[cloud]?.[index] ?? []]);
        return [row, Object.fromEntries(named) as Outcomes];
      }),
    );
    const troubles = Object.fromEntries(started.map((world) => [world.name, world.troubles()])) as Ran['troubles'];
    return { outcomes, troubles };
  } finally {
    await Promise.all(started.map((world) => world.stop()));
  }
}

/** The outcomes of the rows on one cloud, in order. */
async function runOn(
  world: World,
  group: Group,
  deployed: readonly Graphs[],
): Promise<readonly (readonly Outcome[])[]> {
  const places = group.rows.map((row) => placeOf(world, row, repositoryOf(group, row)));
  const stages = Math.max(...group.rows.map(({ acts }) => acts.length));
  for (let stage = 0; stage < stages; stage++) {
    const graph = deployed[stage];
    if (stage > 0 && graph !== undefined) await world.deploy(graph[world.name]);
    const taken = { decisions: world.decisions().length, mails: world.mails().length };
    for (const place of places) await place.act(stage);
    await world.tick();
    const decisions = world.decisions().slice(taken.decisions);
    const mails = world.mails().slice(taken.mails);
    for (const place of places) await place.take(stage, decisions, mails);
  }
  return places.map(({ outcomes }) => outcomes);
}

function placeOf(world: World, row: Row, repository: string) {
  const outcomes: Outcome[] = [];
  const tags = new Set<string>();
  /** The children of each index, by tag and digest. */
  const children = new Map<string, readonly string[]>();
  const site = siteOf(world, repository);
  const watched: Site = {
    ...site,
    push(tag, options) {
      if (options?.untagged !== true) tags.add(tag);
      return site.push(tag, options);
    },
    async pushIndex(tag, ...leadsTo) {
      if (tag !== undefined) tags.add(tag);
      const digest = await site.pushIndex(tag, ...leadsTo);
      for (const name of tag === undefined ? [digest] : [digest, tag]) children.set(name, leadsTo);
      return digest;
    },
  };
  /** Pulls like a deployment: an index together with its children. */
  const pull = async (reference: string): ReturnType<World['pull']> => {
    const pulled = await world.pull(repository, reference);
    for (const child of pulled === 'pulled' ? (children.get(reference) ?? []) : []) {
      const ofChild = await pull(child);
      if (ofChild !== 'pulled') return ofChild;
    }
    return pulled;
  };
  return {
    outcomes,
    act: async (stage: number) => row.acts[stage]?.(watched),
    async take(stage: number, decisions: readonly Line[], mails: ReturnType<World['mails']>) {
      if (stage >= row.acts.length) return;
      const own = decisions.filter((line) => line['repository'] === repository);
      const gateOf = ({ digest }: Line) => (world.name === 'Azure, images' ? String(digest) : repository);
      const last = new Map(own.map((line) => [gateOf(line), line]));
      const pulls: Record<string, string> = {};
      for (const tag of tags) pulls[tag] = await pull(tag);
      outcomes.push({
        changes: own.filter(({ action }) => action !== 'nothing').map((line) => neutralLine(line, world)),
        last: [...last.values()].map((line) => standing(neutralLine(line, world))).filter(hasSomethingToSay),
        mails: mails.filter(({ subject }) => isOf(subject, repository)).map((mail) => neutralMail(mail, world)),
        pulls,
      });
    },
  };
}

function isOf(subject: string, repository: string): boolean {
  const [, name = ''] = /: (\S+)$/.exec(subject) ?? [];
  return name === repository || name.startsWith(`${repository}@`);
}
