// One case for each trigger, from the cloud's event to the pull: the deployed bundle on the real protocols. The
// repository has a name that only ECR's own rules allow.
import { DeleteRepositoryPolicyCommand, ECRClient, SetRepositoryPolicyCommand } from '@aws-sdk/client-ecr';
import { expect, onTestFinished, test } from 'vitest';
import { allowing } from '../../../local/aws/principals.ts';
import type { FunctionTrigger } from '../../../shared/reconcile/trigger.ts';
import { CRITICAL, FOREIGN_POLICY, FOREIGN_STATEMENT, HOUR, type Stage, stage } from './stage.ts';

const NAME = 'team---shop/check__out';
const MINUTE = 60_000;

interface Case {
  readonly name: string;
  /** Brings the gate to the point at which the trigger is the only thing missing, then triggers. */
  readonly happens: (stage: Stage) => Promise<void>;
  readonly action: 'closed' | 'opened' | 'restored';
}

/** Pushes a vulnerable image, and loses every event about it. */
async function pushUnheard({ cloud, pushVulnerable, runUntilIdle }: Stage): Promise<string> {
  cloud.faults.addToBus({ kind: 'lose' });
  const { digest } = await pushVulnerable(NAME, 'v1', CRITICAL);
  await runUntilIdle();
  cloud.faults.clear();
  return digest;
}

const CASES: Readonly<Record<FunctionTrigger, Case>> = {
  finding: {
    name: 'an Inspector finding closes the gate',
    async happens({ cloud, pushVulnerable, runUntilIdle, pull }) {
      const { digest } = await pushVulnerable(NAME, 'v1');
      await runUntilIdle();
      expect(await pull('v1', NAME)).toBe('pulled');
      await cloud.inspector.report({ repository: NAME, digest }, CRITICAL);
    },
    action: 'closed',
  },
  scan: {
    name: 'a finished scan closes the gate if the finding event is lost',
    async happens(s) {
      const digest = await pushUnheard(s);
      await s.cloud.inspector.reportScanComplete(NAME, digest);
    },
    action: 'closed',
  },
  push: {
    name: 'a push closes the gate if the finding event is lost',
    async happens(s) {
      const digest = await pushUnheard(s);
      await s.cloud.ecr.tag(NAME, 'v2', digest);
    },
    action: 'closed',
  },
  delete: {
    name: 'the deletion of the image opens the gate',
    async happens({ cloud, pushVulnerable, runUntilIdle }) {
      const { digest } = await pushVulnerable(NAME, 'v1', CRITICAL);
      await runUntilIdle();
      await cloud.ecr.pushImage(NAME, { tag: 'v2' });
      await runUntilIdle();
      await cloud.ecr.deleteImage(NAME, digest);
    },
    action: 'opened',
  },
  sweep: {
    name: 'a sweep closes the gate if every event is lost',
    async happens(s) {
      await pushUnheard(s);
      await s.sweep();
    },
    action: 'closed',
  },
  settings: {
    name: 'a sweep with new settings closes the gate if every event is lost',
    async happens(s) {
      await pushUnheard(s);
      await s.redeploy({ maxClosesPerHour: 2 });
    },
    action: 'closed',
  },
  tick: {
    name: 'a tick closes the gate once the brake admits it',
    async happens({ cloud, pushVulnerable, runUntilIdle }) {
      await pushVulnerable('team/first', 'v1', CRITICAL);
      await runUntilIdle();
      await pushVulnerable(NAME, 'v1', CRITICAL);
      await runUntilIdle();
      await cloud.advance(HOUR + 5 * MINUTE);
    },
    action: 'closed',
  },
  lock: {
    name: 'a tick restores a lock that another tool has removed',
    async happens({ cloud, pushVulnerable, runUntilIdle, pull }) {
      // The first tick sweeps.
      await cloud.advance(5 * MINUTE);
      await pushVulnerable(NAME, 'v1', CRITICAL);
      await runUntilIdle();
      cloud.ecr.repository(NAME).policyText = undefined as never;
      expect(await pull('v1', NAME)).toBe('pulled');
      await cloud.advance(10 * MINUTE);
    },
    action: 'restored',
  },
};

const rows = Object.entries(CASES).map(([trigger, one]) => ({ trigger, ...one }));

