// The story of one vulnerable image, step by step: each step does something, checks that it went as told, and says what happened and why.
import { type LocalAws, startAws } from './aws/cloud.ts';
import type { Advisory } from './aws/inspector.ts';
import { allowing } from './aws/principals.ts';
import { wallClock } from './clock.ts';
import { type Graph, startProgram } from './graph.ts';
import { layOut } from './layout.ts';

/** One line of a step: words, or a line of a policy, which is new (`added`) or was there before (`kept`). */
export interface Line {
  readonly kind: 'text' | 'kept' | 'added';
  readonly text: string;
}

/** What one step tells. */
export interface Step {
  readonly number: number;
  readonly headline: string;
  readonly lines: readonly Line[];
  readonly milliseconds: number;
}

/** Where the story is told. */
export interface Teller {
  readonly title: (text: string) => void;
  readonly step: (step: Step) => void;
  readonly note: (text: string) => void;
}

export interface StoryOptions {
  /** The config of the stack, by full keys. Default: everything from "high" up closes, and CI may push the fix. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Ends the story early; what it started is stopped. */
  readonly signal?: AbortSignal;
}

const REPOSITORY = 'shop/checkout';
const CI = 'arn:aws:iam::123456789012:role/ci';
const PRODUCTION = 'arn:aws:iam::123456789012:role/production';
const INSPECTOR =
  'arn:aws:iam::123456789012:role/aws-service-role/inspector2.amazonaws.com/AWSServiceRoleForAmazonInspector2';
const TEAM_STATEMENT = `{"Sid":"PartnerMayPull","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage","ecr:GetDownloadUrlForLayer"]}`;
const TEAM_POLICY = `{"Version":"2012-10-17","Statement":[${TEAM_STATEMENT}]}`;

