// With unique tags, a fix is another image: the closed repository blocks it, and people are notified once.
import { expect, test } from 'vitest';
import { graphOf } from '../../../local/graph.ts';
import { asOperator, outputsOf, pullgate } from '../../cli/command.ts';
import { leastForStatus, leastForWhy } from '../../cli/command-observing.ts';
import { type Config, CRITICAL, HOUR, programConfig, REPOSITORY, type Stage, stage } from './stage.ts';

const MINUTE = 60_000;
const HOST = '123456789012.dkr.ecr.eu-west-1.amazonaws.com';
const remedies = (s: Stage) => s.cloud.notices.filter(({ attributes }) => attributes['change'] === 'remedy');

/** A repository that 1.4 has closed an hour ago, and the digest of 1.4. */
async function closedBy14(config: Config = {}): Promise<readonly [Stage, string]> {
  const s = await stage(config);
  const { digest } = await s.pushVulnerable(REPOSITORY, '1.4', CRITICAL);
  await s.runUntilIdle();
  await s.cloud.advance(HOUR);
  return [s, digest];
}

/** Pushes an image whose scan finishes a minute later. */
async function pushFix(s: Stage, tag: string): Promise<string> {
  const digest = await s.cloud.ecr.pushImage(REPOSITORY, { tag });
  await s.runUntilIdle();
  s.cloud.clock.advance(MINUTE);
  s.cloud.inspector.scanned(REPOSITORY, digest);
  await s.cloud.inspector.reportScanComplete(REPOSITORY, digest);
  await s.runUntilIdle();
  return digest;
}

test('a fix that its repository blocks is announced once its scan has settled, and opens when 1.4 is untagged', async () => {
  const [s, bad] = await closedBy14();
  const fix = await pushFix(s, '1.5');
  // The findings of a scan may be listed minutes after it, so a tick looks again. The event is not retried.
  const by = (trigger: string) => s.lines('decision').filter(({ triggers }) => [triggers].flat().includes(trigger));
  expect(by('scan')).toEqual([expect.not.objectContaining({ blockedFix: expect.anything() })]);
  await s.cloud.advance(15 * MINUTE);
  expect(by('tick')).toMatchObject([{ action: 'nothing', to: 'closed', blockedFix: fix }]);
  expect([by('scan').length, s.lines('tick').filter(({ due }) => due === 1).length]).toEqual([1, 1]);
  for (let turn = 0; turn < 3; turn++) await s.sweep();
  const [notice, ...others] = remedies(s);
  expect(others).toEqual([]);
  expect(notice?.subject).toBe('[pullgate] fix blocked: team/app');
  expect(notice?.message).toBe(
    `team/app (registry 123456789012) is closed, and blocks the fix for the images that keep it closed.

The fix 1.5 (${fix}) is ready: it was pushed after every image that keeps the repository closed, and no finding in it violates the policy. But the fix 1.5 is blocked by 1.4. No gate opens by itself for a fix. To let it out:
  - Delete 1.4:
      aws ecr batch-delete-image --region eu-west-1 --registry-id 123456789012 --repository-name team/app --image-ids imageDigest=${bad}
  - Or, while the fix rolls out, run \`pullgate override open ${HOST}/team/app:1.5 --for 4h --reason TEXT --approved-by NAME\`.

Why:
  ${bad} (1.4)
    CVE-2026-1001 (critical, CVSS 9.8) in openssl 3.0.13: fixed in 3.0.14. https://nvd.nist.gov/vuln/detail/CVE-2026-1001
    Whether it runs is not known.
  Amazon Inspector counts the use by ECS and EKS only. Other uses are not known: look for the digest where your workloads are defined.
`,
  );
  expect([await s.pull('1.5'), s.notified()]).toEqual(['refused', ['closed', 'remedy']]);
  await s.cloud.ecr.untag(REPOSITORY, '1.4');
  await s.runUntilIdle();
  expect([await s.pull('1.5'), s.notified()]).toEqual(['pulled', ['closed', 'remedy', 'opened']]);
});

