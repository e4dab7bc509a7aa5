// The bench's stack on the local AWS, with repositories as gates.
import { type LocalAws, startAws } from '../local/aws/cloud.ts';
import type { Advisory } from '../local/aws/inspector-finding.ts';
import { readResources } from '../local/aws/resources.ts';
import { graphOf } from '../local/graph.ts';
import { MINUTE_MILLISECONDS } from '../shared/runtime/time.ts';
import { meterOf } from './meter-aws.ts';
import { naive } from './naive/deploy.ts';
import { checkWorked, type Deploy, findingsOf, LOOSE, sharedBy, type World } from './world.ts';

export const deployAws: Deploy = async ({ maxClosesPerHour = LOOSE, sweepHours = 6, isNaive = false } = {}) => {
  const program = await graphOf({
    'pullgate:mode': 'enforce',
    'pullgate:maxClosesPerHour': maxClosesPerHour,
    'pullgate:maxClosesPerDay': 24_000,
    'pullgate:sweepHours': sweepHours,
  });
  const graph = isNaive ? naive(program, 'aws') : program;
  const { lambda, mapping } = readResources(graph);
  const cloud = await startAws(graph);
  const meter = meterOf(cloud, mapping.batchSize, lambda.memoryMegabytes);
  const repositories = new Set<string>();
  const sharedAdvisory = sharedBy(advisoryOf);
  const check = (invocations: Awaited<ReturnType<typeof cloud.runUntilIdle>>) => {
    const outcomes = invocations.map(({ outcome }) => outcome);
    checkWorked(outcomes, cloud.deadLetters.messages().length, cloud.logs.at(-1)?.text);
    return invocations;
  };
  const work: World['work'] = async (first) => {
    if (first !== undefined) {
      await cloud.lambda.kill();
      cloud.queue.send(JSON.stringify({ pullgate: first }));
    }
    return check(await cloud.runUntilIdle({ advance: true }));
  };
  const closed = () => closedAmong(cloud, repositories);
  const reset = () => {
    cloud.calls.reset();
    meter.reset();
  };
  if (!isNaive) await work('tick');
  reset();
  return {
    memoryMegabytes: lambda.memoryMegabytes,
    async fill(size) {
      const { sendsEvents = false } = size;
      const hear = sendsEvents ? () => {} : cloud.faults.addToBus({ kind: 'lose' });
      const queuedBefore = cloud.queue.messages().length;
      const found = await findingsOf(size, async (repository, tag, violates) => {
        if (!repositories.has(repository)) cloud.ecr.createRepository(repository);
        repositories.add(repository);
        const digest = await cloud.ecr.pushImage(repository, { tag, content: `${repository}:${tag}` });
        cloud.inspector.scanned(repository, digest);
        const arns: string[] = [];
        const image = { repository, digest };
        for (let number = 0; number < size.findingsEach; number++)
          arns.push(await cloud.inspector.report(image, sharedAdvisory(number, violates), { event: sendsEvents }));
        if (sendsEvents) await cloud.inspector.reportScanComplete(repository, digest);
        return arns;
      });
      hear();
      meter.events(cloud.queue.messages().length - queuedBefore);
      return found;
    },
    async resolve(findings) {
      cloud.clock.advance(MINUTE_MILLISECONDS);
      const queuedBefore = cloud.queue.messages().length;
      for (const arn of findings) {
        await cloud.inspector.setStatus(arn, 'CLOSED');
        const image = cloud.inspector.finding(arn)?.image;
        if (image !== undefined) cloud.inspector.scanned(image.repository, image.digest);
      }
      meter.events(cloud.queue.messages().length - queuedBefore);
    },
    async report(findings) {
      for (const arn of findings) meter.events(await cloud.bus.put(cloud.inspector.eventOf(arn)));
    },
    work,
    pass: async (milliseconds) => check(await cloud.advance(milliseconds)),
    renew: () => cloud.lambda.kill(),
    now: () => cloud.clock.now().getTime(),
    count: () => cloud.calls.count(),
    billed: meter.read,
    storedBytes: () => ({ records: meter.tableBytes(), exported: 0 }),
    reset,
    ledger: () => ({
      closed: closed(),
      notifiedClosed: notifiedOf(cloud, 'closed'),
      notifiedWaiting: notifiedOf(cloud, 'waiting'),
      queued: cloud.queue.messages().length,
      dead: cloud.deadLetters.messages().length,
    }),
    closed: () => closed().size,
    stop: () => cloud.stop(),
  };
};

function closedAmong({ ecr }: LocalAws, repositories: ReadonlySet<string>): Set<string> {
  return new Set([...repositories].filter((name) => ecr.repository(name).policyText?.includes('"Sid":"Pullgate')));
}

/** The repositories with a notice of this change. */
function notifiedOf({ notices }: LocalAws, change: string): Set<string> {
  return new Set(
    notices.flatMap(({ attributes: { change: kind, repository = '' } }) => {
      if (kind !== change) return [];
      // A summary has an array.
      return repository.startsWith('[') ? (JSON.parse(repository) as readonly string[]) : [repository];
    }),
  );
}

function advisoryOf(number: number, violates: boolean): Advisory {
  const severity = number % 2 === 0 ? 'CRITICAL' : 'HIGH';
  return {
    vulnerability: `CVE-2026-${100_000 + number}`,
    severity: violates ? severity : 'LOW',
    packages: [{ name: `package-${number % 400}`, version: '1.0.0', fixedInVersion: '1.0.1' }],
    fixAvailable: 'YES',
    cvss: [{ baseScore: violates ? 9.8 : 3.1, version: '3.1' }],
  };
}
