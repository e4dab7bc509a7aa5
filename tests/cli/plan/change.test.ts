// Tests what a plan says of one gate: every change, and why.
import { describe, expect, it } from 'vitest';
import { type Change, compareTarget } from '../../../cli/plan/compare.ts';
import { reasonOf } from '../../../cli/plan/reason.ts';
import type { StackSettings } from '../../../cli/plan/settings.ts';
import type { KnownGate, Repository } from '../../../cli/plan/snapshot.ts';
import { anOverride, blocker, daysLater, digest, hoursLater, NOW, record } from '../../shared/samples.ts';
import { awsSettings, azureSettings, HIGH, MEDIUM, REGISTRY, repositoryWith } from './planning.ts';

const EXCEPTION = { id: HIGH.vulnerability, expires: '2099-12-31', reason: 'reviewed' };
const LAMBDA = { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' };
const IMAGE = { registry: REGISTRY, repository: 'team/app', digest: digest(1) };
const LOCKED: Partial<KnownGate> = {
  reading: { lock: 'current' },
  record: record({ blockers: [blocker({ findings: [HIGH], closedAt: hoursLater(-24) })] }),
};

const compare = (before: StackSettings, after: StackSettings, ...repositories: readonly Repository[]) =>
  compareTarget({ settings: before, repositories }, after, NOW);

type Row = readonly [
  name: string,
  repository: Repository,
  before: StackSettings,
  after: StackSettings,
  change: Change | undefined,
  reason?: string,
];

const ENFORCE = awsSettings();
const AUDIT = awsSettings({ mode: 'audit' });
const STRICTER = awsSettings({ severityThreshold: 'medium' });

const ROWS: readonly Row[] = [
  ['none by the same config', repositoryWith([HIGH]), ENFORCE, ENFORCE, undefined],
  [
    'closes by a lower threshold',
    repositoryWith([MEDIUM, { ...MEDIUM, vulnerability: 'CVE-2026-1003' }]),
    ENFORCE,
    STRICTER,
    'closes',
    'CVE-2026-1002 (medium) in openssl and 1 more finding',
  ],
  [
    'closes by enforce, with its worst finding',
    repositoryWith([MEDIUM, HIGH]),
    AUDIT,
    STRICTER,
    'closes',
    'CVE-2026-1001 (high) in openssl and 1 more finding',
  ],
  ['opens by audit', repositoryWith([HIGH], LOCKED), ENFORCE, AUDIT, 'opens', 'audit mode closes nothing'],
  [
    'opens by an exception',
    repositoryWith([HIGH], LOCKED),
    ENFORCE,
    awsSettings({ policy: { exceptions: [EXCEPTION] } }),
    'opens',
    'CVE-2026-1001 (high) in openssl no longer violates',
  ],
  [
    'opens when its repository is excluded',
    repositoryWith([HIGH], LOCKED),
    ENFORCE,
    awsSettings({ aws: { repositories: { exclude: ['team/**'] } } }),
    'opens',
    'the config has no gate for it',
  ],
  [
    'stays closed, when the deployed config would open it',
    repositoryWith([HIGH], LOCKED),
    awsSettings({ policy: { exceptions: [EXCEPTION] } }),
    ENFORCE,
    'staysClosed',
    'CVE-2026-1001 (high) in openssl',
  ],
  [
    'waits, when Lambda functions use it',
    repositoryWith([HIGH], { reading: { lock: 'absent', inUse: LAMBDA } }),
    AUDIT,
    ENFORCE,
    'waits',
    'in use by Lambda functions (aws.closeLambdaRepositories): CVE-2026-1001 (high) in openssl',
  ],
  [
    'closes, when gates that serve Lambda functions close too',
    repositoryWith([HIGH], { reading: { lock: 'absent', inUse: LAMBDA } }),
    ENFORCE,
    awsSettings({ aws: { closeLambdaRepositories: true } }),
    'closes',
    'CVE-2026-1001 (high) in openssl',
  ],
  [
    'waits, while an override keeps it open',
    repositoryWith([HIGH], { record: record({ state: { kind: 'waiting', for: 'audit' }, override: anOverride() }) }),
    AUDIT,
    ENFORCE,
    'waits',
    'an override keeps it open: CVE-2026-1001 (high) in openssl',
  ],
  [
    'waits by audit, when it violates only now',
    repositoryWith([MEDIUM]),
    AUDIT,
    awsSettings({ mode: 'audit', severityThreshold: 'medium' }),
    'waits',
    'audit mode closes nothing: CVE-2026-1002 (medium) in openssl',
  ],
  [
    'no longer waits, when it does not violate',
    repositoryWith([HIGH]),
    AUDIT,
    awsSettings({ mode: 'audit', severityThreshold: 'critical', policy: { unfixable: 'never' } }),
    'clears',
    'CVE-2026-1001 (high) in openssl no longer violates',
  ],
  [
    'clears, when it was about to close',
    repositoryWith([HIGH], { record: record({ state: { kind: 'waiting', for: 'brake' }, blockers: [] }) }),
    ENFORCE,
    awsSettings({ policy: { exceptions: [EXCEPTION] } }),
    'clears',
    'CVE-2026-1001 (high) in openssl no longer violates',
  ],
  ['changes only its mode', repositoryWith([MEDIUM]), AUDIT, ENFORCE, 'mode', 'audit -> enforce'],
  [
    'changes only its mode, when it is included now',
    repositoryWith([MEDIUM]),
    awsSettings({ aws: { repositories: { exclude: ['team/**'] } } }),
    ENFORCE,
    'mode',
    'left out -> enforce',
  ],
  [
    'closes, when its exception has ended, by an override that is over',
    repositoryWith([HIGH], {
      record: record({ state: { kind: 'open' }, blockers: [], override: anOverride({ until: hoursLater(-1) }) }),
    }),
    awsSettings({ policy: { exceptions: [EXCEPTION] } }),
    awsSettings({ policy: { exceptions: [{ ...EXCEPTION, expires: daysLater(-1) }] } }),
    'closes',
    'CVE-2026-1001 (high) in openssl',
  ],
  [
    'none, when an override keeps it closed',
    repositoryWith([], {
      reading: { lock: 'current' },
      record: record({ override: anOverride({ kind: 'closed' }), blockers: [] }),
    }),
    ENFORCE,
    AUDIT,
    undefined,
  ],
  ['none, when its repository is gone', repositoryWith([HIGH], { reading: 'gone' }), ENFORCE, STRICTER, undefined],
  [
    'opens by audit, when its record does not say why it is closed',
    repositoryWith([], {
      reading: { lock: 'current' },
      record: record({ state: { kind: 'unexplained' }, blockers: [], unexplainedSince: hoursLater(-1) }),
    }),
    ENFORCE,
    AUDIT,
    'opens',
    'enforce -> audit',
  ],
  [
    'waits, an image whose lock is not ours',
    repositoryWith([HIGH], { gate: IMAGE, reading: { lock: 'unmarked' } }),
    azureSettings({ mode: 'audit' }),
    azureSettings(),
    'waits',
    'someone else locked it: CVE-2026-1001 (high) in openssl',
  ],
  [
    'opens, an image whose lock the record claims',
    repositoryWith([HIGH], {
      gate: IMAGE,
      reading: { lock: 'unmarked' },
      record: record({ gate: IMAGE, claimed: true }),
    }),
    azureSettings(),
    azureSettings({ mode: 'audit' }),
    'opens',
    'audit mode closes nothing',
  ],
];

describe('the change of a gate', () => {
  it.each(ROWS.map((row) => ({ name: row[0], row })))('$name', async ({ row }) => {
    const [, repository, before, after, change, reason] = row;
    const { changes, unchanged } = await compare(before, after, repository);
    expect(changes.map((one) => [one.change, reasonOf(one)])).toEqual(change === undefined ? [] : [[change, reason]]);
    expect(unchanged).toBe(change === undefined ? 1 : 0);
  });
});