test.each(rows)('$trigger: $name', async ({ trigger, happens, action }) => {
  const s = await stage({ maxClosesPerHour: 1 });
  await happens(s);
  await s.runUntilIdle();
  expect(s.lastDecision(NAME)).toMatchObject({ action, triggers: [trigger] });
  await s.tick();
  expect(s.notified(NAME).at(-1)).toBe(action);
  expect(await s.pull(action === 'opened' ? 'v2' : 'v1', NAME)).toBe(action === 'opened' ? 'pulled' : 'refused');
  expect(s.cloud.deadLetters.messages()).toEqual([]);
});

const SESSION = 'arn:aws:sts::123456789012:assumed-role/terraform/run-17';

/** A closed gate, in an account with a trail, and someone else's client for its registry. */
async function closedWithTrail(s: Stage): Promise<ECRClient> {
  s.cloud.trail.start();
  await s.pushVulnerable(NAME, 'v1', CRITICAL);
  await s.runUntilIdle();
  const terraform = s.cloud.principals.add(SESSION, [allowing('ecr:*')]);
  const client = new ECRClient(s.cloud.clientConfig(terraform));
  onTestFinished(() => client.destroy());
  return client;
}

/** The text of the last notice. */
const lastNotice = ({ cloud }: Stage) => cloud.notices.at(-1)?.message ?? '';

test('lock: if the account has a trail, the removal of a lock restores it without a tick, and the notice names who', async () => {
  const s = await stage();
  const terraform = await closedWithTrail(s);
  s.cloud.calls.reset();
  await terraform.send(new DeleteRepositoryPolicyCommand({ repositoryName: NAME }));
  expect(await s.pull('v1', NAME)).toBe('pulled');
  await s.runUntilIdle();
  expect(await s.pull('v1', NAME)).toBe('refused');
  expect(s.lastDecision(NAME)).toMatchObject({ action: 'restored', triggers: ['lock'] });
  // pullgate's own call is no one else's: nothing is left to do.
  expect(s.decisions(NAME)).toHaveLength(2);
  expect(s.calls('inspector2:ListFindings')).toBe(0);
  await s.tick();
  expect(s.notified(NAME)).toEqual(['closed', 'restored']);
  expect(lastNotice(s)).toContain(
    `The last change by someone else: ${SESSION} called DeleteRepositoryPolicy at 2026-03-02 09:`,
  );
  expect(s.cloud.deadLetters.messages()).toEqual([]);
});

test('lock: a change of the policy that leaves the lock alone reads it, and writes nothing', async () => {
  const s = await stage();
  const terraform = await closedWithTrail(s);
  const policyText = (s.policy(NAME) ?? '').replace('"Statement":[', `"Statement":[${FOREIGN_STATEMENT},`);
  await terraform.send(new SetRepositoryPolicyCommand({ repositoryName: NAME, policyText }));
  s.cloud.calls.reset();
  await s.runUntilIdle();
  expect(s.lastDecision(NAME)).toMatchObject({ action: 'nothing', triggers: ['lock'] });
  expect([s.notified(NAME), s.policy(NAME)]).toEqual([['closed'], policyText]);
  expect([s.calls('ecr:GetRepositoryPolicy'), s.calls('ecr:SetRepositoryPolicy')]).toEqual([1, 0]);
  expect(s.calls('ecr:DescribeImages')).toBe(0);
});

test('lock: a refused change, and one in a repository without a gate, change nothing', async () => {
  const s = await stage();
  await closedWithTrail(s);
  const visitor = s.cloud.principals.add('arn:aws:iam::123456789012:user/visitor', []);
  const client = new ECRClient({ ...s.cloud.clientConfig(visitor), maxAttempts: 1 });
  await expect(client.send(new DeleteRepositoryPolicyCommand({ repositoryName: NAME }))).rejects.toThrow(
    'not authorized',
  );
  expect(s.cloud.queue.messages()).toEqual([]);
  s.cloud.ecr.createRepository('team/other');
  const owner = s.cloud.principals.add('arn:aws:iam::123456789012:user/owner', [allowing('ecr:*')]);
  const other = new ECRClient(s.cloud.clientConfig(owner));
  await other.send(new SetRepositoryPolicyCommand({ repositoryName: 'team/other', policyText: FOREIGN_POLICY }));
  s.cloud.calls.reset();
  await s.runUntilIdle();
  expect(s.lastDecision('team/other')).toMatchObject({ action: 'nothing', to: 'open', triggers: ['lock'] });
  expect([s.policy('team/other'), s.calls('ecr:DescribeImages')]).toEqual([FOREIGN_POLICY, 0]);
  client.destroy();
  other.destroy();
});

