// Sets and clears overrides. First the change is recorded, then one reconciliation applies it. If the command crashes
// in between, the function's next tick applies the change.

import type { Gate } from '../../shared/gate/gate.ts';
import { endEarly, isInForce, type NewOverride, type Override, recordOverride } from '../../shared/gate/override.ts';
import { activeBlockers, type GateRecord, type GateState, newRecord } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { withOwner } from '../../shared/reconcile/owner.ts';
import { currentRules, type Rules } from '../../shared/reconcile/rules.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { describeState, gateName } from '../../shared/report/sentences.ts';
import type { Client, Found, FoundImage } from '../stack/client.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import type { ImageName } from '../stack/image-name.ts';
import { sentenceOf, UsageError } from '../terminal/ending.ts';

/** The last word of the command: `override open`, `override close` or `override clear`. */
export type Verb = 'open' | 'close' | 'clear';

/** What a name refers to in a stack. The image may be deleted. */
export interface Located {
  readonly client: Client;
  readonly found: Exclude<Found, { readonly kind: 'elsewhere' }>;
  /** The current rules. A pause takes precedence over the config's mode. */
  readonly rules: Rules;
}

/** The same for an image that exists. */
export interface LocatedImage extends Located {
  readonly found: FoundImage;
}

/** What is needed to change a gate. */
export interface Tools {
  readonly client: Pick<Client, 'records' | 'read' | 'reconcile'>;
  readonly rules: Rules;
}

/** A gate before the command changes anything. */
export interface GateBefore {
  readonly gate: Gate;
  readonly record: GateRecord | undefined;
  /** How many blockers the record has. */
  readonly blockers: number;
  /** The override in force, if any. */
  readonly override: Override | undefined;
}

/** A gate, and what the command did. */
export interface GateInRun extends GateBefore {
  /** Undefined in a dry run. */
  readonly result?: OverrideResult;
}

/** The result for one gate. */
export interface OverrideResult {
  readonly gate: Gate;
  /** `gone`: the gate is no longer in the registry, so there is nothing to open or close. */
  readonly word: Decision['action'] | 'failed' | 'gone';
  /** Its state now; undefined if unknown. */
  readonly state?: GateState | undefined;
  /** Why it is not in the desired state. */
  readonly problem?: string | undefined;
  /** Why the notice could not be sent. */
  readonly notifyError?: string | undefined;
}

/**
 * Finds out what a name refers to.
 *
 * @throws UsageError if the stack does not have its registry
 */
export async function locate(name: ImageName, clients: readonly Client[], now: () => Instant): Promise<Located> {
  const { cloud } = name.registry;
  const client = clients.find((one) => one.cloud === cloud);
  if (client === undefined) {
    const other = cloud === 'aws' ? '--azure' : '--aws';
    throw new UsageError(
      `${name.text} is on ${CLOUD_NAMES[cloud]}: this stack has no gates there, or ${other} excludes them`,
    );
  }
  const found = await client.find(name);
  if (found.kind === 'elsewhere') {
    throw new UsageError(`${name.text} is not in a registry of this stack: expected ${found.registries.join(' or ')}`);
  }
  return { client, found, rules: await currentRules(client.settings, client.pause, now()) };
}

/**
 * Finds the image that a name refers to.
 *
 * @throws UsageError if there is no such image
 */
export async function locateImage(...asked: Parameters<typeof locate>): Promise<LocatedImage> {
  const located = await locate(...asked);
  const { found } = located;
  if (found.kind === 'absent') throw absent(asked[0], found.what);
  return { ...located, found };
}

/** The error for an image or a repository that does not exist. */
export function absent({ text }: ImageName, what: string): UsageError {
  return new UsageError(`${text}: the registry has no such ${what}`);
}

/**
 * The gates that an override covers. To open an index, its images must open too, because they are pulled with it. To
 * close it, closing the index alone is enough.
 */
export function gatesFor(kind: Override['kind'], { gates }: FoundImage): readonly Gate[] {
  return kind === 'open' ? gates : gates.slice(0, 1);
}

