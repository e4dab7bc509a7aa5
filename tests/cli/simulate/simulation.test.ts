// Tests the simulation itself: which gates close, open or stay, for which findings, and what is exempted until when.

import { describe, expect, test } from 'vitest';
import { exemptedIn } from '../../../cli/simulate/exempted.ts';
import { jsonOf } from '../../../cli/simulate/json.ts';
import { keepLambdaOpen } from '../../../cli/simulate/lambda.ts';
import { pageOf } from '../../../cli/simulate/page.ts';
import { type GateOutcome, type Subject, simulate } from '../../../cli/simulate/simulation.ts';
import { targetOf } from '../../../cli/simulate/subjects.ts';
import { linesOf } from '../../../cli/simulate/text.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { rules as rulesBy } from '../../shared/samples.ts';
import { NOW, policy } from '../reports/reading.ts';

type Fields = Readonly<Record<string, unknown>>;

function finding(vulnerability: string, severity: string, fields: Partial<Finding> = {}): Finding {
  const known = ['critical', 'high', 'medium', 'low', 'informational'] as const;
  const word = known.find((one) => one === severity);
  return {
    vulnerability,
    aliases: [],
    package: { name: 'openssl', version: '3.0.13' },
    severity: word === undefined ? { kind: 'unknown', label: severity } : { kind: 'known', severity: word },
    fix: 'available',
    exploited: false,
    state: 'active',
    ...fields,
  };
}

const HIGH = finding('CVE-1', 'high');
const LOW = finding('CVE-2', 'low');
const UNKNOWN = finding('CVE-3', 'UNTRIAGED');
const FRESH = finding('CVE-4', 'high', { disclosedAt: '2026-03-01T00:00:00.000Z' });

let images = 0;
function image(
  repository: string,
  findings: readonly Finding[],
  { tags = ['v1'], mayNotCount = false, tagged = true } = {},
): Subject {
  images += 1;
  const digest = `sha256:${String(images).padStart(64, '0')}`;
  const reports = [{ status: 'active' as const, findings }];
  const image = { digest, presence: 'present' as const, tags, tagged, reports };
  return { gate: { registry: '123456789012', repository }, name: repository, tags, observe: () => image, mayNotCount };
}

const rules = (fields: Fields) => rulesBy({ policy: policy(fields) });

function run(subjects: readonly Subject[], by: Fields, against?: Fields, most = 10) {
  return simulate({ subjects, rules: rules(by), against: against && rules(against), now: NOW, most });
}

const ids = ({ first }: GateOutcome['reasons'] | GateOutcome['undetermined'] | GateOutcome['exempted']) =>
  first.map(({ finding: { vulnerability } }) => vulnerability);