/** Of this account, up to the last name. */
const OWN_ROLE = /arn:aws:iam::123456789012:role\/(?:[^"/]+\/)*/g;
const POLICY_WIDTH = 72;

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
 * @throws Error that names the step, what was expected and what came instead, where one does not go as told; or the signal's reason
 */
export async function tellStory(
  teller: Teller,
  { config = CONFIG, signal = new AbortController().signal }: StoryOptions = {},
): Promise<void> {
  const from = performance.now();
  let cloud: LocalAws | undefined;
  let number = 0;
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  const steps: Steps = async (headline, act) => {
    const lines: Line[] = [];
    const startedAt = performance.now();
    number += 1;
    signal.throwIfAborted();
    try {
      const result = await Promise.race([act(sayTo(lines)), aborted]);
      teller.step({ number, headline, lines, milliseconds: performance.now() - startedAt });
      return result;
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new Error(`Step ${number} (${headline}): ${wordsOf(cause)}${lastWord(cloud)}`, { cause });
    }
  };
  const program = startProgram();
  try {
    teller.title(
      'pullgate closes a repository of container images once the scanner finds a vulnerability in it that the policy names, and opens it when the danger is gone. Here it does so on a cloud that runs on this machine: the real program, the deployed function, the real protocols. No account is needed.',
    );
    cloud = await steps('`pulumi up` deploys the stack', async ({ say }) => {
      const graph = await program.graphOf(config);
      const started = await startAws(graph, { clock: wallClock() });
      say(
        `${graph.resources.length} resources, among them a function of ${bundleKilobytes(graph)} KB. The policy: a finding of severity "high" or worse closes the repository.`,
      );
      return started;
    });
    await closing(cloud, steps);
    await waysOut(cloud, steps, (exceptions) => program.graphOf({ ...config, 'pullgate:policy': { exceptions } }));
    teller.note(
      `All ${number} steps went as told, in ${((performance.now() - from) / 1_000).toFixed(1)} s. On AWS a closing takes as long as Inspector’s scan, plus up to aws.batchWindowSeconds (5 by default). Next: README.md, "Deploy".`,
    );
  } finally {
    program.stop();
    await cloud?.stop();
  }
}

interface Say {
  readonly say: (text: string) => void;
  /** Shows the statements of a policy; those that `before` did not have are marked. */
  readonly show: (policyText: string, before?: string) => void;
}
type Steps = <T>(headline: string, act: (say: Say) => Promise<T>) => Promise<T>;

function sayTo(lines: Line[]): Say {
  return {
    say: (text) => void lines.push({ kind: 'text', text }),
    show(policyText, before = policyText) {
      const known = new Set(statementsOf(before));
      for (const statement of statementsOf(policyText)) {
        const kind = known.has(statement) ? 'kept' : 'added';
        for (const text of layOut(JSON.parse(statement), POLICY_WIDTH)) lines.push({ kind, text });
      }
    },
  };
}

/** The statements of a policy as JSON; roles of this account by their last name, which is enough to know them by. */
function statementsOf(policyText: string): readonly string[] {
  const { Statement: statements } = JSON.parse(policyText) as { readonly Statement: readonly unknown[] };
  return statements.map((statement) => JSON.stringify(statement).replaceAll(OWN_ROLE, '…/'));
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function lastWord(cloud: LocalAws | undefined): string {
  const said = cloud === undefined ? undefined : lastDecision(cloud);
  return said === undefined ? '' : `. The function’s last word: ${said}`;
}

/** From the push to the refused pull. */
async function closing(cloud: LocalAws, steps: Steps): Promise<void> {
  const registry = containerClients(cloud);
  await steps(`CI pushes ${REPOSITORY}:1.0, and production pulls it`, async ({ say, show }) => {
    cloud.ecr.createRepository(REPOSITORY, { policyText: TEAM_POLICY });
    check('CI’s push', (await registry.ci.push(REPOSITORY, '1.0', 'checkout 1.0')).status, 201);
    check('production’s pull', (await registry.production.pull(REPOSITORY, '1.0')).status, 200);
    await cloud.runUntilIdle();
    say('Push: 201, created. Pull: 200, allowed. Nobody knows yet that the image is vulnerable.');
    say('The repository has a policy of its own, which a partner needs:');
    show(TEAM_POLICY);
  });
  await steps('Amazon Inspector’s scan reports a finding, and the gate closes', async ({ say, show }) => {
    await scanFinds(cloud, '1.0');
    await cloud.runUntilIdle();
    const after = cloud.ecr.repository(REPOSITORY).policyText ?? '';
    check('pullgate’s statement in the repository’s policy', after.includes('"Sid":"Pullgate'), true);
    check('the team’s statement byte for byte as it was', after.includes(TEAM_STATEMENT), true);
    say(`Why: ${lastDecision(cloud)}.`);
    say(
      'The policy now. pullgate added its statement (+): nobody pulls but the roles that it names, which scan, fetch fixes and push them (“…/” stands for “arn:aws:iam::123456789012:role/” and the path). The team’s own statement is untouched:',
    );
    show(after, TEAM_POLICY);
    const notice = cloud.notices.at(-1);
    say(`People get a mail, "${notice?.subject}", with what, why, and how to get it open:`);
    for (const text of (notice?.message ?? '').split('\n').filter((line) => /^ +\S/.test(line))) say(text);
  });
  await steps('The same pull is refused', async ({ say }) => {
    const { status, message } = await registry.production.pull(REPOSITORY, '1.0');
    check('production’s pull', status, 403);
    say(`Pull: 403, forbidden. ${message}.`);
  });
  await steps('Those who make it safe again still can: Inspector scans, CI pushes the fix', async ({ say }) => {
    check('the scanner’s pull', (await registry.inspector.pull(REPOSITORY, '1.0')).status, 200);
    check('the push of the fix', (await registry.ci.push(REPOSITORY, '1.1', 'checkout 1.1, fixed')).status, 201);
    await cloud.runUntilIdle();
    check('production’s pull of the fix', (await registry.production.pull(REPOSITORY, '1.1')).status, 403);
    say('Inspector’s pull: 200. CI’s push of 1.1: 201.');
    say('The gate stays closed: 1.0 is still there, and ECR closes a repository only as a whole.');
  });
}

/** Two of the ways to open a gate: the image goes, or its finding is excepted. A finding that merely disappears is none. */
async function waysOut(
  cloud: LocalAws,
  steps: Steps,
  graphWith: (exceptions: readonly unknown[]) => Promise<Graph>,
): Promise<void> {
  const registry = containerClients(cloud);
  await steps('The finding disappears without proof, and the gate stays closed', async ({ say }) => {
    const digest = imageOf(cloud, '1.0');
    cloud.inspector.cover({
      repository: REPOSITORY,
      digest,
      statusCode: 'INACTIVE',
      reason: 'SCAN_ELIGIBILITY_EXPIRED',
    });
    await cloud.inspector.closeAllOf(REPOSITORY, digest);
    await cloud.runUntilIdle();
    check('production’s pull', (await registry.production.pull(REPOSITORY, '1.0')).status, 403);
    say(
      'Inspector stops scanning an image that nobody pulls, and closes its findings. That proves nothing, so nothing opens. Pull: 403.',
    );
    say(`Why: ${lastDecision(cloud)}.`);
  });
  await steps('The vulnerable image is deleted, and the gate opens', async ({ say, show }) => {
    await cloud.ecr.deleteImage(REPOSITORY, imageOf(cloud, '1.0'));
    await cloud.runUntilIdle();
    const { policyText = '' } = cloud.ecr.repository(REPOSITORY);
    check('the policy', policyText, TEAM_POLICY);
    check('production’s pull of the fix', (await registry.production.pull(REPOSITORY, '1.1')).status, 200);
    say(`Why: ${lastDecision(cloud)}.`);
    say('The policy is byte for byte what it was at first. Pull of 1.1: 200.');
    show(policyText);
  });
  await steps('Another image has the same vulnerability, and this time it is excepted', async ({ say }) => {
    check('CI’s push', (await registry.ci.push(REPOSITORY, '1.2', 'checkout 1.2')).status, 201);
    await scanFinds(cloud, '1.2');
    await cloud.runUntilIdle();
    check('production’s pull', (await registry.production.pull(REPOSITORY, '1.2')).status, 403);
    say('Push of 1.2: 201. The scan finds the same, and the gate closes. Pull: 403.');
    await cloud.deploy(await graphWith([EXCEPTION]));
    await cloud.bus.fireSchedules();
    await cloud.runUntilIdle();
    check('production’s pull', (await registry.production.pull(REPOSITORY, '1.2')).status, 200);
    say(
      `Security reviews it, and adds an exception to the stack’s config: ${EXCEPTION.id}, until ${EXCEPTION.expires}, because ${EXCEPTION.reason}. Then \`pulumi up\`; the next tick, within five minutes on AWS, looks at everything, and the gate opens. Pull: 200.`,
    );
    say(`Why: ${lastDecision(cloud)}.`);
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

function lastDecision(cloud: LocalAws): string | undefined {
  const message = cloud.logs.findLast(({ json }) => json?.['kind'] === 'decision')?.json?.['message'];
  return typeof message === 'string' ? message : undefined;
}

function bundleKilobytes(graph: Graph): number {
  const [files] = Object.values(graph.archives);
  return Math.round(Buffer.byteLength(files?.['index.mjs'] ?? '') / 1_000);
}

function check(what: string, given: unknown, wanted: unknown): void {
  if (given !== wanted) throw new Error(`${what}: expected ${JSON.stringify(wanted)}, got ${JSON.stringify(given)}`);
}
