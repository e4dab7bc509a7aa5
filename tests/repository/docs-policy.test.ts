// Proves that docs/policy.md is true: each example is a policy, each answer is the core's, and each field and key of
// the config is there.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { checkText } from '../../cli/check/file.ts';
import { parseConfig } from '../../config/config.ts';
import type { Finding } from '../../shared/policy/finding.ts';
import { type Policy, parsePolicy } from '../../shared/policy/policy.ts';
import { type RuleFor, ruleChooser } from '../../shared/policy/rule.ts';
import { type Severity, severityFrom } from '../../shared/policy/severity.ts';
import { judgeBy, type Verdict } from '../../shared/policy/verdict.ts';
import { daysLater, digest, finding, NOW } from '../shared/samples.ts';
import { blocksOf } from './doc-blocks.ts';

const page = readFileSync('docs/policy.md', 'utf8');
const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/r/providers/Microsoft.ContainerRegistry/registries/contoso';
const WORKSPACE =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/r/providers/Microsoft.OperationalInsights/workspaces/logs';
const SUBNET =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/r/providers/Microsoft.Network/virtualNetworks/hub/subnets/functions';

/** A case as the page tells it: the policy above the table, a finding in words, and the answer. */
interface Case {
  readonly policy: string;
  readonly words: string;
  readonly answer: string;
}

const ON_AWS = 'aws/123456789012/eu-west-1';

/** A policy file of the page: the fields beside each other. */
function rulesIn(text: string): RuleFor {
  const checked = checkText(text);
  if (!checked.ok) throw new Error(`docs/policy.md: ${checked.problems.map((problem) => problem.text).join('; ')}`);
  const { mode = 'audit' } = JSON.parse(text) as { readonly mode?: 'audit' | 'enforce' };
  return ruleChooser({ ...checked.policies, mode });
}

/** The policy for a repository. */
function policyIn(text: string, repository = 'team/app'): Policy {
  return rulesIn(text)(ON_AWS, repository).policy;
}

