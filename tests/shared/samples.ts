// Sample data for the core's tests: findings, images, policies and times, each created by a function that accepts
// changes.

import type { Gate } from '../../shared/gate/gate.ts';
import type { Override, OverrideDelivery, RecordedOverride } from '../../shared/gate/override.ts';
import type { Blocker, GateRecord, Notice } from '../../shared/gate/record.ts';
import type { Exception } from '../../shared/policy/exceptions.ts';
import type { Finding } from '../../shared/policy/finding.ts';
import type { Policy } from '../../shared/policy/policy.ts';
import type { ReportedSeverity, Severity } from '../../shared/policy/severity.ts';
import { severityFrom } from '../../shared/policy/severity.ts';
import type { EffectiveMode } from '../../shared/reconcile/mode.ts';
import type { ImageObservation, Report } from '../../shared/reconcile/observation.ts';
import { createRules, type GateRules, type RuleSettings, type Rules } from '../../shared/reconcile/rules.ts';
import type { Decision } from '../../shared/report/decision.ts';

export const NOW = '2026-06-15T12:00:00.000Z';
export const GATE: Gate = { registry: '123456789012', repository: 'team/app' };

/** The time this many hours after `NOW`, or before it if negative. */
export function hoursLater(hours: number): string {
  return new Date(Date.parse(NOW) + hours * 3_600_000).toISOString();
}

/** The decision of a reconciliation that changed nothing. */
export function decision(changes: Partial<Decision> = {}): Decision {
  // TypeScript cannot check a spread of a union: callers give an action together with its fields.
  return {
    gate: GATE,
    triggers: ['finding'],
    mode: 'enforce',
    images: [],
    allowed: 0,
    from: { kind: 'open' },
    to: { kind: 'open' },
    action: 'nothing',
    awaited: [],
    expiredExceptions: [],
    ...changes,
  } as Decision;
}

export function daysLater(days: number): string {
  return hoursLater(days * 24);
}

/** A digest with a number at its end. */
export function digest(number: number): string {
  return `sha256:${number.toString(16).padStart(64, '0')}`;
}

export function known(severity: Severity): ReportedSeverity {
  return { kind: 'known', severity };
}

/** Names that a repository may have, including some that no registry accepts today. */
export const REPOSITORY_NAMES = [
  'a',
  'ab',
  'team/app',
  'a/b/c',
  'my-app_2.0/x',
  '0/0',
  'a'.repeat(256),
  'team--shop/check__out',
  'team---shop/check___out',
  'team/_app-',
  'a..b',
] as const;

/** An active critical finding that has a fix. The severity may be a scanner's label. */
export function finding({
  severity = 'critical',
  ...changes
}: Partial<Omit<Finding, 'severity'>> & { severity?: string } = {}): Finding {
  return {
    vulnerability: 'CVE-2024-6119',
    aliases: [],
    package: { name: 'openssl', version: '3.0.1', fixedVersion: '3.0.15' },
    severity: severityFrom(severity),
    fix: 'available',
    exploited: false,
    state: 'active',
    ...changes,
  };
}

/** The default policy. */
export function policy(changes: Partial<Policy> = {}): Policy {
  const severityThreshold = changes.severityThreshold ?? 'high';
  return {
    severityThreshold,
    unfixable: severityThreshold,
    unknownSeverity: 'inherit',
    exploited: 'never',
    epss: 'never',
    graceDays: {},
    images: 'tagged',
    exceptions: [],
    ...changes,
  };
}

/** An exception for `finding()` in all repositories, until tomorrow. */
export function exception(changes: Partial<Exception> = {}): Exception {
  return { id: 'CVE-2024-6119', expiresAt: daysLater(1), reason: 'not reachable', untilFixed: false, ...changes };
}

