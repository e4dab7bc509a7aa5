// Properties that hold for every policy, every finding and every order of events.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findingPattern } from '../../aws/component/finding-pattern.ts';
import { listFindingsFilter } from '../../aws/function/findings.ts';
import { evaluateImage, MAX_FINDINGS } from '../../shared/gate/image-evaluation.ts';
import type { Blocker, GateRecord } from '../../shared/gate/record.ts';
import { packRecord, unpackRecord } from '../../shared/gate/record-codec.ts';
import type { Exception } from '../../shared/policy/exceptions.ts';
import { type Finding, findingKey } from '../../shared/policy/finding.ts';
import { IMAGES, type Policy, type Threshold, UNKNOWN_SEVERITY } from '../../shared/policy/policy.ts';
import { atLeast, SEVERITIES, type Severity, severityFrom } from '../../shared/policy/severity.ts';
import { judgeBy } from '../../shared/policy/verdict.ts';
import type { Report, ReportStatus, Scan } from '../../shared/reconcile/observation.ts';
import { reconcile } from '../../shared/reconcile/reconcile.ts';
import { TRIGGERS } from '../../shared/reconcile/trigger.ts';
import { newWorld } from './reconcile/world.ts';
import { blocker, daysLater, digest, GATE, hoursLater, NOW, present, record, rules } from './samples.ts';

const IMAGE = { repository: 'team/app', digest: digest(1) };
const IDS = ['CVE-2026-1', 'CVE-2026-2', 'CVE-2026-3', 'GHSA-aaaa', 'GHSA-bbbb'] as const;
/** Labels as Inspector writes them, and unknown labels. */
const LABELS = [...SEVERITIES.map((severity) => severity.toUpperCase()), 'UNTRIAGED', 'CATASTROPHIC'] as const;

const REPORTS = ['first', 'second', 'third'] as const;

const days = fc.integer({ min: -20, max: 20 }).map(daysLater);
const score = fc.integer({ min: 0, max: 100 }).map((tenths) => tenths / 10);
const probability = fc.integer({ min: 0, max: 100 }).map((hundredths) => hundredths / 100);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

/** A finding, and the scanner's label for its severity. */
const reported = fc
  .record({
    label: fc.constantFrom(...LABELS),
    vulnerability: fc.constantFrom(...IDS),
    aliases: fc.uniqueArray(fc.constantFrom(...IDS), { maxLength: 2 }),
    package: fc.record({
      name: fc.constantFrom('openssl', 'zlib'),
      version: fc.constantFrom('1', '2'),
      fixedVersion: maybe(fc.constant('3')),
    }),
    score: maybe(score),
    reportSeverity: maybe(fc.constantFrom<Severity>(...SEVERITIES)),
    fix: fc.constantFrom('available', 'none', 'unknown'),
    exploited: fc.boolean(),
    epss: maybe(probability),
    disclosedAt: maybe(days),
    state: fc.constantFrom('active', 'suppressed'),
    report: maybe(fc.constantFrom(...REPORTS)),
  })
  .map(({ label, ...rest }): { label: string; finding: Finding } => ({
    label,
    finding: { ...rest, severity: severityFrom(label) },
  }));
const anyFinding = reported.map(({ finding }) => finding);
const findings = fc.array(anyFinding, { maxLength: 6 });

const threshold = fc.constantFrom<Threshold>(...SEVERITIES, 'never');
const anyException: fc.Arbitrary<Exception> = fc.record({
  id: fc.constantFrom(...IDS),
  repository: maybe(fc.constantFrom('team/*', 'other/*')),
  digest: maybe(fc.constantFrom(digest(1), digest(2))),
  package: maybe(fc.constantFrom('openssl', 'zlib')),
  expiresAt: days,
  reason: fc.constant('reviewed'),
  untilFixed: fc.boolean(),
});
const anyPolicy: fc.Arbitrary<Policy> = fc.record({
  severityThreshold: fc.constantFrom(...SEVERITIES),
  unfixable: threshold,
  unknownSeverity: fc.constantFrom(...UNKNOWN_SEVERITY),
  exploited: threshold,
  epss: fc.oneof(probability, fc.constant('never' as const)),
  graceDays: fc.dictionary(fc.constantFrom(...SEVERITIES), fc.integer({ min: 0, max: 30 }), { noNullPrototype: true }),
  images: fc.constantFrom(...IMAGES),
  exceptions: fc.array(anyException, { maxLength: 4 }),
});

