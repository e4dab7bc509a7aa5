// What would make a run fail for a reason that is known before it begins. Nothing is made before this.
import { brakeCounts, IDLE_BRAKE } from '../../shared/gate/brake.ts';
import type { Finding, Instant } from '../../shared/policy/finding.ts';
import { isPaused } from '../../shared/reconcile/schedule.ts';
import { minute } from '../../shared/report/times.ts';
import { EXPECTED } from './image.ts';
import { ANY_DIGEST, rulingFor } from './ruling.ts';
import { SCRATCH, type Scratch } from './scratch.ts';

/** The rule with which scratch repositories close while everything else stays as it is. */
export const RULE_LINES: readonly string[] = [
  'config:',
  '  pullgate:rules:',
  `    - repositories: ["${SCRATCH}/**"]`,
  '      mode: enforce',
];

/** Returns why a run cannot succeed, each with what to do. Empty if nothing is known to prevent it. */
export async function obstaclesTo(scratch: Scratch, stack: string, now: Instant): Promise<readonly string[]> {
  const [pause, brake, health, exists] = await Promise.all([
    pauseProblem(scratch, now),
    brakeProblem(scratch, now),
    scratch.client.scannerHealth(),
    scratch.exists(),
  ]);
  const scanner = health === undefined ? undefined : `the scanner cannot see the registry: ${health}`;
  const taken = exists
    ? `the repository ${scratch.repository} exists already, and is not removed: run the command again, with another name`
    : undefined;
  const found = [
    modeProblem(scratch, stack),
    scopeProblem(scratch),
    policyProblem(scratch, now),
    pause,
    brake,
    scanner,
  ];
  return [...found, taken].filter((problem) => problem !== undefined);
}

function modeProblem(scratch: Scratch, stack: string): string | undefined {
  if (rulingFor(scratch).mode === 'enforce') return undefined;
  return [
    `the mode is audit for ${scratch.repository}, so its gate would not close. Add this rule to Pulumi.${stack}.yaml, at the beginning of pullgate:rules, and run \`pulumi up\`. Everything else keeps its mode:`,
    ...RULE_LINES.map((line) => `    ${line}`),
  ].join('\n');
}

function scopeProblem(scratch: Scratch): string | undefined {
  if (rulingFor(scratch).includes(scratch.repository)) return undefined;
  const key = `pullgate:${scratch.client.cloud}`;
  return `the stack does not include ${scratch.repository}: add "${SCRATCH}/**" to repositories.include of ${key}, or take it out of repositories.exclude, and run \`pulumi up\``;
}

/** The finding that both scanners are expected to report for the vulnerable image. */
const EXPECTED_FINDING: Finding = {
  vulnerability: EXPECTED.vulnerability,
  aliases: [],
  package: { name: EXPECTED.package, version: EXPECTED.version, fixedVersion: EXPECTED.fixedVersion },
  severity: { kind: 'known', severity: 'critical' },
  score: 9.8,
  fix: 'available',
  exploited: false,
  disclosedAt: EXPECTED.disclosedAt,
  state: 'active',
};

function policyProblem(scratch: Scratch, now: Instant): string | undefined {
  const image = { repository: scratch.repository, digest: ANY_DIGEST };
  const { judge } = rulingFor(scratch);
  if (judge(image, [EXPECTED_FINDING], now).kind === 'block') return undefined;
  return `the policy allows the expected finding, a critical vulnerability with a fix (${EXPECTED.vulnerability} in ${EXPECTED.package}, disclosed in 2023): look at exceptions, graceDays and severityThreshold (\`pullgate check\`), or give the rule for ${SCRATCH}/** a policy of its own`;
}

async function pauseProblem({ client }: Scratch, now: Instant): Promise<string | undefined> {
  const { value: pause } = await client.pause.load();
  if (pause === undefined || !isPaused(pause, now)) return undefined;
  return `the stack has been paused since ${minute(pause.at)} by ${pause.by}, so no gate closes: run \`pullgate resume\``;
}

async function brakeProblem({ client }: Scratch, now: Instant): Promise<string | undefined> {
  const { value = IDLE_BRAKE } = await client.brake.load();
  const { left, closedThisHour, maxClosesPerHour, closedThisDay, maxClosesPerDay } = brakeCounts(
    value,
    now,
    client.settings,
  );
  if (left > 0) return undefined;
  return `the brake has no room: ${closedThisHour} of ${maxClosesPerHour} gates closed within the last hour, and ${closedThisDay} of ${maxClosesPerDay} within 24 hours. Wait, or see \`pullgate limit\``;
}
