// Provides the images of a simulation, from reports or, through the functions' adapters, from the clouds.

import type { Granularity } from '../../config/args.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { globFilter } from '../../shared/policy/glob.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import { SEVERITIES } from '../../shared/policy/severity.ts';
import { findingsIn } from '../../shared/reconcile/observation.ts';
import { counted, gateName } from '../../shared/report/sentences.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { AWS_ACCOUNT, type GatheredImage, type Gathering, severitiesBelowAll } from '../reports/gathering.ts';
import { unpack } from '../reports/packed.ts';
import type { Client } from '../stack/client.ts';
import { connect } from '../stack/clients.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import type { Stack } from '../stack/stack.ts';
import { describeUnreadDetails } from '../stack/unread-details.ts';
import { sentenceOf } from '../terminal/ending.ts';
import type { Progress } from '../terminal/progress.ts';
import { repositories } from '../terminal/terminal.ts';
import type { Subject } from './simulation.ts';

/** Returns what the gate of an image is: on Azure this granularity, on AWS always a repository. */
export function granularityOf(onAzure: Granularity): (image: Pick<GatheredImage, 'registry'>) => Granularity {
  return ({ registry }) => (AWS_ACCOUNT.test(registry) ? 'repository' : onAzure);
}

const ACR = /^(?:.*[/])?(?<name>[a-z0-9-]{5,63})(?:[.]azurecr[.]io)?$/i;

/**
 * Names the target of a reported image as rules do. A report does not name the region of a registry on AWS, so without
 * a stack no rule for a region applies.
 */
export function targetOf(registry: string, stack: Stack | undefined): string {
  if (AWS_ACCOUNT.test(registry)) return stack?.aws?.targetOf(registry) ?? `aws/${registry}/unknown`;
  const name = ACR.exec(registry)?.groups?.['name'];
  return name === undefined ? registry : `azure/${name.toLowerCase()}`;
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
      observe: (known) => {
        const shown = [...findings].map((packed) => {
          const finding = known.get(packed) ?? unpack(packed);
          known.set(packed, finding);
          return finding;
        });
        return { digest, presence: 'present', tags, tagged, reports: [{ status: 'active', findings: shown }] };
      },
      mayNotCount,
    };
  }
}

/** A policy that requests every finding that matters to any of these policies, and whether each image is tagged. */
export function widest(policies: readonly [Policy, ...Policy[]]): Policy {
  const below = severitiesBelowAll(policies);
  const mildest = SEVERITIES.find((severity) => !below.has(severity)) ?? 'critical';
  return {
    ...policies[0],
    severityThreshold: mildest,
    unfixable: mildest,
    exploited: 'never',
    epss: 'never',
    images: 'tagged',
  };
}

/** What is needed to observe the clouds. */
export interface LiveOptions {
  readonly stack: Stack;
  readonly policies: readonly [Policy, ...Policy[]];
  readonly gathering: Gathering;
  readonly progress: Progress;
  readonly now: () => Instant;
}

const GATES_AT_ONCE = 8;

/** What was not observed, one sentence for each problem. */
export interface LiveProblems {
  /** Why findings may be missing. */
  readonly missing: readonly string[];
  /** Why findings may have another severity. */
  readonly inexact: readonly string[];
}

/** Observes every repository that has findings, as a sweep does. Changes nothing. */
export async function observeClouds(options: LiveOptions): Promise<LiveProblems> {
  const { stack, policies, now } = options;
  const widened = { policy: widest(policies), rules: [] };
  const wide = { aws: stack.aws && { ...stack.aws, ...widened }, azure: stack.azure && { ...stack.azure, ...widened } };
  const missing: string[] = [];
  const inexact: string[] = [];
  for (const client of await connect(wide, now)) {
    missing.push(...(await observeCloud(client, options)));
    const unread = client.unreadDetails?.();
    if (unread !== undefined) inexact.push(describeUnreadDetails(unread));
  }
  return { missing, inexact };
}

/** @returns why findings may be missing */
async function observeCloud(client: Client, { gathering, progress }: LiveOptions): Promise<readonly string[]> {
  const scannerProblem = await client.scannerHealth();
  const problems = scannerProblem === undefined ? [] : [scannerProblem];
  const { include, exclude } = client.settings.repositories;
  const includes = globFilter(include, exclude);
  const gates = [...(await client.repositoriesWithFindings())].filter(({ repository }) => includes(repository));
  let done = 0;
  await mapConcurrently(gates, GATES_AT_ONCE, async (gate) => {
    const { value: record } = await client.records.load(gate).catch((error: unknown) => {
      problems.push(sentenceOf(error, 'reads'));
      return { value: undefined };
    });
    const { images, unsure } = await client.observe(gate, record?.blockers ?? []);
    if (unsure !== undefined) problems.push(`${gate.repository}: ${unsure}`);
    for (const image of images) {
      if (image.presence === 'gone') continue;
      const { digest, tags, tagged } = image;
      const gathered = gathering.image({ ...gate, digest, tags, tagged });
      for (const finding of findingsIn(image)) gathering.add(gathered, finding);
    }
    done += 1;
    progress.show(
      () =>
        `${done} of ${repositories(gates.length)} on ${CLOUD_NAMES[client.cloud]}, ${counted(gathering.count(), 'finding')}`,
    );
  });
  return problems;
}