const kindOf = (policy: Policy, all: readonly Finding[]) => judgeBy(policy)(IMAGE, all, NOW).kind;

describe('a verdict', () => {
  it('adding a finding never opens', () => {
    fc.assert(
      fc.property(anyPolicy, findings, anyFinding, fc.nat(), (policy, before, added, place) => {
        fc.pre(kindOf(policy, before) === 'block');
        expect(kindOf(policy, before.toSpliced(place % (before.length + 1), 0, added))).toBe('block');
      }),
    );
  });

  it('adding an exception never closes', () => {
    fc.assert(
      fc.property(anyPolicy, findings, anyException, (policy, all, added) => {
        fc.pre(kindOf(policy, all) !== 'block');
        expect(kindOf({ ...policy, exceptions: [...policy.exceptions, added] }, all)).not.toBe('block');
      }),
    );
  });

  it.each(['severityThreshold', 'unfixable', 'exploited'] as const)('raising %s never closes more', (key) => {
    const higher = (raised: Threshold, from: Threshold) =>
      raised === 'never' || (from !== 'never' && atLeast(raised, from));
    const raisedTo: fc.Arbitrary<Threshold> =
      key === 'severityThreshold' ? fc.constantFrom<Severity>(...SEVERITIES) : threshold;
    fc.assert(
      fc.property(anyPolicy, raisedTo, findings, (policy, raised, all) => {
        fc.pre(higher(raised, policy[key]) && kindOf(policy, all) !== 'block');
        expect(kindOf({ ...policy, [key]: raised }, all)).not.toBe('block');
      }),
    );
  });

  it('raising epss never closes more', () => {
    fc.assert(
      fc.property(anyPolicy, fc.oneof(probability, fc.constant('never' as const)), findings, (policy, raised, all) => {
        fc.pre(raised === 'never' || (policy.epss !== 'never' && raised >= policy.epss));
        fc.pre(kindOf(policy, all) !== 'block');
        expect(kindOf({ ...policy, epss: raised }, all)).not.toBe('block');
      }),
    );
  });

  it('does not depend on the order or repetition of findings', () => {
    fc.assert(
      fc.property(anyPolicy, findings, fc.integer({ min: 1, max: 3 }), (policy, all, times) => {
        const repeated = Array.from({ length: times }, () => all.toReversed()).flat();
        expect(kindOf(policy, repeated)).toBe(kindOf(policy, all));
      }),
    );
  });

  it('is explained: every finding at or above a threshold is in it, once, and a block has reasons', () => {
    fc.assert(
      fc.property(anyPolicy, findings, (policy, all) => {
        const verdict = judgeBy(policy)(IMAGE, all, NOW);
        const reasons = verdict.kind === 'block' ? verdict.reasons.map((reason) => reason.finding) : [];
        const undetermined = verdict.kind === 'allow' ? [] : verdict.undetermined;
        const explained = [...reasons, ...undetermined, ...verdict.exempted.map((one) => one.finding)];
        expect(new Set(explained).size).toBe(explained.length);
        expect(verdict.kind === 'block').toBe(reasons.length > 0);
        expect(verdict.kind === 'undetermined').toBe(reasons.length === 0 && undetermined.length > 0);
        // A finding in none of the lists is below every threshold: alone, it is plainly allowed.
        for (const one of all.filter((finding) => !explained.includes(finding))) {
          expect(judgeBy(policy)(IMAGE, [one], NOW)).toEqual({ kind: 'allow', exempted: [] });
        }
      }),
    );
  });
});

