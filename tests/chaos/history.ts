// What the judge remembers of a run: which images hold their gates and since when, what people have ordered, and what
// the registry showed.
import type { Bounds, Observation, SeenRecord } from './cloud.ts';
import { createOrders, type Orders } from './orders.ts';
import type { OpeningMoment, Scenario } from './scenario.ts';
import {
  type Desired,
  desiredState,
  holds,
  isCleared,
  type Memory,
  policyOf,
  ruleOf,
  violates,
} from './specification.ts';
import { isOfPerson, type Step, type TrueImage, type Truth } from './truth.ts';

const MINUTE = 60_000;
/** An image that has held its gate for this long since its event arrived is known to every worker. */
const SETTLED_MILLISECONDS = 25 * MINUTE;

/** Since when an image must hold its gate closed. */
export interface Hold {
  since: number;
  /** When the first event that reports it arrives; undefined if none does. */
  heardAt: number | undefined;
}

/** A lock that someone outside has removed. */
export interface Strip {
  readonly at: number;
  /** When the gate was last seen closed before. */
  readonly seenAt: number;
}

export interface History {
  readonly cloud: 'aws' | 'azure';
  readonly bounds: Bounds;
  readonly scenario: Scenario;
  readonly truth: Truth;
  readonly orders: Orders;
  /** The images by their gate. */
  readonly gates: ReadonlyMap<string, readonly TrueImage[]>;
  /** By image. */
  readonly holdings: ReadonlyMap<string, Hold>;
  /** When each image that was closed and deleted was pushed again, by its gate. */
  readonly backSince: ReadonlyMap<string, number>;
  /** When each gate was last seen closed. */
  readonly closedAt: ReadonlyMap<string, number>;
  /** When someone outside last removed the locks of a repository or of a gate. */
  readonly strippedAt: ReadonlyMap<string, number>;
  /** The gates that were closed when their lock was removed, and that have not been seen closed again. */
  readonly toRestore: ReadonlyMap<string, Strip>;
  /** The gates that were locked when their record was lost, until they are seen open without a blocker. */
  readonly unexplained: ReadonlySet<string>;
  /** Observed changes of the registry by pullgate, by gate. Each must have a notice. */
  readonly changes: ReadonlyMap<string, { readonly closed: number; readonly opened: number }>;
  /** The gates that disappeared, or whose record was lost: their pending notices lapsed. */
  readonly lapsed: ReadonlySet<string>;
  /** The gates that an image held and that a person's order opened, and what the notice says of it. */
  readonly openedByOrder: ReadonlyMap<string, RegExp>;
  /** The gates that the last two observations showed closed, then open. */
  opened(): readonly string[];
  /** The time of the observation before the last one. */
  beforeAt(): number;
  /** The gates that wait for the brake, and since when each observation has shown it. */
  readonly brakedSince: ReadonlyMap<string, number>;
  /**
   * The recorded images that became dangerous again just after the intent to open their closed gate, before the worker
   * observed them for the second time. Each is returned after one observation.
   */
  dangerousAfterIntent(): ReadonlySet<TrueImage>;
  gateOf(image: TrueImage): string;
  isForeign(gate: string): boolean;
  isHeld(image: TrueImage): boolean;
  /** An image has held the gate long enough for every worker to know it, by the record or by an event that arrived. */
  isHeldForLong(gate: string): boolean;
  wasClosed(gate: string): boolean;
  desired(gate: string, observation: Observation, record?: SeenRecord): Desired;
  hear(step: Step, now: number, arrivesAt: number | undefined, metAt: OpeningMoment | undefined): void;
  see(observation: Observation): void;
}

