// The story of one vulnerable image, step by step: each step does something, checks that it went as told, and says what happened and why.
import { type LocalAws, startAws } from './aws/cloud.ts';
import type { Advisory } from './aws/inspector.ts';
import { allowing } from './aws/principals.ts';
import { wallClock } from './clock.ts';
import { type Graph, startProgram } from './graph.ts';

/** What one step tells. */
export interface Step {
  readonly number: number;
  readonly headline: string;
  readonly details: readonly string[];
  readonly milliseconds: number;
}

/** Where the story is told. */
export interface Teller {
  readonly title: (text: string) => void;
  readonly step: (step: Step) => void;
  readonly note: (text: string) => void;
}

const REPOSITORY = 'shop/checkout';
const CI = 'arn:aws:iam::123456789012:role/ci';
const PRODUCTION = 'arn:aws:iam::123456789012:role/production';
const INSPECTOR =
  'arn:aws:iam::123456789012:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2';
const TEAM_STATEMENT = `{"Sid":"PartnerMayPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`;
const TEAM_POLICY = `{"Version":"2012-10-17","Statement":[${TEAM_STATEMENT}]}`;

const ADVISORY: Advisory = {
  vulnerability: 'CVE-2026-1001',
  severity: 'CRITICAL',
  packages: [{ name: 'openssl', version: '3.0.13', fixedInVersion: '3.0.14' }],
  fixAvailable: 'YES',
  cvss: [{ baseScore: 9.8, version: '3.1' }],
  sourceUrl: 'https://example.com/CVE-2026-1001',
};
const CONFIG = { 'pullgate:severityThreshold': 'high', 'pullgate:aws': { exemptPrincipals: [CI] } };
const EXCEPTION = {
  id: ADVISORY.vulnerability,
  repository: REPOSITORY,
  expires: '2099-12-31',
  reason: 'the vulnerable function is not called',
  approvedBy: 'security',
};

/**
 * Tells it.
 *
 * @throws Error that says what was expected and what came instead, where a step does not go as told
 */
export async function tellStory(teller: Teller): Promise<void> {
  const steps = stepper(teller);
  const program = startProgram();
  let cloud: LocalAws | undefined;
  try {
    teller.title(
      'pullgate on a local cloud: the real program, the deployed bundle, the real wire protocols. No account is needed.',
    );
    cloud = await steps('`pulumi up` deploys the stack', async (say) => {
      const graph = await program.graphOf(CONFIG);
      const started = await startAws(graph, { clock: wallClock() });
      say(
        `${graph.resources.length} resources, a function of ${bundleKilobytes(graph)} KB. The policy: a finding from "high" up closes the repository.`,
      );
      return started;
    });
    await closing(cloud, steps);
    await waysOut(cloud, steps, (config) => program.graphOf(config));
    teller.note(
      'On AWS the same takes as long as Inspector’s scan, plus up to aws.batchWindowSeconds (5 by default). Next: README.md, "Deploy".',
    );
  } finally {
    program.stop();
    await cloud?.stop();
  }
}

type Say = (line: string) => void;
type Steps = <T>(headline: string, act: (say: Say) => Promise<T>) => Promise<T>;

/** Numbers the steps and takes their time. */
function stepper(teller: Teller): Steps {
  let number = 0;
  return async (headline, act) => {
    const details: string[] = [];
    const from = performance.now();
    const result = await act((line) => details.push(line));
    teller.step({ number: ++number, headline, details, milliseconds: performance.now() - from });
    return result;
  };
}

/** From the push to the refused pull. */
async function closing(cloud: LocalAws, steps: Steps): Promise<void> {
  const registry = containerClients(cloud);
  await steps(`CI pushes ${REPOSITORY}:1.0, and production pulls it`, async (say) => {
    cloud.ecr.createRepository(REPOSITORY, { policyText: TEAM_POLICY });
    check('the push', (await registry.ci.push(REPOSITORY, '1.0', 'checkout 1.0')).status, 201);
    check('the pull', (await registry.production.pull(REPOSITORY, '1.0')).status, 200);
    await cloud.runUntilIdle();
    say('push: 201, pull: 200. Nobody knows yet that the image is vulnerable.');
  });
  await steps('Amazon Inspector’s scan reports a finding, and the gate closes', async (say) => {
    await scanFinds(cloud, '1.0');
    await cloud.runUntilIdle();
    const after = cloud.ecr.repository(REPOSITORY).policyText ?? '';
    check('the policy has the statement of pullgate', after.includes('"Sid":"Pullgate'), true);
    check('the statement of the team is byte for byte what it was', after.includes(TEAM_STATEMENT), true);
    say(`Why: ${lastDecision(cloud)}`);
    say('The repository’s policy before:');
    for (const line of pretty(TEAM_POLICY)) say(`  ${line}`);
    say('and after (the team’s own statement is untouched):');
    for (const line of pretty(after)) say(`  ${line}`);
    say(`People are told: "${cloud.notices.at(-1)?.subject}"`);
  });
  await steps('The same pull is refused', async (say) => {
    const { status, message } = await registry.production.pull(REPOSITORY, '1.0');
    check('the pull', status, 403);
    say(`pull: 403. ${message}`);
  });
  await steps('Those who make it safe again still can: Inspector scans, CI pushes the fix', async (say) => {
    check('the scanner’s pull', (await registry.inspector.pull(REPOSITORY, '1.0')).status, 200);
    check('the push of the fix', (await registry.ci.push(REPOSITORY, '1.1', 'checkout 1.1, fixed')).status, 201);
    await cloud.runUntilIdle();
    check('the pull of the fix', (await registry.production.pull(REPOSITORY, '1.1')).status, 403);
    say(
      'Inspector’s pull: 200, CI’s push of 1.1: 201. The gate stays closed: 1.0 is still there, and ECR can close a repository only as a whole.',
    );
  });
}