describe('a blocker', () => {
  const scan: fc.Arbitrary<Scan> = fc.oneof(
    fc.integer({ min: -120, max: 60 }).map((minutes): Scan => ({ kind: 'finished', at: hoursLater(minutes / 60) })),
    fc.constant<Scan>({ kind: 'unproven', detail: 'not scanned' }),
  );
  /** An active or inactive blocker. */
  const anyKnown: fc.Arbitrary<Blocker> = fc
    .record({
      findings: fc.tuple(anyFinding, findings).map(([first, others]) => [first, ...others] as const),
      omittedFindings: fc.constantFrom(0, 0, 2),
      inactive: maybe(fc.record({ at: days, why: fc.constantFrom('gone', 'outOfScope', 'exempted') })),
    })
    .map(blocker);
  const anyStatus = fc.constantFrom<ReportStatus[]>('resolved', 'suppressed');
  const statuses = fc.array(fc.tuple(fc.constantFrom<string[]>(...REPORTS), anyStatus), { maxLength: 3 });
  type Statuses = readonly (readonly [string, ReportStatus])[];
  const evaluateChanges = (
    policy: Policy,
    known: Blocker,
    image: readonly Finding[],
    lastScan: Scan,
    words: Statuses = [],
  ) =>
    evaluateImage({
      repository: 'team/app',
      image: present({
        findings: image,
        reports: words.map(([id, status]): Report => ({ id, status, findings: [] })),
      }),
      blocker: known,
      inScope: true,
      scan: lastScan,
      judge: judgeBy(policy),
      maxFindings: MAX_FINDINGS,
      observedAt: NOW,
      now: NOW,
    });
  const holds = (...args: Parameters<typeof evaluateChanges>) => evaluateChanges(...args).kind === 'holds';

  it('adding a finding never opens, whatever the record contains', () => {
    fc.assert(
      fc.property(anyPolicy, anyKnown, findings, anyFinding, scan, (policy, known, image, added, lastScan) => {
        // A recorded finding that is reported again has its current data. Any other finding is new.
        fc.pre(known.findings.every((one) => findingKey(one) !== findingKey(added)));
        fc.pre(holds(policy, known, image, lastScan));
        expect(holds(policy, known, [...image, added], lastScan)).toBe(true);
      }),
    );
  });

  it('an EPSS score that falls or is missing never opens', () => {
    fc.assert(
      fc.property(anyPolicy, anyKnown, findings, maybe(probability), scan, (policy, known, image, lower, lastScan) => {
        const first = evaluateChanges(policy, known, image, lastScan);
        fc.pre(first.kind === 'holds');
        const fallen = image.map((one): Finding => {
          const isLower = lower === undefined || lower < (one.epss ?? 0);
          return isLower ? { ...one, epss: lower } : one;
        });
        const recorded = 'blocker' in first ? first.blocker : known;
        expect(holds(policy, recorded, fallen, lastScan)).toBe(true);
      }),
    );
  });

  it('adding an exception never closes, whatever the record contains', () => {
    fc.assert(
      fc.property(anyPolicy, anyKnown, findings, anyException, scan, (policy, known, image, added, lastScan) => {
        fc.pre(!holds(policy, known, image, lastScan));
        const relaxed = { ...policy, exceptions: [...policy.exceptions, added] };
        expect(holds(relaxed, known, image, lastScan)).toBe(false);
      }),
    );
  });

  it('a report that is resolved or suppressed never closes', () => {
    fc.assert(
      fc.property(
        anyPolicy,
        anyKnown,
        findings,
        scan,
        statuses,
        statuses,
        (policy, known, image, lastScan, words, more) => {
          fc.pre(!holds(policy, known, image, lastScan, words));
          expect(holds(policy, known, image, lastScan, [...more, ...words])).toBe(false);
        },
      ),
    );
  });

  it('removing the status of a report never opens', () => {
    fc.assert(
      fc.property(
        anyPolicy,
        anyKnown,
        findings,
        scan,
        statuses,
        fc.nat(),
        (policy, known, image, lastScan, words, place) => {
          fc.pre(words.length > 0 && holds(policy, known, image, lastScan, words));
          const fewer = [...new Map(words)].toSpliced(place % new Map(words).size, 1);
          expect(holds(policy, known, image, lastScan, fewer)).toBe(true);
        },
      ),
    );
  });

  it('is released by report statuses only if nothing violates or is undetermined, and each recorded finding is resolved and not listed', () => {
    const reportedOnly = anyKnown.map((known): Blocker => {
      const [first, ...others] = known.findings;
      const named = (one: Finding): Finding => ({ ...one, report: one.report ?? 'first' });
      return { ...known, findings: [named(first), ...others.map(named)] };
    });
    const allStatuses = fc.tuple(...REPORTS.map((report) => fc.tuple(fc.constant<string>(report), anyStatus)));
    let released = 0;
    fc.assert(
      fc.property(anyPolicy, reportedOnly, findings, allStatuses, (policy, known, image, words) => {
        const evaluation = evaluateChanges(policy, known, image, { kind: 'unproven', detail: 'not scanned' }, words);
        if (evaluation.kind !== 'released') return;
        released += 1;
        const resolved = new Set(words.flatMap(([report, how]) => (how === 'resolved' ? [report] : [])));
        const shown = new Set(image.map(findingKey));
        const others = known.findings.filter(({ report }) => report === undefined || !resolved.has(report));
        expect([others, known.findings.filter((one) => shown.has(findingKey(one)))]).toEqual([[], []]);
        expect([known.omittedFindings, evaluation.verdict.kind]).toEqual([0, 'allow']);
      }),
      { numRuns: 1_000 },
    );
    expect(released).toBeGreaterThan(10);
  });

  it('keeps its absent findings while the image exists, until a scan proves it clean', () => {
    fc.assert(
      fc.property(anyPolicy, anyKnown, findings, scan, (policy, known, image, lastScan) => {
        const evaluation = evaluateChanges(policy, known, image, lastScan);
        if (evaluation.kind === 'released') {
          expect(lastScan.kind === 'finished' && lastScan.at > known.violatedAt && lastScan.at < NOW).toBe(true);
          return;
        }
        if (evaluation.kind !== 'holds' && evaluation.kind !== 'inactive') throw new Error(`is ${evaluation.kind}`);
        const keys = evaluation.blocker.findings.map(findingKey);
        const shown = new Set(image.map(findingKey));
        const absent = known.findings.map(findingKey).filter((key) => !shown.has(key));
        expect(absent.filter((key) => !keys.includes(key))).toEqual([]);
        expect(evaluation.blocker.omittedFindings).toBeGreaterThanOrEqual(known.omittedFindings);
        expect(evaluation.blocker.violatedAt >= known.violatedAt).toBe(true);
      }),
    );
  });
});

