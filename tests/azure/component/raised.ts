// Runs the query of an alert or of a panel over log lines, on the local workspace.
import { evidenceAlarms } from '../../../azure/component/evidence-alarms.ts';
import { PANELS } from '../../../azure/component/panels.ts';
import type { Json } from '../../../local/azure/tables.ts';
import { START } from '../../../local/clock.ts';
import { HOUR, workspaceOf } from '../function/scanner.ts';

export type Line = Readonly<Record<string, Json>>;

/** Log lines that were written this many hours ago. */
type Lines = readonly (readonly [hoursAgo: number, line: Line])[];

/** Is the alert raised by these lines? */
export function isRaised(name: string, lines: Lines): boolean {
  const spec = evidenceAlarms(6, true).find((one) => one.name === name);
  if (spec === undefined) throw new Error(`there is no alert ${name}`);
  const period = spec.lookbackDays === undefined ? `${spec.windowMinutes}m` : `${spec.lookbackDays}d`;
  return rowsOf(spec.query, period, lines).length > 0;
}

/** The rows that a panel shows of the lines of the last week. */
export function shownBy(name: string, lines: Lines): readonly unknown[] {
  const panel = PANELS.find((one) => one.name === name);
  if (panel === undefined) throw new Error(`there is no panel ${name}`);
  return rowsOf(panel.query, '7d', lines);
}

function rowsOf(query: string, period: string, lines: Lines): readonly unknown[] {
  const workspace = workspaceOf({
    SecurityRecommendation: lines.map(([hoursAgo, line]) => ({
      TimeGenerated: START.getTime() - hoursAgo * HOUR,
      Properties: line,
    })),
  });
  const source = `SecurityRecommendation | where TimeGenerated > ago(${period}) | extend line = Properties`;
  return workspace.query(`${source} | ${query}`).rows;
}
