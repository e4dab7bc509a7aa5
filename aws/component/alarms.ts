// The metric filters and alarms of a stack, as plain data. An alarm's description says what it means and what to do.
import * as aws from '@pulumi/aws';
import * as pulumi from '@pulumi/pulumi';
import { LOCK_READ_MINUTES, lostEventAges } from '../../shared/reconcile/schedule.ts';

/** A metric that CloudWatch extracts from the function's log lines. */
export interface MetricSpec {
  /** The suffix of the resource's name. */
  readonly name: string;
  readonly pattern: string;
  readonly metric: string;
  readonly value: string;
}

/** The source of an alarm's metric. */
type Source = 'log' | 'queue' | 'deadLetterQueue' | 'function';

/**
 * One alarm. It is raised when `statistic` of the metric is above `threshold` in `breaching` of the last `periods`
 * periods.
 */
export interface AlarmSpec {
  /** The suffix of the resource's name. */
  readonly name: string;
  readonly source: Source;
  readonly metric: string;
  readonly statistic: 'Maximum' | 'Sum';
  readonly threshold: number;
  readonly periodSeconds: number;
  readonly periods: number;
  /** Default: all periods. */
  readonly breaching?: number;
  /** How the alarm treats missing data: as good, as bad, or by keeping its current state. */
  readonly missing: 'notBreaching' | 'breaching' | 'ignore';
  readonly description: string;
}

const TICK_SECONDS = 300;
const HOUR_SECONDS = 3600;
/** A message that fails is retried after up to 15 minutes, so its failures rarely are in consecutive periods. */
const IN_TWO_OF_THREE_TICKS = { periodSeconds: TICK_SECONDS, periods: 3, breaching: 2 } as const;

