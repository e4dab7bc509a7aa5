// The bench's stack on the local AWS: a gate is a repository.
import { startAws } from '../local/aws/cloud.ts';
import type { Advisory } from '../local/aws/inspector.ts';
import { readResources } from '../local/aws/resources.ts';
import { graphOf } from '../local/graph.ts';
import { checkWorked, type Deploy, findingsOf, LOOSE, type World } from './world.ts';

export const deployAws: Deploy = async ({ maxClosesPerHour = LOOSE } = {}) => {
  const graph = await graphOf({ 'pullgate:maxClosesPerHour': maxClosesPerHour });
  const cloud = await startAws(graph);
  const repositories = new Set<string>();
  const work: World['work'] = async (first) => {
    if (first !== undefined) {
      await cloud.lambda.kill();
      cloud.queue.send(JSON.stringify({ pullgate: first }));
    }
    const invocations = await cloud.runUntilIdle({ advance: true });
    const outcomes = invocations.map(({ outcome }) => outcome);
    checkWorked(outcomes, cloud.deadLetters.messages().length, cloud.logs.at(-1)?.text);
    return invocations;
  };
  await work('tick');
  cloud.calls.reset();
  return {
    memoryMegabytes: readResources(graph).lambda.memoryMegabytes,
    async fill(size) {
      const hear = cloud.faults.addToBus({ kind: 'lose' });
      const advisories = (violates: boolean) =>
        Array.from({ length: size.findingsEach }, (_, number) => advisoryOf(number, violates));
      const found = await findingsOf(size, async (repository, tag, violates) => {
        if (!repositories.has(repository)) cloud.ecr.createRepository(repository);
        repositories.add(repository);
        const digest = await cloud.ecr.pushImage(repository, { tag, content: `${repository}:${tag}` });
        cloud.inspector.scanned(repository, digest);
        const arns: string[] = [];
        for (const advisory of advisories(violates))
          arns.push(await cloud.inspector.report({ repository, digest }, advisory));
        return arns;
      });
      hear();
      return found;
    },
    async report(findings) {
      for (const arn of findings) await cloud.bus.put(cloud.inspector.eventOf(arn));
    },
    work,
    count: () => cloud.calls.count(),
    reset: () => cloud.calls.reset(),
    closed: () =>
      [...repositories].filter((name) => (cloud.ecr.repository(name).policyText ?? '').includes('"Sid":"Pullgate'))
        .length,
    stop: () => cloud.stop(),
  };
};

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
