// A stack on the local cloud, from its config to a pull: with the real program, the deployed bundle and the SDK's
// protocols.
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { onTestFinished } from 'vitest';
import { createTable } from '../../../aws/function/records.ts';
import { type LocalAws, startAws } from '../../../local/aws/cloud.ts';
import type { Advisory } from '../../../local/aws/inspector-finding.ts';
import { allowing } from '../../../local/aws/principals.ts';
import { type Graph, graphOf } from '../../../local/graph.ts';

export const REPOSITORY = 'team/app';
export const DAY = 86_400_000;
export const HOUR = 3_600_000;

/** A statement that the team wrote by hand, with odd spacing. */
export const FOREIGN_STATEMENT =
  '{ "Sid" :"TeamMayPull",  "Effect":"Allow", "Principal": {"AWS":"arn:aws:iam::210987654321:root"},"Action":["ecr:BatchGetImage",   "ecr:GetDownloadUrlForLayer"] }';
export const FOREIGN_POLICY = `{"Version":"2012-10-17",\n   "Statement":[ ${FOREIGN_STATEMENT} ]}`;

/** A critical vulnerability with a fix. */
export const CRITICAL: Advisory = {
  vulnerability: 'CVE-2026-1001',
  severity: 'CRITICAL',
  packages: [{ name: 'openssl', version: '3.0.13', fixedInVersion: '3.0.14' }],
  fixAvailable: 'YES',
  cvss: [{ baseScore: 9.8, version: '3.1' }],
};

/** Keys of the stack's config, without their namespace. */
export type Config = Readonly<Record<string, unknown>>;

/** The line of a decision in the function's log. */
export interface DecisionLine {
  readonly kind: 'decision';
  readonly repository: string;
  readonly digest?: string;
  readonly verdict: string;
  readonly action: string;
  readonly from: string;
  readonly to: string;
  readonly message: string;
  readonly problem?: string;
  readonly images: readonly Readonly<Record<string, unknown>>[];
}

/** An image, and the ARNs of its findings in the order of the advisories. */
export interface Pushed {
  readonly digest: string;
  readonly arns: readonly string[];
  /** The first ARN. */
  readonly arn: string;
}

export interface Stage {
  readonly cloud: LocalAws;
  /** The resources and outputs that were deployed. */
  readonly graph: Graph;
  /** Delivers every event and every retried message. */
  runUntilIdle(): Promise<void>;
  /** Runs a tick, which delivers the pending notices, and the reconciliations that it requests. */
  tick(): Promise<void>;
  /** Runs a sweep and the reconciliations that it requests, and the tick after it. */
  sweep(): Promise<void>;
  /** `pulumi up` with another config, and the two ticks after it. */
  redeploy(config: Config): Promise<void>;
  /** `pulumi up` of another stack in the same account. */
  deployAnother(stack: string, config: Config): Promise<void>;
  /**
   * Creates the repository if it does not exist, and pushes and scans an image with these findings. Does not deliver
   * the events yet.
   */
  pushVulnerable(repository: string, tag: string, ...advisories: readonly Advisory[]): Promise<Pushed>;
  /** Begins a pause, as the command `pullgate pause` does. */
  pause(): Promise<void>;
  /** Whether our statement is in the repository's policy. */
  isClosed(repository?: string): boolean;
  policy(repository?: string): string | undefined;
  /** Pulls as a deployment would. */
  pull(reference: string, repository?: string): Promise<'pulled' | 'refused'>;
  lines(kind: string): readonly Readonly<Record<string, unknown>>[];
  decisions(repository?: string): readonly DecisionLine[];
  lastDecision(repository?: string): DecisionLine;
  /** The kinds of the published notices, in order, from the topic's attribute. */
  notified(repository?: string): readonly string[];
  /** The number of times that a call was made. */
  calls(name: string): number;
}

/** The stack's config by its full keys. The mode is `enforce` unless it is given. */
export function programConfig(config: Config): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries({ mode: 'enforce', ...config }).map(([key, value]) => [`pullgate:${key}`, value]),
  );
}

