// What raises an alert: plain data, with words that say what it means and what to do.
import * as monitor from '@pulumi/azure-native/monitor/index.js';
import * as pulumi from '@pulumi/pulumi';
import type { Placement, Workspace } from './placement.ts';

/** One alert. It is raised when its query finds a row. */
export interface AlarmSpec {
  /** The end of the resource's name. */
  readonly name: string;
  /** What it reads: the function's log lines, or how its invocations ended. */
  readonly source: 'log' | 'invocations';
  /** The query's end; `line` is the log line, read as JSON. */
  readonly query: string;
  /** The period that it reads, and how often. The log lags by minutes, so each window overlaps the next. */
  readonly windowMinutes: number;
  readonly frequencyMinutes: number;
  /** Reads more than the window, for lines that are rare. */
  readonly lookbackDays?: number;
  /** 1 is an error, 2 a warning. Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview */
  readonly severity: 1 | 2;
  readonly description: string;
}

const QUICK = { windowMinutes: 15, frequencyMinutes: 5 } as const;

/** The alerts of a stack. */
export function alarmSpecs(stack: string, sweepHours: number): readonly AlarmSpec[] {
  const specs: readonly AlarmSpec[] = [
    {
      name: 'poison',
      source: 'log',
      // A queue's length is no metric of Azure Monitor, only its account's is: the tick reports it. The host moves
      // messages there, too.
      query:
        "where (line.kind == 'tick' and toint(line.poison) > 0) or line.kind == 'refused' or line.deadLettered == true",
      ...QUICK,
      severity: 1,
      description:
        'Messages could not be handled and are in the poison queue. Read them there and the log lines of kind "refused" or "failed"; ' +
        'repair the cause, then move the messages back to the queue, or delete them: the sweep reconciles everything anyway.',
    },
    {
      name: 'errors',
      source: 'invocations',
      query: 'where Success == false',
      ...QUICK,
      severity: 2,
      description:
        'The function ended with an error or ran out of time; its messages are retried. Read the last lines of its log. ' +
        'No gate has changed without a record.',
    },
    {
      name: 'failures',
      source: 'log',
      query:
        "where line.kind == 'failed'\n| summarize by bin(TimeGenerated, 5m)\n| summarize slots = count()\n| where slots >= 3",
      windowMinutes: 30,
      frequencyMinutes: 5,
      severity: 2,
      description:
        'In three periods of five minutes within half an hour a gate could not be reconciled; it is retried. Read the log lines of kind "failed": throttling passes by itself; ' +
        'a refused call means that a role is missing or a lock is in the way.',
    },
    {
      name: 'sweep-overdue',
      source: 'log',
      // No tick at all is trouble, too. A new stack may be in alarm until its first ticks.
      query: `where line.kind == 'tick'\n| summarize ticks = count(), age = min(todouble(line.sweepAgeHours))\n| where ticks == 0 or isnull(age) or age > ${sweepHours + 1}`,
      windowMinutes: 60,
      frequencyMinutes: 15,
      severity: 1,
      description:
        `The last sweep is more than ${sweepHours + 1} hours old (it runs every ${sweepHours}), or the function does not run at all. ` +
        'Lost events are not repaired meanwhile. See whether the function is invoked, and its log.',
    },
    {
      name: 'scanner-health',
      source: 'log',
      // Only a healthy scanner ends it.
      query:
        "where line.kind == 'scanner'\n| summarize arg_max(TimeGenerated, line)\n| where tobool(line.healthy) == false",
      windowMinutes: 15,
      frequencyMinutes: 15,
      lookbackDays: 2,
      severity: 1,
      description:
        'There is no evidence that Defender scans: its plan is off, its findings are not exported, or access to them is refused. Vulnerable images are not found, and no gate opens. ' +
        'Read the log lines of kind "scanner", then enable Defender for Containers, or restore the export or the access.',
    },
    {
      name: 'unattributed',
      source: 'log',
      // One sweep may meet an image that is just being deleted: only what every sweep meets counts.
      query:
        "where tostring(line.kind) == 'attribution'\n| summarize sweeps = count(), least = min(toint(line.unattributed) + toint(line.unread))\n| where sweeps >= 2 and least > 0",
      windowMinutes: 60,
      frequencyMinutes: 60,
      lookbackDays: 2,
      severity: 2,
      description:
        'Every sweep of the last two days found recommendations for container images that it could not match to a registry of this stack, or whose registry did not answer: no gate closes for them. ' +
        'Read the ids in the log lines of kind "attribution" and "unattributed". If they are of registries that this stack is to cover, add them to azure.registries; ' +
        'if they are of images of the stack, pullgate does not understand their form: report it.',
    },
    {
      name: 'brake',
      source: 'log',
      query: "where line.kind == 'tick' and toint(line.waiting) > 0",
      ...QUICK,
      severity: 2,
      description:
        'Gates that should close wait for the brake (maxClosesPerHour), and their images can still be pulled. ' +
        'Read who is waiting in the mails, or in the log lines of kind "decision"; raise maxClosesPerHour if that many closings are right.',
    },
  ];
  return specs.map((spec) => ({
    ...spec,
    description: `pullgate, stack ${stack}: ${spec.description} Page: ${alarmPage(spec.name)}`,
  }));
}

