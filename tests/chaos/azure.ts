// One run on the local Azure, where a gate is an image or a repository. The function and its resources come from the
// deployed graph.
import { TableClient } from '@azure/data-tables';
import { createTable } from '../../azure/function/records.ts';
import type { Call } from '../../local/azure/calls.ts';
import { startAzure } from '../../local/azure/cloud.ts';
import type { Fault } from '../../local/azure/faults.ts';
import { virtualClock } from '../../local/clock.ts';
import { type Graph, graphOf } from '../../local/graph.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import { CHANGES, subjectsIn } from '../mail-subjects.ts';
import { operatorOf } from './azure-operator.ts';
import { recordsOf } from './azure-records.ts';
import { azureRows } from './azure-rows.ts';
import { azureWorldOf, REGISTRY } from './azure-world.ts';
import {
  type Bounds,
  type ChaosCloud,
  type ChaosOptions,
  collectAdmissions,
  decisionsIn,
  HASTE,
  type Observation,
  repositoryIn,
  rulesConfig,
  withCode,
  writesBetween,
} from './cloud.ts';
import { type Draw, pick } from './draw.ts';
import { type CallFate, createCallFates, type Fate, STALE_MILLISECONDS } from './fates.ts';
import { actOn } from './people.ts';
import { slowWorkers } from './slow.ts';
import type { PlainPolicy } from './truth.ts';

const MINUTE = 60_000;
const INSTANCES = 2;
const SWEEP_HOURS = 6;
/** The deployed timer fires every five minutes. To save time, a run waits longer, except after a failed tick. */
const TICK_MINUTES = 120;
const TICK_AGAIN_MINUTES = 5;
/** A message is retried for this long: 1 + 2 + 4 + 8 + 16 + 32 + 57 (azure/function/invocation.ts). */
const RETURNS_MINUTES = 120;
/** `visibilityTimeout` of host.json: if a process dies, its message becomes visible again after this time. */
const HIDDEN_MINUTES = 1;
/** The host ends an invocation after ten minutes. */
const INVOCATION_MINUTES = 10;

export const AZURE_BOUNDS: Bounds = {
  event: RETURNS_MINUTES * MINUTE,
  // The process may have died in a tick, which no message repeats.
  setback: (HIDDEN_MINUTES + TICK_AGAIN_MINUTES) * MINUTE,
  tick: TICK_MINUTES * MINUTE,
  sweep: SWEEP_HOURS * 60 * MINUTE,
  invocation: INVOCATION_MINUTES * MINUTE,
};

/** The calls that change a record, the registry, or what people read. */
const WRITES = /^(table:(Insert|Update|Delete)|acr:Update|mail:Send)/;

const graphs = new Map<string, Promise<Graph>>();

/** The program's graph for a policy, cached by config. */
function graphFor(policy: PlainPolicy, scenario: ChaosOptions['scenario']) {
  const { truth, maxClosesPerHour, maxClosesPerDay, mode, granularity, pushEvents, hasDetailsApart } = scenario;
  const { threshold, unfixable, exploited, epss, images, excepted } = policy;
  const exceptions = excepted.map((id) => ({ id, expires: '2030-01-01', reason: 'not reachable' }));
  const config = {
    'azure-native:location': 'westeurope',
    'pullgate:clouds': ['azure'],
    'pullgate:severityThreshold': threshold,
    'pullgate:policy': { unfixable, exploited, epss, images, exceptions },
    'pullgate:maxClosesPerHour': maxClosesPerHour,
    'pullgate:maxClosesPerDay': maxClosesPerDay,
    'pullgate:mode': mode,
    'pullgate:rules': rulesConfig(truth.rules),
    'pullgate:sweepHours': SWEEP_HOURS,
    'pullgate:notifyEmails': ['security@example.com'],
    'pullgate:azure': {
      ...{ registries: [REGISTRY], granularity, pushEvents },
      ...(hasDetailsApart ? { cveDetails: { managementGroupId: 'platform' } } : {}),
    },
  };
  const key = JSON.stringify(config);
  const graph = graphs.get(key) ?? graphOf(config);
  graphs.set(key, graph);
  return graph;
}

