// The alerts about the evidence: findings that the policy cannot judge, or judges by less than it could.
import { type AlarmSpec, PERSISTENT } from './alarm-spec.ts';

/** Fewer CVEs than this may be new ones, which have no details yet. An image often has a hundred. */
const LEAST_UNREAD = 10;

/** @param readsDetails whether the stack reads the details of CVEs */
export function evidenceAlarms(sweepHours: number, readsDetails: boolean): readonly AlarmSpec[] {
  return [...ALWAYS, ...(readsDetails ? [INHERITED, detailsAlarm(sweepHours)] : [])];
}

/** The fifth retry is half an hour after the event (RETRY_MINUTES in invocation.ts). Rows arrive within minutes. */
export const LATE_TRIES = 5;
/** A single image can be Defender's mistake. After two hours its message is in the poison queue, which is an alert. */
const LEAST_IMAGES_WITHOUT_ROW = 2;

/** A tenth of the images, and at least five: fewer are odd findings of single images. */
const UNDETERMINED_ONE_IN = 10;
const LEAST_UNDETERMINED = 5;

/** Fewer closings are no share. */
const LEAST_INHERITED = 5;

/** The newest line of each repository. Each sweep writes one that judges all its images. */
export const JUDGED =
  'where toint(line.judgedImages) >= 0\n' +
  '| summarize arg_max(TimeGenerated, line) by registry = tostring(line.registry), repository = tostring(line.repository)';

const ALWAYS: readonly AlarmSpec[] = [
  {
    name: 'unattributed',
    source: 'log',
    // A single sweep may see an image that is being deleted, so only images that every sweep sees count.
    query:
      "where tostring(line.kind) == 'attribution'\n| summarize sweeps = count(), least = min(toint(line.unattributed) + toint(line.unread))\n| where sweeps >= 2 and least > 0",
    ...PERSISTENT,
    description:
      'Every sweep of the last two days found recommendations for container images that pullgate could not match to a registry of this stack, or whose registry did not respond. No gate closes for these images. ' +
      'Read the ids in the log lines of kind "attribution" and "unattributed". If this stack should cover their registries, add them to azure.registries. ' +
      'If the images are in a registry of the stack, pullgate does not understand the form of the ids: report a bug.',
  },
  {
    name: 'no-row',
    source: 'log',
    query:
      `where tostring(line.kind) == 'retried' and isnotempty(tostring(line.noRowFor)) and toint(line.tries) >= ${LATE_TRIES}\n` +
      `| distinct image = tostring(line.noRowFor)\n| summarize images = count()\n| where images >= ${LEAST_IMAGES_WITHOUT_ROW}`,
    windowMinutes: 60,
    frequencyMinutes: 15,
    severity: 2,
    description:
      'Events about several images arrived more than half an hour ago, and the workspace has no row that confirms them. No gate closes on an event alone. ' +
      'Check that the export of recommendations to the workspace exists, and that its rows arrive. ' +
      'Two hours after its event, a message moves to the poison queue. The next sweep closes what has a row by then.',
  },
  {
    name: 'undetermined',
    source: 'log',
    query:
      `${JUDGED}\n| summarize images = sum(toint(line.judgedImages)), undetermined = sum(toint(line.undeterminedImages))\n` +
      `| where undetermined >= ${LEAST_UNDETERMINED} and undetermined * ${UNDETERMINED_ONE_IN} > images`,
    ...PERSISTENT,
    description:
      'More than a tenth of the images that Defender reports on are undetermined: a finding has no known severity, no score, and no recommendation with a severity. No gate closes for such findings. ' +
      'Read the field "undeterminedWhy" in the log lines of kind "decision", and decide what these findings mean with policy.unknownSeverity. ' +
      'If the lines name no severity at all, Defender has changed the form of its findings: report a bug.',
  },
];

/** Without the details of CVEs, every closing on a CVE that is named by id alone rests on an inherited severity. */
const INHERITED: AlarmSpec = {
  name: 'inherited',
  source: 'log',
  query:
    "where tostring(line.action) == 'closed' and isnotempty(tostring(line.onlyInherited))\n" +
    "| summarize closings = count(), inherited = sum(iff(tolower(tostring(line.onlyInherited)) == 'true', 1, 0))\n" +
    `| where inherited >= ${LEAST_INHERITED} and inherited * 2 > closings`,
  ...PERSISTENT,
  description:
    'More than half of the closings of the last two days, and at least five, rest only on severities that were inherited from the recommendation, although azure.cveDetails is set. ' +
    'These gates may be closed for CVEs that are less severe than the worst one in their package. ' +
    'Resource Graph has no severity for these CVEs, or their details could not be read: see the alert "details".',
};

/**
 * Reads the lines since the sweep before the last. Failures that are an hour apart are not transient. What succeeded in
 * between counts, too.
 */
function detailsAlarm(sweepHours: number): AlarmSpec {
  return {
    name: 'details',
    source: 'log',
    query:
      `where tostring(line.kind) == 'details' and TimeGenerated > ago(${2 * sweepHours + 1}h)\n` +
      '| extend asked = toint(line.asked), unread = toint(line.unread)\n' +
      '| extend failedAt = iff(unread * 2 > asked, TimeGenerated, datetime(null))\n' +
      '| summarize asked = sum(asked), unread = sum(unread), oldest = min(failedAt), newest = max(failedAt)\n' +
      `| where unread >= ${LEAST_UNREAD} and unread * 2 > asked and newest - oldest >= 1h`,
    ...PERSISTENT,
    description:
      'Details of more than half of the CVEs that need them could not be read, at times at least an hour apart. ' +
      'These CVEs count by the severity that they inherit from their recommendation, without grace periods and exploits. ' +
      'Read the field "error" in the log lines of kind "details". Without an error, check the management group and the role Security Reader on it.',
  };
}
