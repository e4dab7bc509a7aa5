// The bench's stack on the local Azure, with images as gates.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from '../local/azure/acr.ts';
import type { Cve, Package } from '../local/azure/assessment.ts';
import { type LocalAzure, startAzure } from '../local/azure/cloud.ts';
import { readResources } from '../local/azure/resources.ts';
import { TABLE_NAMES } from '../local/azure/tables.ts';
import { graphOf } from '../local/graph.ts';
import { HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../shared/runtime/time.ts';
import { naive } from './naive/deploy.ts';
import {
  bytesOf,
  type Counts,
  checkWorked,
  type DeployOptions,
  findingsOf,
  LOOSE,
  type Run,
  sharedBy,
  type World,
} from './world.ts';

const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/images/providers/Microsoft.ContainerRegistry/registries/acmeimages';
/** The number of messages that the host takes at once: batchSize in host.json, or its default. */
const MESSAGES_PER_REQUEST = { ours: 32, naive: 16 };

export const AZURE_CONFIG = {
  'azure-native:location': 'westeurope',
  'pullgate:clouds': ['azure'],
  'pullgate:mode': 'enforce',
  'pullgate:azure': { registries: [REGISTRY] },
  'pullgate:notifyEmails': ['security@example.com'],
};

export interface AzureDeployOptions extends DeployOptions {
  /** The delay until a row can be read after its event, in minutes. Default: 0. */
  readonly rowsAreLateMinutes?: number;
}

export async function deployAzure({
  maxClosesPerHour = LOOSE,
  sweepHours = 6,
  isNaive = false,
  rowsAreLateMinutes = 0,
}: AzureDeployOptions = {}): Promise<World> {
  const program = await graphOf({
    ...AZURE_CONFIG,
    'pullgate:maxClosesPerHour': maxClosesPerHour,
    'pullgate:maxClosesPerDay': 24_000,
    'pullgate:sweepHours': sweepHours,
  });
  const graph = isNaive ? naive(program, 'azure') : program;
  const { memoryMegabytes } = readResources(graph).app;
  const cloud = await startAzure(graph);
  cloud.workspace.ingestionDelayMilliseconds = rowsAreLateMinutes * MINUTE_MILLISECONDS;
  const registry = cloud.acr.registry(REGISTRY);
  const sharedCve = sharedBy(cveOf);
  let [linesBefore, runsBefore, activeSeconds] = [0, 0, 0];
  /**
   * The instance is billed while any invocation runs, regardless of how many run at once.
   * Source: https://learn.microsoft.com/azure/azure-functions/flex-consumption-plan#billing
   */
  const check = async (handOver: () => Promise<Awaited<ReturnType<typeof cloud.runUntilIdle>>>) => {
    const startedAt = performance.now();
    const invocations = await handOver();
    activeSeconds += (performance.now() - startedAt) / 1000;
    const outcomes = invocations.map(({ outcome }) => outcome);
    checkWorked(outcomes, cloud.poisonQueue.messages().length, cloud.logs.at(-1)?.text);
    return invocations;
  };
  const work: World['work'] = async (first) => {
    if (first !== undefined) await cloud.host.kill();
    if (first === 'sweep') cloud.clock.advance(sweepHours * HOUR_MILLISECONDS);
    return check(async () => {
      const fired = first === undefined ? [] : [await cloud.fireTimer('tick')];
      return [...fired, ...(await cloud.runUntilIdle({ advance: true }))];
    });
  };
  const reset = () => {
    cloud.calls.reset();
    [linesBefore, runsBefore, activeSeconds] = [cloud.logs.length, cloud.logicApp.runs.length, 0];
  };
  /**
   * Storage transactions include those of the Logic App and of the host, which receives many messages at once and
   * deletes each one separately.
   */
  function billed(runs: readonly Run[]): Counts {
    const calls = cloud.calls.count();
    const messages = runs.filter((run) => 'functionName' in run && run.functionName === 'message').length;
    const transactions = Object.entries(calls).flatMap(([name, count]) => (/^(table|queue):/.test(name) ? count : 0));
    return {
      'function executions': runs.length,
      'function GB-seconds': activeSeconds * (memoryMegabytes / 1024),
      'storage transactions':
        transactions.reduce((sum, count) => sum + count, 0) +
        messages +
        Math.ceil(messages / MESSAGES_PER_REQUEST[isNaive ? 'naive' : 'ours']),
      'Logic App runs': cloud.logicApp.runs.length - runsBefore,
      mails: calls['mail:Send'] ?? 0,
      'Log Analytics queries': calls['logs:Query'] ?? 0,
      'log, MB': bytesOf(cloud.logs.slice(linesBefore)) / 1e6,
    };
  }
  if (!isNaive) await work('tick');
  reset();
  return {
    memoryMegabytes,
    async fill(size) {
      const { findingsPerReport = 1, sendsEvents = false } = size;
      const hear = sendsEvents ? () => {} : cloud.faults.addToBus({ kind: 'lose', to: 'LogicApp' });
      const found = await findingsOf(size, async (repository, tag, violates) => {
        const digest = registry.push(repository, { tag, content: `${repository}:${tag}` });
        const ids: string[] = [];
        for (let number = 0; number < size.findingsEach; number += findingsPerReport) {
          const cves = Array.from({ length: findingsPerReport }, (_, index) => sharedCve(number + index, violates));
          const reported = { package: packageOf(number), cves, details: 'rich' as const };
          ids.push(...(await cloud.defender.assess({ registry: REGISTRY, repository, digest, ...reported })));
        }
        return ids;
      });
      hear();
      return found;
    },
    resolve: (findings) => cloud.defender.setStatus(findings, 'Healthy'),
    report: (findings) => cloud.defender.setStatus(findings, 'Unhealthy'),
    work,
    pass: (milliseconds) => check(() => cloud.advance(milliseconds)),
    slowCalls: (seconds) => {
      cloud.calls.before(({ principal }) => (principal.id === cloud.identity.id ? sleep(seconds * 1000) : undefined));
    },
    renew: () => cloud.host.kill(),
    now: () => cloud.clock.now().getTime(),
    // Calls of the Logic App, and the host's own calls of the queue, are not the function's.
    count: () => cloud.calls.count(cloud.identity.id),
    billed,
    storedBytes: () => ({
      records: jsonBytes(cloud.table.entities()),
      exported: TABLE_NAMES.reduce((sum, name) => sum + jsonBytes(cloud.workspace.rows(name)), 0),
    }),
    reset,
    ledger: () => ({
      closed: new Set(closedManifests(registry)),
      notifiedClosed: notifiedOf(cloud, 'closed', 'closed'),
      notifiedWaiting: notifiedOf(cloud, 'NOT closed', 'waiting'),
      queued: cloud.queue.messages().length,
      dead: cloud.poisonQueue.messages().length,
    }),
    closed: () => closedManifests(registry).length,
    stop: () => cloud.stop(),
  };
}

/** The approximate bytes that a store of rows counts: names and values as text. */
function jsonBytes(rows: readonly unknown[]): number {
  return rows.reduce<number>((sum, row) => sum + Buffer.byteLength(JSON.stringify(row)), 0);
}

/** The repository of each closed manifest. */
function closedManifests({ repositories }: Registry): readonly string[] {
  return [...repositories.values()].flatMap(({ name, manifests }) =>
    [...manifests.values()].flatMap(({ attributes }) => (attributes.readEnabled ? [] : name)),
  );
}

/**
 * The repositories that a mail with these words names. A summary counts all its gates and names some: if the mails
 * count as many as the log has decisions with this action, none of them lacks its notice.
 */
function notifiedOf({ mails, logs }: LocalAzure, what: string, action: string): Set<string> {
  const lines = mails.flatMap(({ subject, plainText = '' }) => [subject, ...plainText.split('\n')]);
  const named = lines.flatMap((line) => new RegExp(`^\\[pullgate\\] ${what}: ([^@]+)`).exec(line)?.[1] ?? []);
  const counts = lines.map((line) => Number(new RegExp(`^\\[pullgate\\] (\\d+) ${what}$`).exec(line)?.[1] ?? 0));
  const decided = logs.flatMap(({ json }) => (json?.['action'] === action ? [String(json['repository'])] : []));
  const isEach = counts.reduce((sum, count) => sum + count, named.length) >= decided.length;
  return new Set(isEach ? [...named, ...decided] : named);
}

function packageOf(number: number): Package {
  return { name: `package-${number}`, version: '1.0.0', fixedVersion: '1.0.1' };
}

function cveOf(number: number, violates: boolean): Cve {
  const severity = number % 2 === 0 ? 'Critical' : 'High';
  return { id: `CVE-2026-${100_000 + number}`, severity: violates ? severity : 'Low', score: violates ? 9.8 : 3.1 };
}
