// Why an image can or cannot be pulled: a look with the core's own rules that changes nothing, and what would open its gate.
import { type Accounted, accountForAll, nextBlockers } from '../../shared/gate/blockers.ts';
import { type HandOrder, isInForce } from '../../shared/gate/override.ts';
import { type Gate, type GateRecord, type GateState, newRecord } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Scan } from '../../shared/reconcile/ports.ts';
import { type Rules, rulesNow, rulesOf } from '../../shared/reconcile/rules.ts';
import type { Mode } from '../../shared/report/decision.ts';
import type { ImageName } from '../stack/image-name.ts';
import type { FoundImage, Obstacle, Side } from '../stack/side.ts';
import { UsageError } from '../terminal/ending.ts';
import {
  type ConfigException,
  exceptionsFor,
  type Move,
  movesFor,
  parsedExceptions,
  uniqueFindings,
} from './advice.ts';
import { type ImageAnswer, imageAnswers } from './images.ts';

/** One gate that the image is behind, as the record has it. */
export interface GateAnswer {
  readonly gate: Gate;
  readonly state: GateState;
  readonly since: Instant;
  readonly closedSince: Instant | undefined;
  /** How many images hold it at a look now. */
  readonly held: number;
  /** How many more the record had no room for: it opens by hand only. */
  readonly omittedImages: number;
  /** An order by hand that counts now. */
  readonly byHand: Pick<HandOrder, 'kind' | 'until' | 'reason' | 'approvedBy' | 'by'> | undefined;
}

export interface WhyAnswer {
  readonly image: string;
  readonly stack: string;
  readonly cloud: 'aws' | 'azure';
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** No tag and no digest was named: `latest` was looked at. */
  readonly isDefaultTag: boolean;
  readonly mode: Mode;
  readonly pullable: boolean;
  /** Who closed it; undefined where nobody did. */
  readonly closedBy: Obstacle['by'] | undefined;
  readonly since: Instant | undefined;
  readonly obstacles: readonly Obstacle[];
  readonly problem: string | undefined;
  /** Why this may not be the same as what the function sees. */
  readonly unsure: string | undefined;
  readonly gates: readonly GateAnswer[];
  readonly images: readonly ImageAnswer[];
  readonly advice: Advice;
}

/** What to do next, where findings hold a gate or would. */
export interface Advice {
  readonly moves: readonly Move[];
  readonly exceptions: readonly ConfigException[];
  /** Would these exceptions leave nothing that holds a gate, no order by hand either? */
  readonly exceptionsOpen: boolean;
  /** Does an image hold its gate without a tag, too, so that a fix under the same tag is not enough? */
  readonly untaggedHold: boolean;
  /** The names by which `resume` ends the orders that keep gates closed by hand. */
  readonly resume: readonly string[];
  /** What no exception can name: it can be suppressed at the provider. */
  readonly unnamed: readonly string[];
}

export interface Question {
  readonly name: ImageName;
  readonly stack: string;
  readonly sides: readonly Side[];
  readonly now: () => Instant;
}

/**
 * Answers why an image can or cannot be pulled.
 *
 * @throws UsageError where the image is not there, or is of a registry that the stack does not have
 */
export async function whyImage({ name, stack, sides, now }: Question): Promise<WhyAnswer> {
  const { side, image } = await findImage(name, stack, sides);
  const rules = await rulesNow(side.settings, side.pause);
  const [found, ...looks] = await Promise.all([
    side.obstacles(image),
    ...image.gates.map((gate) => reconcileGate(side, gate, image, rules, now)),
  ]);
  const moment = now();
  const images = looks.flatMap(({ seen }) => imageAnswers(seen, image, rules, moment));
  // What refuses everybody's pull first, and of that what this stack can tell of.
  const obstacles = found.toSorted((a, b) => weightOf(a) - weightOf(b));
  const blocking = obstacles.find((one) => one.for === 'everyone');
  return {
    image: name.text,
    stack,
    cloud: side.cloud,
    registry: image.registry,
    repository: image.repository,
    digest: image.digest,
    tags: image.tags,
    isDefaultTag: name.isDefaultTag,
    mode: rules.mode,
    pullable: blocking === undefined && image.problem === undefined,
    closedBy: blocking?.by,
    since: blocking?.since,
    obstacles,
    problem: image.problem,
    unsure: looks.find(({ unsure }) => unsure !== undefined)?.unsure,
    gates: looks.map(({ record, seen }) => ({
      gate: record.gate,
      state: record.state,
      since: record.since,
      closedSince: record.closedSince,
      held: nextBlockers(record, seen).active.length,
      omittedImages: record.omittedBlockers,
      byHand: record.byHand !== undefined && isInForce(record.byHand, moment) ? record.byHand : undefined,
    })),
    images: images.toSorted((a, b) => PARTS.indexOf(a.part) - PARTS.indexOf(b.part)),
    advice: await adviceFor(looks, images, side, image, rules.mode, moment, name.registry.host),
  };
}