/** The settings of the default rules, with these changes. */
export function ruleSettings(changes: Partial<RuleSettings> = {}): RuleSettings {
  return {
    policy: policy(),
    mode: 'enforce',
    rules: [],
    maxClosesPerHour: 25,
    maxClosesPerDay: 100,
    brakeExempt: 'never',
    closesInUse: false,
    repositories: { include: ['**'], exclude: [] },
    targetOf: (registry) => `cloud/${registry}`,
    ...changes,
  };
}

interface RuleChanges extends Partial<Omit<RuleSettings, 'mode'>> {
  readonly mode?: EffectiveMode;
}

/** The default rules with these changes. */
export function rules({ mode = 'enforce', ...settings }: RuleChanges = {}): Rules {
  return mode === 'pause' || mode === 'release'
    ? createRules(ruleSettings(settings), mode)
    : createRules(ruleSettings({ ...settings, mode }));
}

/** The same for the first gate. */
export function gateRules(changes: RuleChanges = {}): GateRules {
  return rules(changes).of(GATE);
}

type Present = Extract<ImageObservation, { presence: 'present' }>;

/** The observation of the first image, tagged `1.0`: each finding has its own report, plus other reports. */
export function present({
  findings = [],
  reports = [],
  ...changes
}: Partial<Present> & { readonly findings?: readonly Finding[] } = {}): Present {
  const statusOf = ({ state }: Finding) => (state === 'suppressed' ? state : 'active');
  const own = findings.map((one): Report => ({ id: one.vulnerability, status: statusOf(one), findings: [one] }));
  return {
    digest: digest(1),
    presence: 'present',
    tags: ['1.0'],
    tagged: true,
    reports: [...reports, ...own],
    ...changes,
  };
}

/** The first image as a blocker with one critical finding, last seen violating an hour ago. */
export function blocker(changes: Partial<Blocker> = {}): Blocker {
  return {
    digest: digest(1),
    tags: ['1.0'],
    since: hoursLater(-24),
    violatedAt: hoursLater(-1),
    findings: [finding()],
    omittedFindings: 0,
    ...changes,
  };
}

/** The record of a gate that has been closed for a day. */
export function record(changes: Partial<GateRecord> = {}): GateRecord {
  return {
    gate: GATE,
    state: { kind: 'closed' },
    since: hoursLater(-24),
    closedSince: hoursLater(-24),
    blockers: [blocker({ closedAt: hoursLater(-24) })],
    omittedBlockers: 0,
    pending: [],
    ...changes,
  };
}

/** What notices say on a cloud. */
export const CONTEXT = {
  effectOfClosing: 'Pulls are blocked for everyone.',
  whereToLook: 'The audit log says who changed it.',
  imagesOf: () => 'tagged' as const,
  users: { one: 'task', many: 'tasks' },
  whereItRuns: 'To find out, look for the digest.',
} as const;

/** The notice of a closing without images, or of another change. */
export function notice(changes: Partial<Notice> = {}): Notice {
  const common = { at: NOW, images: [], moreImages: 0, omittedImages: 0 };
  const ofKind: Readonly<Record<Notice['kind'], Partial<Notice>>> = {
    closed: {},
    restored: { was: 'closed' },
    unexplained: {},
    closedInUse: { inUse: { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' } },
    waiting: { waiting: { for: 'audit' } },
    cleared: { clearances: [] },
    opened: { clearances: [], stillPullable: [] },
    override: {},
  };
  const { kind = 'closed' } = changes;
  return { ...common, kind, ...ofKind[kind], ...changes } as Notice;
}

/** An override that was ordered an hour ago for four hours, and whose beginning was notified. */
export function anOverride({
  notified = 'begin',
  logged = true,
  refused,
  ...changes
}: Partial<Override & OverrideDelivery> = {}): RecordedOverride {
  const order: Override = {
    kind: 'open',
    at: hoursLater(-1),
    until: hoursLater(3),
    reason: 'the shop is down',
    approvedBy: 'Grace',
    by: 'ada',
    ...changes,
  };
  return { order, delivery: { notified, logged, ...(refused === undefined ? {} : { refused }) } };
}