test('an archived image opens the gate, and neither a sweep nor a late event closes it again', async () => {
  const { cloud, pushVulnerable, runUntilIdle, sweep, lastDecision, notified } = await stage();
  const { digest, arn } = await pushVulnerable(NAME, 'v1', CRITICAL);
  await runUntilIdle();
  await cloud.ecr.archive(NAME, digest);
  await runUntilIdle();
  expect(lastDecision(NAME)).toMatchObject({ action: 'opened', triggers: ['delete'] });
  await sweep();
  await cloud.bus.put(cloud.inspector.eventOf(arn));
  await runUntilIdle();
  expect(notified(NAME)).toEqual(['closed', 'opened']);
});

test('an image that is being reactivated closes the gate before it can be pulled again', async () => {
  const { cloud, pushVulnerable, runUntilIdle, sweep, isClosed, notified } = await stage();
  const { digest } = await pushVulnerable(NAME, 'v1', CRITICAL);
  await runUntilIdle();
  await cloud.ecr.archive(NAME, digest);
  await runUntilIdle();
  cloud.ecr.reactivate(NAME, digest);
  await sweep();
  expect(isClosed(NAME)).toBe(true);
  await cloud.advance(20 * MINUTE);
  expect(isClosed(NAME)).toBe(true);
  expect(notified(NAME)).toEqual(['closed', 'opened', 'restored']);
});

test('a reactivated image closes the gate with the event of its reactivation', async () => {
  const { cloud, pushVulnerable, runUntilIdle, lastDecision, pull } = await stage();
  const { digest } = await pushVulnerable(NAME, 'v1', CRITICAL);
  await runUntilIdle();
  await cloud.ecr.archive(NAME, digest);
  await runUntilIdle();
  cloud.ecr.reactivate(NAME, digest);
  await cloud.advance(20 * MINUTE);
  expect(lastDecision(NAME)).toMatchObject({ action: 'restored', triggers: ['push'] });
  expect(await pull('v1', NAME)).toBe('refused');
});

test('a replicated image closes the gate with the event of its replication', async () => {
  const { cloud, runUntilIdle, lastDecision } = await stage();
  cloud.ecr.createRepository(NAME);
  const content = 'replicated';
  const digest = await cloud.ecr.replicateImage(NAME, { tag: 'v1', content });
  await cloud.inspector.report({ repository: NAME, digest }, CRITICAL, { event: false });
  await runUntilIdle();
  expect(lastDecision(NAME)).toMatchObject({ action: 'closed', triggers: ['push'] });
});

test('a repository that leaves continuous scanning is named in the log, unless the stack excludes it', async () => {
  const { cloud, runUntilIdle, lines } = await stage({ aws: { repositories: { exclude: ['scratch/*'] } } });
  for (const name of [NAME, 'scratch/app']) {
    cloud.ecr.createRepository(name);
    await cloud.ecr.setScanFrequency(name, 'SCAN_ON_PUSH');
    await cloud.ecr.setScanFrequency(name, 'CONTINUOUS_SCAN');
  }
  await runUntilIdle();
  expect(lines('scanReduced')).toEqual([
    {
      kind: 'scanReduced',
      repository: NAME,
      why: 'its scan frequency is SCAN_ON_PUSH now: new vulnerabilities of its images are not found, and nothing proves them clean',
    },
  ]);
  expect(cloud.deadLetters.messages()).toEqual([]);
});

test('a digest that is known to be bad closes another repository at its push, until a scan there proves it clean', async () => {
  const { cloud, pushVulnerable, runUntilIdle, sweep, lastDecision, isClosed, calls } = await stage({
    policy: {
      exceptions: [
        { id: 'CVE-2026-1001', repository: 'team/app', expires: '2027-01-01', reason: 'not reachable there' },
      ],
    },
  });
  await pushVulnerable('team/app', 'v1', CRITICAL);
  await runUntilIdle();
  expect(isClosed('team/app')).toBe(false);
  cloud.ecr.createRepository(NAME);
  cloud.calls.reset();
  const digest = await cloud.ecr.pushImage(NAME, { tag: 'v1', content: 'team/app:v1' });
  await runUntilIdle();
  expect(lastDecision(NAME)).toMatchObject({ action: 'closed', triggers: ['push'], digest });
  expect(calls('inspector2:ListCoverage')).toBe(1);
  await sweep();
  expect(isClosed(NAME)).toBe(true);
  await cloud.advance(HOUR);
  cloud.inspector.scanned(NAME, digest);
  await cloud.advance(10 * MINUTE);
  await sweep();
  expect(lastDecision(NAME)).toMatchObject({ action: 'opened' });
});
