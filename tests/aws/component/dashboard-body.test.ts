// Proves that the dashboard matches reality: a metric filter publishes each of its metrics from real log lines, and
// real log lines have the fields of its queries.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alarmSpecs, metricSpecs } from '../../../aws/component/alarms.ts';
import { dashboardBody, LOG_PANELS, type Shown } from '../../../aws/component/dashboard-body.ts';
import { CRITICAL, HOUR, type Stage, stage } from '../../e2e/aws/stage.ts';
import { blocksOf } from '../../repository/doc-blocks.ts';
import { fieldsOf, type Line, matches, pathsOf, valueAt } from './log-questions.ts';

const SHOWN: Shown = {
  statementId: 'Pullgate0123456789ab',
  region: 'eu-west-1',
  sweepHours: 6,
  maxClosesPerHour: 25,
  logGroupName: 'log',
  functionName: 'function',
  memorySize: 1024,
  queueName: 'queue',
  deadLetterQueueName: 'letters',
  tableName: 'table',
  topicName: 'topic',
  alarmArns: ['arn:1', 'arn:2'],
};

/** Namespace, metric, the name and value of each dimension, and options; or an expression. */
type Metric = readonly (string | Record<string, unknown>)[];
interface Widget {
  readonly type: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly properties: {
    readonly title?: string;
    readonly markdown?: string;
    readonly query?: string;
    readonly alarms?: readonly string[];
    readonly metrics?: readonly Metric[];
    readonly annotations?: unknown;
  };
}
const widgetsOf = (body: string | object): readonly Widget[] =>
  (typeof body === 'string' ? JSON.parse(body) : body).widgets;
/** Namespace, metric, and the name and value of the dimension if there is one. */
const metricsOf = (widgets: readonly Widget[]): readonly (readonly string[])[] =>
  widgets.flatMap(({ properties }) =>
    (properties.metrics ?? []).flatMap((metric) => {
      const words = metric.filter((word) => typeof word === 'string');
      return words.length === 0 ? [] : [words];
    }),
  );

/** Makes everything happen that a panel shows. */
async function story(s: Stage): Promise<void> {
  const { arn } = await s.pushVulnerable('team/closed', 'v1', CRITICAL);
  s.cloud.clock.advance(7_000);
  await s.runUntilIdle();
  await s.pushVulnerable('team/braked', 'v1', CRITICAL);
  const { cvss: _score, ...rest } = CRITICAL;
  await s.pushVulnerable('team/odd', 'v1', { ...rest, severity: 'UNTRIAGED' });
  s.cloud.queue.send('hello');
  await s.runUntilIdle();
  await s.cloud.inspector.setStatus(arn, 'SUPPRESSED');
  s.cloud.faults.add({ kind: 'error', status: 400, code: 'AccessDeniedException', message: 'no', service: 'sns' });
  await s.runUntilIdle();
  s.cloud.inspector.setAccountStatus('DISABLED');
  await s.cloud.ecr.setScanFrequency('team/odd', 'MANUAL');
  // Long enough for the brake to admit the next gate.
  await s.cloud.advance(1.25 * HOUR);
  await s.sweep();
  // Only a sweep finds this image. The brake admits its gate once the hour of the last closing is over.
  s.cloud.faults.addToBus({ kind: 'lose' });
  await s.pushVulnerable('team/unheard', 'v1', CRITICAL);
  await s.runUntilIdle();
  s.cloud.faults.clear();
  await s.cloud.advance(1.25 * HOUR);
  await s.sweep();
  await s.cloud.advance(1.25 * HOUR);
  const tooLong = { Effect: 'Allow', Principal: '*', Action: Array(470).fill('ecr:DescribeImages') };
  s.cloud.ecr.createRepository('team/full', { policyText: JSON.stringify({ Statement: [tooLong] }) });
  await s.pushVulnerable('team/full', 'v1', CRITICAL);
  await s.runUntilIdle();
  // The last closing of the day.
  await s.pushVulnerable('team/last', 'v1', CRITICAL);
  await s.runUntilIdle();
  // A fix that its closed repository blocks.
  s.cloud.clock.advance(1_000);
  await s.pushVulnerable('team/last', 'v2');
  await s.cloud.advance(HOUR / 6);
  await s.pause();
  await s.cloud.advance(HOUR / 12);
}

