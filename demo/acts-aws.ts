// Drives the local AWS for the demo: pushes and pulls images, and makes Amazon Inspector report and close findings.

import { type LocalAws, startAws } from '../local/aws/cloud.ts';
import type { Advisory } from '../local/aws/inspector-finding.ts';
import { allowing } from '../local/aws/principals.ts';
import { wallClock } from '../local/clock.ts';
import type { Graph } from '../local/graph.ts';
import { MINUTE_MILLISECONDS } from '../shared/runtime/time.ts';
import type { Acts, Found, ImageRef } from './acts.ts';

/** CI's role, which pushes and is exempt from gates. */
export const CI = 'arn:aws:iam::123456789012:role/ci';
const PRODUCTION = 'arn:aws:iam::123456789012:role/production';
/** Every statement id that pullgate adds to a policy starts with this prefix. */
const OUR_STATEMENT = '"Sid":"Pullgate';
/** Scan times count in minutes: only a scan in a later minute than the violation proves anything about it. */
const SCAN_MILLISECONDS = MINUTE_MILLISECONDS;

export interface AwsActs extends Acts {
  readonly cloud: LocalAws;
}

/** Starts the cloud on the machine's clock, with the stack deployed. */
export async function startAwsActs(graph: Graph): Promise<AwsActs> {
  const cloud = await startAws(graph, { clock: wallClock() });
  const as = (arn: string) => cloud.oci(cloud.principals.add(arn, [allowing('ecr:*')]));
  const [ci, production] = [as(CI), as(PRODUCTION)];
  const made: string[] = [];
  const { ecr, inspector } = cloud;

  const digestOf = (repository: string, tag: string): string => {
    for (const [digest, { tags }] of ecr.repository(repository).images) if (tags.has(tag)) return digest;
    throw new Error(`${repository}:${tag} is not in the registry`);
  };

  return {
    cloud,
    name: 'AWS',
    scanner: 'Amazon Inspector',
    clock: cloud.clock,
    push(repository, tag, content) {
      if (!made.includes(repository)) {
        if (!isThere(cloud, repository)) ecr.createRepository(repository);
        made.push(repository);
      }
      return ci.push(repository, tag, content);
    },
    pull: (repository, reference) => production.pull(repository, reference),
    digestOf,
    async report(image, found) {
      const { repository, digest } = image;
      const tags = [...(ecr.repository(repository).images.get(digest)?.tags ?? [])];
      inspector.scanned(repository, digest);
      for (const one of found) await inspector.report({ repository, digest, tags }, advisoryOf(one));
      await inspector.reportScanComplete(repository, digest);
    },
    async scanClean({ repository, digest }) {
      cloud.clock.advance(SCAN_MILLISECONDS);
      inspector.scanned(repository, digest);
      await inspector.closeAllOf(repository, digest);
      await inspector.reportScanComplete(repository, digest);
    },
    async forget({ repository, digest }) {
      inspector.cover({ repository, digest, statusCode: 'INACTIVE', reason: 'SCAN_ELIGIBILITY_EXPIRED' });
      await inspector.closeAllOf(repository, digest);
      return 'Inspector stops scanning an image that is no longer pulled, and closes its findings.';
    },
    async remove({ repository, digest }: ImageRef) {
      await ecr.deleteImage(repository, digest);
      inspector.uncover(repository, digest);
      await inspector.closeAllOf(repository, digest);
    },
    runUntilIdle: async () => void (await cloud.runUntilIdle({ advance: true })),
    letPass: async (milliseconds) => void (await cloud.advance(milliseconds)),
    async redeploy(next) {
      await cloud.deploy(next);
      await cloud.bus.fireSchedules();
      await cloud.runUntilIdle();
    },
    images: () =>
      made.flatMap((name) => {
        const { images, policyText } = ecr.repository(name);
        const isClosed = policyText?.includes(OUR_STATEMENT) ?? false;
        const setting = policyText === undefined ? '(no repository policy)' : pretty(policyText);
        return [...images].map(([digest, { tags, pushedAt }]) => ({
          ...{ repository: name, digest, tags: [...tags], pushedAt },
          ...{ isClosed, gate: name, setting },
        }));
      }),
    takeLog: () => cloud.logs.splice(0),
    takeMails: () =>
      cloud.notices.splice(0).map(({ subject, message, at }) => ({ subject: subject ?? '', text: message, at })),
    takeGaps: () => [],
    deadLetters: () => cloud.deadLetters.messages().length,
    stop: cloud.stop,
  };
}

function isThere(cloud: LocalAws, repository: string): boolean {
  try {
    return cloud.ecr.repository(repository) !== undefined;
  } catch {
    return false;
  }
}

function pretty(json: string): string {
  return JSON.stringify(JSON.parse(json), undefined, 2);
}

function advisoryOf({ id, severity, score, package: found, fixedVersion, exploited, link }: Found): Advisory {
  return {
    vulnerability: id,
    severity: severity.toUpperCase(),
    packages: [{ ...found, ...(fixedVersion === undefined ? {} : { fixedInVersion: fixedVersion }) }],
    fixAvailable: fixedVersion === undefined ? 'NO' : 'YES',
    ...(exploited === undefined ? {} : { exploitAvailable: exploited ? 'YES' : 'NO' }),
    cvss: score === undefined ? [] : [{ baseScore: score, version: '3.1' }],
    ...(link === undefined ? {} : { sourceUrl: link }),
  };
}
