// The alert rules as plain data. Each description says what the alert means and what to do.
import * as monitor from '@pulumi/azure-native/monitor/index.js';
import * as pulumi from '@pulumi/pulumi';
import { LOCK_READ_MINUTES, lostEventAges } from '../../shared/reconcile/schedule.ts';
import type { AlarmSpec } from './alarm-spec.ts';
import { evidenceAlarms } from './evidence-alarms.ts';
import type { Placement, Workspace } from './placement.ts';

const QUICK = { windowMinutes: 15, frequencyMinutes: 5 } as const;

/**
 * The alerts of a stack.
 *
 * @param readsDetails whether it reads the details of CVEs. Otherwise the alerts about them have nothing to watch
 */
export function alarmSpecs(sweepHours: number, readsDetails = true): readonly AlarmSpec[] {
  const { above, below } = lostEventAges(sweepHours);
  const specs: readonly AlarmSpec[] = [
    {
      name: 'poison',
      source: 'log',
      // Azure Monitor has a metric for the queues of an account, but none for a single queue, so the tick reports the
      // length. The host also moves messages to the poison queue.
      query:
        "where (line.kind == 'tick' and toint(line.poison) > 0) or line.kind == 'refused' or line.deadLettered == true",
      ...QUICK,
      severity: 1,
      description:
        'Messages could not be handled and are in the poison queue. Read the messages, and the log lines of kind "refused" or "failed". ' +
        'Fix the cause, then delete the messages or move them back to the queue. The next sweep reconciles every gate in both cases.',
    },
    {
      name: 'errors',
      source: 'invocations',
      query: 'where Success == false',
      ...QUICK,
      severity: 2,
      description:
        'The function failed or timed out. Its messages are retried. Read the last lines of its log. ' +
        'No gate has changed without a record.',
    },
    {
      name: 'failures',
      source: 'log',
      query:
        "where line.kind == 'failed'\n| summarize by bin(TimeGenerated, 5m)\n| summarize slots = count()\n| where slots >= 2",
      windowMinutes: 30,
      frequencyMinutes: 5,
      severity: 2,
      description:
        'A gate could not be reconciled in at least two five-minute periods of the last half hour. It is retried. Read the log lines of kind "failed". ' +
        'Throttling passes by itself. If a call was denied, a role assignment is missing or a lock blocks it.',
    },
    {
      name: 'event-path',
      source: 'log',
      query:
        "where tostring(line.kind) == 'decision' and tostring(line.action) == 'closed' and tostring(line.triggers[0]) == 'sweep'\n" +
        `| extend seconds = toint(line.secondsSinceFinding)\n| where seconds > ${above} and seconds < ${below}`,
      windowMinutes: 60,
      frequencyMinutes: 15,
      severity: 2,
      description:
        'A sweep closed a gate for a finding that is newer than the sweep before, and no event had closed it: events do not arrive, so gates close hours late. ' +
        'Check that the automation, the Logic App and its connection to the queue work.',
    },
    {
      name: 'sweep-overdue',
      source: 'log',
      // No tick at all also raises the alert. A new stack may be in alarm until its first ticks.
      query: `where line.kind == 'tick'\n| summarize ticks = count(), age = min(todouble(line.sweepAgeHours))\n| where ticks == 0 or isnull(age) or age > ${sweepHours + 1}`,
      windowMinutes: 60,
      frequencyMinutes: 15,
      severity: 1,
      description:
        `The last sweep is more than ${sweepHours + 1} hours old (it runs every ${sweepHours}), or the function does not run at all. ` +
        'Lost events are not repaired until the next sweep. Check that the function is invoked, and read its log.',
    },
    {
      name: 'scanner-health',
      source: 'log',
      // The newest line decides, so only a healthy scanner ends the alert.
      query:
        "where line.kind == 'scanner'\n| summarize arg_max(TimeGenerated, line)\n| where tobool(line.healthy) == false",
      windowMinutes: 15,
      frequencyMinutes: 15,
      lookbackDays: 2,
      severity: 1,
      description:
        'There is no evidence that Defender scans: its plan is off, its findings are not exported, or access to them is denied. Vulnerable images are not found, and no gate opens. ' +
        'Read the log lines of kind "scanner", then enable Defender for Containers and Foundational CSPM, or restore the export or the access.',
    },
    ...evidenceAlarms(sweepHours, readsDetails),
    {
      name: 'brake',
      source: 'log',
      query: "where line.kind == 'tick' and toint(line.waiting) > 0",
      ...QUICK,
      severity: 2,
      description:
        'Gates that should close are waiting for the brake (maxClosesPerHour or maxClosesPerDay). Their images can still be pulled. ' +
        'Find these gates in the mails, or in the log lines of kind "decision". If the alert day-limit is on, too, follow it. Otherwise raise maxClosesPerHour if that many closings are right.',
    },
    {
      name: 'day-limit',
      source: 'log',
      query: "where line.kind == 'tick' and toint(line.leftThisDay) == 0",
      ...QUICK,
      severity: 1,
      description:
        'As many gates as the day limit allows (maxClosesPerDay) closed within 24 hours, and no more close. ' +
        'The scanner may report vulnerabilities wrongly: read why the gates closed. ' +
        'If that many closings are right, run `pullgate limit --today <number>`. If they are wrong, run `pullgate pause`.',
    },
    {
      name: 'refused',
      source: 'log',
      // The newest line of each gate decides, and each sweep writes one. So the alert ends when no gate is left.
      query:
        "where tostring(line.kind) == 'decision'\n| summarize arg_max(TimeGenerated, line) by gate = tostring(line.gate)\n| where tostring(line['to']) == 'waiting: refused'",
      windowMinutes: 15,
      frequencyMinutes: 15,
      lookbackDays: 2,
      severity: 1,
      description:
        'A registry refuses to close gates that should be closed, and their images can still be pulled. ' +
        `Each sweep tries again (it runs every ${sweepHours} hours), so this alert ends once every closing has succeeded or is no longer needed. ` +
        'The mails, and the log lines whose field "to" is "waiting: refused", name the gates and the cause.',
    },
    {
      name: 'locks-unread',
      source: 'log',
      query: `where line.kind == 'tick' and todouble(line.oldestLockReadMinutes) > ${LOCK_READ_MINUTES}`,
      windowMinutes: 15,
      frequencyMinutes: 15,
      severity: 2,
      description:
        `Ticks have not read the locks of all closed gates for more than ${LOCK_READ_MINUTES} minutes, so a removed lock may be missing for that long. ` +
        'More gates are closed than ticks can read in that time, or a registry throttles the reads. Read the log lines of kind "tick" and "failed".',
    },
    {
      name: 'paused',
      source: 'log',
      query: "where line.kind == 'tick' and todouble(line.pausedHours) > 24",
      windowMinutes: 60,
      frequencyMinutes: 60,
      severity: 2,
      description:
        'The stack has been paused for more than 24 hours, so no gate closes. If the reason for the pause is gone, run `pullgate resume`.',
    },
  ];
  return specs.map((spec) => ({
    ...spec,
    description: `${spec.description} Runbook: ${alarmRunbook(spec.name)}`,
  }));
}