describe('a compiled filter', () => {
  /** EventBridge's `anything-but` and `exists`, applied to a text. */
  const passesPattern = (policy: Policy, label: string) => {
    const { detail } = findingPattern(policy) as {
      detail: { severity?: readonly { 'anything-but'?: readonly string[] }[] };
    };
    return (
      detail.severity === undefined || detail.severity.some((one) => one['anything-but']?.includes(label) === false)
    );
  };
  const passesFilter = (policy: Policy, label: string) =>
    (listFindingsFilter(policy).severity ?? []).every(
      ({ comparison, value }) => comparison === 'NOT_EQUALS' && value !== label,
    );

  it('never drops a finding that violates or is undetermined', () => {
    fc.assert(
      fc.property(anyPolicy, reported, (policy, { label, finding }) => {
        fc.pre(kindOf(policy, [finding]) !== 'allow');
        expect([passesPattern(policy, label), passesFilter(policy, label)]).toEqual([true, true]);
      }),
    );
  });

  it('drops every severity that cannot matter: a known severity passes only if some finding of it would violate', () => {
    const disclosedAt = daysLater(-4000);
    fc.assert(
      fc.property(anyPolicy, fc.constantFrom(...SEVERITIES), (policy, severity) => {
        const all = (['available', 'none'] as const).flatMap((fix) =>
          [true, false].map((exploited): Finding => {
            const pkg = { name: 'bash', version: '1' };
            const id = 'CVE-2020-1';
            return {
              vulnerability: id,
              aliases: [],
              package: pkg,
              severity: { kind: 'known', severity },
              fix,
              exploited,
              disclosedAt,
              state: 'active',
            };
          }),
        );
        const couldViolate = kindOf(policy, all) === 'block';
        const label = severity.toUpperCase();
        expect([passesPattern(policy, label), passesFilter(policy, label)]).toEqual([couldViolate, couldViolate]);
      }),
    );
  });

  it('passes an unknown label', () => {
    fc.assert(
      fc.property(anyPolicy, fc.string(), (policy, label) => {
        fc.pre(severityFrom(label).kind === 'unknown');
        expect([passesPattern(policy, label), passesFilter(policy, label)]).toEqual([true, true]);
      }),
    );
  });
});

