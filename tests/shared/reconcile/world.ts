// A registry, its scanner and the table in memory, as the core's ports. It imitates no cloud.
import type { BrakeState } from '../../../shared/gate/brake.ts';
import { type Gate, gateKey } from '../../../shared/gate/gate.ts';
import type { GateRecord, InUse, Notice } from '../../../shared/gate/record.ts';
import { packRecord, unpackRecord } from '../../../shared/gate/record-codec.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { type Delivered, deliverPending } from '../../../shared/reconcile/deliver.ts';
import type { JudgedImage, Report, Scan, Scope } from '../../../shared/reconcile/observation.ts';
import type { Ports, Reading, Row, Version } from '../../../shared/reconcile/ports.ts';
import type { Decision } from '../../../shared/report/decision.ts';
import { CONTEXT, daysLater, GATE, NOW, present } from '../samples.ts';

/** An image of the repository. */
export interface WorldImage {
  readonly tags?: readonly string[];
  readonly findings?: readonly Finding[];
  readonly scan?: Scan;
  /** Reports in addition to those of its findings. */
  readonly reports?: readonly Report[];
  /** Default: a day before `NOW`. */
  readonly pushedAt?: string;
  /** It is an index of these images. */
  readonly children?: readonly string[];
}

/** One repository of the registry. */
export interface WorldRepository {
  readonly images: Map<string, WorldImage>;
  /** The lock in the registry. `unmarked`: a foreign lock. */
  ours: Reading<string>['lock'];
  /** Whether locks in the registry do not name their owner. */
  bearsNoMarks?: boolean;
  inUse?: InUse;
  /** The locks of other deployments. */
  otherLocks?: readonly string[];
  /** Why the registry refuses every change. */
  refuses?: string | undefined;
  /** How many times another writer writes right after us. */
  overtaken?: number;
}

export interface World {
  now: string;
  readonly repositories: Map<string, WorldRepository>;
  /** The scope of each observation. */
  readonly scopes: Scope[];
  readonly notices: Notice[];
  readonly decisions: Decision[];
  /** The names of the calls so far. */
  readonly calls: string[];
  /** Reports that the provider does not have in any state. */
  readonly unknownReports: Set<string>;
  /** Called before and after each call. It can delay the call, or throw the error that the caller gets. */
  around: (call: string, when: 'before' | 'after') => void | Promise<void>;
  readonly ports: Ports<string>;
  repository(name?: string): WorldRepository;
  record(gate: Gate): GateRecord | undefined;
  save(record: GateRecord): void;
  /** The notices that were sent, and those of the first gate that wait for the tick. */
  created(): readonly Notice[];
  /** Delivers the pending notices, as a tick does. */
  deliver(): Promise<Delivered>;
  readonly brake: { value: BrakeState | undefined; version: Version };
}

/** A row of text with its version, as in the table. */
interface Stored {
  readonly text: string;
  readonly version: Version;
}

