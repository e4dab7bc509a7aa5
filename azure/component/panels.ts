// The panels of the workbook: what each queries, and how it shows the answer.
import type { LogQuery } from './alarms.ts';
import { JUDGED, LATE_TRIES } from './evidence-alarms.ts';

/** One panel. */
export interface Panel extends LogQuery {
  /** The name of the panel within the workbook. */
  readonly name: string;
  readonly title: string;
  readonly view: 'table' | 'tiles' | 'timechart' | 'barchart';
  /** As a percentage of the workbook's width. */
  readonly width: 33 | 50 | 100;
  /** Always shows the last week, whatever time range is chosen. A week is sure to hold a sweep. */
  readonly isNow?: true;
}

/**
 * The last line of each gate. Every sweep writes a line for each gate that has a record, so this is its current state.
 */
const GATES = "where line.kind == 'decision'\n| summarize arg_max(TimeGenerated, line) by gate = tostring(line.gate)";
/** The last line of each gate that judges all its images. Of a repository, an event may judge only one. */
const JUDGED_GATES =
  "where tostring(line.kind) == 'decision' and (toint(line.judgedImages) >= 0 or tostring(line.gate) contains '@')\n" +
  '| summarize arg_max(TimeGenerated, line) by gate = tostring(line.gate)';
const TICKS = "where line.kind == 'tick'\n| project TimeGenerated";