/**
 * The metrics that CloudWatch extracts from the log of a stack that sweeps every `sweepHours`. Their namespace is the
 * component's id.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
export function metricSpecs(sweepHours: number): readonly MetricSpec[] {
  const { above, below } = lostEventAges(sweepHours);
  return [
    ...METRICS,
    {
      name: 'found-by-sweep',
      metric: 'FoundBySweep',
      pattern: `{ $.action = "closed" && $.triggers[0] = "sweep" && $.secondsSinceFinding > ${above} && $.secondsSinceFinding < ${below} }`,
      value: '1',
    },
  ];
}

const METRICS: readonly MetricSpec[] = [
  { name: 'sweep-age', metric: 'SweepAgeHours', pattern: '{ $.kind = "tick" }', value: '$.sweepAgeHours' },
  { name: 'brake-waiting', metric: 'BrakeWaiting', pattern: '{ $.kind = "tick" }', value: '$.waiting' },
  { name: 'day-limit', metric: 'DayLimitReached', pattern: '{ $.kind = "tick" && $.leftThisDay = 0 }', value: '1' },
  { name: 'failures', metric: 'Failures', pattern: '{ $.kind = "failed" }', value: '1' },
  {
    name: 'scanner-health',
    metric: 'ScannerUnhealthy',
    pattern: '{ $.kind = "scanner" && $.healthy IS FALSE }',
    value: '1',
  },
  // Reports 0 for the same metric, so that the alarm ends only after a check found the scanner healthy.
  {
    name: 'scanner-sees',
    metric: 'ScannerUnhealthy',
    pattern: '{ $.kind = "scanner" && $.healthy IS TRUE }',
    value: '0',
  },
  { name: 'closes', metric: 'Closes', pattern: '{ $.kind = "decision" && $.action = "closed" }', value: '1' },
  { name: 'opens', metric: 'Opens', pattern: '{ $.kind = "decision" && $.action = "opened" }', value: '1' },
  // Only findings and scans count. A push, a policy change or the end of a pause can close a gate for an old finding,
  // and that finding's age says nothing about how fast pullgate reacted.
  {
    name: 'seconds-to-close',
    metric: 'SecondsToClose',
    pattern: '{ $.secondsSinceFinding >= 0 && ($.triggers[0] = "finding" || $.triggers[0] = "scan") }',
    value: '$.secondsSinceFinding',
  },
  { name: 'closed-gates', metric: 'ClosedGates', pattern: '{ $.kind = "sweep" }', value: '$.closed' },
  { name: 'closed-this-hour', metric: 'ClosedThisHour', pattern: '{ $.kind = "tick" }', value: '$.closedThisHour' },
  { name: 'scan-reduced', metric: 'ScanReduced', pattern: '{ $.kind = "scanReduced" }', value: '1' },
  { name: 'unscanned', metric: 'UnscannedImages', pattern: '{ $.kind = "unscanned" }', value: '$.images' },
  // Without a pause there is no value, so the metric costs nothing then.
  { name: 'paused', metric: 'PausedHours', pattern: '{ $.pausedHours >= 0 }', value: '$.pausedHours' },
  // A tick that sweeps reads no locks, and has no value.
  {
    name: 'lock-read-age',
    metric: 'OldestLockReadMinutes',
    pattern: '{ $.oldestLockReadMinutes >= 0 }',
    value: '$.oldestLockReadMinutes',
  },
  { name: 'refused', metric: 'Refused', pattern: '{ $.action = "refused" && $.to = "waiting: refused" }', value: '1' },
  { name: 'calls', metric: 'Calls', pattern: '{ $.kind = "usage" }', value: '$.allCalls' },
];

/** The alarms of a stack that sweeps every `sweepHours`. */
export function alarmSpecs(sweepHours: number): readonly AlarmSpec[] {
  const specs: readonly AlarmSpec[] = [
    {
      name: 'dead-letters',
      source: 'deadLetterQueue',
      metric: 'ApproximateNumberOfMessagesVisible',
      statistic: 'Maximum',
      threshold: 0,
      periodSeconds: 60,
      periods: 1,
      missing: 'notBreaching',
      description:
        'Messages could not be handled and are in the dead-letter queue. Read the messages, and the log lines of kind "refused" or "failed". ' +
        'Fix the cause, then delete the messages or move them back to the queue. The next sweep reconciles every gate in both cases.',
    },
    {
      name: 'errors',
      source: 'function',
      metric: 'Errors',
      statistic: 'Sum',
      threshold: 0,
      periodSeconds: TICK_SECONDS,
      periods: 1,
      missing: 'notBreaching',
      description:
        'The function failed or timed out. Its messages are retried. Read the last lines of its log. ' +
        'No gate has changed without a record.',
    },
    {
      name: 'failures',
      source: 'log',
      metric: 'Failures',
      statistic: 'Sum',
      threshold: 0,
      ...IN_TWO_OF_THREE_TICKS,
      missing: 'notBreaching',
      description:
        'Gates could not be reconciled in two of three consecutive periods of five minutes. They are retried. Read the log lines of kind "failed". Throttling passes by itself. ' +
        'A denied call means that a permission is missing or that a repository policy denies it.',
    },
    {
      name: 'throttles',
      source: 'function',
      metric: 'Throttles',
      statistic: 'Sum',
      threshold: 0,
      ...IN_TWO_OF_THREE_TICKS,
      missing: 'notBreaching',
      description:
        'Lambda throttled the function in two of three consecutive periods of five minutes: other functions use up the concurrency of the account, or reserved concurrency of 0 stops the function. ' +
        'Gates close late, and messages that are throttled again and again move to the dead-letter queue. Raise the quota, or set aws.reservedConcurrency.',
    },
    {
      name: 'event-path',
      source: 'log',
      metric: 'FoundBySweep',
      statistic: 'Sum',
      threshold: 0,
      periodSeconds: HOUR_SECONDS,
      periods: 1,
      missing: 'notBreaching',
      description:
        'A sweep closed a gate for a finding that is newer than the sweep before, and no event had closed it: events do not arrive, so gates close hours late. ' +
        'Check that the rule for findings is enabled and that its events reach the queue.',
    },
    {
      name: 'sweep-overdue',
      source: 'log',
      metric: 'SweepAgeHours',
      statistic: 'Maximum',
      threshold: sweepHours + 1,
      periodSeconds: TICK_SECONDS,
      periods: 6,
      // Missing ticks are a problem too. A new stack is in alarm until its first ticks.
      missing: 'breaching',
      description:
        `The last sweep was more than ${sweepHours + 1} hours ago (sweepHours is ${sweepHours}), or the function does not run at all. ` +
        'Lost events are not recovered until the next sweep. Check whether the function is invoked, and read its log.',
    },
    {
      name: 'scanner-health',
      source: 'log',
      metric: 'ScannerUnhealthy',
      statistic: 'Maximum',
      threshold: 0,
      periodSeconds: TICK_SECONDS,
      periods: 1,
      missing: 'ignore',
      description:
        'Inspector cannot scan the registry: it is disabled, or it is denied access to images. Vulnerable images are not found, and no gate opens. ' +
        'Read the log lines of kind "scanner", then enable Inspector for ECR or restore its access.',
    },
    {
      name: 'scan-reduced',
      source: 'log',
      metric: 'ScanReduced',
      statistic: 'Sum',
      threshold: 0,
      periodSeconds: TICK_SECONDS,
      periods: 1,
      missing: 'notBreaching',
      description:
        'Someone reduced how often Inspector scans a repository. New vulnerabilities of its images are not found, and its gate does not open. ' +
        'Read the log lines of kind "scanReduced", then correct the scanning rules of the registry.',
    },
    {
      name: 'backlog',
      source: 'queue',
      metric: 'ApproximateAgeOfOldestMessage',
      statistic: 'Maximum',
      threshold: HOUR_SECONDS,
      periodSeconds: TICK_SECONDS,
      periods: 1,
      missing: 'notBreaching',
      description:
        'A message has waited for more than an hour, so gates close late. Check whether the function is throttled or its event source mapping is disabled.',
    },
    {
      name: 'brake',
      source: 'log',
      metric: 'BrakeWaiting',
      statistic: 'Maximum',
      threshold: 0,
      periodSeconds: TICK_SECONDS,
      periods: 1,
      missing: 'notBreaching',
      description:
        'Gates that should close are waiting for the brake (maxClosesPerHour or maxClosesPerDay), and their images can still be pulled. ' +
        'The notices of the topic "changes" name the waiting gates. If the alarm day-limit is on, too, follow it. Otherwise raise maxClosesPerHour if that many closings are right.',
    },
    {
      name: 'day-limit',
      source: 'log',
      metric: 'DayLimitReached',
      statistic: 'Sum',
      threshold: 0,
      periodSeconds: TICK_SECONDS,
      periods: 1,
      missing: 'notBreaching',
      description:
        'As many gates as the day limit allows (maxClosesPerDay) closed within 24 hours, and no more close. ' +
        'The scanner may report vulnerabilities wrongly: read why the gates closed. ' +
        'If that many closings are right, run `pullgate limit --today <number>`. If they are wrong, run `pullgate pause`.',
    },
    {
      name: 'refused',
      source: 'log',
      metric: 'Refused',
      statistic: 'Sum',
      threshold: 0,
      // Each sweep tries again, and fails again as long as the cause lasts. One refusal keeps the alarm on until the
      // next sweep. Periods of an hour can add up to seven days:
      // https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
      periodSeconds: HOUR_SECONDS,
      periods: sweepHours + 1,
      breaching: 1,
      missing: 'notBreaching',
      description:
        'ECR refuses to close repositories that should be closed, and their images can still be pulled. ' +
        `Each sweep tries again (sweepHours is ${sweepHours}), so this alarm ends ${sweepHours + 1} hours after the last refusal. ` +
        'The notices, and the log lines with to = "waiting: refused", name the repositories and the cause.',
    },
    {
      name: 'locks-unread',
      source: 'log',
      metric: 'OldestLockReadMinutes',
      statistic: 'Maximum',
      threshold: LOCK_READ_MINUTES,
      periodSeconds: TICK_SECONDS,
      periods: 1,
      // A tick that sweeps reads no locks.
      missing: 'ignore',
      description:
        `Ticks have not read the locks of all closed repositories for more than ${LOCK_READ_MINUTES} minutes, so a removed lock may be missing for that long. ` +
        'More repositories are closed than ticks can read in that time, or ECR throttles the reads. Read the log lines of kind "tick" and "failed".',
    },
    {
      name: 'paused',
      source: 'log',
      metric: 'PausedHours',
      statistic: 'Maximum',
      threshold: 24,
      periodSeconds: TICK_SECONDS,
      periods: 1,
      missing: 'notBreaching',
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
 * The runbook of an alarm: what it means, how to fix the cause and how to undo the fix. The path is relative to the
 * clone that the stack was deployed from.
 */
export function alarmRunbook(name: string): string {
  return `docs/operations.md#aws-${name}`;
}

/** The resources that the alarms watch, and the topic that they publish to. */
export interface AlarmsArgs {
  /** The component's id. The alarms' mails name it, because an account can have several pullgates. */
  readonly statementId: pulumi.Output<string>;
  readonly sweepHours: number;
  readonly logGroup: aws.cloudwatch.LogGroup;
  readonly queue: aws.sqs.Queue;
  readonly deadLetterQueue: aws.sqs.Queue;
  readonly lambda: aws.lambda.Function;
  readonly topic: aws.sns.Topic;
}

/**
 * Creates the metric filters and the alarms. Each alarm notifies when it starts and when it ends.
 *
 * @returns the alarms
 */
export function createAlarms(
  name: string,
  args: AlarmsArgs,
  parent: pulumi.Resource,
): readonly aws.cloudwatch.MetricAlarm[] {
  const { statementId: namespace, sweepHours } = args;
  for (const { name: ending, pattern, metric, value } of metricSpecs(sweepHours)) {
    new aws.cloudwatch.LogMetricFilter(
      `${name}-${ending}-metric`,
      { logGroupName: args.logGroup.name, pattern, metricTransformation: { name: metric, namespace, value } },
      { parent },
    );
  }
  const sources: Record<Source, Pick<aws.cloudwatch.MetricAlarmArgs, 'namespace' | 'dimensions'>> = {
    log: { namespace },
    queue: { namespace: 'AWS/SQS', dimensions: { QueueName: args.queue.name } },
    deadLetterQueue: { namespace: 'AWS/SQS', dimensions: { QueueName: args.deadLetterQueue.name } },
    function: { namespace: 'AWS/Lambda', dimensions: { FunctionName: args.lambda.name } },
  };
  return alarmSpecs(sweepHours).map(
    (spec) =>
      new aws.cloudwatch.MetricAlarm(
        `${name}-${spec.name}-alarm`,
        {
          ...sources[spec.source],
          alarmDescription: pulumi.interpolate`pullgate ${namespace}: ${spec.description}`,
          metricName: spec.metric,
          statistic: spec.statistic,
          comparisonOperator: 'GreaterThanThreshold',
          threshold: spec.threshold,
          period: spec.periodSeconds,
          evaluationPeriods: spec.periods,
          ...(spec.breaching === undefined ? {} : { datapointsToAlarm: spec.breaching }),
          treatMissingData: spec.missing,
          alarmActions: [args.topic.arn],
          okActions: [args.topic.arn],
        },
        { parent },
      ),
  );
}
