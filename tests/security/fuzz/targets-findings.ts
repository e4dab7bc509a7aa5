// Output of scanners: garbage in it neither closes nor opens a gate.
import type { Finding as InspectorFinding } from '@aws-sdk/client-inspector2';
import type { LogsQueryClient } from '@azure/monitor-query';
import fc from 'fast-check';
import { findingsFrom } from '../../../aws/function/findings.ts';
import { type Assessment, assessmentFrom, latestOf, type Row } from '../../../azure/function/assessments.ts';
import { createScanner } from '../../../azure/function/findings.ts';
import { textOf } from '../../../azure/function/loose-json.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { SEVERITIES } from '../../../shared/policy/severity.ts';
import { findingsIn } from '../../../shared/reconcile/observation.ts';
import { reconcile } from '../../../shared/reconcile/reconcile.ts';
import { apiFinding } from '../../aws/function/samples.ts';
import { DIGEST, groupedRow, individualRow, REGISTRY_ID } from '../../azure/function/samples.ts';
import { newWorld, type World } from '../../shared/reconcile/world.ts';
import { blocker, finding, GATE, gateRules, NOW, policy, record, rules } from '../../shared/samples.ts';
import { anyValue, spoiled } from './garbage.ts';
import { isDigest, isRepositoryName } from './names.ts';
import { asyncTarget, must, type Target, target } from './target.ts';

const CRITICAL_ROWS = [
  individualRow(),
  individualRow({ Severity: 'Low' }),
  groupedRow({ State: 'Unhealthy', Cause: '' }),
];
const ROWS = [...CRITICAL_ROWS, individualRow({ State: 'Healthy' }), groupedRow(), individualRow({ Details: null })];

/** Kusto's datetime is a valid time or null. */
const timed = (row: Row): Row => {
  const { TimeGenerated: at } = row;
  return at instanceof Date || typeof at !== 'string' ? row : { ...row, TimeGenerated: new Date(0) };
};
const row = spoiled(ROWS, 4).map(timed);

/** Whether nothing in the value reaches the threshold: no word, and no number that may be a score. */
function isHarmless(given: unknown): boolean {
  const text = (JSON.stringify(given) ?? '').toLowerCase();
  if (/critical|high/.test(text)) return false;
  return [...text.matchAll(/-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g)].every(([number]) => !(Number(number) >= 7));
}

const JUDGE = gateRules().judge;

function mustBeSound(findings: readonly Finding[], given: unknown): void {
  for (const { severity, score, vulnerability } of findings) {
    must(typeof vulnerability === 'string', 'a finding must have a name', given);
    must(severity.kind !== 'known' || SEVERITIES.includes(severity.severity), 'a severity must be known', severity);
    must(score === undefined || typeof score === 'number', 'a score must be a number', score);
  }
  const verdict = JUDGE({ repository: 'team/app', digest: DIGEST }, findings, NOW);
  must(verdict.kind !== 'block' || !isHarmless(given), 'harmless input must block nothing', given);
}

function mustBeAssessment({ image, name, state, reports }: Assessment, given: Row): void {
  const findings = findingsIn({ reports });
  const settled = reports.filter(({ status }) => status !== 'active');
  must(isRepositoryName(image.repository) && isDigest(image.digest), 'an assessment must be about an image', image);
  must(name !== '' && !name.includes('/'), 'an assessment must have a name', name);
  const said = textOf(given['State']).toLowerCase();
  must(state !== 'resolved' || said === 'healthy', 'only Healthy may resolve a finding', given);
  const isExempt = /exempt/i.test(JSON.stringify([given['Cause'], given['Properties']]));
  must(state !== 'suppressed' || (said === 'notapplicable' && isExempt), 'only Exempt may exempt a finding', given);
  must(
    state !== 'off' || (findings.length === 0 && settled.length === 0),
    'a disabled recommendation must prove nothing',
    given,
  );
  mustBeSound(
    findings.filter((one) => one.state === 'active'),
    given,
  );
}

const PLACE = { id: REGISTRY_ID, name: 'myacr', loginServer: 'myacr.azurecr.io' };

