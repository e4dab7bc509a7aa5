// AWS as a world of the parity tests: Amazon Inspector's findings and repository gates.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { createTable } from '../../aws/function/records.ts';
import { startAws } from '../../local/aws/cloud.ts';
import type { Advisory } from '../../local/aws/inspector-finding.ts';
import { allowing } from '../../local/aws/principals.ts';
import type { Graph } from '../../local/graph.ts';
import { HOUR_MILLISECONDS } from '../../shared/runtime/time.ts';
import { grouped, type Line, SECOND_MILLISECONDS, TICK_HOURS, type Vulnerability, type World } from './world.ts';

export async function startAwsWorld(graph: Graph): Promise<World> {
  const cloud = await startAws(graph);
  const deployer = cloud.principals.add('arn:aws:iam::123456789012:role/deployer', [allowing('ecr:*', 'dynamodb:*')]);
  const puller = cloud.oci(deployer);
  const { tableName } = graph.outputs['aws'] as { readonly tableName: string };
  const pause = createTable(new DynamoDBClient(cloud.clientConfig(deployer)), tableName).row('pause');
  const startedAt = cloud.clock.now();
  let ticks = 0;
  const made = new Set<string>();
  const make = (repository: string) => {
    if (!made.has(repository)) cloud.ecr.createRepository(repository);
    made.add(repository);
  };

  return {
    name: 'AWS',
    registry: cloud.place.account,
    push(repository, options) {
      make(repository);
      return cloud.ecr.pushImage(repository, options);
    },
    pushIndex: cloud.ecr.pushIndex,
    async pushSignature(repository, options) {
      await cloud.ecr.pushArtifact(repository, { ...options, artifactType: 'application/vnd.example.signature' });
    },
    tag: cloud.ecr.tag,
    untag: cloud.ecr.untag,
    deleteImage: cloud.ecr.deleteImage,
    deleteRepository: cloud.ecr.deleteRepository,
    async report(repository, digest, vulnerabilities) {
      cloud.clock.advance(SECOND_MILLISECONDS);
      cloud.inspector.scanned(repository, digest);
      for (const advisory of grouped(vulnerabilities, ({ id }) => id)) {
        const isSuppressed = advisory.some(({ suppressed }) => suppressed === true);
        const status = isSuppressed ? 'SUPPRESSED' : 'ACTIVE';
        await cloud.inspector.report({ repository, digest }, advisoryOf(advisory), { status });
      }
    },
    async forget(repository, digest) {
      cloud.clock.advance(SECOND_MILLISECONDS);
      const why = { statusCode: 'INACTIVE', reason: 'SCAN_ELIGIBILITY_EXPIRED' };
      cloud.inspector.cover({ repository, digest, ...why });
      await cloud.inspector.closeAllOf(repository, digest);
    },
    async removeLock(repository) {
      cloud.ecr.repository(repository).policyText = undefined;
    },
    async setPause(paused) {
      const { version } = await pause.load();
      await pause.save({ paused, at: cloud.clock.now().toISOString(), by: 'operator' }, version);
    },
    deploy: (next) => cloud.deploy(next),
    runUntilIdle: async () => void (await cloud.runUntilIdle()),
    async tick() {
      ticks += 1;
      const at = startedAt.getTime() + ticks * TICK_HOURS * HOUR_MILLISECONDS;
      cloud.clock.advance(at - cloud.clock.now().getTime());
      // The second tick delivers the notices. No read of an index is consistent.
      for (let times = 0; times < 2; times++) {
        cloud.queue.send('{"pullgate":"tick"}');
        await cloud.runUntilIdle();
        cloud.clock.advance(1_000);
      }
    },
    async pull(repository, reference) {
      const { status, message } = await puller.pull(repository, reference);
      if (status === 200) return 'pulled';
      if (status === 403 || status === 404) return 'refused';
      throw new Error(`a pull of ${repository}:${reference} was answered with ${status}: ${message}`);
    },
    decisions: () => linesOf(cloud.logs, 'decision'),
    mails: () => cloud.notices.map(({ subject, message }) => ({ subject: subject ?? '', text: message })),
    startedAt,
    now: () => cloud.clock.now(),
    troubles: () => [
      ...cloud.deadLetters.messages().map(({ body }) => `a dead letter: ${body}`),
      ...['failed', 'refused', 'retryDelayFailed'].flatMap((kind) =>
        linesOf(cloud.logs, kind).map((line) => JSON.stringify(line)),
      ),
    ],
    stop: cloud.stop,
  };
}

function linesOf(logs: readonly { readonly json: Line | undefined }[], kind: string): readonly Line[] {
  return logs.flatMap(({ json }) => (json?.['kind'] === kind ? [json] : []));
}

/** One advisory as Inspector reports it: one finding for all packages. */
function advisoryOf(vulnerabilities: readonly Vulnerability[]): Advisory {
  const [first] = vulnerabilities;
  if (first === undefined) throw new Error('an advisory is of one package at least');
  const { id, severity, score, exploited, epss, disclosedAt, aliases, link } = first;
  const fixAvailable = fixOf(vulnerabilities);
  return {
    vulnerability: id,
    severity: severity === 'unknown' ? 'UNTRIAGED' : severity.toUpperCase(),
    packages: vulnerabilities.map(({ package: found, fix }) => ({
      ...found,
      ...(typeof fix === 'object' ? { fixedInVersion: fix.version } : {}),
    })),
    ...(fixAvailable === undefined ? {} : { fixAvailable }),
    exploitAvailable: exploited === true ? 'YES' : 'NO',
    ...(epss === undefined ? {} : { epss }),
    cvss: score === undefined ? [] : [{ baseScore: score, version: '3.1' }],
    ...(disclosedAt === undefined ? {} : { vendorCreatedAt: disclosedAt }),
    ...(aliases === undefined ? {} : { relatedVulnerabilities: aliases }),
    ...(link === undefined ? {} : { sourceUrl: link }),
  };
}

function fixOf(vulnerabilities: readonly Vulnerability[]): Advisory['fixAvailable'] {
  const fixes = vulnerabilities.map(({ fix }) => fix);
  if (fixes.includes('unknown')) return undefined;
  const without = fixes.filter((fix) => fix === 'none').length;
  if (without === 0) return 'YES';
  return without === fixes.length ? 'NO' : 'PARTIAL';
}
