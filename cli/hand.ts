// Orders by hand: the record says what is ordered first, then one look does it. A crash in between is finished by the function's next tick.
import type { Decision } from '../shared/decision.ts';
import type { Instant } from '../shared/finding.ts';
import { endedEarly, type HandOrder, type HandWish, isInForce, orderFrom } from '../shared/hand.ts';
import { type Gate, type GateRecord, holding, newRecord } from '../shared/record.ts';
import { type Rules, rulesNow } from '../shared/rules.ts';
import { describeState, gateName } from '../shared/sentences.ts';
import { sentenceOf, UsageError } from './ending.ts';
import type { Hand } from './hand-side.ts';
import type { ImageName } from './image-name.ts';
import type { FoundImage, Side } from './side.ts';

/** One image of a stack, and what works on its gates. */
export interface Target {
  readonly side: Side;
  readonly hand: Hand;
  readonly image: FoundImage;
  /** The rules of now: a pause overrules the config's mode. */
  readonly rules: Rules;
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
  readonly word: Decision['done'] | 'failed';
  /** Its state now, in words; undefined where nobody knows. */
  readonly state?: string | undefined;
  /** What keeps it from being as it was ordered. */
  readonly problem?: string | undefined;
  /** Why nobody could be told. */
  readonly untold?: string | undefined;
}

/** The image that a name leads to, on the stack's side of that cloud. */
export async function targetOf(
  name: ImageName,
  sides: readonly Side[],
  handOf: (cloud: Side['cloud']) => Promise<Hand>,
): Promise<Target> {
  const { cloud } = name.registry;
  const side = sides.find((one) => one.cloud === cloud);
  if (side === undefined) {
    throw new UsageError(`${name.text} is on ${cloud === 'aws' ? 'AWS' : 'Azure'}, where this stack has no gates`);
  }
  const image = await side.find(name);
  if (image.kind === 'elsewhere') {
    throw new UsageError(`${name.text} is of no registry of this stack: expected ${image.registries.join(' or ')}`);
  }
  if (image.kind === 'absent') throw new UsageError(`${name.text}: the registry has no such ${image.what}`);
  return { side, hand: await handOf(cloud), image, rules: await rulesNow(side.settings, side.pause) };
}

/** The gates that an order is about: on Azure an image that leads to others is pulled with them, and closed without. */
export function gatesFor(kind: HandOrder['kind'], { gates }: FoundImage): readonly Gate[] {
  return kind === 'open' ? gates : gates.slice(0, 1);
}

export async function before(gate: Gate, { hand }: Target, now: Instant): Promise<Before> {
  const { value: record } = await hand.records.load(gate);
  const order = record?.byHand;
  const counts = order !== undefined && isInForce(order, now);
  return {
    gate,
    record,
    held: record === undefined ? 0 : holding(record).length,
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

/** Gives an order for one gate. */
export function give(gate: Gate, wish: HandWish, target: Hands): Promise<Outcome> {
  const ordered = (record: GateRecord) => ({ ...record, byHand: orderFrom(wish, record.byHand) });
  return change(gate, ordered, target, wish.kind === 'open' ? 'open' : 'close', wish.at);
}

/** Ends the order that a gate has. */
export function end(gate: Gate, by: string, now: Instant, target: Hands): Promise<Outcome> {
  const ended = (record: GateRecord): GateRecord =>
    record.byHand === undefined ? record : { ...record, byHand: endedEarly(record.byHand, by, now) };
  return change(gate, ended, target, 'resume', now);
}

async function change(
  gate: Gate,
  changed: (record: GateRecord) => GateRecord,
  { hand, rules }: Hands,
  command: 'open' | 'close' | 'resume',
  now: Instant,
): Promise<Outcome> {
  let isRecorded = false;
  try {
    for (;;) {
      const { value = newRecord(gate, now), version } = await hand.records.load(gate);
      if ((await hand.records.save(changed(value), version)) !== undefined) break;
    }
    isRecorded = true;
    const { done, to, problem, untold } = await hand.look(gate, rules.mode, command);
    return { gate, word: done, state: describeState(to), problem: problem ?? inTheWay(command, to), untold };
  } catch (error) {
    const rest = isRecorded ? '; it is recorded, and the function does it within some minutes' : '';
    return { gate, word: 'failed', problem: `${sentenceOf(error)}${rest}` };
  }
}

/** Something may have come in between since the order was checked. */
function inTheWay(command: 'open' | 'close' | 'resume', to: Decision['to']): string | undefined {
  if (command === 'open') return to.kind === 'waiting' && to.for === 'lockedByOthers' ? describeState(to) : undefined;
  return command === 'close' && to.kind === 'waiting' ? describeState(to) : undefined;
}
