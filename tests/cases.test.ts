// Walks the cases in tests/events/cases, inputs that pullgate got wrong once, and holds the right value of each.
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  denyStatement,
  parseRepositoryPolicy,
  statementsNamingPrincipals,
  withOurs,
  withoutOurs,
} from '../aws/function/repository-policy.ts';
import { parseConfig } from '../config/config.ts';
import { fileOf, pullgate } from './cli/command.ts';

const FOLDER = join(import.meta.dirname, 'events/cases');
const pathOf = (name: string) => join(FOLDER, name);
const textOf = (name: string) => readFileSync(pathOf(name), 'utf8');

/** What `simulate` answers: its exit code, the gates with their word, and a part of what it says on stderr. */
type Answer = readonly [code: number, gates: readonly string[], says: string];
const MORE = (key: string) => `is incomplete: ${key} shows that more pages follow`;
const SIMULATED: Readonly<Record<string, Answer>> = {
  'arg-powershell-skiptoken.json': [0, [], MORE('SkipToken')],
  'arg-result-truncated.json': [0, [], MORE('totalRecords')],
  'arg-skipToken-camel.json': [0, [], MORE('skipToken')],
  'asff-event-detail.json': [2, [], 'it looks like findings from AWS Security Hub'],
  'defender-portal-export.csv': [2, [], 'is CSV, such as an export of the Azure portal'],
  'eventbridge-inspector-event.json': [2, [], 'it looks like an event of EventBridge'],
  'spdx.json': [2, [], 'it looks like a bill of materials'],
  'trivy-before-schema-2.json': [2, [], 'a report of Trivy before version 0.20: scan again with a newer Trivy'],
  'trivy-disclosed-in-2999.json': [1, ['closes app:1'], 'a disclosure date in the future, so graceDays does not'],
  'trivy-empty-artifact-name.json': [1, ['closes unnamed-1'], ''],
  'trivy-sbom-of-image.json': [1, ['closes team/app'], ''],
};

describe('simulate', () => {
  const policy = fileOf('{ "severityThreshold": "high", "graceDays": { "critical": 30 } }');
  it.each(Object.entries(SIMULATED))('%s', async (name, [code, gates, says]) => {
    const ran = await pullgate(['simulate', pathOf(name), '--policy', policy]);
    const rows = [...ran.stdout.matchAll(/^ {2}(closes|open) +(\S+)/gm)].map(([, word, gate]) => `${word} ${gate}`);
    expect([ran.code, rows]).toEqual([code, gates]);
    expect(ran.stderr).toContain(says);
  });

  it('reports without a name are images of their own', async () => {
    const name = pathOf('trivy-empty-artifact-name.json');
    const { stdout } = await pullgate(['simulate', name, name, '--policy', policy]);
    expect(stdout).toContain('2 of 2 gates would close');
  });
});

const POLICIES: Readonly<Record<string, (text: string) => void>> = {
  'policy-notprincipal-of-deleted-role.json'(text) {
    expect(statementsNamingPrincipals(policyOf(text), OURS.Sid)).toEqual(['"DenyRest" (AROADELETEDDELETEDDEL)']);
  },
  'policy-single-object-statement.json'(text) {
    expect(withoutOurs(policyOf(withOurs(policyOf(text), OURS)), [OURS.Sid])).toBe(text);
  },
};
const OURS = denyStatement({
  statementId: 'Pullgate0a1b2c3d4e5f',
  partition: 'aws',
  accountId: '111122223333',
  roleArn: 'arn:aws:iam::111122223333:role/pullgate',
  exemptPrincipals: [],
});
function policyOf(text: string) {
  const policy = parseRepositoryPolicy(text);
  if (policy === undefined) throw new Error('not a policy');
  return policy;
}

describe("another's repository policy", () => {
  it.each(Object.entries(POLICIES))('%s', (name, holds) => {
    expect.hasAssertions();
    holds(textOf(name));
  });
});

const NOW = '2026-11-01T00:00:00.000Z';
const CONFIGS: Readonly<Record<string, (text: string) => unknown>> = {
  'config-exempt-iam-user.json': (text) => JSON.parse(text),
  // Pulumi hands a date without quotes over in this form.
  'Pulumi.unquoted-date.yaml'(text) {
    const [, id, date, reason] = /id: (\S+)\s+expires: (\S+)\s+reason: (.+)/.exec(text) ?? [];
    const exceptions = [{ id, expires: `${date} 00:00:00 +0000 UTC`, reason }];
    return { 'pullgate:policy': JSON.stringify({ exceptions }) };
  },
};

describe('config', () => {
  it.each(Object.entries(CONFIGS))('%s is accepted', (name, configOf) => {
    const parsed = parseConfig(configOf(textOf(name)) as Record<string, unknown>, NOW);
    expect(parsed).toMatchObject({ ok: true });
    if (!parsed.ok) return;
    const { policy, aws } = parsed.value;
    const ends = policy.exceptions.map(({ expiresAt }) => expiresAt);
    expect([...aws.exemptPrincipals, ...ends]).toHaveLength(1);
    if (name.startsWith('Pulumi')) expect(ends).toEqual(['2027-01-01T00:00:00.000Z']);
  });
});

it('every case is held', () => {
  const held = [SIMULATED, POLICIES, CONFIGS].flatMap((cases) => Object.keys(cases));
  const all = readdirSync(FOLDER).filter((file) => basename(file) !== 'README.md');
  expect(held.toSorted()).toEqual(all.toSorted());
});
