// Selects the overrides that `override clear IMAGE` ends: those of the image. If it has none, those of an image that
// had this name before or that was deleted.

import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { describeOverride } from '../../shared/report/override-text.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import type { Client } from '../stack/client.ts';
import { type ImageName, isAt } from '../stack/image-name.ts';
import { UsageError } from '../terminal/ending.ts';
import { absent, type GateBefore, type Located, loadGate } from './override.ts';

const GATES_AT_ONCE = 8;

/** The gates whose overrides to clear. */
export interface ToClear {
  readonly gates: readonly GateBefore[];
  /** Why these gates were selected or, if none were, which other overrides exist. */
  readonly notes: readonly string[];
}

/** The name of an image with its digest. `override clear` accepts it even after the tag has moved to another image. */
export function imageAt({ registry, repository }: ImageName, digest: string): string {
  return `${registry.host}/${repository}@${digest}`;
}

/**
 * Finds the gates whose overrides a name refers to.
 *
 * @throws UsageError if there is no such image and no override, or if the name can refer to several overrides
 */
export async function gatesToClear(name: ImageName, located: Located, now: Instant): Promise<ToClear> {
  const { client, found } = located;
  const own = (await loadGates(namedGates(name, found), located, now)).filter(isUnfinished);
  if (own.length > 0) return { gates: own, notes: found.kind === 'found' ? [] : [whyMoved(name, found)] };
  const others =
    client.cloud === 'aws' ? [] : (await loadGates(await otherGates(name, located), located, now)).filter(isInForce);
  const [meant = [], ...more] = await overridesMeant(name, found, others, client);
  if (more.length > 0) {
    const list = waysToClear(name, [meant, ...more].flat()).join('\n');
    throw new UsageError(`${name.text} can refer to more than one override; choose the one to clear:\n${list}`);
  }
  if (meant.length > 0) return { gates: meant, notes: [whyMoved(name, found)] };
  if (found.kind === 'absent') throw absent(name, found.what);
  const notes =
    others.length === 0
      ? []
      : ['Other images in its repository have overrides; clear each by its own name:', ...waysToClear(name, others)];
  return { gates: [], notes };
}

/** The command that clears each override, followed by a description of the override. */
function waysToClear(name: ImageName, gates: readonly GateBefore[]): readonly string[] {
  return gates.flatMap(({ gate: { digest }, override }) => [
    `  pullgate override clear ${digest === undefined ? name.text : imageAt(name, digest)}`,
    ...(override === undefined ? [] : [`      ${plain(describeOverride(override))}`]),
  ]);
}

/** The gates of the named image. On AWS this is the repository, even if it no longer contains the image. */
function namedGates({ registry, repository }: ImageName, found: Located['found']): readonly Gate[] {
  if (found.kind === 'found') return found.gates;
  return registry.cloud === 'aws' ? [{ registry: registry.accountId, repository }] : [];
}

/** The other gates of the same repository that have a record. */
async function otherGates({ registry, repository }: ImageName, { client, found }: Located): Promise<readonly Gate[]> {
  const isOfRegistry = (id: string) => (found.kind === 'found' ? id === found.registry : isAt(registry.host, id));
  const known = new Set(found.kind === 'found' ? found.gates.map(gateKey) : []);
  const gates: Gate[] = [];
  for await (const { registry: id, repository: name, digest } of client.gates()) {
    const gate = { registry: id, repository: name, digest };
    if (name === repository && isOfRegistry(id) && !known.has(gateKey(gate))) gates.push(gate);
  }
  return gates;
}

async function loadGates(gates: readonly Gate[], located: Located, now: Instant): Promise<readonly GateBefore[]> {
  return mapConcurrently(gates, GATES_AT_ONCE, (gate) => loadGate(gate, located, now));
}

/** Is there an override whose end has not been handled yet? */
function isUnfinished({ record }: GateBefore): boolean {
  return record?.override !== undefined && record.override.delivery.notified !== 'end';
}

function isInForce({ override }: GateBefore): boolean {
  return override !== undefined;
}

/**
 * The overrides that may have been set for an image that had this name before, each with its gates: an index and its
 * images share an override.
 */
async function overridesMeant(
  name: ImageName,
  found: Located['found'],
  others: readonly GateBefore[],
  client: Pick<Client, 'find'>,
): Promise<readonly (readonly GateBefore[])[]> {
  if (name.digest !== undefined) {
    const named = found.kind === 'absent' ? others.find(({ gate }) => gate.digest === name.digest) : undefined;
    return named === undefined ? [] : [others.filter((one) => overrideKey(one) === overrideKey(named))];
  }
  const overrides = Map.groupBy(others, overrideKey);
  const meant: (readonly GateBefore[])[] = [];
  for (const gates of overrides.values()) {
    const mayBe = await mapConcurrently(gates, GATES_AT_ONCE, ({ gate }) => mayHaveHad(name, gate, client));
    if (mayBe.every((may) => may)) meant.push(gates);
  }
  return meant;
}

function overrideKey({ gate: { registry }, override }: GateBefore): string {
  return `${registry} ${override?.kind} ${override?.at} ${override?.by}`;
}

/**
 * Can the image have had this name? Yes if it is deleted, untagged, or still has the tag. An image with other tags is
 * named by those.
 */
async function mayHaveHad(name: ImageName, { digest }: Gate, client: Pick<Client, 'find'>): Promise<boolean> {
  if (digest === undefined) return true;
  const image = await client.find({ ...name, tag: undefined, isDefaultTag: false, digest });
  return image.kind !== 'found' || image.tags.length === 0 || (name.tag !== undefined && image.tags.includes(name.tag));
}

function whyMoved({ text }: ImageName, found: Located['found']): string {
  if (found.kind === 'absent') return `${text} is no longer in the registry.`;
  return `${text} now refers to another image, which has no override. The cleared override is the only one that this name can refer to.`;
}