describe('with the log lines of a real run', () => {
  it('every metric has the correct value, and the fields of every query in the panels and the docs exist', async () => {
    const s = await stage({ maxClosesPerHour: 1, maxClosesPerDay: 4 });
    const linesBefore = s.cloud.logs.length;
    await story(s);
    const lines: readonly Line[] = s.cloud.logs.flatMap(({ json }) => (json === undefined ? [] : [json]));

    const metrics = metricSpecs(6);
    const values = metrics.map(({ name, pattern, value }) => {
      const matching = lines.filter((line) => matches(pattern, line));
      const numbers = matching.map((line) => (value.startsWith('$') ? valueAt(value, line) : Number(value)));
      return [name, numbers] as const;
    });
    for (const [name, numbers] of values) {
      expect([name, numbers.length]).not.toEqual([name, 0]);
      // A line without the value publishes nothing. Percentiles require values that are not negative.
      for (const number of numbers) expect([name, number]).toEqual([name, expect.any(Number)]);
      expect(Math.min(...(numbers as number[]))).toBeGreaterThanOrEqual(0);
    }
    const of = new Map(values);
    expect(of.get('closes')).toEqual([1, 1, 1, 1]);
    expect(of.get('found-by-sweep')).toEqual([1]);
    // The other gates were opened by the pause.
    expect(of.get('opens')).toEqual([1, 1, 1, 1]);
    // The event waited for seven seconds. A tick closed the gate that waited for the brake, and this metric does not
    // count ticks.
    expect(of.get('seconds-to-close')).toEqual([7, 0]);
    expect(of.get('closed-gates')?.at(-1)).toBe(3);
    expect(of.get('brake-waiting')).toContain(1);
    expect(of.get('day-limit')?.length).toBeGreaterThan(0);
    expect(of.get('refused')).toEqual([1]);
    // Each tick read all locks.
    expect(new Set(of.get('lock-read-age'))).toEqual(new Set([0]));
    // Every call that reached the cloud, including rejected calls and retries, and no other. The pause is not the
    // function's call.
    const met = Object.values(s.cloud.calls.count()).reduce((sum, count) => sum + count, 0) - 1;
    const used = s.cloud.logs.slice(linesBefore).flatMap(({ json }) => (json?.['kind'] === 'usage' ? [json] : []));
    expect(used.reduce((sum, { allCalls }) => sum + Number(allCalls), 0)).toBe(met);
    expect(sumOf(used, 'calls')).toBe(met);

    const paths = pathsOf(lines);
    const pages = readFileSync('docs/operations.md', 'utf8');
    const asked = [...Object.values(LOG_PANELS).map(({ query }) => query.join(' | ')), ...blocksOf(pages, 'logs')];
    expect(asked.length).toBeGreaterThanOrEqual(Object.keys(LOG_PANELS).length + alarmSpecs(6).length);
    for (const query of asked) {
      const missing = fieldsOf(query).filter((field) => !paths.has(field));
      expect([query, missing]).toEqual([query, []]);
    }
    expect(fieldsOf('filter kind = "tick" and sweepAge > 1').filter((field) => !paths.has(field))).toEqual([
      'sweepAge',
    ]);
    expect(lines.filter((line) => line['kind'] === 'decision' && line['undeterminedImages'] === 1)).toMatchObject([
      { gate: '123456789012/team/odd', undeterminedWhy: 'UNTRIAGED' },
      ...Array(3).fill({ gate: '123456789012/team/odd' }),
    ]);

    const { statementId, dashboardUrl } = s.graph.outputs['aws'] as { statementId: string; dashboardUrl: string };
    // The panels name resources of the graph, and a metric filter publishes each of our metrics.
    const find = (type: string) => s.graph.resources.filter((resource) => resource.type === type);
    const [dashboard, ...others] = find('aws:cloudwatch/dashboard:Dashboard');
    expect(others).toEqual([]);
    const widgets = widgetsOf(String(dashboard?.inputs['dashboardBody']));
    const named = new Set(s.graph.resources.map(({ outputs }) => outputs['name']));
    for (const [namespace, metric, dimension, value] of metricsOf(widgets)) {
      if (namespace?.startsWith('Pullgate')) {
        expect(metrics.map((one) => one.metric)).toContain(metric);
        expect([namespace, dimension]).toEqual([statementId, undefined]);
      } else {
        expect(dimension).toMatch(/^(QueueName|FunctionName|TableName|TopicName|LogGroupName)$/);
        expect(named).toContain(value);
      }
    }
    const alarms = find('aws:cloudwatch/metricAlarm:MetricAlarm').map(({ outputs }) => outputs['arn']);
    expect(widgets.find(({ type }) => type === 'alarm')?.properties.alarms?.toSorted()).toEqual(alarms.toSorted());
    const [log] = find('aws:cloudwatch/logGroup:LogGroup');
    for (const { properties } of widgets.filter(({ type }) => type === 'log'))
      expect(properties.query).toMatch(new RegExp(`^SOURCE '${log?.outputs['name']}'\n[|] filter `));
    expect(dashboard?.inputs['dashboardName']).toBe(statementId);
    expect(dashboardUrl).toBe(
      `https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/${statementId}`,
    );
  });
});

