// A stack on the local cloud, and repositories with vulnerable images for it: what the calls and the sweep are measured on.
import { type LocalAws, startAws } from '../local/aws/cloud.ts';
import type { Advisory } from '../local/aws/inspector.ts';
import { graphOf } from '../local/graph.ts';

/** Deploys the stack with the brake as loose as the config allows, unless told otherwise; the first tick is done, and no call is counted yet. */
export async function deployStack(config: Readonly<Record<string, unknown>> = {}): Promise<LocalAws> {
  const cloud = await startAws(await graphOf({ 'pullgate:maxClosesPerHour': 1_000, ...config }));
  await runAll(cloud, '{"pullgate":"tick"}');
  cloud.calls.reset();
  return cloud;
}

/** How many repositories with how many images, and how many findings each image has. */
export interface WorldSize {
  readonly repositories: number;
  readonly imagesEach: number;
  readonly findingsEach: number;
}

/** Findings by repository, image and advisory. */
export type World = readonly (readonly (readonly string[])[])[];

/** Fills the registry, without an event of it, and answers the findings' ARNs. All images have the same advisories, as images of one base do. */
export async function fillRegistry(cloud: LocalAws, size: WorldSize): Promise<World> {
  const hear = cloud.faults.addToBus({ kind: 'lose' });
  const advisories = Array.from({ length: size.findingsEach }, (_, number) => advisoryOf(number));
  const world: string[][][] = [];
  for (let place = 0; place < size.repositories; place++) {
    const repository = `team/app-${place}`;
    cloud.ecr.createRepository(repository);
    const images: string[][] = [];
    for (let number = 0; number < size.imagesEach; number++) {
      const digest = await cloud.ecr.pushImage(repository, { tag: `v${number}`, content: `${repository}:v${number}` });
      cloud.inspector.scanned(repository, digest);
      const findings: string[] = [];
      for (const advisory of advisories) findings.push(await cloud.inspector.report({ repository, digest }, advisory));
      images.push(findings);
    }
    world.push(images);
  }
  hear();
  return world;
}

function advisoryOf(number: number): Advisory {
  return {
    vulnerability: `CVE-2026-${100_000 + number}`,
    severity: number % 2 === 0 ? 'CRITICAL' : 'HIGH',
    packages: [{ name: `package-${number % 400}`, version: '1.0.0', fixedInVersion: '1.0.1' }],
    fixAvailable: 'YES',
    cvss: [{ baseScore: 9.8, version: '3.1' }],
  };
}

/** Hands over all messages, with one more where it is given; answers with the invocations. */
export async function runAll(cloud: LocalAws, message?: string) {
  if (message !== undefined) cloud.queue.send(message);
  const invocations = await cloud.runUntilIdle({ advance: true });
  const failed = invocations.find(({ outcome }) => outcome.kind !== 'answered');
  const dead = cloud.deadLetters.messages().length;
  if (failed !== undefined || dead > 0) {
    throw new Error(
      `the function did not do its work: ${failed?.outcome.kind ?? 'every invocation answered'}, ${dead} dead letters; the end of its log is ${cloud.logs.at(-1)?.text}`,
    );
  }
  return invocations;
}

export function isClosed(cloud: LocalAws, place: number): boolean {
  return (cloud.ecr.repository(`team/app-${place}`).policyText ?? '').includes('"Sid":"Pullgate');
}
