// Explains why an image can or cannot be pulled, by the core's rules, and what would open its gate. Changes nothing.

import type { Cloud } from '../../config/config.ts';
import { type EvaluatedImage, evaluateImages, nextBlockers } from '../../shared/gate/blockers.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import { isInForce, type Override } from '../../shared/gate/override.ts';
import { type GateRecord, type GateState, newRecord } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { judgeBy } from '../../shared/policy/verdict.ts';
import type { EffectiveMode } from '../../shared/reconcile/mode.ts';
import type { Scan } from '../../shared/reconcile/observation.ts';
import { currentRules, type GateRules } from '../../shared/reconcile/rules.ts';
import type { Client, FoundImage, Obstacle } from '../stack/client.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import type { ImageName } from '../stack/image-name.ts';
import { describeUnreadDetails } from '../stack/unread-details.ts';
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

/** One gate of the image, according to its record. */
export interface GateAnswer {
  readonly gate: Gate;
  readonly state: GateState;
  readonly since: Instant;
  readonly closedSince: Instant | undefined;
  /** How many blockers it has now. */
  readonly blockers: number;
  /** How many more blockers the record has no room for. If there are any, only `pullgate release` opens the gate. */
  readonly omittedBlockers: number;
  /** The override in force. */
  readonly override: Pick<Override, 'kind' | 'until' | 'reason' | 'approvedBy' | 'by'> | undefined;
}

export interface WhyAnswer {
  readonly image: string;
  readonly stack: string;
  readonly cloud: Cloud;
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** The name has no tag and no digest, so it means `latest`. */
  readonly isDefaultTag: boolean;
  readonly mode: EffectiveMode;
  /** The label of the rule that applies. Null: the stack's defaults apply. */
  readonly rule: string | null;
  readonly pullable: boolean;
  /** Who closed it; undefined if no one did. */
  readonly closedBy: Obstacle['by'] | undefined;
  readonly since: Instant | undefined;
  readonly obstacles: readonly Obstacle[];
  readonly problem: string | undefined;
  /** Why the function may observe something different. */
  readonly unsure: string | undefined;
  readonly gates: readonly GateAnswer[];
  readonly images: readonly ImageAnswer[];
  readonly advice: Advice;
}

/** What to do about findings that keep a gate closed, or would close it. */
export interface Advice {
  readonly moves: readonly Move[];
  readonly exceptions: readonly ConfigException[];
  /** Do these exceptions open every gate? False if a blocker or an override would still keep one closed. */
  readonly exceptionsOpen: boolean;
  /** Can untagged images be blockers too? Then a fix under the same tag is not enough. */
  readonly untaggedHold: boolean;
  /** The image names for `override clear` that end the overrides that keep gates closed. */
  readonly clear: readonly string[];
  /** The findings that no exception can name. They can be suppressed at the provider. */
  readonly unnamed: readonly string[];
}

export interface Question {
  readonly name: ImageName;
  readonly stack: string;
  /** The stack as part of a sentence: `the stack dev`. */
  readonly label: string;
  readonly clients: readonly Client[];
  readonly now: () => Instant;
}

/** The named image, and the rules that apply to it. */
interface Asked {
  readonly name: ImageName;
  readonly client: Client;
  readonly image: FoundImage;
  readonly rules: GateRules;
}

/**
 * Explains why an image can or cannot be pulled.
 *
 * @throws UsageError if the image does not exist, or its registry is not one of the stack's
 */
export async function explainImage({ name, stack, label, clients, now }: Question): Promise<WhyAnswer> {
  const { client, image } = await findImage(name, label, clients);
  const { of } = await currentRules(client.settings, client.pause, now());
  const rules = of(image.gates[0] ?? image);
  const asked: Asked = { name, client, image, rules };
  const [found, ...gates] = await Promise.all([
    client.obstacles(image),
    ...image.gates.map((gate) => observeGate(gate, asked, now)),
  ]);
  const moment = now();
  const images = gates.flatMap(({ seen }) => imageAnswers(seen, image, rules, moment));
  // Obstacles for everyone come first, and among them those that this stack set.
  const obstacles = found.toSorted((a, b) => weightOf(a) - weightOf(b));
  const blocking = obstacles.find((one) => one.for === 'everyone');
  return {
    image: name.text,
    stack,
    cloud: client.cloud,
    registry: image.registry,
    repository: image.repository,
    digest: image.digest,
    tags: image.tags,
    isDefaultTag: name.isDefaultTag,
    mode: rules.mode,
    rule: rules.rule ?? null,
    pullable: blocking === undefined && image.problem === undefined,
    closedBy: blocking?.by,
    since: blocking?.since,
    obstacles,
    problem: image.problem,
    unsure: gates.find(({ unsure }) => unsure !== undefined)?.unsure ?? unreadDetails(client),
    gates: gates.map(({ record, seen }) => ({
      gate: record.gate,
      state: record.state,
      since: record.since,
      closedSince: record.closedSince,
      blockers: nextBlockers(record, seen).active.length,
      omittedBlockers: record.omittedBlockers,
      override: record.override !== undefined && isInForce(record.override, moment) ? record.override.order : undefined,
    })),
    images: images.toSorted((a, b) => PARTS.indexOf(a.part) - PARTS.indexOf(b.part)),
    advice: await adviceFor(asked, gates, images, moment),
  };
}