/** The number of calls in the lines, summed over all services. */
function sumOf(lines: readonly Line[], field: string): number {
  return lines
    .flatMap((line) => Object.values((line[field] ?? {}) as Record<string, number>))
    .reduce((a, b) => a + b, 0);
}

describe('the body', () => {
  const widgets = widgetsOf(dashboardBody(SHOWN));

  it('has these panels', () => {
    expect(widgets.map(({ type, properties }) => properties.title ?? type)).toEqual([
      'text',
      'Alarms',
      'Now',
      'Gates now, by state',
      'Gates now, closed first',
      'Closes and opens per day',
      'Seconds from finding to close',
      'Seconds from finding to close, by trigger',
      'Undetermined images now, with unrecognized severities',
      'Images that no scan judges, by sweep',
      'Brake',
      'Sweep age in hours',
      'Dead letters, and age of the oldest message in seconds',
      'Failures, errors and throttles',
      'Latest failures and scanner problems',
      'API calls (including retries) and messages per day',
      'Billed usage: invocations and GB-seconds per day',
      'Billed usage: table capacity units per day',
      'Billed usage: messages and notices per day',
      'Billed usage: log bytes per day, and API calls',
    ]);
  });

  it('fills rows of 24 columns without overlapping panels', () => {
    const cells = widgets.flatMap(({ x, y, width, height }) =>
      Array.from({ length: width * height }, (_, cell) => `${x + (cell % width)} ${y + Math.floor(cell / width)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    const rows = Math.max(...widgets.map(({ y, height }) => y + height));
    expect(cells.length).toBe(rows * 24);
  });

  it('shows the limits from the config', () => {
    const limits = widgets.flatMap(({ properties }) => properties.annotations ?? []);
    expect(limits).toEqual([
      { horizontal: [{ label: 'maxClosesPerHour', value: 25 }] },
      { horizontal: [{ label: 'overdue', value: 7 }] },
    ]);
  });

  it('counts 1,024 MB for one second as one GB-second', () => {
    const expressions = widgets.flatMap(({ properties }) =>
      (properties.metrics ?? []).flatMap((metric) => (typeof metric[0] === 'string' ? [] : [metric[0]])),
    );
    expect(expressions).toMatchObject([{ expression: 'duration / 1000 * 1024 / 1024' }]);
  });
});

describe('the parsers of this test', () => {
  it.each<[string, Line, boolean]>([
    ['{ $.kind = "tick" }', { kind: 'tick' }, true],
    ['{ $.kind = "tick" }', { kind: 'sweep' }, false],
    ['{ $.a[1].b >= 2 && ($.c = "x" || $.c = "y") }', { a: [0, { b: 2 }], c: 'y' }, true],
    ['{ $.a[1].b >= 2 && ($.c = "x" || $.c = "y") }', { a: [0, { b: 2 }], c: 'z' }, false],
    ['{ $.a >= 0 }', {}, false],
    ['{ $.a IS TRUE }', { a: true }, true],
    ['{ $.a IS FALSE }', {}, false],
  ])('match %s against %j: %s', (pattern, line, expected) => {
    expect(matches(pattern, line)).toBe(expected);
  });

  it('reject unknown operators, commands and functions', () => {
    expect(() => matches('{ $.a EXISTS }', {})).toThrow('cannot be parsed');
    expect(() => fieldsOf('filter a = 1 | dedup b')).toThrow('unknown command dedup');
    expect(() => fieldsOf('stats stddev(a)')).toThrow('unknown function stddev');
  });

  it('find the fields of a query, but not the names that it defines', () => {
    expect(
      fieldsOf('filter kind in ["a", "b"] and x.0 > 5 | stats pct(y, 95) as p by z, bin(1d) | sort p desc | limit 5'),
    ).toEqual(['kind', 'x.0', 'y', 'z']);
  });
});