export function createHistory(cloud: 'aws' | 'azure', scenario: Scenario, truth: Truth, bounds: Bounds): History {
  const isImageGate = cloud === 'azure' && scenario.granularity === 'image';
  const gateOf = ({ name, repository }: TrueImage) => (isImageGate ? `${repository}@${name}` : repository);
  const gates = Map.groupBy(truth.images.values(), gateOf);
  const orders = createOrders();
  const memories = new Map<string, Memory>();
  const holdings = new Map<string, Hold>();
  const backSince = new Map<string, number>();
  const closedAt = new Map<string, number>();
  const strippedAt = new Map<string, number>();
  const toRestore = new Map<string, Strip>();
  const unexplained = new Set<string>();
  const changes = new Map<string, { closed: number; opened: number }>();
  const lapsed = new Set<string>();
  const brakedSince = new Map<string, number>();
  const openedByOrder = new Map<string, RegExp>();
  const removed = new Set<string>();
  let danger = new Set<TrueImage>();
  let dangerNow: ReadonlySet<TrueImage> = danger;
  let [beforeAt, seenAt] = [0, 0];
  let before: ReadonlySet<string> = new Set();
  let opened: readonly string[] = [];

  const isHeld = (image: TrueImage) => holds(image, memories.get(image.name), truth, cloud);
  const imagesOf = (gate: string) => gates.get(gate) ?? [];
  const isHeldNow = (gate: string) => imagesOf(gate).some(isHeld);
  /** A blocker explains a lock whose record was lost. On Azure nothing does: it counts as someone else's. */
  const isExplained = (gate: string) => cloud === 'aws' && isHeldNow(gate);
  const isForeign = (gate: string) => imagesOf(gate).some(({ foreignLock }) => foreignLock);
  const wasClosed = (gate: string) =>
    imagesOf(gate).some((image) => isHeld(image) && memories.get(image.name)?.wasClosed === true);
  const modeOf = ([image]: readonly TrueImage[]) => (image && ruleOf(truth, image.repository)?.mode) ?? scenario.mode;
  const isHeldForLong = (gate: string) =>
    imagesOf(gate).some(({ name }) => {
      const hold = holdings.get(name);
      const knownSince = memories.has(name) ? hold?.since : hold?.heardAt;
      return knownSince !== undefined && knownSince <= beforeAt - SETTLED_MILLISECONDS;
    });
  /**
   * Azure's registries send events to pullgate only if the stack says so. Events of findings that do not matter may be
   * left out by the rule or the automation that sends them. Details that are missing when the event is handled wait for
   * the sweep.
   */
  const isHeardOf = (step: Step) => {
    if (scenario.hasDetailsApart) return false;
    if ('vulnerability' in step) {
      const { repository = '' } = truth.images.get(step.image) ?? {};
      return violates(step.vulnerability, policyOf(truth, repository));
    }
    return cloud === 'aws' || scenario.pushEvents || (step.kind !== 'push' && step.kind !== 'remove');
  };

  /** Remembers the findings in the records, and forgets those that the records may drop. */
  function remember(records: readonly SeenRecord[]): void {
    const recorded = new Map(records.flatMap(({ blockers }) => blockers).map((blocker) => [blocker.image, blocker]));
    for (const image of truth.images.values()) {
      const blocker = recorded.get(image.name);
      const memory = memories.get(image.name);
      if (blocker !== undefined) {
        const kept = [...(memory?.findings ?? [])].filter((id) => !isDroppable(image, id));
        const { name } = image;
        const { dangerousAt, wasClosed } = blocker;
        const findings = new Set([...kept, ...blocker.findings]);
        memories.set(name, { image: name, findings, dangerousAt, wasClosed, needsNoTag: wasClosed && isImageGate });
      } else if (memory !== undefined && isCleared(image, memory, policyOf(truth, image.repository), cloud))
        memories.delete(image.name);
    }
  }

  /** Whether the record may drop this finding while others still hold the gate. */
  function isDroppable(image: TrueImage, id: string): boolean {
    const finding = image.findings.get(id);
    return finding !== undefined && (finding.status === 'clean' || finding.status === 'suppressed');
  }

  function noteChanges({ at, closed }: Observation): void {
    const countsOf = (gate: string) => {
      const counts = changes.get(gate) ?? { closed: 0, opened: 0 };
      changes.set(gate, counts);
      return counts;
    };
    for (const gate of closed) if (!before.has(gate) && !isForeign(gate)) countsOf(gate).closed += 1;
    opened = [...before].filter((gate) => !closed.has(gate) && !isForeign(gate));
    for (const gate of opened) countsOf(gate).opened += 1;
    for (const gate of unexplained) if (!closed.has(gate) && !isExplained(gate)) unexplained.delete(gate);
    for (const gate of closed) {
      toRestore.delete(gate);
      closedAt.set(gate, at);
    }
    before = new Set(closed);
  }

  function noteHoldings({ at, records }: Observation): void {
    for (const image of truth.images.values()) {
      if (!isHeld(image)) holdings.delete(image.name);
      else if (!holdings.has(image.name)) holdings.set(image.name, { since: at, heardAt: undefined });
    }
    const braked = new Set(records.flatMap(({ gate, state }) => (state === 'waiting: brake' ? [gate] : [])));
    for (const gate of brakedSince.keys()) if (!braked.has(gate)) brakedSince.delete(gate);
    for (const gate of braked) if (!brakedSince.has(gate)) brakedSince.set(gate, at);
  }

  function noteOrder(gate: string, at: number): void {
    if (orders.isUncertain(gate, at)) return;
    if (orders.isPaused(at)) openedByOrder.set(gate, /pullgate is paused|override/);
    else if (orders.overrideOf(gate, at)?.order === 'open') openedByOrder.set(gate, /override/);
  }

  /** Removed locks are not pullgate's change, so no notice is expected. */
  function strip(isMeant: (gate: string) => boolean, at: number): void {
    for (const gate of before) if (isMeant(gate)) toRestore.set(gate, { at, seenAt });
    before = new Set([...before].filter((gate) => !isMeant(gate)));
  }

  /** A gate or its record disappears. Its pending notices lapse. */
  function lapse(gate: string): void {
    changes.delete(gate);
    lapsed.add(gate);
    orders.forget(gate);
  }

  function hearPerson(step: Extract<Step, { kind: 'override' | 'pause' | 'lose' }>, now: number): void {
    const named = step.kind === 'pause' ? step.unreadable : step.image;
    const image = named === undefined ? undefined : truth.images.get(named);
    const gate = image === undefined ? undefined : gateOf(image);
    if (step.kind === 'pause') {
      orders.pause(now, now + step.minutes * MINUTE, gate);
      // A gate whose record cannot be read is opened without a notice.
      if (gate !== undefined) before = new Set([...before].filter((one) => one !== gate));
    } else if (gate === undefined) throw new Error(`there is no image ${named}`);
    else if (step.kind === 'override') orders.override(gate, step.order, now, now + step.minutes * MINUTE);
    else {
      lapse(gate);
      orders.lose(gate, now);
      toRestore.delete(gate);
      if (before.has(gate)) unexplained.add(gate);
      for (const { name } of imagesOf(gate)) memories.delete(name);
    }
  }

  return {
    ...{
      cloud,
      bounds,
      scenario,
      truth,
      orders,
      gates,
      holdings,
      backSince,
      closedAt,
      strippedAt,
      toRestore,
      unexplained,
      changes,
      lapsed,
    },
    ...{ brakedSince, openedByOrder, gateOf, isForeign, isHeld, wasClosed },
    opened: () => opened,
    beforeAt: () => beforeAt,
    dangerousAfterIntent: () => dangerNow,
    isHeldForLong,
    desired(gate, { at, closed }, record) {
      const images = imagesOf(gate);
      return desiredState({
        isGone: cloud === 'azure' && images.every(({ present }) => !present),
        isPaused: orders.isPaused(at),
        override: orders.overrideOf(gate, at)?.order,
        isUnexplained: unexplained.has(gate) && closed.has(gate) && !isExplained(gate),
        isHeld: isHeldNow(gate),
        isAudit: modeOf(images) === 'audit',
        isForeign: isForeign(gate),
        isLocked: closed.has(gate),
        wasClosed: wasClosed(gate),
        servesLambda: images.some(({ repository }) => truth.repositories.get(repository)?.servesLambda === true),
        isBraked: record?.state === 'waiting: brake',
      });
    },
    hear(step, now, arrivesAt, metAt) {
      if (isOfPerson(step)) hearPerson(step, now);
      if (step.kind === 'strip') {
        strippedAt.set(step.repository, now);
        strip((gate) => gate === step.repository || gate.startsWith(`${step.repository}@`), now);
      }
      for (const one of truth.images.values()) if (!isHeld(one)) holdings.delete(one.name);
      const image = 'image' in step && !isOfPerson(step) ? truth.images.get(step.image) : undefined;
      if (image === undefined) return;
      const gate = gateOf(image);
      // On Azure, a gate disappears with its last image. That is not an opening.
      if (step.kind === 'remove' && cloud === 'azure' && imagesOf(gate).every(({ present }) => !present)) {
        before = new Set([...before].filter((one) => one !== gate));
        lapse(gate);
      }
      if (step.kind === 'remove') removed.add(image.name);
      if (step.kind === 'push' && removed.delete(image.name) && isImageGate && wasClosed(gate))
        backSince.set(gate, now);
      if (metAt === 'afterIntent' && before.has(gate) && memories.has(image.name)) danger.add(image);
      if (!isHeld(image) || arrivesAt === undefined || !isHeardOf(step)) return;
      const hold = holdings.get(image.name) ?? { since: now, heardAt: undefined };
      hold.heardAt = Math.min(hold.heardAt ?? arrivesAt, arrivesAt);
      holdings.set(image.name, hold);
    },
    see(observation) {
      [beforeAt, seenAt] = [seenAt, observation.at];
      noteChanges(observation);
      remember(observation.records);
      noteHoldings(observation);
      for (const gate of opened) if (isHeldForLong(gate)) noteOrder(gate, observation.at);
      [danger, dangerNow] = [new Set(), danger];
    },
  };
}