export async function loadGate(
  gate: Gate,
  { client }: { readonly client: Pick<Client, 'records'> },
  now: Instant,
): Promise<GateBefore> {
  const { value: record } = await client.records.load(gate);
  const override = record?.override;
  const counts = override !== undefined && isInForce(override, now);
  return {
    gate,
    record,
    blockers: record === undefined ? 0 : activeBlockers(record).length,
    override: counts ? override.order : undefined,
  };
}

/**
 * Refuses an override that would have no effect.
 *
 * @throws UsageError that explains what to do instead
 */
export async function refuseIneffective(
  kind: Override['kind'],
  gates: readonly GateBefore[],
  { client, rules }: { readonly client: Pick<Client, 'read'>; readonly rules: Rules },
): Promise<void> {
  for (const { gate, record } of gates) {
    const name = gateName(gate);
    const reading = await client.read(gate);
    if (reading !== undefined && withOwner(reading, record).lock === 'foreign') {
      throw new UsageError(
        `${name} has a lock that pullgate did not set and does not change: remove the lock yourself`,
      );
    }
    if (kind === 'open') continue;
    if (rules.suspended === 'pause') {
      throw new UsageError(
        'the stack is paused, and an override cannot close a gate during a pause: run `pullgate resume`',
      );
    }
    if (!rules.includes(gate.repository)) {
      throw new UsageError(`the stack's config excludes ${gate.repository}: include it and run \`pulumi up\``);
    }
  }
}

/** Applies the current record. If recording failed, it only reports the failure. */
type Apply = () => Promise<OverrideResult>;

/** Records an override for one gate. */
export function recordOrder(gate: Gate, order: NewOverride, tools: Tools): Promise<Apply> {
  const changed = (record: GateRecord) => ({ ...record, override: recordOverride(order, record.override) });
  return change(gate, { verb: order.kind === 'open' ? 'open' : 'close', now: order.at, changed }, tools);
}

/** Records that a gate's override is over. */
export function recordClear(gate: Gate, by: string, now: Instant, tools: Tools): Promise<Apply> {
  const changed = (record: GateRecord): GateRecord =>
    record.override === undefined ? record : { ...record, override: endEarly(record.override, by, now) };
  return change(gate, { verb: 'clear', now, changed }, tools);
}

/** Records all changes before it applies any, so that the function can finish the work after an interruption. */
export async function recordThenApply(
  gates: readonly GateBefore[],
  record: (gate: Gate) => Promise<Apply>,
): Promise<readonly GateInRun[]> {
  const recorded = await Promise.all(gates.map(async (before) => ({ before, apply: await record(before.gate) })));
  const done: GateInRun[] = [];
  for (const { before, apply } of recorded) done.push({ ...before, result: await apply() });
  return done;
}

/** What a command changes in a record. */
interface Change {
  readonly verb: Verb;
  readonly now: Instant;
  readonly changed: (record: GateRecord) => GateRecord;
}

async function change(gate: Gate, { verb, now, changed }: Change, { client, rules }: Tools): Promise<Apply> {
  try {
    for (;;) {
      const { value = newRecord(gate, now), version } = await client.records.load(gate);
      if ((await client.records.save(changed(value), version)) !== undefined) break;
    }
  } catch (error) {
    return async () => ({ gate, word: 'failed', problem: sentenceOf(error) });
  }
  return async () => {
    try {
      // Only an observation of the whole gate can update the record, and this needs the function's permissions.
      if (verb === 'clear' && (await client.read(gate)) === undefined) return { gate, word: 'gone' };
      const { action, to, problem, notifyError } = await client.reconcile(gate, rules.suspended, 'override');
      return {
        gate,
        word: action,
        state: to,
        problem: problem ?? inTheWay(verb, to),
        notifyError,
      };
    } catch (error) {
      const rest = 'the change is recorded, and the function applies it within a few minutes';
      return { gate, word: 'failed', problem: `${sentenceOf(error)}; ${rest}` };
    }
  };
}

/** Why the override has no effect: something may have changed since the override was checked. */
function inTheWay(verb: Verb, to: Decision['to']): string | undefined {
  if (verb === 'open') return to.kind === 'waiting' && to.for === 'foreignLock' ? describeState(to) : undefined;
  return verb === 'close' && to.kind === 'waiting' ? describeState(to) : undefined;
}