function cases(): readonly Case[] {
  // The rules' section has a table about repositories in between.
  const tables = page.matchAll(
    /^```json\n([^`]*)^```\n(?:\n\| the repository [^#]*?:\n)?\n\| the finding \| the policy's answer \|\n\|---\|---\|\n((?:\|.*\|\n)+)/gm,
  );
  return [...tables].flatMap(([, policy = '', rows = '']) =>
    rows
      .trim()
      .split('\n')
      .map((row) => {
        const [, words = '', answer = ''] = row.split('|').map((cell) => cell.trim());
        return { policy, words, answer };
      }),
  );
}

type Told = { readonly finding: Finding; readonly repository: string; readonly now: string };

/** What each phrase of a finding's words changes. A phrase that is none of these is a mistake in the page. */
const PHRASES: readonly (readonly [RegExp, (told: Told, word: string, rest: string) => Told])[] = [
  [
    /^(critical|high|medium|low|informational|untriaged)$/,
    (told, word) => withFinding(told, { severity: severityFrom(word) }),
  ],
  [/^CVSS ([\d.]+)$/, (told, score) => withFinding(told, { score: Number(score) })],
  [/^in a (\w+) report$/, (told, word) => withFinding(told, { reportSeverity: word as Severity })],
  [/^with a fix$/, (told) => withFinding(told, { fix: 'available' })],
  [/^no fix$/, (told) => withFinding(told, { fix: 'none' })],
  [/^fix unknown$/, (told) => withFinding(told, { fix: 'unknown' })],
  [/^exploited$/, (told) => withFinding(told, { exploited: true })],
  [/^EPSS ([\d.]+)$/, (told, score) => withFinding(told, { epss: Number(score) })],
  [/^disclosed (\d+) days ago$/, (told, days) => withFinding(told, { disclosedAt: daysLater(-Number(days)) })],
  [/^at (\S+)$/, (told, at) => ({ ...told, now: new Date(at).toISOString() })],
  [/^in (\S+\/\S+)$/, (told, repository) => ({ ...told, repository })],
  [/^in (\w+)$/, (told, name) => withFinding(told, { package: { ...told.finding.package, name } })],
  [/^(CVE-\S+)$/, (told, vulnerability) => withFinding(told, { vulnerability })],
  [/^(GHSA-\S+) alias (\S+)$/, (told, vulnerability, alias) => withFinding(told, { vulnerability, aliases: [alias] })],
];

function withFinding(told: Told, changes: Partial<Finding>): Told {
  return { ...told, finding: { ...told.finding, ...changes } };
}

function toldBy(words: string): Told {
  return words.split(', ').reduce<Told>(
    (told, phrase) => {
      for (const [pattern, change] of PHRASES) {
        const found = pattern.exec(phrase);
        if (found !== null) return change(told, found[1] ?? '', found[2] ?? '');
      }
      throw new Error(
        `docs/policy.md says "${phrase}" of a finding: expected one of ${PHRASES.map(String).join('; ')}`,
      );
    },
    { finding: finding(), repository: 'team/app', now: NOW },
  );
}

/** The core's verdict in the page's words. The threshold itself needs no name. */
function inWords(verdict: Verdict): string {
  if (verdict.kind === 'block') {
    const [{ rule }] = verdict.reasons;
    return rule === 'severityThreshold' ? 'violates' : `violates by ${rule}`;
  }
  if (verdict.kind === 'undetermined') return 'undetermined';
  const [exempted] = verdict.exempted;
  return exempted === undefined ? 'does not count' : `is exempted by ${exempted.exemption.kind}`;
}

describe('an example', () => {
  const examples = blocksOf(page, 'json');

  it.each(examples.map((text) => [text.replaceAll(/\s+/g, ' '), text] as const))('is a policy: %s', (_name, text) => {
    expect(policyIn(text).severityThreshold).toBe(/"severityThreshold": "(\w+)"/.exec(text)?.[1] ?? 'high');
  });

  it('of a stack’s file is a config', () => {
    const [text = '', ...others] = blocksOf(page, 'yaml');
    expect(others).toEqual([]);
    // Pulumi hands an unquoted date over as text: the core schema of YAML knows no dates.
    const { config } = parse(text) as { readonly config: Readonly<Record<string, unknown>> };
    const parsed = parseConfig(config);
    expect(parsed).toMatchObject({ ok: true, value: { policy: { unfixable: 'critical', exploited: 'medium' } } });
    // "Everything that can be there."
    const [exception] = (parsed.ok && parsed.value.policy.exceptions) || [];
    expect(Object.keys(parsed.ok ? parsed.value.refinements : {}).toSorted()).toEqual(FIELDS.slice(1).toSorted());
    expect(exception).toEqual({
      id: 'CVE-2026-1001',
      repository: 'shop/*',
      package: 'openssl',
      expiresAt: '2027-01-01T00:00:00.000Z',
      reason: 'the vulnerable function is not called',
      approvedBy: 'security@example.com',
      untilFixed: true,
    });
  });
});

/** Every field of the policy, as the core names them. */
const FIELDS = [
  'severityThreshold',
  'unfixable',
  'unknownSeverity',
  'exploited',
  'epss',
  'graceDays',
  'images',
  'exceptions',
];

describe('a case', () => {
  it.each(cases().map(({ words, answer, policy }) => [words, answer, policy] as const))(
    '%s: %s',
    (words, answer, text) => {
      const { finding: told, repository, now } = toldBy(words);
      expect(inWords(judgeBy(policyIn(text, repository))({ repository, digest: digest(1) }, [told], now))).toBe(answer);
    },
  );

  it('names every field that judges findings', () => {
    const told = new Set(cases().flatMap(({ policy }) => Object.keys(JSON.parse(policy) as object)));
    // Which images count is decided before their findings are: tests/shared/reconcile/reconcile.test.ts and
    // tests/e2e/aws/policies.test.ts.
    expect([...told].toSorted()).toEqual([...FIELDS.filter((field) => field !== 'images'), 'mode', 'rules'].toSorted());
  });

  it('of a repository has the rule and the mode of the first match', () => {
    const [, text = '', rows = ''] =
      /^```json\n([^`]*)^```\n\n\| the repository .*\n\|---\|---\|---\|\n((?:\|.*\|\n)+)/m.exec(page) ?? [];
    const ruleFor = rulesIn(text);
    const told = rows
      .trim()
      .split('\n')
      .map((row) => row.split('|').map((cell) => cell.trim()));
    expect(told).toHaveLength(5);
    for (const [, place = '', rule, mode] of told) {
      const [repository = '', target = ''] = place.split(' of ');
      const ruling = ruleFor(target, repository);
      expect([place, ruling.rule ?? 'none', ruling.mode]).toEqual([place, rule, mode]);
    }
  });

  it('that is none of the page’s words is found', () => {
    expect(() => toldBy('critical, perhaps')).toThrow('docs/policy.md says "perhaps" of a finding');
  });
});

