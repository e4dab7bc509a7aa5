// Orders by hand: the record says what is ordered first, then one look does it. A crash in between is finished by the function's next tick.

import { endedEarly, type HandOrder, type HandWish, isInForce, orderFrom } from '../../shared/gate/override.ts';
import { activeBlockers, type Gate, type GateRecord, newRecord } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { type Rules, rulesNow } from '../../shared/reconcile/rules.ts';
import type { Decision } from '../../shared/report/decision.ts';
import { describeState, gateName } from '../../shared/report/sentences.ts';
import type { ImageName } from '../stack/image-name.ts';
import type { Found, FoundImage, Side } from '../stack/side.ts';
import { sentenceOf, UsageError } from '../terminal/ending.ts';
import type { Hand } from './side.ts';

/** A name in a stack: whether an image has it now, and what works on the gates there. */
export interface Place {
  readonly side: Side;
  readonly hand: Hand;
  readonly found: Exclude<Found, { readonly kind: 'elsewhere' }>;
  /** The rules of now: a pause overrules the config's mode. */
  readonly rules: Rules;
}

/** One image of a stack, and what works on its gates. */
export interface Target extends Place {
  readonly found: FoundImage;
}

/** What changes a gate. */
export type Hands = Pick<Target, 'hand' | 'rules'>;

/** A gate before anything is done. */
export interface Before {
  readonly gate: Gate;
  readonly record: GateRecord | undefined;
  /** How many images are known to hold it. */
  readonly held: number;
  /** What somebody has ordered already, as long as it counts. */
  readonly order: HandOrder | undefined;
}

/** What came of one gate. */
export interface Outcome {
  readonly gate: Gate;
  /** `gone`: it is not in the registry any more, so that there is nothing to open or close. */
  readonly word: Decision['done'] | 'failed' | 'gone';
  /** Its state now, in words; undefined where nobody knows. */
  readonly state?: string | undefined;
  /** What keeps it from being as it was ordered. */
  readonly problem?: string | undefined;
  /** Why nobody could be told. */
  readonly untold?: string | undefined;
}

/** Where a name leads to, on the stack's side of that cloud. */
export async function placeOf(
  name: ImageName,
  sides: readonly Side[],
  handOf: (cloud: Side['cloud']) => Promise<Hand>,
): Promise<Place> {
  const { cloud } = name.registry;
  const side = sides.find((one) => one.cloud === cloud);
  if (side === undefined) {
    throw new UsageError(`${name.text} is on ${cloud === 'aws' ? 'AWS' : 'Azure'}, where this stack has no gates`);
  }
  const found = await side.find(name);
  if (found.kind === 'elsewhere') {
    throw new UsageError(`${name.text} is of no registry of this stack: expected ${found.registries.join(' or ')}`);
  }
  return { side, hand: await handOf(cloud), found, rules: await rulesNow(side.settings, side.pause) };
}

/** The same where there has to be an image. */
export async function targetOf(name: ImageName, ...where: Tail<Parameters<typeof placeOf>>): Promise<Target> {
  const place = await placeOf(name, ...where);
  const { found } = place;
  if (found.kind === 'absent') throw absent(name, found.what);
  return { ...place, found };
}

type Tail<List> = List extends readonly [unknown, ...infer Rest] ? Rest : never;

/** There is no such image, or not even its repository. */
export function absent({ text }: ImageName, what: string): UsageError {
  return new UsageError(`${text}: the registry has no such ${what}`);
}

/** The gates that an order is about: on Azure an image that leads to others is pulled with them, and closed without. */
export function gatesFor(kind: HandOrder['kind'], { gates }: FoundImage): readonly Gate[] {
  return kind === 'open' ? gates : gates.slice(0, 1);
}

export async function before(gate: Gate, { hand }: Pick<Target, 'hand'>, now: Instant): Promise<Before> {
  const { value: record } = await hand.records.load(gate);
  const order = record?.byHand;
  const counts = order !== undefined && isInForce(order, now);
  return {
    gate,
    record,
    held: record === undefined ? 0 : activeBlockers(record).length,
    order: counts ? order : undefined,
  };
}

