// Makes the plan: what a config changes for the gates of a snapshot.
import type { Cloud } from '../../config/config.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { counted } from '../../shared/report/sentences.ts';
import { minute } from '../../shared/report/times.ts';
import { HOUR_MILLISECONDS } from '../../shared/runtime/time.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { compareTarget, countClosed, type TargetComparison } from './compare.ts';
import type { WorkingConfig } from './config.ts';
import { type Difference, differences } from './differences.ts';
import { settingsFor } from './settings.ts';
import type { Snapshot, Target } from './snapshot.ts';

export interface Plan {
  readonly stack: string;
  /** What the new config is called. */
  readonly config: string;
  /** When everything was observed. It is judged as of this time, too. */
  readonly at: Instant;
  readonly targets: readonly TargetPlan[];
  readonly notes: readonly string[];
}

export interface TargetPlan extends TargetComparison {
  readonly cloud: Cloud;
  /** The settings that differ. */
  readonly differences: readonly Difference[];
}

/** Makes the plan for a config that has been checked. */
export async function makePlan(snapshot: Snapshot, config: WorkingConfig): Promise<Plan> {
  const { at, stack, targets } = snapshot;
  const notes: string[] = [...newClouds(snapshot, config)];
  const plans: TargetPlan[] = [];
  for (const target of targets) {
    const { cloud, settings } = target;
    const name = CLOUD_NAMES[cloud];
    notes.push(...target.notes);
    if (target.pausedAt !== undefined)
      notes.push(`${name}: paused since ${minute(target.pausedAt)}; the plan shows what happens after the pause`);
    const removed = whyRemoved(target, config);
    if (removed !== undefined) {
      notes.push(`${name}: ${removed}, so its component is destroyed. ${staysClosed(target.repositories)}`);
      continue;
    }
    const next = settingsFor(cloud, config.settings, settings.targetOf);
    const comparison = await compareTarget(target, next, at);
    if (settings.granularity !== next.granularity)
      notes.push(
        `${name}: ${cloud}.granularity changes. The locks of the new gates were not read, so those of others are not seen`,
      );
    notes.push(...registryNotes(settings.registries, next.registries, comparison));
    plans.push({ cloud, differences: differences(cloud, settings, next), ...comparison });
  }
  return { stack, config: config.name, at, targets: plans, notes };
}

function newClouds({ isWhole, targets }: Snapshot, { settings }: WorkingConfig): readonly string[] {
  if (!isWhole) return [];
  return settings.clouds
    .filter((cloud) => targets.every((target) => target.cloud !== cloud))
    .map(
      (cloud) =>
        `${CLOUD_NAMES[cloud]}: pullgate:clouds adds it. It is not deployed yet, so the plan has none of its gates`,
    );
}

function whyRemoved({ cloud, region }: Target, config: WorkingConfig): string | undefined {
  if (!config.settings.clouds.includes(cloud)) return 'pullgate:clouds leaves it out';
  if (region === undefined || config.region === undefined || config.region === region) return undefined;
  return `aws:region changes from ${region} to ${config.region}`;
}

/** A lock stays when the component is destroyed, or when the config leaves its registry out. */
function staysClosed(repositories: Target['repositories']): string {
  const closed = repositories.reduce((sum, repository) => sum + countClosed(repository), 0);
  return closed === 0
    ? 'No gate of it is closed'
    : `${counted(closed, 'closed gate')} would stay closed: run \`pullgate pause --wait\` first`;
}

function registryNotes(
  before: readonly string[],
  after: readonly string[],
  { left }: TargetComparison,
): readonly string[] {
  const missingIn = (ids: readonly string[], from: readonly string[]) => {
    const known = new Set(from.map((id) => id.toLowerCase()));
    return ids.filter((id) => !known.has(id.toLowerCase())).map((id) => id.split('/').at(-1) ?? id);
  };
  const [added, removed] = [missingIn(after, before), missingIn(before, after)];
  const closed =
    left.closed === 0
      ? 'none of its gates is closed'
      : `${counted(left.closed, 'closed gate')} would stay closed: run \`pullgate release\` for its repositories first`;
  return [
    ...(added.length === 0
      ? []
      : [
          `Azure: azure.registries adds ${added.join(', ')}. It is not observed before it is deployed, so the plan has none of its gates`,
        ]),
    ...(removed.length === 0 ? [] : [`Azure: azure.registries leaves out ${removed.join(', ')}; ${closed}`]),
  ];
}

/** From this age on, a snapshot is old. */
const OLD_HOURS = 24;

/** How old a snapshot is. Undefined: less than a day. */
export function oldSnapshot(at: Instant, now: Instant): string | undefined {
  const hours = Math.floor((Date.parse(now) - Date.parse(at)) / HOUR_MILLISECONDS);
  return hours < OLD_HOURS
    ? undefined
    : `the snapshot is ${counted(hours, 'hour')} old: findings and gates may have changed, so save a new one`;
}
