// Runs the query of an alert over log lines, on the local workspace.
import { evidenceAlarms } from '../../../azure/component/evidence-alarms.ts';
import type { Json } from '../../../local/azure/tables.ts';
import { START } from '../../../local/clock.ts';
import { HOUR, workspaceOf } from '../function/scanner.ts';

export type Line = Readonly<Record<string, Json>>;

/** Is the alert raised by log lines that were written this many hours ago? */
export function isRaised(name: string, lines: readonly (readonly [hoursAgo: number, line: Line])[]): boolean {
  const workspace = workspaceOf({
    SecurityRecommendation: lines.map(([hoursAgo, line]) => ({
      TimeGenerated: START.getTime() - hoursAgo * HOUR,
      Properties: line,
    })),
  });
  const spec = evidenceAlarms(6, true).find((one) => one.name === name);
  if (spec === undefined) throw new Error(`there is no alert ${name}`);
  const period = spec.lookbackDays === undefined ? `${spec.windowMinutes}m` : `${spec.lookbackDays}d`;
  const source = `SecurityRecommendation | where TimeGenerated > ago(${period}) | extend line = Properties`;
  return workspace.query(`${source} | ${spec.query}`).rows.length > 0;
}