test('why and status name the fix, what blocks it, and the commands that let it out', async () => {
  const [s, bad] = await closedBy14();
  const fix = await pushFix(s, '1.5');
  await s.cloud.advance(10 * MINUTE);
  const graph = await graphOf(programConfig({}));
  const ask = (words: readonly string[], least: ReturnType<typeof leastForWhy>) =>
    pullgate([...words, '--outputs', outputsOf(graph)], asOperator(s.cloud, least));
  const lines = [
    '  - Delete 1.4:',
    `      aws ecr batch-delete-image --region eu-west-1 --registry-id 123456789012 --repository-name team/app --image-ids imageDigest=${bad}`,
    `  - Or, while the fix rolls out, run \`pullgate override open ${HOST}/team/app:1.5 --for 4h --reason TEXT --approved-by NAME\`.`,
  ];
  const whyFix = await ask(['why', `${HOST}/${REPOSITORY}:1.5`], leastForWhy(graph));
  expect([whyFix.code, whyFix.stderr]).toEqual([1, '']);
  for (const line of ['This image is the fix. Its repository blocks it because of older images.', ...lines])
    expect(whyFix.stdout).toContain(`  ${line}\n`);
  const whyBlocker = await ask(['why', `${HOST}/${REPOSITORY}:1.4`], leastForWhy(graph));
  for (const line of lines) expect(whyBlocker.stdout).toContain(`  ${line}\n`);
  expect(whyBlocker.stdout).not.toContain('This image is the fix');
  const status = await ask(['status'], leastForStatus(graph));
  expect(status.stdout).toContain(
    `  - AWS: team/app: the fix 1.5 is blocked by 1.4: delete 1.4 (\`aws ecr batch-delete-image --region eu-west-1 --registry-id 123456789012 --repository-name team/app --image-ids imageDigest=${bad}\`), or \`pullgate override open ${HOST}/team/app:1.5 --for 4h --reason TEXT --approved-by NAME\` while it rolls out\n`,
  );
  const json = JSON.parse((await ask(['status', '--json'], leastForStatus(graph))).stdout);
  expect(json.clouds[0].gates[0].blockedFix).toEqual({
    repository: `${HOST}/team/app`,
    fix: { digest: fix, tags: ['1.5'] },
    blockedBy: [{ digest: bad, tags: ['1.4'] }],
    moreBlockedBy: 0,
  });
});

test('a closing whose fix is there already says so in its own notice', async () => {
  const s = await stage();
  const { digest } = await s.pushVulnerable(REPOSITORY, '1.4');
  await s.cloud.advance(HOUR);
  const fix = await pushFix(s, '1.5');
  await s.cloud.advance(HOUR);
  await s.cloud.inspector.report({ repository: REPOSITORY, digest }, CRITICAL);
  await s.runUntilIdle();
  await s.sweep();
  expect(s.notified()).toEqual(['closed']);
  expect(s.cloud.notices[0]?.message).toContain(`\nThe fix 1.5 (${fix}) is ready`);
});

test('an unscanned image, an older one, and one that is undetermined are no fix', async () => {
  const s = await stage();
  await s.pushVulnerable(REPOSITORY, '1.3');
  await s.cloud.advance(HOUR);
  await s.pushVulnerable(REPOSITORY, '1.4', CRITICAL);
  await s.cloud.advance(HOUR);
  await s.cloud.ecr.pushImage(REPOSITORY, { tag: '1.5' });
  await s.pushVulnerable(REPOSITORY, '1.6', { ...CRITICAL, severity: 'UNTRIAGED', cvss: [] });
  await s.cloud.advance(HOUR);
  await s.sweep();
  expect([s.isClosed(REPOSITORY), s.notified()]).toEqual([true, ['closed']]);
});

test('an index is the fix once each image that it lists is scanned, and one that lists a blocker is deleted first', async () => {
  const s = await stage();
  const child = (tag: string, ...advisories: Parameters<Stage['pushVulnerable']>[2][]) =>
    s.pushVulnerable(REPOSITORY, tag, ...advisories);
  const bad = await child('1.4-arm', CRITICAL);
  const old = await s.cloud.ecr.pushIndex(REPOSITORY, { tag: '1.4', children: [bad.digest] });
  await s.cloud.ecr.untag(REPOSITORY, '1.4-arm');
  await s.cloud.advance(HOUR);
  const scanned = await s.cloud.ecr.pushImage(REPOSITORY);
  s.cloud.inspector.scanned(REPOSITORY, scanned);
  const late = await s.cloud.ecr.pushImage(REPOSITORY);
  const fix = await s.cloud.ecr.pushIndex(REPOSITORY, { tag: '1.5', children: [scanned, late] });
  await s.cloud.advance(HOUR);
  await s.sweep();
  expect([s.isClosed(REPOSITORY), s.notified()]).toEqual([true, ['closed']]);
  s.cloud.inspector.scanned(REPOSITORY, late);
  await s.cloud.inspector.reportScanComplete(REPOSITORY, late);
  await s.cloud.advance(HOUR);
  expect(s.notified()).toEqual(['closed', 'remedy']);
  expect(remedies(s)[0]?.message).toContain(`The fix 1.5 (${fix}) is ready`);
  expect(remedies(s)[0]?.message).toContain('the fix 1.5 is blocked by 1.4.');
  expect(remedies(s)[0]?.message).toContain(`imageDigest=${old}\n`);
  expect(remedies(s)[0]?.message).not.toContain(`imageDigest=${bad.digest}`);
});