/**
 * Deploys a stack with this config and runs the first tick with its sweep.
 *
 * @param onEnd is given what stops the cloud. Default: it stops with the test; a hook passes its own.
 */
export async function stage(
  config: Config = {},
  onEnd: (stop: () => Promise<void>) => void = onTestFinished,
): Promise<Stage> {
  const graph = await graphOf(programConfig(config));
  const cloud = await startAws(graph);
  onEnd(() => cloud.stop());
  const deployer = cloud.principals.add('arn:aws:iam::123456789012:role/deployer', [allowing('ecr:*', 'dynamodb:*')]);
  const puller = cloud.oci(deployer);
  const runUntilIdle = async () => {
    await cloud.runUntilIdle({ advance: true });
  };
  const tick = async () => {
    // No read of an index is consistent.
    cloud.clock.advance(1_000);
    cloud.queue.send('{"pullgate":"tick"}');
    await runUntilIdle();
  };
  cloud.queue.send('{"pullgate":"tick"}');
  await runUntilIdle();
  cloud.calls.reset();
  const policy = (repository = REPOSITORY) => cloud.ecr.repository(repository).policyText;
  const lines = (kind: string) => cloud.logs.flatMap(({ json }) => (json?.['kind'] === kind ? [json] : []));
  const decisions = (repository = REPOSITORY) =>
    lines('decision').filter((line) => line['repository'] === repository) as unknown as DecisionLine[];
  return {
    cloud,
    graph,
    runUntilIdle,
    tick,
    async sweep() {
      cloud.queue.send('{"pullgate":"sweep"}');
      await runUntilIdle();
      await tick();
    },
    async redeploy(next) {
      await cloud.deploy(await graphOf(programConfig(next)));
      await tick();
      await tick();
    },
    async pause() {
      const { tableName } = graph.outputs['aws'] as { readonly tableName: string };
      const client = new DynamoDBClient(cloud.clientConfig(deployer));
      await createTable(client, tableName)
        .row('pause')
        .save({ paused: true, at: cloud.clock.now().toISOString(), by: 'somebody' }, 0);
      client.destroy();
    },
    async deployAnother(name, other) {
      await cloud.deploy(await graphOf(programConfig(other), { stack: name }), { stack: name });
      cloud.stack(name).queue.send('{"pullgate":"tick"}');
      await runUntilIdle();
    },
    async pushVulnerable(repository, tag, ...advisories) {
      if (!hasRepository(cloud, repository)) cloud.ecr.createRepository(repository);
      const digest = await cloud.ecr.pushImage(repository, { tag, content: `${repository}:${tag}` });
      cloud.inspector.scanned(repository, digest);
      const arns: string[] = [];
      for (const advisory of advisories) arns.push(await cloud.inspector.report({ repository, digest }, advisory));
      return { digest, arns, arn: arns[0] ?? '' };
    },
    isClosed: (repository) => (policy(repository) ?? '').includes('"Sid":"Pullgate'),
    policy,
    async pull(reference, repository = REPOSITORY) {
      const { status } = await puller.pull(repository, reference);
      if (status === 200) return 'pulled';
      if (status === 403) return 'refused';
      throw new Error(`a pull of ${repository}:${reference} returned status ${status}`);
    },
    lines,
    decisions,
    lastDecision(repository) {
      const last = decisions(repository).at(-1);
      if (last === undefined) throw new Error(`there is no decision about ${repository ?? REPOSITORY}`);
      return last;
    },
    notified: (repository = REPOSITORY) =>
      cloud.notices.flatMap(({ attributes }) =>
        repositoriesOf(attributes).includes(repository) ? [attributes['change'] ?? ''] : [],
      ),
    calls: (name) => cloud.calls.count()[name] ?? 0,
  };
}

/** The repositories that a message is about. A summary has an array of them. */
export function repositoriesOf({ repository = '' }: Readonly<Record<string, string>>): readonly string[] {
  return repository.startsWith('[') ? (JSON.parse(repository) as readonly string[]) : [repository];
}

function hasRepository(cloud: LocalAws, repository: string): boolean {
  try {
    return cloud.ecr.repository(repository) !== undefined;
  } catch {
    return false;
  }
}