describe('one policy', () => {
  const rows: readonly (readonly [string, readonly Finding[], Fields, GateOutcome['outcome'] | 'nothing'])[] = [
    ['closes on a finding at the threshold', [HIGH, LOW], { severityThreshold: 'high' }, 'closes'],
    ['reports nothing for a finding below the threshold', [LOW], { severityThreshold: 'high' }, 'nothing'],
    ['reports an unknown severity without closing', [UNKNOWN, LOW], { severityThreshold: 'high' }, 'undetermined'],
    [
      'closes on an unknown severity if the policy blocks it',
      [UNKNOWN],
      { severityThreshold: 'high', unknownSeverity: 'block' },
      'closes',
    ],
    [
      'reports an open image in its grace period',
      [FRESH],
      { severityThreshold: 'high', graceDays: { high: 7 } },
      'open',
    ],
    ['reports nothing without findings', [], { severityThreshold: 'low' }, 'nothing'],
  ];
  test.each(rows)('%s', (_name, findings, by, outcome) => {
    const { gates, plain } = run([image('team/app', findings)], by);
    expect(gates.map((gate) => gate.outcome)).toEqual(outcome === 'nothing' ? [] : [outcome]);
    expect(plain).toBe(outcome === 'nothing' ? 1 : 0);
  });

  test('is that of the rule of the gate, which every form of the answer names', () => {
    const rule = {
      label: 'rules[0] (shop/**)',
      repositories: ['shop/**'],
      policy: policy({ severityThreshold: 'low' }),
    };
    const subjects = [image('shop/app', [LOW]), image('team/app', [LOW]), image('team/api', [HIGH])];
    const simulation = simulate({
      subjects,
      rules: rulesBy({ policy: policy({ severityThreshold: 'high' }), rules: [rule] }),
      now: NOW,
      most: 10,
    });
    expect(simulation.gates.map((gate) => [gate.name, gate.outcome, gate.rule])).toEqual([
      ['team/api', 'closes', null],
      ['shop/app', 'closes', 'rules[0] (shop/**)'],
    ]);
    const names = { policy: 'the policy', against: undefined };
    const reported = { critical: 0, high: 1, medium: 0, low: 2, informational: 0, unknown: 0 };
    const text = [...linesOf({ simulation, reported, ...names, all: true, limits: [] })];
    expect(text.filter((line) => line.includes('by rules[0] (shop/**)'))).toHaveLength(1);
    expect(JSON.parse([...jsonOf({ at: NOW }, simulation)].join('')).gates).toMatchObject([
      { rule: null },
      { rule: 'rules[0] (shop/**)' },
    ]);
    const page = pageOf({ simulation, reported, at: NOW, source: 'a report', notes: [], ...names });
    expect(page.split('<p class="soft">By rules[0] (shop/**).</p>')).toHaveLength(2);
  });

  test('names the target of a reported image as rules do', () => {
    const names = [
      '123456789012',
      'contoso',
      'Contoso.azurecr.io',
      '/subscriptions/x/registries/contoso',
      'ghcr.io',
      '',
    ];
    const targets = ['aws/123456789012/unknown', 'azure/contoso', 'azure/contoso', 'azure/contoso', 'ghcr.io', ''];
    expect(names.map((registry) => targetOf(registry, undefined))).toEqual(targets);
  });

  test('merges the images of a gate: each finding appears once with its number of images, worst first', () => {
    const worse = finding('CVE-0', 'critical');
    const exploited = finding('CVE-9', 'medium', { exploited: true });
    const subjects = [
      image('team/app', [LOW, HIGH], { tags: ['v1'] }),
      image('team/app', [HIGH, worse, exploited], { tags: ['v2'] }),
    ];
    const { gates, images: judged, violating } = run(subjects, { severityThreshold: 'low' });
    expect(gates.map(({ name, images: ofGate, tags }) => [name, ofGate, tags])).toEqual([
      ['team/app', 2, ['v1', 'v2']],
    ]);
    expect(gates[0]?.reasons.first.map((one) => [one.finding.vulnerability, one.images, one.rule])).toEqual([
      ['CVE-9', 1, 'severityThreshold'],
      ['CVE-0', 1, 'severityThreshold'],
      ['CVE-1', 2, 'severityThreshold'],
      ['CVE-2', 1, 'severityThreshold'],
    ]);
    expect([judged, violating]).toEqual([2, { critical: 1, high: 2, medium: 1, low: 1, informational: 0, unknown: 0 }]);
  });

  test('lists the worst of many findings, and counts the others', () => {
    const many = Array.from({ length: 30 }, (_, place) =>
      finding(`CVE-${100 + place}`, place === 29 ? 'critical' : 'high'),
    );
    const [gate] = run([image('team/app', many)], { severityThreshold: 'high' }, undefined, 2).gates;
    expect([gate && ids(gate.reasons), gate?.reasons.more]).toEqual([['CVE-129', 'CVE-100'], 28]);
    expect(gate?.violating).toMatchObject({ critical: 1, high: 29 });
  });

  test('sorts gates by outcome and then by the worst finding, regardless of the order in the report', () => {
    const subjects = [
      image('z', [UNKNOWN]),
      image('c', [HIGH]),
      image('b', [HIGH]),
      image('a', [FRESH]),
      image('e', [finding('CVE-7', 'critical')]),
      image('d', [HIGH, finding('CVE-8', 'high')]),
      image('f', [finding('CVE-6', 'high', { exploited: true })]),
    ];
    const by = { severityThreshold: 'high', graceDays: { high: 7 } };
    for (const order of [subjects, subjects.toReversed()]) {
      expect(run(order, by).gates.map(({ name }) => name)).toEqual(['f', 'e', 'd', 'b', 'c', 'z', 'a']);
    }
  });

  test('an image that is out of scope closes nothing; an image that may be in scope closes, and is marked', () => {
    const by = { severityThreshold: 'high' };
    expect(run([image('a', [HIGH], { tags: [], tagged: false })], by).gates).toEqual([]);
    const [unsure] = run([image('a', [HIGH], { tags: [], mayNotCount: true })], by).gates;
    expect([unsure?.outcome, unsure?.mayNotCount]).toEqual(['closes', true]);
    const [sure] = run([image('a', [HIGH], { tags: [], mayNotCount: true }), image('a', [HIGH])], by).gates;
    expect(sure?.mayNotCount).toBe(false);
  });
});

