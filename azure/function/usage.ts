// What is known about the use of an image on Azure: its last pull, if the registries log pulls to the workspace.
import type { LogsQueryClient } from '@azure/monitor-query';
import { type Gate, gateKey } from '../../shared/gate/gate.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { GateNotice } from '../../shared/report/delivery-text.ts';
import type { LastPull } from '../../shared/report/notice-usage.ts';
import { withinTime } from '../../shared/runtime/deadline.ts';
import { createRunQuery, type RunQuery, rowsOrNone } from './log-analytics.ts';
import { textOf } from './loose-json.ts';

/** What runs an image. Nothing counts it here. */
export const USERS = { one: 'workload', many: 'workloads' };

/** How far back pulls are searched, in days. */
export const PULL_DAYS = 30;
/** Nothing waits long for what only informs. */
const READ_SECONDS = 10;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The last pulls of images. */
export interface Pulls {
  /**
   * Reads the last pulls of these images. While one query runs, all that is asked is collected for the next one. If the
   * read fails or takes longer than ten seconds, waiting included, nothing is known.
   *
   * @param onProblem receives the error of a failed read
   */
  read(digests: readonly string[], onProblem: (error: unknown) => void): Promise<LastPull>;
}

const UNKNOWN: LastPull = () => undefined;

/** If the registries do not log pulls, nothing is known, and nothing is read. */
export const NO_PULLS: Pulls = { read: async () => UNKNOWN };

/** @param seconds how long a read may take. Only tests shorten it */
export function createPulls(client: LogsQueryClient, workspaceId: string, seconds = READ_SECONDS): Pulls {
  const run = createRunQuery(client, workspaceId, { days: PULL_DAYS, seconds, giveUpSeconds: seconds });
  let running: Promise<unknown> = Promise.resolve();
  let next: { readonly digests: Set<string>; readonly answer: Promise<LastPull> } | undefined;

  function begin() {
    const digests = new Set<string>();
    const answer = running.then(() => {
      next = undefined;
      return queryPulls(run, [...digests]);
    });
    running = answer.catch(() => undefined);
    return { digests, answer };
  }

  return {
    async read(digests, onProblem) {
      const known = digests.filter((digest) => DIGEST.test(digest));
      if (known.length === 0) return UNKNOWN;
      next ??= begin();
      for (const digest of known) next.digests.add(digest);
      const { answer } = next;
      // The query that runs before may be stuck, too.
      const tooLate = `the last pulls were not read within ${seconds} seconds`;
      return withinTime(seconds * 1000, tooLate, () => answer).catch((error: unknown) => {
        onProblem(error);
        return UNKNOWN;
      });
    },
  };
}

/**
 * The table and its columns, and that the first exported row creates it:
 * https://learn.microsoft.com/azure/azure-monitor/reference/tables/containerregistryrepositoryevents
 */
async function queryPulls(run: RunQuery, digests: readonly string[]): Promise<LastPull> {
  const query = `let Digests = dynamic(${JSON.stringify(digests)});
ContainerRegistryRepositoryEvents
| where TimeGenerated > ago(${PULL_DAYS}d)
| where tolower(OperationName) == "pull" and Digest in (Digests)
| summarize LastPull = max(TimeGenerated) by Registry = tolower(_ResourceId), Repository, Digest`;
  const pulls = new Map<string, Instant>();
  for (const row of await rowsOrNone(run(query))) {
    const { LastPull: at } = row;
    const image = keyOf(textOf(row['Registry']), textOf(row['Repository']), textOf(row['Digest']));
    if (at instanceof Date) pulls.set(image, at.toISOString());
  }
  return ({ registry, repository }, digest) => pulls.get(keyOf(registry, repository, digest));
}

function keyOf(registry: string, repository: string, digest: string): string {
  return gateKey({ registry: registry.toLowerCase(), repository, digest } satisfies Gate);
}

/** Every image that these notices name. */
export function digestsIn(notices: readonly GateNotice[]): readonly string[] {
  return notices.flatMap(({ notice }) => {
    const cleared = 'clearances' in notice ? notice.clearances : [];
    return [...notice.images, ...cleared].map(({ digest }) => digest);
  });
}