function weightOf({ by, for: who }: Obstacle): number {
  return (who === 'everyone' ? 0 : 2) + (by === 'pullgate' ? 0 : 1);
}

const PARTS: readonly ImageAnswer['part'][] = ['asked', 'child', 'other'];

async function findImage(name: ImageName, stack: string, sides: readonly Side[]) {
  const { cloud, host } = name.registry;
  const asked = sides.filter((side) => side.cloud === cloud);
  const registries: string[] = [];
  for (const side of asked) {
    const image = await side.find(name);
    if (image.kind === 'found') return { side, image };
    if (image.kind === 'elsewhere') registries.push(...image.registries);
    else
      throw new UsageError(
        `${name.text}: there is no such ${image.what} in ${host}${name.isDefaultTag ? ' (without a tag, the name means the tag latest)' : ''}; give a name as a pull would`,
      );
  }
  const known =
    registries.length > 0
      ? `its registries there are ${registries.join(', ')}`
      : `it has no ${cloud === 'aws' ? 'AWS' : 'Azure'} side`;
  throw new UsageError(
    `${name.text} is of a registry that the stack ${stack} does not watch: ${known}; give an image of one of them, or another stack (--stack NAME)`,
  );
}

/** A gate as a look shows it now. */
interface GateLook {
  readonly record: GateRecord;
  readonly seen: readonly Accounted[];
  readonly unsure: string | undefined;
  /** The same look, judged by other rules. */
  readonly again: (rules: Rules) => Promise<readonly Accounted[]>;
}

async function reconcileGate(
  side: Side,
  gate: Gate,
  image: FoundImage,
  rules: Rules,
  now: () => Instant,
): Promise<GateLook> {
  const moment = now();
  const record = (await side.records.load(gate)).value ?? newRecord(gate, moment);
  const also =
    gate.digest === undefined ? [image.digest, ...image.children.map(({ digest }) => digest)] : [gate.digest];
  const { looks, unsure } = await side.look(gate, record.blockers, also);
  const scanned = new Map<string, Scan>();
  const registry = {
    async scans(of: Gate, digests: readonly string[]) {
      const unasked = digests.filter((digest) => !scanned.has(digest));
      if (unasked.length > 0) for (const [digest, scan] of await side.scans(of, unasked)) scanned.set(digest, scan);
      return scanned;
    },
  };
  const again = (by: Rules) => accountForAll(looks, record, by, registry, moment, now());
  return { record, seen: await again(rules), unsure, again };
}

/** What holds the gates, or would: what an image needs that only waits is the same. */
async function adviceFor(
  looks: readonly GateLook[],
  images: readonly ImageAnswer[],
  { settings }: Side,
  { repository, digest }: FoundImage,
  mode: Mode,
  now: Instant,
  host: string,
): Promise<Advice> {
  const holding = images.filter(({ holds, violating }) => holds !== undefined || violating.length > 0);
  const findings = uniqueFindings(
    holding.flatMap(({ violating, undetermined, remembered }) => [
      ...violating.map(({ finding }) => finding),
      ...undetermined,
      ...remembered,
    ]),
  );
  const { exceptions, unnamed } = exceptionsFor(repository, findings, now);
  const policy = {
    ...settings.policy,
    exceptions: [...settings.policy.exceptions, ...parsedExceptions(exceptions)],
  };
  const rules = rulesOf({ ...settings, policy }, mode);
  const left = await Promise.all(
    looks.map(async ({ record, again }) => {
      const { active, omitted } = nextBlockers(record, await again(rules));
      return active.length + omitted;
    }),
  );
  const resume = looks.flatMap(({ record: { gate, byHand } }) =>
    byHand?.kind === 'closed' && isInForce(byHand, now) ? [`${host}/${repository}@${gate.digest ?? digest}`] : [],
  );
  return {
    moves: movesFor(findings),
    exceptions,
    exceptionsOpen: exceptions.length > 0 && resume.length === 0 && left.every((count) => count === 0),
    untaggedHold: policy.images === 'all' && looks.some(({ record }) => record.gate.digest === undefined),
    resume,
    unnamed: unnamed.map(({ vulnerability }) => vulnerability),
  };
}