/** What the workbook shows, in order. */
export const PANELS: readonly Panel[] = [
  {
    name: 'now',
    title:
      'Now: hours since the last sweep, minutes since the oldest read of a lock, gates waiting for the brake, messages in the poison queue',
    source: 'log',
    query:
      "where line.kind == 'tick'\n| top 1 by TimeGenerated desc\n" +
      "| project facts = bag_pack('hours since the last sweep', todouble(line.sweepAgeHours), 'minutes since the oldest read of a lock', todouble(line.oldestLockReadMinutes), 'waiting for the brake', todouble(line.waiting), 'poison queue', todouble(line.poison))\n" +
      '| mv-expand fact = bag_keys(facts)\n' +
      '| project fact = tostring(fact), value = todouble(facts[tostring(fact)])',
    view: 'tiles',
    width: 50,
    isNow: true,
  },
  {
    name: 'states',
    title: 'Gates now, by state',
    source: 'log',
    query: `${GATES}\n| summarize gates = count() by state = tostring(line['to'])\n| order by gates desc`,
    view: 'tiles',
    width: 50,
    isNow: true,
  },
  {
    name: 'gates',
    title: 'Gates now that are not open',
    source: 'log',
    query: `${GATES}\n| where tostring(line['to']) != 'open'\n| project gate, state = tostring(line['to']), why = tostring(line.message), seen = TimeGenerated\n| order by state asc, seen desc`,
    view: 'table',
    width: 100,
    isNow: true,
  },
  {
    name: 'changes',
    title: 'Closes and opens per day',
    source: 'log',
    query:
      "where line.kind == 'decision' and tostring(line.action) in ('closed', 'opened')\n| summarize gates = count() by bin(TimeGenerated, 1d), action = tostring(line.action)",
    view: 'barchart',
    width: 50,
  },
  {
    name: 'seconds',
    title: 'Seconds from finding to close: median and 95th percentile',
    source: 'log',
    // A push, a new policy or the end of a pause also closes gates, for findings that may be old. Their age says
    // nothing about how fast pullgate was.
    query:
      "where isnotnull(line.secondsSinceFinding) and tostring(line.triggers[0]) in ('finding', 'scan')\n" +
      '| extend seconds = todouble(line.secondsSinceFinding)\n' +
      '| summarize median = percentile(seconds, 50), p95 = percentile(seconds, 95) by bin(TimeGenerated, 1d)',
    view: 'timechart',
    width: 50,
  },
  {
    name: 'seconds-by-trigger',
    title: 'Seconds from finding to close, by trigger',
    source: 'log',
    query:
      'where isnotnull(line.secondsSinceFinding)\n' +
      '| extend seconds = todouble(line.secondsSinceFinding)\n' +
      '| summarize closes = count(), median = percentile(seconds, 50), p95 = percentile(seconds, 95) by trigger = tostring(line.triggers[0])',
    view: 'table',
    width: 50,
  },
  {
    name: 'undetermined',
    title: 'Undetermined images now, with unrecognized severities',
    source: 'log',
    query: `${JUDGED_GATES}\n| where toint(line.undeterminedImages) > 0\n| project gate, images = toint(line.undeterminedImages), why = tostring(line.undeterminedWhy), seen = TimeGenerated`,
    view: 'table',
    width: 50,
    isNow: true,
  },
  {
    name: 'undetermined-share',
    title: 'Undetermined images, percent of those judged',
    source: 'log',
    query:
      `${JUDGED}, day = bin(TimeGenerated, 1d)\n` +
      '| summarize images = sum(toint(line.judgedImages)), undetermined = sum(toint(line.undeterminedImages)) by day\n' +
      '| where images > 0\n| project day, percent = 100.0 * undetermined / images',
    view: 'timechart',
    width: 33,
  },
  {
    name: 'inherited-share',
    title: 'Closings on inherited severities only, percent',
    source: 'log',
    query:
      "where tostring(line.action) == 'closed' and isnotempty(tostring(line.onlyInherited))\n" +
      '| summarize closings = count(), inherited = countif(tobool(line.onlyInherited)) by day = bin(TimeGenerated, 1d)\n' +
      '| project day, percent = 100.0 * inherited / closings',
    view: 'timechart',
    width: 33,
  },
  {
    name: 'details-share',
    title: 'CVEs whose details could not be read, percent of those that need them',
    source: 'log',
    query:
      "where line.kind == 'details'\n| summarize asked = sum(toint(line.asked)), unread = sum(toint(line.unread)) by day = bin(TimeGenerated, 1d)\n" +
      '| where asked > 0\n| project day, percent = 100.0 * unread / asked',
    view: 'timechart',
    width: 33,
  },
  {
    name: 'unattributed',
    title: 'Images with recommendations that match no registry, or one that did not respond',
    source: 'log',
    query:
      "where line.kind == 'attribution'\n" +
      '| summarize unattributed = max(toint(line.unattributed)), unread = max(toint(line.unread)) by bin(TimeGenerated, 1d)',
    view: 'timechart',
    width: 50,
  },
  {
    name: 'no-row',
    title: 'Images whose events no row confirmed at first, and after half an hour',
    source: 'log',
    query:
      "where line.kind == 'retried' and isnotempty(tostring(line.noRowFor))\n" +
      '| extend image = tostring(line.noRowFor)\n' +
      `| summarize images = dcount(image), late = dcountif(image, toint(line.tries) >= ${LATE_TRIES}) by bin(TimeGenerated, 1d)`,
    view: 'timechart',
    width: 50,
  },
  {
    name: 'brake',
    title: 'Brake: gates waiting, and gates closed in the last hour',
    source: 'log',
    query: `${TICKS}, waiting = toint(line.waiting), closedThisHour = toint(line.closedThisHour)`,
    view: 'timechart',
    width: 33,
  },
  {
    name: 'sweep-age',
    title: 'Sweep age in hours',
    source: 'log',
    query: `${TICKS}, hours = todouble(line.sweepAgeHours)`,
    view: 'timechart',
    width: 33,
  },
  {
    name: 'poison',
    title: 'Messages in the poison queue',
    source: 'log',
    query: `${TICKS}, messages = toint(line.poison)`,
    view: 'timechart',
    width: 33,
  },
  {
    name: 'trouble',
    title: 'Latest failures and scanner problems',
    source: 'log',
    query:
      "where tostring(line.kind) in ('failed', 'refused') or line.deadLettered == true or tobool(line.healthy) == false\n" +
      '| project TimeGenerated, about = tostring(line.kind), repository = tostring(line.repository), what = coalesce(tostring(line.problem), tostring(line.error), tostring(line.why))\n' +
      '| top 50 by TimeGenerated desc',
    view: 'table',
    width: 100,
  },
  {
    name: 'calls',
    title: 'API calls per day by service, including retries',
    source: 'log',
    query:
      "where line.kind == 'usage'\n| mv-expand service = bag_keys(line.calls)\n" +
      '| summarize calls = sum(tolong(line.calls[tostring(service)])) by bin(TimeGenerated, 1d), service = tostring(service)',
    view: 'barchart',
    width: 33,
  },
  {
    name: 'paid-time',
    title: 'Billed usage: invocations and their total minutes per day',
    source: 'invocations',
    query: 'summarize invocations = count(), minutes = sum(DurationMs) / 60000 by bin(TimeGenerated, 1d)',
    view: 'timechart',
    width: 33,
  },
  {
    name: 'paid-bytes',
    title: 'Billed usage: log bytes per day',
    source: 'log',
    // Source: https://learn.microsoft.com/azure/azure-monitor/logs/log-standard-columns
    query: 'where _IsBillable == true\n| summarize bytes = sum(_BilledSize) by bin(TimeGenerated, 1d)',
    view: 'barchart',
    width: 33,
  },
];