export function newWorld(): World {
  const rows = new Map<string, Stored>();
  const ports: Ports<string> = {
    registry: {
      observe: (gate, scope, known) => {
        world.scopes.push(scope);
        return call('observe', () => observeIn(world.repositories.get(gate.repository), scope, known));
      },
      scans: (gate, digests) => call('scans', () => scansOf(world.repository(gate.repository), digests)),
      unknownReports: (ids) => call('unknownReports', () => new Set(ids.filter((id) => world.unknownReports.has(id)))),
      read: (gate, lockIds = []) =>
        call(`read${lockIds.map((id) => ` also ${id}`).join('')}`, () => {
          const repository = world.repositories.get(gate.repository);
          if (repository === undefined) return undefined;
          const { inUse, otherLocks } = repository;
          const ours = repository.bearsNoMarks && repository.ours !== 'absent' ? 'unmarked' : repository.ours;
          return { lock: ours, inUse, otherLocks, snapshot: ours };
        }),
      write: (gate, from, desired) =>
        call(`write ${desired}`, () => {
          const repository = world.repository(gate.repository);
          if (repository.refuses !== undefined)
            return { kind: 'refused', problem: repository.refuses, cause: repository.refuses };
          if (repository.overtaken !== undefined && repository.overtaken-- > 0) return { kind: 'overtaken' };
          if (repository.ours !== 'unmarked') repository.ours = desired === 'closed' ? 'current' : 'absent';
          else if (desired === 'open') throw new Error('the lock is foreign: pullgate must not open the gate');
          return { kind: 'written', before: from.snapshot, after: repository.ours };
        }),
    },
    fixes: {
      nameOf: ({ repository }) => `registry.example/${repository}`,
      pushed: ({ repository }) =>
        call('pushed', () =>
          [...world.repository(repository).images].map(
            ([digest, { tags = ['1.0'], pushedAt = daysLater(-1), children }]) => ({
              digest,
              tags,
              pushedAt,
              isIndex: children !== undefined,
            }),
          ),
        ),
      childrenOf: ({ repository }, indexes) =>
        call('childrenOf', () => {
          const { images } = world.repository(repository);
          return new Map(indexes.map((digest) => [digest, images.get(digest)?.children ?? []]));
        }),
      judged: ({ repository }, digests) => call('judged', () => judgedIn(world.repository(repository), digests)),
    },
    records: {
      load: (gate) =>
        call('load', () => {
          const row = rows.get(gateKey(gate));
          return row === undefined
            ? { value: undefined, version: 0 }
            : { value: unpackRecord(row.text), version: row.version };
        }),
      save: (record, version) =>
        call('save', () => {
          const key = gateKey(record.gate);
          if ((rows.get(key)?.version ?? 0) !== version) return undefined;
          rows.set(key, { text: packRecord(record), version: Number(version) + 1 });
          return Number(version) + 1;
        }),
      remove: (gate, version) =>
        call('remove', () => rows.get(gateKey(gate))?.version === version && rows.delete(gateKey(gate))),
    },
    brake: brakeRow(),
    inTurn: (work) => work(),
    notify: (_gate, notice) =>
      call('notify', () => {
        world.notices.push(notice);
      }),
    log: (decision) => void world.decisions.push(decision),
    now: () => world.now,
  };

  async function call<T>(name: string, work: () => T): Promise<T> {
    world.calls.push(name);
    await world.around(name, 'before');
    const answer = work();
    await world.around(name, 'after');
    return answer;
  }

  function brakeRow(): Row<BrakeState> {
    return {
      load: () => call('load brake', () => ({ ...world.brake })),
      save: (value, version) =>
        call('save brake', () => {
          if (world.brake.version !== version) return undefined;
          Object.assign(world.brake, { value, version: Number(version) + 1 });
          return Number(version) + 1;
        }),
    };
  }

  const world: World = {
    now: NOW,
    repositories: new Map(),
    scopes: [],
    notices: [],
    decisions: [],
    calls: [],
    unknownReports: new Set(),
    around: () => {},
    ports,
    brake: { value: undefined, version: 0 },
    repository(name = 'team/app') {
      const known = world.repositories.get(name);
      if (known !== undefined) return known;
      const created: WorldRepository = { images: new Map(), ours: 'absent' };
      world.repositories.set(name, created);
      return created;
    },
    record(gate) {
      const row = rows.get(gateKey(gate));
      return row === undefined ? undefined : unpackRecord(row.text);
    },
    save(record) {
      const version = Number(rows.get(gateKey(record.gate))?.version ?? 0) + 1;
      rows.set(gateKey(record.gate), { text: packRecord(record), version });
    },
    created: () => [...world.notices, ...(world.record(GATE)?.pending ?? [])],
    deliver: () =>
      deliverPending({
        async *pendingGates() {
          const records = [...rows.values()].map(({ text }) => unpackRecord(text));
          yield records.filter(({ pending }) => pending.length > 0).map(({ gate }) => gate);
        },
        records: ports.records,
        context: CONTEXT,
        sendsTogether: false,
        send: (messages) =>
          call('send', () => {
            world.notices.push(...messages.flatMap(({ about }) => about.map(({ notice }) => notice)));
          }),
        now: () => world.now,
      }),
  };
  return world;
}

function observeIn(
  repository: WorldRepository | undefined,
  scope: 'all' | readonly string[],
  known: readonly string[],
) {
  const images = repository?.images ?? new Map<string, WorldImage>();
  const withFindings = [...images].filter(([, image]) => (image.findings ?? []).length > 0).map(([digest]) => digest);
  const digests = scope === 'all' ? [...new Set([...withFindings, ...known])] : scope;
  return digests.map((digest) => {
    const image = images.get(digest);
    if (image === undefined) return { digest, presence: 'gone' as const };
    const { tags = ['1.0'], findings = [], reports = [] } = image;
    return present({ digest, tags, tagged: tags.length > 0, findings, reports });
  });
}

function scansOf({ images }: WorldRepository, digests: readonly string[]): ReadonlyMap<string, Scan> {
  return new Map(
    digests.flatMap((digest): [string, Scan][] => {
      const scan = images.get(digest)?.scan;
      return scan === undefined ? [] : [[digest, scan]];
    }),
  );
}

/** An image without a finished scan is left out. */
function judgedIn({ images }: WorldRepository, digests: readonly string[]): ReadonlyMap<string, JudgedImage> {
  return new Map(
    digests.flatMap((digest): [string, JudgedImage][] => {
      const { findings = [], reports = [], scan } = images.get(digest) ?? {};
      if (scan?.kind !== 'finished') return [];
      return [[digest, { reports: present({ findings, reports }).reports, scannedAt: scan.at }]];
    }),
  );
}