export async function startChaosAzure({ scenario, draw, code, pauseStack }: ChaosOptions): Promise<ChaosCloud> {
  const { truth } = scenario;
  const graph = withCode(await graphFor(truth.policy, scenario), code);
  const clock = virtualClock({ haste: HASTE });
  const cloud = await startAzure(graph, { clock, instances: INSTANCES });
  const world = azureWorldOf(cloud, scenario, draw);
  const judge = cloud.principals.add('judge', [{ role: 'Storage Table Data Contributor', scope: cloud.table.id }]);
  const tableClient = new TableClient(cloud.table.url, cloud.table.name, judge, cloud.clientOptions);
  const table = createTable(tableClient);
  const rows = azureRows(cloud, tableClient);
  const seeRecords = recordsOf(cloud, world, table.records, rows);
  const admissionsIn = collectAdmissions();
  const clientFor = operatorOf(cloud, graph);
  let client = await clientFor(graph);
  /** The gates of all images that were pushed, by their names. */
  const gates = (): ReadonlyMap<string, Gate> =>
    new Map(
      [...world.names.values()].map((image) => {
        const gate = gateOf(image);
        return [world.gateName(gate.repository, gate.digest), gate];
      }),
    );
  const gateOf = (image: string): Gate => {
    const { repository, digest } = world.imageOf(image);
    return { registry: REGISTRY, repository, ...(scenario.granularity === 'image' ? { digest } : {}) };
  };
  const crashes: number[] = [];
  const slow = slowWorkers<Call>({
    workers: INSTANCES,
    workerOf: ({ principal }) => principal.process ?? '',
    isWrite: ({ operation }) => /^(Insert|Update|Delete|Send)/.test(operation),
  });
  const isDisturbed = ({ principal }: Call) => principal.id === cloud.identity.id;
  let steps = 0;
  let nextTick = clock.now().getTime();

  async function tick(): Promise<void> {
    const [{ outcome }] = await Promise.all([cloud.fireTimer('tick'), cloud.runUntilIdle()]);
    const minutes = outcome.kind === 'answered' ? TICK_MINUTES : TICK_AGAIN_MINUTES;
    nextTick = clock.now().getTime() + minutes * MINUTE;
  }

  async function advance(milliseconds: number): Promise<void> {
    const end = clock.now().getTime() + milliseconds;
    for (;;) {
      await cloud.runUntilIdle();
      await slow.doWhatIsPending();
      const next = Math.min(cloud.nextWorkAt() ?? Number.POSITIVE_INFINITY, nextTick);
      if (next > end) break;
      clock.advance(Math.max(0, next - clock.now().getTime()));
      if (nextTick <= clock.now().getTime()) await tick();
    }
    clock.advance(end - clock.now().getTime());
  }

  return {
    name: 'azure',
    now: () => clock.now().getTime(),
    async apply(given, fate) {
      if (given.kind === 'policy') {
        const next = await graphFor(given.policy, scenario);
        client = await clientFor(next);
        return cloud.deploy(withCode(next, code));
      }
      // The event is late, its row is, or both are.
      const late = pick(draw('late', ++steps), [
        ['event', 1],
        ['row', 2],
        ['both', 1],
      ] as const);
      const undo = faultsOfBus(fate, late === 'row' ? 0 : fate.delayMinutes).map(cloud.faults.addToBus);
      // If the event is lost, its row is not late: the next event of the image covers this row too, and does not wait
      // for the row of another event.
      cloud.eventGrid.losesEvents = fate.isLost;
      await world.happen(given, fate, late === 'event' || fate.isLost ? 0 : fate.delayMinutes);
      cloud.eventGrid.losesEvents = false;
      for (const take of undo) take();
    },
    act(step) {
      const openByHand = ({ repository, digest }: Gate) => world.open(repository, digest);
      return actOn({ client, rows, pauseStack, gateOf, now: () => clock.now().getTime(), openByHand }, step);
    },
    repair: (image) => rows.repair(gateOf(image)),
    async reconcileAll() {
      const { id } = cloud.identity;
      const before = cloud.calls.count(id);
      for (const repository of truth.repositories.keys())
        cloud.queue.send(textOf({ pullgate: 'reconcile', registry: REGISTRY, repository, trigger: 'sweep' }));
      await cloud.runUntilIdle();
      return writesBetween(before, cloud.calls.count(id), WRITES);
    },
    disturb(drawn) {
      const fateOf = createCallFates(drawn);
      const fates = new WeakMap<Call, CallFate | 'none'>();
      const fateOfCall = (call: Call): CallFate | 'none' => {
        const fate = fates.get(call) ?? (isDisturbed(call) ? fateOf(describe(call)) : undefined) ?? 'none';
        fates.set(call, fate);
        if (fate.startsWith('crash') && crashes.at(-1) !== clock.now().getTime()) crashes.push(clock.now().getTime());
        return fate;
      };
      const meets = (fate: CallFate) => ({
        where: (call: Call) => fateOfCall(call) === fate,
        times: Number.POSITIVE_INFINITY,
      });
      for (const kind of ['throttle', 'serverError', 'timeout', 'reset', 'drop'] as const)
        cloud.faults.add({ kind, ...meets(kind) } satisfies Fault);
      cloud.faults.add({ kind: 'stale', maxAgeMilliseconds: STALE_MILLISECONDS, ...meets('stale') });
      cloud.faults.add({ kind: 'crash', when: 'before', ...meets('crashBefore') });
      cloud.faults.add({ kind: 'crash', when: 'after', ...meets('crashAfter') });
      slow.begin(drawn, (hook) => cloud.calls.before((call) => (isDisturbed(call) ? hook(call) : undefined)));
      slow.alsoOnEnd(takeOutWhatWasWritten(drawn));
    },
    runAt: (_moment, _step, action) => slow.midway(() => action(undefined)),
    calm() {
      slow.end();
      cloud.faults.clear();
      world.completeDetails();
    },
    advance,
    async observe() {
      return {
        at: clock.now().getTime(),
        closed: world.closed(),
        records: await seeRecords(),
        notified: cloud.mails.flatMap((mail) =>
          subjectsIn(mail).flatMap((subject) => changeIn(subject, mail.plainText ?? '')),
        ),
        admissions: admissionsIn((await table.row('brake').load()).value, gates()),
        waiting: cloud.queue.messages().length,
        dead: cloud.poisonQueue.messages().map(({ text }) => Buffer.from(text, 'base64').toString('utf8')),
        setbacks: crashes,
        damage: [...world.damage(), ...cloud.gaps.map((gap) => `the local cloud has a gap: ${gap}`)],
      };
    },
    decided: () => decisionsIn(cloud.logs, gateOfLine),
    calls: () => Object.values(cloud.calls.count(cloud.identity.id)).reduce((sum, count) => sum + count, 0),
    crashes: () => crashes.length,
    sweeps: () => cloud.logs.filter(({ text }) => text.includes('"kind":"sweep"')).length,
    logs: () => cloud.logs.map(({ text }) => text),
    stop: () => cloud.stop(),
  };

  /** The line of a repository's gate may name the image that it is about, too. */
  function gateOfLine(repository: string, digest: string | undefined): string {
    return world.gateName(repository, scenario.granularity === 'image' ? digest : undefined);
  }

  /** Sometimes another user opens the target between our write and our read-back. */
  function takeOutWhatWasWritten(drawn: Draw): () => void {
    const justWritten = new Map<string, string>();
    let count = 0;
    const ends = [
      cloud.calls.after((call) => {
        if (isDisturbed(call) && /^Update(Manifest|Repository)$/.test(call.operation))
          justWritten.set(keyOf(call), call.principal.process ?? '');
      }),
      cloud.calls.before((call) => {
        const isReadBack = /^Get(Manifest|Repository)$/.test(call.operation) && isDisturbed(call);
        if (!isReadBack || justWritten.get(keyOf(call)) !== call.principal.process) return;
        justWritten.delete(keyOf(call));
        const { repository, digest } = targetOf(call);
        if (drawn('overwritten', repository, ++count) < 0.3) world.open(repository, digest);
      }),
    ];
    return () => {
      for (const end of ends) end();
    };
  }

  /** `[pullgate] closed: team/app-1@sha256:0123456789ab` */
  function changeIn(subject: string, text: string): Observation['notified'] {
    const [, words = '', repository, digest] = /^\[pullgate\] (.+): ([^@]+)(?:@(.+))?$/.exec(subject) ?? [];
    const change = CHANGES[words];
    if (repository === undefined || change === undefined) return [];
    return [{ gate: world.gateName(repository, digest), change, text }];
  }
}