/** An answer of Log Analytics, independent of the query. */
function scannerThatSays(rows: readonly Row[]) {
  const columns = [...new Set(rows.flatMap((one) => Object.keys(one)))];
  const table = {
    name: 'PrimaryResult',
    columnDescriptors: columns.map((name) => ({ name, type: 'dynamic' as const })),
    rows: rows.map((one) => columns.map((name) => one[name])),
  };
  const client = { queryWorkspace: async () => ({ status: 'Success', tables: [table] }) };
  return createScanner(client as unknown as LogsQueryClient, 'workspace', '', policy());
}

const HERE = { registry: REGISTRY_ID, repository: 'team/app', digest: DIGEST };
const HELD = finding({ report: 'the-assessment-that-closed' });

/** The outcome for a gate if this is Log Analytics' answer. */
async function comesTo(rows: readonly Row[], isClosed: boolean): Promise<World> {
  const scanner = scannerThatSays(rows);
  const reports =
    (await scanner.reportsOf(PLACE, { repository: HERE.repository, digest: HERE.digest, window: '1d' })).get(
      HERE.digest,
    ) ?? [];
  const world = newWorld();
  const repository = world.repository();
  repository.images.set(HERE.digest, {
    reports,
    scan: { kind: 'unproven', detail: 'not determined' },
  });
  if (isClosed) {
    repository.ours = 'current';
    world.save(record({ blockers: [blocker({ digest: HERE.digest, findings: [HELD] })] }));
  }
  await reconcile(
    { gate: GATE, scope: [HERE.digest], triggers: ['finding'], namedReports: [] },
    rules({ policy: policy() }),
    world.ports,
  );
  return world;
}

const apiFindings = [apiFinding(), apiFinding({ severity: 'LOW' }), apiFinding({ status: 'SUPPRESSED' })];
/** The SDK itself ensures that lists are lists and times are times. */
const typedFinding = fc
  .tuple(
    fc.constantFrom(...apiFindings),
    fc.record({
      severity: anyValue,
      status: anyValue,
      title: anyValue,
      score: anyValue,
      version: anyValue,
      name: anyValue,
      fix: anyValue,
      fixAvailable: anyValue,
      date: fc.option(fc.date({ noInvalidDate: true }), { nil: undefined }),
      packages: fc.nat(3),
    }),
  )
  .map(([sample, { severity, status, title, score, version, name, fix, fixAvailable, date, packages }]) => {
    const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
    const number = typeof score === 'number' ? score : undefined;
    const details = sample.packageVulnerabilityDetails;
    return {
      ...sample,
      severity: text(severity),
      status: text(status),
      title: text(title),
      fixAvailable: text(fixAvailable),
      packageVulnerabilityDetails: {
        ...details,
        vulnerabilityId: text(name),
        vendorCreatedAt: date,
        cvss: [{ baseScore: number, version: text(version), source: undefined, scoringVector: undefined }],
        vulnerablePackages: Array.from({ length: packages }, () => ({
          name: text(name),
          version: text(version),
          fixedInVersion: text(fix),
        })),
      },
    } as unknown as InspectorFinding;
  });

export const FINDING_TARGETS: readonly Target[] = [
  target('azure-row', row, (given) => {
    const assessment = assessmentFrom(given);
    if (assessment === undefined) return;
    mustBeAssessment(assessment, given);
    must(latestOf([assessment, assessment]).length === 1, 'there must be one assessment', given);
  }),

  asyncTarget('azure-answer', fc.array(row, { maxLength: 4 }), async (rows) => {
    const open = await comesTo(rows, false);
    const isClosed = open.repository().ours !== 'absent';
    must(!isClosed || !rows.every(isHarmless), 'harmless input must close nothing', rows);
    // None of these rows is about the assessment that closed the gate.
    const closed = await comesTo(rows, true);
    must(closed.repository().ours === 'current', 'proof about another assessment must open nothing', rows);
  }),

  target('aws-finding', typedFinding, (given) => {
    const findings = findingsFrom(given);
    must(findings.length > 0, 'there must be at least one finding', given);
    const { severity, packageVulnerabilityDetails: details } = given;
    mustBeSound(
      findings.filter(({ state }) => state === 'active'),
      [severity, details?.cvss],
    );
  }),
];