/** Two of the ways to open a gate: the image goes, or its finding is excepted. A finding that merely disappears is none. */
async function waysOut(
  cloud: LocalAws,
  steps: Steps,
  graphOf: (config: Record<string, unknown>) => Promise<Graph>,
): Promise<void> {
  const registry = containerClients(cloud);
  const digestOf = (tag: string) => imageOf(cloud, tag);
  await steps('The finding disappears without proof, and the gate stays closed', async (say) => {
    const digest = digestOf('1.0');
    cloud.inspector.cover({
      repository: REPOSITORY,
      digest,
      statusCode: 'INACTIVE',
      reason: 'SCAN_ELIGIBILITY_EXPIRED',
    });
    await cloud.inspector.closeAllOf(REPOSITORY, digest);
    await cloud.runUntilIdle();
    check('the pull', (await registry.production.pull(REPOSITORY, '1.0')).status, 403);
    say(
      'Inspector stops scanning an image that nobody pulls and closes its findings. That is no proof, so nothing opens:',
    );
    say(lastDecision(cloud));
  });
  await steps('The vulnerable image is deleted, and the gate opens', async (say) => {
    await cloud.ecr.deleteImage(REPOSITORY, digestOf('1.0'));
    await cloud.runUntilIdle();
    check('the policy is what it was at first', cloud.ecr.repository(REPOSITORY).policyText, TEAM_POLICY);
    check('the pull of the fix', (await registry.production.pull(REPOSITORY, '1.1')).status, 200);
    say(`Why: ${lastDecision(cloud)}`);
    say('The policy is byte for byte what it was at first. Pull of 1.1: 200.');
  });
  await steps('Another image has the same finding; this time the finding is excepted', async (say) => {
    check('the push', (await registry.ci.push(REPOSITORY, '1.2', 'checkout 1.2')).status, 201);
    await scanFinds(cloud, '1.2');
    await cloud.runUntilIdle();
    check('the pull', (await registry.production.pull(REPOSITORY, '1.2')).status, 403);
    await cloud.deploy(await graphOf({ ...CONFIG, 'pullgate:policy': { exceptions: [EXCEPTION] } }));
    await cloud.bus.fireSchedules();
    await cloud.runUntilIdle();
    check('the pull', (await registry.production.pull(REPOSITORY, '1.2')).status, 200);
    say(
      'Push of 1.2, scan, closed, pull: 403. Then an exception in the stack’s config and `pulumi up`; the next tick looks at everything:',
    );
    say(`${lastDecision(cloud)}`);
    say('Pull of 1.2: 200.');
  });
}

function containerClients(cloud: LocalAws) {
  const as = (arn: string) => cloud.oci(cloud.principals.add(arn, [allowing('ecr:*')]));
  return { ci: as(CI), production: as(PRODUCTION), inspector: as(INSPECTOR) };
}

async function scanFinds(cloud: LocalAws, tag: string): Promise<void> {
  const digest = imageOf(cloud, tag);
  cloud.inspector.scanned(REPOSITORY, digest);
  await cloud.inspector.report({ repository: REPOSITORY, digest, tags: [tag] }, ADVISORY);
  await cloud.inspector.reportScanComplete(REPOSITORY, digest);
}

function imageOf(cloud: LocalAws, tag: string): string {
  for (const [digest, { tags }] of cloud.ecr.repository(REPOSITORY).images) if (tags.has(tag)) return digest;
  throw new Error(`${REPOSITORY}:${tag} should be in the registry, and is not`);
}

function lastDecision(cloud: LocalAws): string {
  return String(cloud.logs.findLast(({ json }) => json?.['kind'] === 'decision')?.json?.['message']);
}

function bundleKilobytes(graph: Graph): number {
  const [files] = Object.values(graph.archives);
  return Math.round(Buffer.byteLength(files?.['index.mjs'] ?? '') / 1_000);
}

/** A policy with a line a statement. */
function pretty(policyText: string): readonly string[] {
  const { Statement: statements } = JSON.parse(policyText) as { Statement: readonly unknown[] };
  return statements.map((statement) => JSON.stringify(statement));
}

function check(what: string, given: unknown, wanted: unknown): void {
  if (given !== wanted) throw new Error(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(given)}`);
}
