// Lists the settings in which two configs differ, among those that decide about gates.
import type { Cloud } from '../../config/config.ts';
import { counted } from '../../shared/report/sentences.ts';
import type { StackSettings } from './settings.ts';

/** A setting that changes. */
export interface Difference {
  /** The config key, such as `policy.unfixable`. */
  readonly key: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The keys of the cloud's own object in the config. */
const OWN_KEYS: Readonly<Record<string, string>> = {
  granularity: 'granularity',
  registries: 'registries',
  closesInUse: 'closeLambdaRepositories',
};
const SHARED_KEYS = ['rules', 'mode', 'maxClosesPerHour', 'maxClosesPerDay', 'brakeExempt'] as const;

export function differences(cloud: Cloud, before: StackSettings, after: StackSettings): readonly Difference[] {
  const [old, next] = [flat(cloud, before), flat(cloud, after)];
  return Object.keys(next).flatMap((key) =>
    JSON.stringify(old[key]) === JSON.stringify(next[key]) ? [] : [{ key, before: old[key], after: next[key] }],
  );
}

function flat(cloud: Cloud, settings: StackSettings): Readonly<Record<string, unknown>> {
  const { severityThreshold, ...refinements } = settings.policy;
  const { include, exclude } = settings.repositories;
  const own = Object.entries(OWN_KEYS).map(([key, name]) => [`${cloud}.${name}`, settings[key as keyof StackSettings]]);
  return {
    severityThreshold,
    ...Object.fromEntries(Object.entries(refinements).map(([key, value]) => [`policy.${key}`, value])),
    ...Object.fromEntries(SHARED_KEYS.map((key) => [key, settings[key]])),
    ...Object.fromEntries(own),
    [`${cloud}.repositories.include`]: include,
    [`${cloud}.repositories.exclude`]: exclude,
  };
}

const MOST_CHARACTERS = 40;

/** In a few words: `mode: audit -> enforce`; a long list by its length. */
export function describeDifference({ key, before, after }: Difference): string {
  const [from, to] = [shortValue(before), shortValue(after)];
  return from === to ? `${key} changes` : `${key}: ${from} -> ${to}`;
}

function shortValue(value: unknown): string {
  if (typeof value === 'string') return value;
  const text = JSON.stringify(value) ?? 'not set';
  if (text.length <= MOST_CHARACTERS) return text;
  return Array.isArray(value) ? counted(value.length, 'entry', 'entries') : 'an object';
}
