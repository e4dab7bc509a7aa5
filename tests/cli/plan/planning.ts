// Sample snapshots and settings for the tests of `plan`.

import type { WorkingConfig } from '../../../cli/plan/config.ts';
import { deployedSettings, type StackSettings, settingsFor } from '../../../cli/plan/settings.ts';
import type { KnownGate, Repository, Snapshot, Target } from '../../../cli/plan/snapshot.ts';
import type { Settings } from '../../../config/config.ts';
import { parseConfig } from '../../../config/config.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { digest, finding, GATE, NOW, present } from '../../shared/samples.ts';

export const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeimages';

/** A checked config with these keys, without their namespace. The mode is `enforce` unless it is given. */
export function configOf(keys: Readonly<Record<string, unknown>> = {}): Settings {
  const named = Object.entries({ mode: 'enforce', ...keys }).map(([key, value]) => [`pullgate:${key}`, value]);
  const parsed = parseConfig({ 'azure-native:location': 'westeurope', ...Object.fromEntries(named) }, NOW);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

export function workingConfig(keys: Readonly<Record<string, unknown>> = {}, region?: string): WorkingConfig {
  return { name: 'the config of the working tree', settings: configOf(keys), region };
}

export function awsSettings(keys: Readonly<Record<string, unknown>> = {}): StackSettings {
  return settingsFor('aws', configOf(keys), (registry) => `aws/${registry}/eu-west-1`);
}

/** The settings on Azure; `azure` stands over the default registry. */
export function azureSettings({ azure, ...keys }: Readonly<Record<string, unknown>> = {}): StackSettings {
  return settingsFor(
    'azure',
    configOf({ ...keys, clouds: ['azure'], azure: { registries: [REGISTRY], ...(azure as object) } }),
    (registry) => `azure/${registry.split('/').at(-1)}`,
  );
}

/** A repository whose gate was read, with one image that has these findings. */
export function repositoryWith(
  findings: readonly Finding[],
  { gate = GATE, reading = { lock: 'absent' }, record }: Partial<KnownGate> = {},
): Repository {
  const { registry, repository } = gate;
  return {
    registry,
    repository,
    images: [present({ findings, digest: gate.digest ?? digest(1) })],
    scans: {},
    gates: [{ gate, reading, record }],
  };
}

export const MEDIUM = finding({ vulnerability: 'CVE-2026-1002', severity: 'medium' });
export const HIGH = finding({ vulnerability: 'CVE-2026-1001', severity: 'high' });

const CONTENT = {
  severityThreshold: 'high',
  policy: {},
  mode: 'enforce',
  sweepHours: 6,
  maxClosesPerHour: 25,
  maxClosesPerDay: 100,
  brakeExempt: 'never',
  repositories: { include: ['**'], exclude: [] },
  exemptPrincipals: ['arn:aws:iam::123456789012:role/ci/publisher'],
  closeLambdaRepositories: false,
  unscannedHours: 24,
};

/** A target on AWS with a deployed `settings.json`. */
export function awsTarget(
  changes: Partial<Target> & { readonly given?: Readonly<Record<string, unknown>> } = {},
): Target {
  const { given, ...rest } = changes;
  const content = { ...CONTENT, ...given };
  const settings = deployedSettings('aws', content, 'eu-west-1');
  return { cloud: 'aws', region: 'eu-west-1', settings, content, notes: [], repositories: [], ...rest };
}

export function snapshotOf(...targets: readonly Target[]): Snapshot {
  return { at: NOW, stack: 'dev', isWhole: true, targets };
}