/**
 * Says no to an order that would come to nothing.
 *
 * @throws UsageError that says what to do in its place
 */
export async function refuseInVain(
  kind: HandOrder['kind'],
  gates: readonly Before[],
  target: { readonly hand: Pick<Hand, 'read'>; readonly rules: Rules },
): Promise<void> {
  const { hand, rules } = target;
  for (const { gate, record } of gates) {
    const name = gateName(gate);
    const reading = await hand.read(gate);
    if (reading?.ours === 'unmarked' && record?.claimed !== true) {
      throw new UsageError(
        `somebody else has locked ${name}, and pullgate leaves that lock alone: take it away yourself`,
      );
    }
    if (kind === 'open') continue;
    if (rules.mode !== 'enforce') {
      const end = rules.mode === 'audit' ? 'set pullgate:mode to enforce and run `pulumi up`' : 'run `pullgate resume`';
      throw new UsageError(`the stack is in the mode ${rules.mode}, which closes nothing, not by hand either: ${end}`);
    }
    if (reading?.servesLambda === true && !rules.closeLambdaRepositories) {
      throw new UsageError(
        `${name} serves Lambda functions, which would fail if it closed: set aws.closeLambdaRepositories, and run \`pulumi up\``,
      );
    }
    if (!rules.includes(gate.repository)) {
      throw new UsageError(`the stack's config leaves ${gate.repository} out: include it, and run \`pulumi up\``);
    }
  }
}

/** What is left to do for a gate whose record says what is ordered: one look, unless recording it has failed. */
type Rest = () => Promise<Outcome>;

/** Records an order for one gate. */
export function recordOrder(gate: Gate, wish: HandWish, target: Hands): Promise<Rest> {
  const ordered = (record: GateRecord) => ({ ...record, byHand: orderFrom(wish, record.byHand) });
  return change(gate, ordered, target, wish.kind === 'open' ? 'open' : 'close', wish.at);
}

/** Records the end of the order that a gate has. */
export function recordEnd(gate: Gate, by: string, now: Instant, target: Hands): Promise<Rest> {
  const ended = (record: GateRecord): GateRecord =>
    record.byHand === undefined ? record : { ...record, byHand: endedEarly(record.byHand, by, now) };
  return change(gate, ended, target, 'resume', now);
}

/** All is recorded before anything is done: what an interruption leaves, the function finishes. */
export async function inTwoSteps(
  gates: readonly Before[],
  recorded: (gate: Gate) => Promise<Rest>,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const look of await Promise.all(gates.map(({ gate }) => recorded(gate)))) outcomes.push(await look());
  return outcomes;
}

async function change(
  gate: Gate,
  changed: (record: GateRecord) => GateRecord,
  { hand, rules }: Hands,
  command: 'open' | 'close' | 'resume',
  now: Instant,
): Promise<Rest> {
  try {
    for (;;) {
      const { value = newRecord(gate, now), version } = await hand.records.load(gate);
      if ((await hand.records.save(changed(value), version)) !== undefined) break;
    }
  } catch (error) {
    return async () => ({ gate, word: 'failed', problem: sentenceOf(error) });
  }
  return async () => {
    try {
      // Only a look at all that is in there tells the record that it is gone, and for that the function has the rights.
      if (command === 'resume' && (await hand.read(gate)) === undefined) return { gate, word: 'gone' };
      const { done, to, problem, untold } = await hand.look(gate, rules.mode, command);
      return { gate, word: done, state: describeState(to), problem: problem ?? inTheWay(command, to), untold };
    } catch (error) {
      const rest = 'it is recorded, and the function does it within some minutes';
      return { gate, word: 'failed', problem: `${sentenceOf(error)}; ${rest}` };
    }
  };
}

/** Something may have come in between since the order was checked. */
function inTheWay(command: 'open' | 'close' | 'resume', to: Decision['to']): string | undefined {
  if (command === 'open') return to.kind === 'waiting' && to.for === 'lockedByOthers' ? describeState(to) : undefined;
  return command === 'close' && to.kind === 'waiting' ? describeState(to) : undefined;
}