describe('a packed record', () => {
  const anyBlocker: fc.Arbitrary<Blocker> = fc.record({
    digest: fc.integer({ min: 1, max: 9 }).map(digest),
    tags: fc.array(fc.string(), { maxLength: 3 }),
    since: days,
    violatedAt: days,
    findings: fc.tuple(anyFinding, findings).map(([first, others]) => [first, ...others] as const),
    omittedFindings: fc.nat(),
    inactive: maybe(fc.record({ at: days, why: fc.constantFrom('gone', 'outOfScope', 'exempted') })),
  });
  const anyRecord: fc.Arbitrary<GateRecord> = fc
    .record({ blockers: fc.array(anyBlocker, { maxLength: 5 }), omittedBlockers: fc.nat(), closedSince: maybe(days) })
    .map((changes) => record(changes));

  it('is the same after unpacking', () => {
    fc.assert(
      fc.property(anyRecord, (stored) => {
        expect(unpackRecord(packRecord(stored))).toEqual(stored);
      }),
    );
  });
});

describe('events', () => {
  const active = anyFinding.map((one): Finding => ({ ...one, state: 'active' }));
  const images = fc.array(fc.array(active, { maxLength: 3 }), { minLength: 1, maxLength: 4 });
  const hints = fc.array(fc.record({ number: fc.integer({ min: 0, max: 4 }), trigger: fc.constantFrom(...TRIGGERS) }), {
    maxLength: 12,
  });

  it('may be reordered, repeated and lost: after a sweep the gate is in its desired state', async () => {
    await fc.assert(
      fc.asyncProperty(anyPolicy, images, hints, async (policy, repository, woken) => {
        const world = newWorld();
        const byRules = rules({ policy });
        repository.forEach((found, number) => {
          world.repository().images.set(digest(number), { findings: found });
        });
        const observations = [
          ...woken.map(({ number, trigger }) => ({ scope: [digest(number)], trigger })),
          { scope: 'all' as const, trigger: 'sweep' as const },
        ];
        for (const { scope, trigger } of observations) {
          await reconcile({ gate: GATE, scope, triggers: [trigger], namedReports: [] }, byRules, world.ports);
        }
        const violating = repository.flatMap((found, number) => {
          const verdict = byRules.of(GATE).judge({ repository: 'team/app', digest: digest(number) }, found, NOW);
          return verdict.kind === 'block' ? [digest(number)] : [];
        });
        const isClosed = violating.length > 0;
        expect(
          world
            .record(GATE)
            ?.blockers.map((one) => one.digest)
            .toSorted() ?? [],
        ).toEqual(violating);
        expect(world.repository().ours).toBe(isClosed ? 'current' : 'absent');
        expect(world.calls.filter((call) => call.startsWith('write'))).toEqual(isClosed ? ['write closed'] : []);
        expect(world.created().map((notice) => notice.kind)).toEqual(isClosed ? ['closed'] : []);
      }),
    );
  });
});
