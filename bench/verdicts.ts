// How fast the core judges on one core, and how the time grows with the number of findings.
import type { Finding } from '../shared/policy/finding.ts';
import { type Policy, parsePolicy } from '../shared/policy/policy.ts';
import { SEVERITIES } from '../shared/policy/severity.ts';
import { type Judge, judgeBy } from '../shared/policy/verdict.ts';
import { count, median, type Part, ratio, type Scale } from './part.ts';

const SIZES = {
  full: { findings: [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000], rounds: 5, roundMilliseconds: 200 },
  tiny: { findings: [1, 10], rounds: 1, roundMilliseconds: 1 },
} satisfies Record<Scale, object>;

const IMAGE = { repository: 'team/app', digest: `sha256:${'0'.repeat(64)}` };
const NOW = '2026-03-02T09:00:00.000Z';
const EXCEPTIONS = 200;
/** So many advisories for each exception: one finding in ten has an exception for its advisory, however many findings there are. */
const ADVISORIES_EACH = 10;

export const verdicts: Part = {
  title: 'Verdicts',
  async measure(scale) {
    const { findings: sizes, rounds, roundMilliseconds } = SIZES[scale];
    const all = makeFindings(Math.max(...sizes));
    const plain = judgeBy(policyOf('high', undefined));
    const refined = judgeBy(policyOf('high', REFINED));
    const rows: string[][] = [];
    let before: readonly number[] | undefined;
    for (const size of sizes) {
      const findings = all.slice(0, size);
      const times = [plain, refined].map((judge) => verdictMilliseconds(judge, findings, rounds, roundMilliseconds));
      const cells = times.map((time, place) => [
        count(1000 / time),
        ((time * 1e6) / size).toFixed(1),
        before === undefined ? '' : ratio(time, before[place] ?? Number.NaN),
      ]);
      rows.push([count(size), ...cells.flat()]);
      before = times;
    }
    const columns = (policy: string) => [`${policy}: verdicts a second`, 'ns a finding', 'time to row above'];
    return [
      {
        title: `Verdicts on one core: a policy of a threshold alone, and a refined one (${EXCEPTIONS} exceptions, grace, exploited, unfixable)`,
        head: ['findings of the image', ...columns('plain'), ...columns('refined')],
        rows,
      },
    ];
  },
};

/** The time of one verdict, in milliseconds: the median of some rounds, each long enough for the clock. */
function verdictMilliseconds(judge: Judge, findings: readonly Finding[], rounds: number, milliseconds: number): number {
  const repeat = (times: number): number => {
    const startedAt = performance.now();
    for (let done = 0; done < times; done++) {
      const { kind } = judge(IMAGE, findings, NOW);
      if (kind !== 'block')
        throw new Error(`the findings of the bench violate every policy of it; the verdict is ${kind}`);
    }
    return performance.now() - startedAt;
  };
  let times = 1;
  while (repeat(times) < milliseconds / 2) times *= 2;
  return median(Array.from({ length: rounds }, () => repeat(times) / times));
}

const REFINED = {
  unfixable: 'critical',
  exploited: 'medium',
  graceDays: { critical: 3, high: 14, medium: 30 },
  exceptions: Array.from({ length: EXCEPTIONS }, (_, number) => ({
    id: vulnerabilityOf(ADVISORIES_EACH * number + 5),
    expires: '2026-12-31',
    reason: 'not reachable',
    ...(number % 3 === 0 ? { repository: 'team/**' } : {}),
    ...(number % 5 === 0 ? { untilFixed: true } : {}),
  })),
};

function policyOf(threshold: string, refinements: unknown): Policy {
  const parsed = parsePolicy(threshold, refinements);
  if (!parsed.ok) throw new Error(`the bench's own policy is wrong: ${JSON.stringify(parsed.problems)}`);
  return parsed.value;
}

function vulnerabilityOf(number: number): string {
  return `CVE-2026-${100_000 + (number % (ADVISORIES_EACH * EXCEPTIONS))}`;
}

/** Findings of every kind, always the same ones; the first violates. */
function makeFindings(length: number): readonly Finding[] {
  return Array.from({ length }, (_, number): Finding => {
    const severity = SEVERITIES.at(-1 - (number % SEVERITIES.length)) ?? 'critical';
    return {
      vulnerability: vulnerabilityOf(number),
      aliases: number % 2 === 0 ? [`GHSA-${number}`] : [],
      package: { name: `package-${number % 400}`, version: '1.0.0', fixedVersion: '1.0.1' },
      severity: number % 30 === 29 ? { kind: 'unknown', label: 'UNTRIAGED' } : { kind: 'known', severity },
      score: number % 60 === 59 ? undefined : (number % 100) / 10,
      fix: number % 3 === 2 ? 'none' : 'available',
      exploited: number % 50 === 49,
      disclosedAt: new Date(Date.parse(NOW) - ((number % 40) + 20) * 86_400_000).toISOString(),
      state: number % 40 === 39 ? 'suppressed' : 'active',
    };
  });
}