function faultsOfBus({ isLost, copies, overtakes }: Fate, delayMinutes: number) {
  return [
    ...(isLost ? [{ kind: 'lose' } as const] : []),
    ...(copies > 1 ? [{ kind: 'duplicate', copies } as const] : []),
    ...(overtakes ? [{ kind: 'reorder' } as const] : []),
    ...(delayMinutes > 0 ? [{ kind: 'delay', milliseconds: delayMinutes * MINUTE } as const] : []),
  ];
}

/** The text of a message on the queue. */
function textOf(message: object): string {
  return Buffer.from(JSON.stringify(message)).toString('base64');
}

function targetOf({ input }: Call): { readonly repository: string; readonly digest: string | undefined } {
  const { repository, reference } = input;
  return { repository: String(repository), digest: reference === undefined ? undefined : String(reference) };
}

function keyOf(call: Call): string {
  const { repository, digest } = targetOf(call);
  return `${repository}@${digest}`;
}

function describe({ service, operation, input }: Call) {
  const about = service === 'graph' ? 'details' : repositoryIn(input);
  // Table storage is consistent, so its reads are never stale.
  const isRead = (service === 'acr' && /^(Get|List)/.test(operation)) || service === 'logs';
  // Calls to the queue, and calls that concern no single repository, are never rough.
  return { service, operation, about, isRead, isRough: service !== 'queue' && about !== '' };
}