describe('compared with another policy', () => {
  const strict = { severityThreshold: 'low' };
  const mild = { severityThreshold: 'high' };
  const excepted = {
    severityThreshold: 'high',
    exceptions: [{ id: 'CVE-1', expires: '2026-03-31', reason: 'not reachable' }],
  };
  const rows: readonly (readonly [string, readonly Finding[], Fields, Fields, GateOutcome['change'] | 'nothing'])[] = [
    ['a stricter policy closes', [LOW], strict, mild, 'closes'],
    ['a milder policy opens', [LOW], mild, strict, 'opens'],
    ['a gate stays closed if both policies close it', [HIGH], strict, mild, 'staysClosed'],
    ['an exception opens', [HIGH], excepted, mild, 'opens'],
    [
      'an exception for one of two findings leaves the gate closed',
      [HIGH, finding('CVE-5', 'high')],
      excepted,
      mild,
      'staysClosed',
    ],
    [
      'a gate stays open if both policies exempt its findings',
      [FRESH],
      { ...mild, graceDays: { high: 9 } },
      { ...mild, graceDays: { high: 7 } },
      'staysOpen',
    ],
    ['nothing is reported if neither policy has anything to report', [LOW], mild, mild, 'nothing'],
    ['an unknown severity closes nothing', [UNKNOWN], mild, { ...mild, unknownSeverity: 'ignore' }, 'staysOpen'],
    [
      'an unknown severity does not open a closed gate',
      [UNKNOWN],
      mild,
      { ...mild, unknownSeverity: 'block' },
      'staysClosed',
    ],
    [
      'an ignored unknown severity opens',
      [UNKNOWN],
      { ...mild, unknownSeverity: 'ignore' },
      { ...mild, unknownSeverity: 'block' },
      'opens',
    ],
  ];
  test.each(rows)('%s', (_name, findings, by, against, change) => {
    const { gates } = run([image('team/app', findings)], by, against);
    expect(gates.map((gate) => gate.change)).toEqual(change === 'nothing' ? [] : [change]);
  });

  test('an undetermined finding of another image neither clears a blocker nor creates one', () => {
    const unknownIsBlocked = { ...mild, unknownSeverity: 'block' };
    const subjects = [image('team/app', [UNKNOWN]), image('team/app', [LOW])];
    expect(run(subjects, mild, unknownIsBlocked).gates[0]?.change).toBe('staysClosed');
    expect(run([image('team/app', [UNKNOWN]), image('team/app', [HIGH])], excepted, mild).gates[0]?.change).toBe(
      'opens',
    );
  });

  test('names the findings that no longer close a gate, and their exemptions', () => {
    const [gate] = run([image('team/app', [HIGH, LOW])], excepted, strict).gates;
    expect(gate && [ids(gate.reasons), ids(gate.formerReasons)]).toEqual([[], ['CVE-1', 'CVE-2']]);
    expect(gate?.exempted.first).toMatchObject([
      {
        finding: { vulnerability: 'CVE-1' },
        images: 1,
        exemption: { kind: 'exception', exception: { expiresAt: '2026-04-01T00:00:00.000Z' } },
      },
    ]);
  });

  test('a finding that still violates is not a former reason', () => {
    const [gate] = run([image('team/app', [HIGH, LOW])], mild, strict).gates;
    expect(gate && [gate.change, ids(gate.reasons), ids(gate.formerReasons)]).toEqual([
      'staysClosed',
      ['CVE-1'],
      ['CVE-2'],
    ]);
  });

  test('sorts changed gates first', () => {
    const subjects = [image('a', [HIGH]), image('b', [LOW])];
    expect(run(subjects, strict, mild).gates.map(({ name, change }) => [name, change])).toEqual([
      ['b', 'closes'],
      ['a', 'staysClosed'],
    ]);
  });
});