function unreadDetails(client: Client): string | undefined {
  const details = client.unreadDetails?.();
  return details === undefined ? undefined : describeUnreadDetails(details);
}

function weightOf({ by, for: who }: Obstacle): number {
  return (who === 'everyone' ? 0 : 2) + (by === 'pullgate' ? 0 : 1);
}

const PARTS: readonly ImageAnswer['part'][] = ['asked', 'child', 'other'];

async function findImage(name: ImageName, label: string, clients: readonly Client[]) {
  const { cloud, host } = name.registry;
  const asked = clients.filter((client) => client.cloud === cloud);
  const registries: string[] = [];
  for (const client of asked) {
    const image = await client.find(name);
    if (image.kind === 'found') return { client, image };
    if (image.kind === 'elsewhere') registries.push(...image.registries);
    else
      throw new UsageError(
        `${name.text}: no such ${image.what} in ${host}${name.isDefaultTag ? ' (a name without a tag means the tag latest)' : ''}; give the name that you pull the image by`,
      );
  }
  const known =
    registries.length > 0
      ? `its registries on ${CLOUD_NAMES[cloud]} are ${registries.join(', ')}`
      : `it is not deployed to ${CLOUD_NAMES[cloud]}`;
  throw new UsageError(
    `${name.text} is in a registry that ${label} does not cover: ${known}; give an image from one of its registries, or select another stack (--stack NAME)`,
  );
}

/** A gate and its observation. */
interface ObservedGate {
  readonly record: GateRecord;
  readonly seen: readonly EvaluatedImage[];
  readonly unsure: string | undefined;
  /** Evaluates the same observation by other rules. */
  readonly again: (rules: GateRules) => Promise<readonly EvaluatedImage[]>;
}

async function observeGate(gate: Gate, { client, image, rules }: Asked, now: () => Instant): Promise<ObservedGate> {
  const moment = now();
  const record = (await client.records.load(gate)).value ?? newRecord(gate, moment);
  const also =
    gate.digest === undefined ? [image.digest, ...image.children.map(({ digest }) => digest)] : [gate.digest];
  const { images, unsure } = await client.observe(gate, record.blockers, also);
  const scanned = new Map<string, Scan>();
  const registry = {
    async scans(of: Gate, digests: readonly string[]) {
      const unasked = digests.filter((digest) => !scanned.has(digest));
      if (unasked.length > 0) for (const [digest, scan] of await client.scans(of, unasked)) scanned.set(digest, scan);
      return scanned;
    },
  };
  const again = (by: GateRules) =>
    evaluateImages(images, { record, rules: by, observedAt: moment, now: now() }, registry);
  return { record, seen: await again(rules), unsure, again };
}

/** Gives advice on what keeps the gates closed, or would close them if they were not waiting. */
async function adviceFor(
  { name, image: { repository, digest }, rules: present }: Asked,
  gates: readonly ObservedGate[],
  images: readonly ImageAnswer[],
  now: Instant,
): Promise<Advice> {
  const blocking = images.filter(({ holds, violating }) => holds !== undefined || violating.length > 0);
  const findings = uniqueFindings(
    blocking.flatMap(({ violating, undetermined, remembered }) => [
      ...violating.map(({ finding }) => finding),
      ...undetermined,
      ...remembered,
    ]),
  );
  const { exceptions, unnamed } = exceptionsFor(repository, findings, now);
  const policy: Policy = {
    ...present.policy,
    exceptions: [...present.policy.exceptions, ...parsedExceptions(exceptions)],
  };
  const rules: GateRules = { ...present, policy, judge: judgeBy(policy) };
  const left = await Promise.all(
    gates.map(async ({ record, again }) => {
      const { active, omitted } = nextBlockers(record, await again(rules));
      return active.length + omitted;
    }),
  );
  const clear = gates.flatMap(({ record: { gate, override } }) =>
    override?.order.kind === 'closed' && isInForce(override, now)
      ? [`${name.registry.host}/${repository}@${gate.digest ?? digest}`]
      : [],
  );
  return {
    moves: movesFor(findings),
    exceptions,
    exceptionsOpen: exceptions.length > 0 && clear.length === 0 && left.every((count) => count === 0),
    untaggedHold: policy.images === 'all' && gates.some(({ record }) => record.gate.digest === undefined),
    clear,
    unnamed: unnamed.map(({ vulnerability }) => vulnerability),
  };
}
