// Whose orders `resume IMAGE` ends: those of the image; and where it has none, those of the image that had this name before, or is gone.

import { type Gate, gateKey } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { describeOrder } from '../../shared/report/override-text.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { isAt } from '../release/gates.ts';
import type { ImageName } from '../stack/image-name.ts';
import type { Side } from '../stack/side.ts';
import { UsageError } from '../terminal/ending.ts';
import { plain } from '../terminal/words.ts';
import { absent, type Before, before, type Place } from './override.ts';

const GATES_AT_ONCE = 8;

/** What is to be ended. */
export interface ToEnd {
  readonly gates: readonly Before[];
  /** What else is to be said: why these, or which orders there are in place of none. */
  readonly notes: readonly string[];
}

/** An image by its digest, as `resume` takes it: a tag may lead to another one by then. */
export function imageAt({ registry, repository }: ImageName, digest: string): string {
  return `${registry.host}/${repository}@${digest}`;
}

/**
 * The gates whose orders somebody means with a name.
 *
 * @throws UsageError where there is no such image and no order, or several orders may be meant
 */
export async function gatesToEnd(name: ImageName, place: Place, now: Instant): Promise<ToEnd> {
  const { side, found } = place;
  const own = (await loaded(namedGates(name, found), place, now)).filter(isOrdered);
  if (own.length > 0) return { gates: own, notes: found.kind === 'found' ? [] : [whyMoved(name, found)] };
  const others = side.cloud === 'aws' ? [] : (await loaded(await otherGates(name, place), place, now)).filter(counts);
  const [meant = [], ...more] = await ordersMeant(name, found, others, side);
  if (more.length > 0) {
    const list = waysToEnd(name, [meant, ...more].flat()).join('\n');
    throw new UsageError(`${name.text} may mean more than one order by hand, say which one is to end:\n${list}`);
  }
  if (meant.length > 0) return { gates: meant, notes: [whyMoved(name, found)] };
  if (found.kind === 'absent') throw absent(name, found.what);
  const notes =
    others.length === 0 ? [] : ['Others of its repository are; each ends by its own name:', ...waysToEnd(name, others)];
  return { gates: [], notes };
}

/** The command that ends each order, and the order. */
function waysToEnd(name: ImageName, gates: readonly Before[]): readonly string[] {
  return gates.flatMap(({ gate: { digest }, order }) => [
    `  pullgate resume ${digest === undefined ? name.text : imageAt(name, digest)}`,
    ...(order === undefined ? [] : [`      ${plain(describeOrder(order))}`]),
  ]);
}

/** What a name is about by itself. On AWS that is the repository, even where it has no such image any more. */
function namedGates({ registry, repository }: ImageName, found: Place['found']): readonly Gate[] {
  if (found.kind === 'found') return found.gates;
  return registry.cloud === 'aws' ? [{ registry: registry.accountId, repository }] : [];
}

/** The other gates of the same repository that have a record. */
async function otherGates({ registry, repository }: ImageName, { side, found }: Place): Promise<readonly Gate[]> {
  const isOfRegistry = (id: string) => (found.kind === 'found' ? id === found.registry : isAt(registry.host, id));
  const known = new Set(found.kind === 'found' ? found.gates.map(gateKey) : []);
  const gates: Gate[] = [];
  for await (const { registry: id, repository: name, digest } of side.gates()) {
    const gate = { registry: id, repository: name, digest };
    if (name === repository && isOfRegistry(id) && !known.has(gateKey(gate))) gates.push(gate);
  }
  return gates;
}

async function loaded(gates: readonly Gate[], place: Place, now: Instant): Promise<readonly Before[]> {
  return mapConcurrently(gates, GATES_AT_ONCE, (gate) => before(gate, place, now));
}

/** Is there an order whose end has not been seen to? */
function isOrdered({ record }: Before): boolean {
  return record?.byHand !== undefined && record.byHand.told !== 'end';
}

function counts({ order }: Before): boolean {
  return order !== undefined;
}

/** The orders that may have been given for what a name meant before, each with its gates: an index and its images have one order. */
async function ordersMeant(
  name: ImageName,
  found: Place['found'],
  others: readonly Before[],
  side: Pick<Side, 'find'>,
): Promise<readonly (readonly Before[])[]> {
  if (name.digest !== undefined) {
    const named = found.kind === 'absent' ? others.find(({ gate }) => gate.digest === name.digest) : undefined;
    return named === undefined ? [] : [others.filter((one) => orderKey(one) === orderKey(named))];
  }
  const orders = new Map<string, Before[]>();
  for (const one of others) orders.set(orderKey(one), [...(orders.get(orderKey(one)) ?? []), one]);
  const meant: (readonly Before[])[] = [];
  for (const gates of orders.values()) {
    const mayBe = await mapConcurrently(gates, GATES_AT_ONCE, ({ gate }) => mayHaveHad(name, gate, side));
    if (mayBe.every((may) => may)) meant.push(gates);
  }
  return meant;
}

function orderKey({ gate: { registry }, order }: Before): string {
  return `${registry} ${order?.kind} ${order?.at} ${order?.by}`;
}

/** Who has lost a tag has it no more: what people call by other tags now is another image. */
async function mayHaveHad(name: ImageName, { digest }: Gate, side: Pick<Side, 'find'>): Promise<boolean> {
  if (digest === undefined) return true;
  const image = await side.find({ ...name, tag: undefined, isDefaultTag: false, digest });
  return image.kind !== 'found' || image.tags.length === 0 || (name.tag !== undefined && image.tags.includes(name.tag));
}

function whyMoved({ text }: ImageName, found: Place['found']): string {
  if (found.kind === 'absent') return `${text} is not in the registry any more.`;
  return `${text} leads to another image now, for which nobody has ordered anything: what was ended is the only order that may have been meant.`;
}