test('each exempted finding appears once for all gates, in the order of the end, and without an end last', () => {
  const by = {
    severityThreshold: 'high',
    unknownSeverity: 'ignore',
    graceDays: { high: 7 },
    exceptions: [{ id: 'CVE-1', expires: '2026-03-05', reason: 'not reachable' }],
  };
  const subjects = [image('b', [HIGH, FRESH, UNKNOWN]), image('a', [HIGH])];
  const { exempted, more } = exemptedIn(run(subjects, by));
  expect(exempted.map((one) => [one.finding.vulnerability, one.until, one.gates.map(({ name }) => name)])).toEqual([
    ['CVE-1', '2026-03-06T00:00:00.000Z', ['a', 'b']],
    ['CVE-4', '2026-03-08T00:00:00.000Z', ['b']],
    ['CVE-3', undefined, ['b']],
  ]);
  expect(more).toBe(0);
});

describe('repositories that serve Lambda functions', () => {
  const GATES = ['a/plain', 'b/lambda', 'c/closed', 'd/denied', 'e/gone', 'f/mild'] as const;
  const IN_USE = { by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' } as const;
  const read = (servesLambda: boolean, ours: 'absent' | 'current') => ({
    inUse: servesLambda ? IN_USE : undefined,
    lock: ours,
    snapshot: undefined,
  });
  const READINGS = new Map<string, ReturnType<typeof read>>([
    ['a/plain', read(false, 'absent')],
    ['b/lambda', read(true, 'absent')],
    ['c/closed', read(true, 'current')],
  ]);
  const asked: string[] = [];
  const readGate = async ({ repository }: { readonly repository: string }) => {
    asked.push(repository);
    if (repository === 'd/denied') throw Object.assign(new Error('no'), { name: 'AccessDeniedException' });
    return READINGS.get(repository);
  };
  const subjects = GATES.map((repository) => image(repository, repository === 'f/mild' ? [UNKNOWN] : [HIGH]));

  test('stay open if the function would not close them, and only repositories that would close are read', async () => {
    const before = run(subjects, { severityThreshold: 'high' });
    const { simulation, notes } = await keepLambdaOpen(before, readGate);
    expect(asked.toSorted()).toEqual(GATES.slice(0, 5));
    expect(simulation.gates.map(({ name, outcome, waitingFor }) => [name, outcome, waitingFor])).toEqual([
      ['a/plain', 'closes', undefined],
      ['c/closed', 'closes', undefined],
      ['d/denied', 'closes', undefined],
      ['e/gone', 'closes', undefined],
      ['f/mild', 'undetermined', undefined],
      ['b/lambda', 'open', 'inUse'],
    ]);
    expect(notes).toEqual([
      'could not check whether d/denied serves Lambda functions (you need ecr:GetRepositoryPolicy): a repository that does stays open unless aws.closeLambdaRepositories is true',
    ]);
    const names = { policy: 'it', against: undefined };
    const lines = [...linesOf({ simulation, reported: before.violating, ...names, all: true, limits: [] })];
    expect(lines[0]).toBe('With it, 4 of 6 gates would close and 2 would stay open, 1 of them undetermined.');
    expect(lines).toContain(
      '  open          b/lambda  (v1; serves Lambda functions, so it stays open unless aws.closeLambdaRepositories is true)',
    );
    const page = pageOf({ simulation, reported: before.violating, ...names, at: NOW, source: 'AWS', notes });
    expect(page).toContain(
      '<p class="soft">It serves Lambda functions, so it stays open unless aws.closeLambdaRepositories is true.</p>',
    );
  });

  test('also stay open compared with another policy, regardless of which policy closes them', async () => {
    for (const [by, against] of [
      ['high', 'critical'],
      ['critical', 'high'],
      ['high', 'medium'],
    ]) {
      const before = run(subjects, { severityThreshold: by }, { severityThreshold: against });
      const { simulation } = await keepLambdaOpen(before, readGate);
      const found = simulation.gates.find(({ name }) => name === 'b/lambda');
      expect(found).toMatchObject({ outcome: 'open', change: 'staysOpen', waitingFor: 'inUse' });
    }
  });

  test('other errors are passed on unchanged', async () => {
    const before = run(subjects, { severityThreshold: 'high' });
    const broken = async () => {
      throw new Error('no network');
    };
    await expect(keepLambdaOpen(before, broken)).rejects.toThrow('no network');
  });
});