describe('the page', () => {
  it('has a heading for every field of the policy, and a row in the table above', () => {
    const parsed = parsePolicy(undefined, undefined);
    expect(Object.keys(parsed.ok ? parsed.value : {}).toSorted()).toEqual(FIELDS.toSorted());
    for (const field of FIELDS) {
      expect(page).toMatch(new RegExp(`^## ${field}$`, 'm'));
      expect(page).toContain(`| [\`${field}\`](#${field.toLowerCase()}) |`);
    }
  });

  it('has a row for every key of an exception', () => {
    const full = {
      id: 'CVE-2026-1001',
      repository: '**',
      digest: digest(1),
      package: 'openssl',
      expires: '2026-12-31',
      reason: 'all keys',
      approvedBy: 'security',
      untilFixed: false,
    };
    const parsed = parsePolicy(undefined, { exceptions: [full] });
    // As many as the core keeps; it keeps the end under another name.
    expect(Object.keys((parsed.ok && parsed.value.exceptions[0]) || {})).toHaveLength(Object.keys(full).length);
    const [, section = ''] = page.split('\n## exceptions\n');
    const rows = [...section.matchAll(/^\| `(\w+)` \| (yes)? ?\|/gm)];
    expect(rows.map(([, key]) => key).toSorted()).toEqual(Object.keys(full).toSorted());
    for (const [, key = '', needed] of rows) {
      const { [key]: _left, ...rest } = full as Readonly<Record<string, unknown>>;
      expect([key, parsePolicy(undefined, { exceptions: [rest] }).ok]).toEqual([key, needed === undefined]);
    }
  });

  it('has a row for every other key of the config', () => {
    const parsed = parseConfig({
      'azure-native:location': 'westeurope',
      'pullgate:clouds': ['azure'],
      'pullgate:maxClosesPerHour': 25,
      'pullgate:maxClosesPerDay': 100,
      'pullgate:aws': { reservedConcurrency: 5 },
      'pullgate:azure': {
        registries: [REGISTRY],
        workspaceId: WORKSPACE,
        subnetId: SUBNET,
        cveDetails: { managementGroupId: 'platform' },
        pushEvents: true,
      },
    });
    if (!parsed.ok) throw new Error('the config of this test is one');
    const {
      policy: _policy,
      refinements: _refinements,
      rules: _rules,
      givenRules: _given,
      aws,
      azure,
      ...shared
    } = parsed.value;
    const keys = [
      ...Object.keys(shared),
      ...Object.keys(aws).map((key) => `aws.${key}`),
      ...Object.keys(azure).map((key) => `azure.${key}`),
    ];
    const [, section = ''] = page.split('\n## The other keys\n');
    expect([...section.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, key]) => key).toSorted()).toEqual(keys.toSorted());
  });
});
