// The images that a simulation observes: what reports gathered, or what the clouds show through the same adapters as the functions'.
import { severitiesThatCannotMatter } from '../../shared/policy/compile.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { globFilter } from '../../shared/policy/glob.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { SEVERITIES } from '../../shared/policy/severity.ts';
import { gateName } from '../../shared/report/sentences.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { AWS_ACCOUNT, type GatheredImage, type Gathering } from '../reports/gathering.ts';
import { unpack } from '../reports/packed.ts';
import type { Side } from '../stack/side.ts';
import { sidesOf } from '../stack/sides.ts';
import type { Stack } from '../stack/stack.ts';
import { UsageError } from '../terminal/ending.ts';
import type { Progress } from '../terminal/progress.ts';
import type { Subject } from './simulation.ts';

/** What a gate is: on AWS always a repository. */
export type Granularity = 'image' | 'repository';

/** What the gate of an image is, where on Azure it is this. */
export function granularityOf(onAzure: Granularity): (image: Pick<GatheredImage, 'registry'>) => Granularity {
  return ({ registry }) => (AWS_ACCOUNT.test(registry) ? 'repository' : onAzure);
}

/** The images of reports, each with its gate. */
export function* subjectsFrom(
  images: Iterable<GatheredImage>,
  granularityOf: (image: GatheredImage) => Granularity,
): Generator<Subject> {
  for (const image of images) {
    const { registry, repository, digest, tags, findings, tagged = true, mayNotCount = false } = image;
    const isByImage = granularityOf(image) === 'image';
    const gate = isByImage && digest !== '' ? { registry, repository, digest } : { registry, repository };
    const [tag] = tags;
    yield {
      gate,
      name: isByImage && digest === '' && tag !== undefined ? `${repository}:${tag}` : gateName(gate),
      tags,
      look: (known) => {
        const shown = [...findings].map((packed) => {
          const finding = known.get(packed) ?? unpack(packed);
          known.set(packed, finding);
          return finding;
        });
        return { digest, presence: 'present', tags, tagged, findings: shown, findingIds: new Set() };
      },
      mayNotCount,
    };
  }
}

/** A policy that asks the cloud for whatever matters to one of these, and tells of each image whether it is tagged. */
export function widest(policies: readonly [Policy, ...Policy[]]): Policy {
  const below = policies.map((policy) => new Set(severitiesThatCannotMatter(policy)));
  const mildest = SEVERITIES.find((severity) => !below.every((one) => one.has(severity))) ?? 'critical';
  return { ...policies[0], severityThreshold: mildest, unfixable: mildest, exploited: 'never', images: 'tagged' };
}

/** What a look at the clouds needs. */
export interface LiveOptions {
  readonly stack: Stack;
  /** Which of its sides to look at. */
  readonly clouds: readonly Side['cloud'][];
  readonly policies: readonly [Policy, ...Policy[]];
  readonly gathering: Gathering;
  readonly progress: Progress;
  readonly now: () => Instant;
}

const GATES_AT_ONCE = 8;

/**
 * Observes every repository that has findings, as a sweep does; only reads.
 *
 * @returns why what was seen may not be all: one sentence each
 * @throws UsageError where the stack has no such side
 */
export async function lookAtClouds(options: LiveOptions): Promise<readonly string[]> {
  const { stack, clouds, policies, now } = options;
  const missing = clouds.find((cloud) => stack[cloud] === undefined);
  if (missing !== undefined) throw new UsageError(`the stack ${stack.name} has no side on ${CLOUDS[missing]}`);
  const policy = widest(policies);
  const wide = {
    name: stack.name,
    aws: clouds.includes('aws') && stack.aws !== undefined ? { ...stack.aws, policy } : undefined,
    azure: clouds.includes('azure') && stack.azure !== undefined ? { ...stack.azure, policy } : undefined,
  };
  const problems: string[] = [];
  for (const side of await sidesOf(wide, now)) problems.push(...(await lookAtSide(side, options)));
  return problems;
}

export const CLOUDS: Readonly<Record<Side['cloud'], string>> = { aws: 'AWS', azure: 'Azure' };

async function lookAtSide(side: Side, { gathering, progress }: LiveOptions): Promise<readonly string[]> {
  const blind = await side.blindness();
  const problems = blind === undefined ? [] : [blind];
  const { include, exclude } = side.settings.repositories;
  const includes = globFilter(include, exclude);
  const gates = [...(await side.repositoriesWithFindings())].filter(({ repository }) => includes(repository));
  let done = 0;
  await mapConcurrently(gates, GATES_AT_ONCE, async (gate) => {
    const { value: record } = await side.records.load(gate);
    const { looks, unsure } = await side.look(gate, record?.blockers ?? []);
    if (unsure !== undefined) problems.push(`${gate.repository}: ${unsure}`);
    for (const image of looks) {
      if (image.presence === 'gone') continue;
      const { digest, tags, tagged } = image;
      const gathered = gathering.image({ ...gate, digest, tags, tagged });
      for (const finding of image.findings) gathering.add(gathered, finding);
    }
    done += 1;
    progress.show(
      () => `${done} of ${gates.length} repositories on ${CLOUDS[side.cloud]}, ${gathering.count()} findings`,
    );
  });
  return problems;
}