/**
 * The runbook of an alert: what it means, how to fix the cause and how to undo the fix. The path is relative to the
 * clone that the stack was deployed from.
 */
export function alarmRunbook(name: string): string {
  return `docs/operations.md#azure-${name}`;
}

/** A log query: the data that it reads, and its end. */
export type LogQuery = Pick<AlarmSpec, 'source' | 'query'>;

/**
 * The whole query. The workspace may hold other logs, so the query keeps only the rows of this component.
 * Source: https://learn.microsoft.com/azure/azure-monitor/reference/tables/apptraces
 */
export function alarmQuery({ source, query }: LogQuery, componentId: string): string {
  const ours = `where _ResourceId =~ '${componentId}'`;
  return source === 'log'
    ? `AppTraces\n| ${ours}\n| extend line = parse_json(Message)\n| ${query}`
    : `AppRequests\n| ${ours}\n| ${query}`;
}

/** The resources that the alerts watch, and the recipients. */
export interface Watched {
  readonly sweepHours: number;
  readonly readsDetails: boolean;
  readonly workspace: Workspace;
  readonly componentId: pulumi.Output<string>;
  readonly notifyEmails: readonly string[];
}

/** Creates every alert. An alert also sends a notice when it ends. Without addresses there are no recipients. */
export function createAlarms(
  name: string,
  placement: Placement,
  { sweepHours, readsDetails, workspace, componentId, notifyEmails }: Watched,
  parent: pulumi.Resource,
): void {
  const { resourceGroupName, location } = placement;
  const actionGroups = notifyEmails.length === 0 ? [] : [createActionGroup(name, placement, notifyEmails, parent).id];
  for (const spec of alarmSpecs(sweepHours, readsDetails)) {
    new monitor.ScheduledQueryRule(
      `${name}-${spec.name}-alarm`,
      {
        resourceGroupName,
        location,
        kind: 'LogAlert',
        displayName: `${name}-${spec.name}`,
        // A subscription can have several pullgates; the resource group tells which one this is.
        description: pulumi.interpolate`pullgate in ${resourceGroupName}: ${spec.description}`,
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
