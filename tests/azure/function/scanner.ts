// The function's scanner on a workspace of the local cloud, without a wire between them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LogsQueryClient, LogsTable } from '@azure/monitor-query';
import { createScanner, type RegistryIdentity, WINDOWS } from '../../../azure/function/findings.ts';
import type { Table } from '../../../local/azure/kql-operators.ts';
import { createLogAnalytics, LOGS_HOST } from '../../../local/azure/log-analytics.ts';
import type { Row, TableName } from '../../../local/azure/tables.ts';
import { createWorkspace, type RunningWorkspace } from '../../../local/azure/workspace.ts';
import { virtualClock } from '../../../local/clock.ts';
import type { Policy } from '../../../shared/policy/policy.ts';
import { findingsIn } from '../../../shared/reconcile/observation.ts';
import type { Stage } from '../../local/azure/stage.ts';
import { policy } from '../../shared/samples.ts';
import { REGISTRY_ID, SUBSCRIPTION } from './samples.ts';

export const QUERY = readFileSync(join(import.meta.dirname, '../../../azure/function/findings.kql'), 'utf8');
export const WORKSPACE_ID = '00000000-0000-0000-0000-000000000001';
export const MYACR: RegistryIdentity = { id: REGISTRY_ID, name: 'myacr', loginServer: 'myacr-dns.azurecr.io' };
export const PTEBIC: RegistryIdentity = {
  id: `/subscriptions/${SUBSCRIPTION}/resourceGroups/PytorchEnterprise/providers/Microsoft.ContainerRegistry/registries/ptebic`,
  name: 'ptebic',
  loginServer: 'ptebic.azurecr.io',
};
export const HOUR = 3_600_000;

export type Rows = Readonly<Partial<Record<TableName, readonly Row[]>>>;

export function workspaceOf({
  SecurityRecommendation = [],
  SecurityNestedRecommendation = [],
}: Rows): RunningWorkspace {
  const workspace = createWorkspace(virtualClock());
  workspace.ingestionDelayMilliseconds = 0;
  for (const row of SecurityRecommendation) workspace.ingest('SecurityRecommendation', row);
  for (const row of SecurityNestedRecommendation) workspace.ingest('SecurityNestedRecommendation', row);
  return workspace;
}

/** A workspace on the wire of a stage, without ingestion delay. A role in its resource group gives access. */
export function serveWorkspace({ clock, principals, wire }: Stage, group: string): RunningWorkspace {
  const workspace = createWorkspace(clock);
  workspace.ingestionDelayMilliseconds = 0;
  const id = `${group}/providers/Microsoft.OperationalInsights/workspaces/findings`;
  const named = { customerId: WORKSPACE_ID, id, world: workspace };
  wire.serve(LOGS_HOST, createLogAnalytics({ clock, principals, workspaces: () => [named] }));
  return workspace;
}

/** A table in the form of the SDK: times are dates. */
function sdkTable({ columns, rows }: Table): LogsTable {
  return {
    name: 'PrimaryResult',
    columnDescriptors: columns.map(({ name, type }) => ({
      name,
      type: type as LogsTable['columnDescriptors'][0]['type'],
    })),
    rows: rows.map((row) =>
      columns.map(({ name, type }) => {
        const value = row[name] ?? null;
        return type === 'datetime' && value !== null ? new Date(Number(value)) : value;
      }),
    ) as LogsTable['rows'],
  };
}

/** The scanner on a workspace, with every query that it runs. */
export function scannerOver(workspace: RunningWorkspace, by: Policy = policy(), query = QUERY) {
  const asked: string[] = [];
  const answers: Table[] = [];
  const client: Pick<LogsQueryClient, 'queryWorkspace'> = {
    async queryWorkspace(_workspaceId, text) {
      asked.push(text);
      const answer = workspace.query(text);
      answers.push(answer);
      return { status: 'Success', tables: [sdkTable(answer)] } as never;
    },
  };
  const scanner = createScanner(client as LogsQueryClient, WORKSPACE_ID, query, by);
  return { scanner, asked, answers };
}

/** What the scanner reports about a repository: the names of the findings, by digest. */
export async function found(
  rows: Rows,
  place: RegistryIdentity,
  repository: string,
  image = 'all',
  window: keyof typeof WINDOWS = 'event',
) {
  const { scanner } = scannerOver(workspaceOf(rows));
  const answer = await scanner.reportsOf(place, { repository, digest: image, window: WINDOWS[window] });
  return new Map(
    [...answer].map(([one, reports]) => [one, findingsIn({ reports }).map(({ vulnerability }) => vulnerability)]),
  );
}
