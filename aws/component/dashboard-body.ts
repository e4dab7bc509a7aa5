// The body of a stack's CloudWatch dashboard: plain data in, JSON out. Numbers come from metrics; texts and names come
// from log queries.

/** The settings and the resource names that a dashboard shows. */
export interface Shown {
  /** The component's id, and the namespace of its metrics. */
  readonly statementId: string;
  readonly region: string;
  readonly sweepHours: number;
  readonly maxClosesPerHour: number;
  readonly logGroupName: string;
  readonly functionName: string;
  /** In MB. AWS bills the function's duration in proportion to it. */
  readonly memorySize: number;
  readonly queueName: string;
  readonly deadLetterQueueName: string;
  readonly tableName: string;
  readonly topicName: string;
  readonly alarmArns: readonly string[];
}

/** A panel that shows the result of a log query. */
interface LogPanel {
  readonly title: string;
  /**
   * A Logs Insights query, one command per line.
   * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
   */
  readonly query: readonly string[];
}

/**
 * The log queries. Every sweep writes a line for each gate that has a record, so the last line about a gate within the
 * dashboard's week shows its current state.
 */
export const LOG_PANELS = {
  states: {
    title: 'Gates now, by state',
    query: [
      'filter kind = "decision"',
      'stats latest(to) as state by gate',
      'stats count(*) as gates by state',
      'sort gates desc',
    ],
  },
  gates: {
    title: 'Gates now, closed first',
    query: [
      'filter kind = "decision"',
      'stats latest(to) as state, latest(message) as why, max(@timestamp) as seen by gate',
      'sort state asc',
      'limit 100',
    ],
  },
  seconds: {
    title: 'Seconds from finding to close, by trigger',
    query: [
      'filter secondsSinceFinding >= 0',
      'stats count(*) as closes, pct(secondsSinceFinding, 50) as p50, pct(secondsSinceFinding, 95) as p95 by triggers.0',
      'sort closes desc',
    ],
  },
  undetermined: {
    title: 'Undetermined images now, with unrecognized severities',
    query: [
      'filter kind = "decision"',
      'stats latest(undeterminedImages) as images, latest(undeterminedWhy) as why by gate',
      'sort images desc',
      'limit 25',
    ],
  },
  unscanned: {
    title: 'Images that no scan judges, by sweep',
    query: ['filter kind = "unscanned"', 'fields @timestamp, images, why', 'sort @timestamp desc', 'limit 5'],
  },
  trouble: {
    title: 'Latest failures and scanner problems',
    query: [
      'filter kind in ["failed", "refused", "scanReduced"] or (kind = "scanner" and ispresent(why))',
      'fields @timestamp, kind, repository, coalesce(problem, error, why) as what',
      'sort @timestamp desc',
      'limit 25',
    ],
  },
  calls: {
    title: 'API calls (including retries) and messages per day',
    query: [
      'filter kind = "usage"',
      'stats sum(calls.ecr) as ecr, sum(calls.inspector) as inspector, sum(calls.dynamodb) as dynamodb, sum(calls.sqs) as sqs, sum(calls.sns) as sns, sum(messages) as handled by bin(1d)',
    ],
  },
} as const satisfies Readonly<Record<string, LogPanel>>;

type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };
type Widget = { readonly [key: string]: Json };
interface Rendered {
  readonly start: string;
  readonly periodOverride: string;
  readonly widgets: readonly Widget[];
}

const FIVE_MINUTES_SECONDS = 300;
const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 86_400;
const COLUMNS = 24;

/**
 * The dashboard's body, in rows of panels that share the width.
 * Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
 */
export function dashboardBody(shown: Shown): Rendered {
  const rows = rowsOf(shown);
  const widgets: Widget[] = [];
  let y = 0;
  for (const { height, panels } of rows) {
    const width = COLUMNS / panels.length;
    panels.forEach((panel, index) => {
      widgets.push({ ...panel, x: index * width, y, width, height });
    });
    y += height;
  }
  // A week always contains the last sweep, whatever `sweepHours` is. Without `inherit` the console would choose periods
  // that do not match the titles.
  return { start: '-P7D', periodOverride: 'inherit', widgets };
}

interface PanelRow {
  readonly height: number;
  readonly panels: readonly Widget[];
}

function rowsOf(shown: Shown): readonly PanelRow[] {
  const parts = createParts(shown);
  return [
    { height: 3, panels: [{ type: 'text', properties: { markdown: introduction(shown.statementId) } }] },
    { height: 3, panels: [{ type: 'alarm', properties: { title: 'Alarms', alarms: shown.alarmArns } }] },
    { height: 4, panels: [nowPanel(parts)] },
    { height: 7, panels: [parts.log(LOG_PANELS.states), parts.log(LOG_PANELS.gates)] },
    { height: 6, panels: closingPanels(parts) },
    {
      height: 6,
      panels: [parts.log(LOG_PANELS.seconds), parts.log(LOG_PANELS.undetermined), parts.log(LOG_PANELS.unscanned)],
    },
    { height: 6, panels: healthPanels(shown, parts) },
    { height: 6, panels: [parts.log(LOG_PANELS.trouble), parts.log(LOG_PANELS.calls)] },
    { height: 6, panels: costPanels(shown, parts) },
  ];
}

