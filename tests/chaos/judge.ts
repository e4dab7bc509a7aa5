// Watches a run and reports what is wrong: a gate that was open for too long, a change without a notice, or a wrong
// final state.
import type { Bounds, Change, Observation, SeenRecord } from './cloud.ts';
import { holds, isCleared, type Memory } from './plain.ts';
import type { OpeningMoment, Scenario } from './scenario.ts';
import type { Step, TrueImage, Truth } from './truth.ts';

/** Since when an image must hold its gate closed. */
interface Hold {
  since: number;
  /** When the first event that reports it arrives; undefined if none does. */
  heardAt: number | undefined;
}

export interface Judge {
  /**
   * Takes note of a step that has just happened. `arrivesAt` is undefined if its events are lost. `metAt` is the moment
   * of an opening at which it happened, if any.
   */
  hear(step: Step, now: number, arrivesAt: number | undefined, metAt: OpeningMoment | undefined): void;
  /** Checks an observation after the clock has moved. */
  see(observation: Observation): void;
  /** Checks the final state of every gate and the notices of all changes, and returns all complaints. */
  conclude(observation: Observation, decided: readonly Change[]): readonly string[];
}

export function createJudge(cloud: 'aws' | 'azure', scenario: Scenario, truth: Truth, bounds: Bounds): Judge {
  const memories = new Map<string, Memory>();
  const holdings = new Map<string, Hold>();
  const complaints = new Set<string>();
  /** Observed changes of the registry, by gate. Each must have a notice. */
  const changes = new Map<string, { closed: number; opened: number }>();
  const stripped = new Map<string, number>();
  /** The gates that were closed when their lock was removed, and when they were last seen closed. */
  const toRestore = new Map<string, { readonly at: number; readonly seenAt: number }>();
  let seenAt = 0;
  /**
   * The recorded images that became dangerous again just after the intent to open their closed gate, before the worker
   * observed them for the second time. The next observation checks them.
   */
  const dangerousAfterIntent = new Set<TrueImage>();
  /** The gates that disappeared at some time, and may have had pending notices then. */
  const lapsed = new Set<string>();
  let before: ReadonlySet<string> = new Set();

  const isImageGate = cloud === 'azure' && scenario.granularity === 'image';
  const gateOf = ({ name, repository }: TrueImage) => (isImageGate ? `${repository}@${name}` : repository);
  const isHeld = (image: TrueImage) => holds(image, memories.get(image.name), truth, cloud);

  /** Remembers the findings in the records, and forgets those that the records may drop. */
  function remember(records: readonly SeenRecord[]): void {
    const recorded = new Map(records.flatMap(({ blockers }) => blockers).map((blocker) => [blocker.image, blocker]));
    for (const image of truth.images.values()) {
      const blocker = recorded.get(image.name);
      const memory = memories.get(image.name);
      if (blocker !== undefined) {
        const kept = [...(memory?.findings ?? [])].filter((id) => !isDroppable(image, id));
        const { name } = image;
        memories.set(name, {
          image: name,
          findings: new Set([...kept, ...blocker.findings]),
          dangerousAt: blocker.dangerousAt,
          needsNoTag: blocker.wasClosed && isImageGate,
        });
      } else if (memory !== undefined && isCleared(image, memory, truth.policy, cloud)) memories.delete(image.name);
    }
  }

  /** Azure's registries send no events to pullgate. */
  const isHeardOf = ({ kind }: Step) => cloud === 'aws' || (kind !== 'push' && kind !== 'remove');

  /** Whether the record may drop this finding while others still hold the gate. */
  function isDroppable(image: TrueImage, id: string): boolean {
    const finding = image.findings.get(id);
    return finding !== undefined && (finding.status === 'clean' || finding.status === 'suppressed');
  }

  /** The time by which a gate must be closed. */
  function deadline(hold: Hold, { setbacks }: Observation): number {
    const grace = (since: number) => setbacks.filter((at) => at >= since).length * bounds.setback;
    const bySweep = hold.since + bounds.sweep + 2 * bounds.tick + bounds.event;
    const byEvent = hold.heardAt === undefined ? Number.POSITIVE_INFINITY : hold.heardAt + bounds.event;
    return Math.min(bySweep, byEvent) + grace(hold.since);
  }

  /**
   * On AWS, once the event has arrived and the queue is empty, nothing else closes the gate before the next sweep. The
   * gate must be closed by then. On Azure, rows may arrive after the message is done.
   */
  function isOverlooked({ heardAt }: Hold, { at, waiting }: Observation): boolean {
    return cloud === 'aws' && waiting === 0 && heardAt !== undefined && heardAt <= at;
  }

  /** A tick finds a missing lock. */
  function isNotRestored(gate: string, { since }: Hold, { at, setbacks }: Observation): boolean {
    const removed = toRestore.get(gate);
    if (removed === undefined || since > removed.seenAt) return false;
    const grace = setbacks.filter((one) => one >= removed.at).length * bounds.setback;
    return at > removed.at + 2 * bounds.tick + bounds.event + grace;
  }

  function heardOf(image: string, now: number, arrivesAt: number): void {
    const hold = holdings.get(image) ?? { since: now, heardAt: undefined };
    hold.heardAt = Math.min(hold.heardAt ?? arrivesAt, arrivesAt);
    holdings.set(image, hold);
  }

  function isExcused(gate: string, repository: string, { records, dead }: Observation): boolean {
    if (scenario.mode === 'audit' || truth.repositories.get(repository)?.servesLambda === true) return true;
    const state = records.find((record) => record.gate === gate)?.state;
    return (
      state === 'waiting: brake' || state === 'waiting: foreignLock' || dead.some((text) => text.includes(repository))
    );
  }

  function checkBounds(observation: Observation): void {
    const { at, closed } = observation;
    for (const image of truth.images.values()) {
      const { name, repository } = image;
      if (!isHeld(image)) {
        holdings.delete(name);
        continue;
      }
      const gate = gateOf(image);
      const hold = holdings.get(name) ?? { since: at, heardAt: undefined };
      holdings.set(name, hold);
      const taken = stripped.get(gate) ?? stripped.get(repository);
      // If the team removes a closing, only the next sweep must find it, even if an event was heard before.
      const counted = taken === undefined || taken < hold.since ? hold : { since: taken, heardAt: undefined };
      const isTooLate =
        at > deadline(counted, observation) ||
        isOverlooked(counted, observation) ||
        isNotRestored(gate, hold, observation);
      if (closed.has(gate) || !isTooLate || isExcused(gate, repository, observation)) continue;
      const what = `${gate} is open though ${name} has had to hold it`;
      if ([...complaints].some((said) => said.startsWith(what))) continue;
      const minutes = Math.round((at - counted.since) / 60_000);
      complaints.add(
        `${what} for ${minutes} minutes${counted.heardAt === undefined ? ', of which no event notified' : ''}`,
      );
    }
  }

  /** The second observation of an opening must notice an image that became dangerous after the first. */
  function checkSecondObservation(observation: Observation): void {
    for (const image of dangerousAfterIntent) {
      const gate = gateOf(image);
      const mayBeOpen = !isHeld(image) || isExcused(gate, image.repository, observation);
      if (!mayBeOpen && !observation.closed.has(gate))
        complaints.add(`${gate} is open though ${image.name} was dangerous again before it was opened`);
    }
    dangerousAfterIntent.clear();
  }

  /** When no message is left, the record of a closed gate does not say that it is open. */
  function checkRecords({ closed, records, waiting }: Observation): void {
    if (cloud !== 'aws' || waiting > 0) return;
    for (const gate of closed) {
      const state = records.find((record) => record.gate === gate)?.state ?? 'open';
      if (!['closed', 'closing', 'opening'].includes(state))
        complaints.add(`${gate} is closed, and its record says ${state}`);
    }
  }

  function noteChanges({ at, closed }: Observation): void {
    const countsOf = (gate: string) => {
      const counts = changes.get(gate) ?? { closed: 0, opened: 0 };
      changes.set(gate, counts);
      return counts;
    };
    for (const gate of closed) if (!before.has(gate) && !isForeign(gate)) countsOf(gate).closed += 1;
    for (const gate of before) if (!closed.has(gate) && !isForeign(gate)) countsOf(gate).opened += 1;
    before = new Set(closed);
    for (const gate of closed) toRestore.delete(gate);
    seenAt = at;
  }

  /**
   * Each change that the function reports, and each that the registry showed, has a notice, or is counted by one or for
   * one. More is allowed: a notice may be sent twice.
   */
  function checkNotices({ notified, records }: Observation, decided: readonly Change[]): void {
    const check = (gate: string, done: string, times: number, kinds: readonly string[]) => {
      const counted = kinds.includes('restored') ? records.find((one) => one.gate === gate)?.untoldRestorations : 0;
      const sent = notified.filter((notice) => notice.gate === gate && kinds.includes(notice.change)).length;
      const told = sent + (counted ?? 0);
      if (told < times) complaints.add(`${gate} ${done} ${times} times, and was notified of ${told} times`);
    };
    for (const [gate, decisions] of Map.groupBy(decided, (one) => one.gate)) {
      if (lapsed.has(gate)) continue;
      for (const change of ['closed', 'opened', 'restored'])
        check(gate, `was ${change}`, decisions.filter((one) => one.change === change).length, [change]);
    }
    for (const [gate, { closed, opened }] of changes) {
      check(gate, 'closed', closed, ['closed', 'restored']);
      // If a slow worker opens a gate that another worker has found dangerous again, people are notified that the gate
      // was restored.
      check(gate, 'opened', opened, ['opened', 'restored']);
    }
  }

  /** On Azure, a gate disappears with its last image. That is not an opening, and pending notices lapse. */
  function forgetGate(gate: string): void {
    if ([...truth.images.values()].some((image) => image.present && gateOf(image) === gate)) return;
    before = new Set([...before].filter((one) => one !== gate));
    changes.delete(gate);
    lapsed.add(gate);
  }

  const isForeign = (gate: string) =>
    [...truth.images.values()].some((image) => image.foreignLock && gateOf(image) === gate);

  return {
    hear(step, now, arrivesAt, metAt) {
      if (step.kind === 'strip') {
        stripped.set(step.repository, now);
        // This is not pullgate's change, so no notice is expected.
        const isStripped = (gate: string) => gate === step.repository || gate.startsWith(`${step.repository}@`);
        for (const gate of before) if (isStripped(gate)) toRestore.set(gate, { at: now, seenAt });
        before = new Set([...before].filter((gate) => !isStripped(gate)));
        return;
      }
      const image = 'image' in step ? truth.images.get(step.image) : undefined;
      if (image === undefined) return;
      if (step.kind === 'remove' && cloud === 'azure') forgetGate(gateOf(image));
      if (metAt === 'afterIntent' && before.has(gateOf(image)) && memories.has(image.name))
        dangerousAfterIntent.add(image);
      if (!isHeld(image)) holdings.delete(image.name);
      else if (arrivesAt !== undefined && isHeardOf(step)) heardOf(image.name, now, arrivesAt);
    },
    see(observation) {
      noteChanges(observation);
      remember(observation.records);
      checkBounds(observation);
      checkSecondObservation(observation);
      checkRecords(observation);
      for (const one of observation.damage) complaints.add(one);
    },
    conclude(observation, decided) {
      this.see(observation);
      const { closed, records, waiting } = observation;
      const gates = new Map<string, TrueImage[]>();
      for (const image of truth.images.values()) gates.set(gateOf(image), [...(gates.get(gateOf(image)) ?? []), image]);
      for (const [gate, images] of gates) {
        if (images.some(({ foreignLock }) => foreignLock)) continue;
        const holding = images.filter(isHeld);
        const serves = images.some(({ repository }) => truth.repositories.get(repository)?.servesLambda === true);
        const wanted = holding.length > 0 && scenario.mode === 'enforce' && !serves;
        const names = holding.map(({ name }) => name).join(', ');
        if (wanted && !closed.has(gate)) complaints.add(`at the end ${gate} is open, and ${names} should hold it`);
        if (!wanted && closed.has(gate))
          complaints.add(
            `at the end ${gate} is closed, and nothing should hold it${names === '' ? '' : ` (${names})`}`,
          );
        const record = records.find((one) => one.gate === gate);
        checkRecord(gate, record, wanted, holding.length > 0);
      }
      checkNotices(observation, decided);
      if (waiting > 0) complaints.add(`messages still on the queue: ${waiting}`);
      return [...complaints];
    },
  };

  function checkRecord(gate: string, record: SeenRecord | undefined, isClosed: boolean, isHeldBack: boolean): void {
    if ((record?.pending ?? 0) > 0) complaints.add(`${gate}: notices still pending: ${record?.pending}`);
    const state = record?.state ?? 'open';
    const expected = isClosed ? 'closed' : isHeldBack ? 'waiting' : 'open';
    if (!state.startsWith(expected)) complaints.add(`at the end the record of ${gate} says ${state}, not ${expected}`);
  }
}