/**
 * The page that says what an alert means, how to fix the cause and how to undo the fix, in the clone that the stack was
 * deployed from.
 */
export function alarmPage(name: string): string {
  return `docs/operations.md#azure-${name}`;
}

/** A question to the log: what it reads, and the query's end. */
export type LogQuery = Pick<AlarmSpec, 'source' | 'query'>;

/**
 * The whole query. The workspace may hold the logs of others: only those of this component count.
 * Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces
 */
export function alarmQuery({ source, query }: LogQuery, componentId: string): string {
  const ours = `where _ResourceId =~ '${componentId}'`;
  return source === 'log'
    ? `AppTraces\n| ${ours}\n| extend line = parse_json(Message)\n| ${query}`
    : `AppRequests\n| ${ours}\n| ${query}`;
}

/** What the alerts watch. */
export interface Watched {
  readonly sweepHours: number;
  readonly workspace: Workspace;
  readonly componentId: pulumi.Output<string>;
  readonly notifyEmails: readonly string[];
}

/** Every alert, which also sends a notice when it ends, and its recipients if there are addresses. */
export function createAlarms(
  name: string,
  placement: Placement,
  { sweepHours, workspace, componentId, notifyEmails }: Watched,
  parent: pulumi.Resource,
): void {
  const { resourceGroupName, location } = placement;
  const actionGroups = notifyEmails.length === 0 ? [] : [createActionGroup(name, placement, notifyEmails, parent).id];
  for (const spec of alarmSpecs(pulumi.getStack(), sweepHours)) {
    new monitor.ScheduledQueryRule(
      `${name}-${spec.name}-alarm`,
      {
        resourceGroupName,
        location,
        kind: 'LogAlert',
        displayName: `${name}-${spec.name}`,
        description: spec.description,
        severity: spec.severity,
        enabled: true,
        autoMitigate: true,
        // A new workspace has no log to check the query against.
        skipQueryValidation: true,
        scopes: [workspace.id],
        evaluationFrequency: `PT${spec.frequencyMinutes}M`,
        windowSize: `PT${spec.windowMinutes}M`,
        ...(spec.lookbackDays === undefined ? {} : { overrideQueryTimeRange: `P${spec.lookbackDays}D` }),
        criteria: {
          allOf: [
            {
              query: componentId.apply((id) => alarmQuery(spec, id)),
              timeAggregation: 'Count',
              operator: 'GreaterThan',
              threshold: 0,
              failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
            },
          ],
        },
        actions: { actionGroups },
      },
      { parent },
    );
  }
}

function createActionGroup(
  name: string,
  { resourceGroupName }: Placement,
  notifyEmails: readonly string[],
  parent: pulumi.Resource,
): monitor.ActionGroup {
  return new monitor.ActionGroup(
    `${name}-alarms`,
    {
      resourceGroupName,
      location: 'Global',
      enabled: true,
      // At most 12 characters.
      groupShortName: 'pullgate',
      emailReceivers: notifyEmails.map((address) => ({
        name: address,
        emailAddress: address,
        useCommonAlertSchema: true,
      })),
    },
    { parent },
  );
}