/** The building blocks of one stack's panels: its metrics and the two kinds of panel. */
function createParts({ statementId, region, logGroupName, functionName, tableName, deadLetterQueueName }: Shown) {
  const queue = (metric: string, name: string) => ['AWS/SQS', metric, 'QueueName', name] as const;
  return {
    /** The namespace of the metrics that CloudWatch extracts from the log. */
    own: statementId,
    queue,
    deadLetters: queue('ApproximateNumberOfMessagesVisible', deadLetterQueueName),
    lambda: (metric: string) => ['AWS/Lambda', metric, 'FunctionName', functionName] as const,
    table: (metric: string) => ['AWS/DynamoDB', metric, 'TableName', tableName] as const,
    numbers: (title: string, period: number, metrics: readonly Json[], more: Widget = {}): Widget => ({
      type: 'metric',
      properties: { title, region, period, view: 'timeSeries', stacked: false, metrics, ...more },
    }),
    log: ({ title, query }: LogPanel): Widget => ({
      type: 'log',
      properties: { title, region, view: 'table', query: [`SOURCE '${logGroupName}'`, ...query].join('\n| ') },
    }),
  };
}

type Parts = ReturnType<typeof createParts>;

function line(label: string, value: number): Widget {
  return { annotations: { horizontal: [{ label, value }] } };
}

function nowPanel({ own, deadLetters, numbers }: Parts): Widget {
  return numbers(
    'Now',
    HOUR_SECONDS,
    [
      [own, 'ClosedGates', { stat: 'Maximum', label: 'closed at the last sweep' }],
      [own, 'BrakeWaiting', { stat: 'Maximum', label: 'waiting for the brake' }],
      [own, 'UnscannedImages', { stat: 'Maximum', label: 'images that no scan judges' }],
      [...deadLetters, { stat: 'Maximum', label: 'dead letters' }],
      [own, 'SweepAgeHours', { stat: 'Maximum', label: 'hours since the last sweep' }],
      [own, 'OldestLockReadMinutes', { stat: 'Maximum', label: 'minutes since the oldest read of a lock' }],
    ],
    { view: 'singleValue', sparkline: true },
  );
}

function closingPanels({ own, numbers }: Parts): readonly Widget[] {
  return [
    numbers(
      'Closes and opens per day',
      DAY_SECONDS,
      [
        [own, 'Closes', { stat: 'Sum' }],
        [own, 'Opens', { stat: 'Sum' }],
        [own, 'FoundBySweep', { stat: 'Sum', label: 'Closes that only a sweep found' }],
        [own, 'Refused', { stat: 'Sum', label: 'Refused attempts to close' }],
      ],
      { view: 'bar' },
    ),
    numbers('Seconds from finding to close', DAY_SECONDS, [
      [own, 'SecondsToClose', { stat: 'p50', label: 'median' }],
      [own, 'SecondsToClose', { stat: 'p95', label: '95th percentile' }],
    ]),
  ];
}

function healthPanels({ maxClosesPerHour, sweepHours, queueName }: Shown, parts: Parts): readonly Widget[] {
  const { own, deadLetters, queue, lambda, numbers } = parts;
  return [
    numbers(
      'Brake',
      FIVE_MINUTES_SECONDS,
      [
        [own, 'BrakeWaiting', { stat: 'Maximum', label: 'waiting' }],
        [own, 'ClosedThisHour', { stat: 'Maximum', label: 'closed in the last hour' }],
      ],
      line('maxClosesPerHour', maxClosesPerHour),
    ),
    numbers(
      'Sweep age in hours',
      FIVE_MINUTES_SECONDS,
      [[own, 'SweepAgeHours', { stat: 'Maximum', label: 'hours' }]],
      line('overdue', sweepHours + 1),
    ),
    numbers('Dead letters, and age of the oldest message in seconds', FIVE_MINUTES_SECONDS, [
      [...deadLetters, { stat: 'Maximum', label: 'dead letters' }],
      [...queue('ApproximateAgeOfOldestMessage', queueName), { stat: 'Maximum', yAxis: 'right' }],
    ]),
    numbers('Failures, errors and throttles', FIVE_MINUTES_SECONDS, [
      [own, 'Failures', { stat: 'Sum' }],
      [...lambda('Errors'), { stat: 'Sum' }],
      [...lambda('Throttles'), { stat: 'Sum' }],
    ]),
  ];
}

function costPanels({ memorySize, queueName, topicName, logGroupName }: Shown, parts: Parts): readonly Widget[] {
  const { own, queue, lambda, table, numbers } = parts;
  return [
    numbers('Billed usage: invocations and GB-seconds per day', DAY_SECONDS, [
      [...lambda('Invocations'), { stat: 'Sum' }],
      [...lambda('Duration'), { stat: 'Sum', id: 'duration', visible: false }],
      [{ expression: `duration / 1000 * ${memorySize} / 1024`, label: 'GB-seconds', yAxis: 'right' }],
    ]),
    numbers('Billed usage: table capacity units per day', DAY_SECONDS, [
      [...table('ConsumedReadCapacityUnits'), { stat: 'Sum' }],
      [...table('ConsumedWriteCapacityUnits'), { stat: 'Sum' }],
    ]),
    numbers('Billed usage: messages and notices per day', DAY_SECONDS, [
      [...queue('NumberOfMessagesSent', queueName), { stat: 'Sum' }],
      [...queue('NumberOfMessagesReceived', queueName), { stat: 'Sum' }],
      [...queue('NumberOfEmptyReceives', queueName), { stat: 'Sum' }],
      ['AWS/SNS', 'NumberOfMessagesPublished', 'TopicName', topicName, { stat: 'Sum' }],
    ]),
    numbers('Billed usage: log bytes per day, and API calls', DAY_SECONDS, [
      ['AWS/Logs', 'IncomingBytes', 'LogGroupName', logGroupName, { stat: 'Sum' }],
      [own, 'Calls', { stat: 'Sum', yAxis: 'right' }],
    ]),
  ];
}

function introduction(statementId: string): string {
  return [
    `# pullgate ${statementId}`,
    'The panels are explained in **docs/operations.md#the-dashboard** of the clone that the stack was deployed from. The description of each alarm names its runbook.',
  ].join('\n');
}
