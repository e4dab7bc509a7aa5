// Proves that the dashboard shows what is there: metrics that some filter publishes from real lines, queries of fields
// that real lines have.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { alarmSpecs, METRICS } from '../../../aws/component/alarms.ts';
import { dashboardBody, LOG_PANELS, type Shown } from '../../../aws/component/dashboard-body.ts';
import { CRITICAL, HOUR, type Stage, stage } from '../../e2e/aws/stage.ts';
import { blocksOf } from '../../repository/doc-blocks.ts';
import { fieldsOf, type Line, matches, pathsOf, valueAt } from './log-questions.ts';

const SHOWN: Shown = {
  stack: 'dev',
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

/** Namespace, metric, dimensions by name and value, and options; or an expression. */
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
/** Namespace, metric, and the dimension's name and value, where there is one. */
const metricsOf = (widgets: readonly Widget[]): readonly (readonly string[])[] =>
  widgets.flatMap(({ properties }) =>
    (properties.metrics ?? []).flatMap((metric) => {
      const words = metric.filter((word) => typeof word === 'string');
      return words.length === 0 ? [] : [words];
    }),
  );

/** A story in which everything happens that a panel tells of. */
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
  // Long enough for the brake to let the next one through.
  await s.cloud.advance(1.25 * HOUR);
  await s.sweep();
}

describe('over the lines of a real run', () => {
  it('every metric has a value, every query and every page finds its fields, and each number is the true one', async () => {
    const s = await stage({ maxClosesPerHour: 1 });
    const linesBefore = s.cloud.logs.length;
    await story(s);
    const lines: readonly Line[] = s.cloud.logs.flatMap(({ json }) => (json === undefined ? [] : [json]));

    const values = METRICS.map(({ name, pattern, value }) => {
      const matching = lines.filter((line) => matches(pattern, line));
      const numbers = matching.map((line) => (value.startsWith('$') ? valueAt(value, line) : Number(value)));
      return [name, numbers] as const;
    });
    for (const [name, numbers] of values) {
      expect([name, numbers.length]).not.toEqual([name, 0]);
      // A line without the value publishes nothing; percentiles need values that are never negative.
      for (const number of numbers) expect([name, number]).toEqual([name, expect.any(Number)]);
      expect(Math.min(...(numbers as number[]))).toBeGreaterThanOrEqual(0);
    }
    const of = new Map(values);
    expect(of.get('closes')).toEqual([1, 1]);
    expect(of.get('opens')).toEqual([1]);
    // The event waited for seven seconds; the gate that the brake held was closed by a tick, which is not counted here.
    expect(of.get('seconds-to-close')).toEqual([7]);
    expect(of.get('closed-gates')?.at(-1)).toBe(1);
    expect(of.get('brake-waiting')).toContain(1);
    // Every call that the cloud has met, refused ones and repetitions too, and no other.
    const met = Object.values(s.cloud.calls.count()).reduce((sum, count) => sum + count, 0);
    const used = s.cloud.logs.slice(linesBefore).flatMap(({ json }) => (json?.['kind'] === 'usage' ? [json] : []));
    expect(used.reduce((sum, { allCalls }) => sum + Number(allCalls), 0)).toBe(met);
    expect(sumOf(used, 'calls')).toBe(met);

    const paths = pathsOf(lines);
    const pages = readFileSync('docs/operations.md', 'utf8');
    const asked = [...Object.values(LOG_PANELS).map(({ query }) => query.join(' | ')), ...blocksOf(pages, 'logs')];
    expect(asked.length).toBeGreaterThanOrEqual(Object.keys(LOG_PANELS).length + alarmSpecs('dev', 6).length);
    for (const query of asked) {
      const missing = fieldsOf(query).filter((field) => !paths.has(field));
      expect([query, missing]).toEqual([query, []]);
    }
    expect(fieldsOf('filter kind = "tick" and sweepAge > 1').filter((field) => !paths.has(field))).toEqual([
      'sweepAge',
    ]);
    expect(lines.filter((line) => line['kind'] === 'decision' && line['undeterminedImages'] === 1)).toMatchObject([
      { gate: '123456789012/team/odd', undeterminedWhy: 'UNTRIAGED' },
      ...Array(1).fill({ gate: '123456789012/team/odd' }),
    ]);

    // The resources that the panels name are those of the graph, and every metric of ours is one that some filter
    // publishes.
    const find = (type: string) => s.graph.resources.filter((resource) => resource.type === type);
    const [dashboard, ...others] = find('aws:cloudwatch/dashboard:Dashboard');
    expect(others).toEqual([]);
    const widgets = widgetsOf(String(dashboard?.inputs['dashboardBody']));
    const named = new Set(s.graph.resources.map(({ outputs }) => outputs['name']));
    for (const [namespace, metric, dimension, value] of metricsOf(widgets)) {
      if (namespace?.startsWith('Pullgate/')) {
        expect(METRICS.map((one) => one.metric)).toContain(metric);
        expect([namespace, dimension]).toEqual(['Pullgate/dev', undefined]);
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
    const { aws } = s.graph.outputs as { aws: { statementId: string; dashboardUrl: string } };
    expect(dashboard?.inputs['dashboardName']).toBe(aws.statementId);
    expect(aws.dashboardUrl).toBe(
      `https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1#dashboards/dashboard/${aws.statementId}`,
    );
  });
});

/** What the lines say was called, service by service. */
function sumOf(lines: readonly Line[], field: string): number {
  return lines
    .flatMap((line) => Object.values((line[field] ?? {}) as Record<string, number>))
    .reduce((a, b) => a + b, 0);
}

describe('the body', () => {
  const widgets = widgetsOf(dashboardBody(SHOWN));

  it('has every panel that is promised', () => {
    expect(widgets.map(({ type, properties }) => properties.title ?? type)).toEqual([
      'text',
      'Alarms',
      'Now',
      'Gates now, by state',
      'Gates now: closed first',
      'Closes and opens a day',
      'Seconds from finding to close',
      'Seconds from finding to close, by trigger',
      'Undetermined images now, and unrecognized severities',
      'Brake',
      'Sweep age in hours',
      'Dead letters, and the oldest message in seconds',
      'Failures, errors, throttles',
      'Latest failures and scanner problems',
      'Calls per day, including retries, and messages',
      'Paid: invocations and GB-seconds a day',
      'Paid: units of the table a day',
      'Paid: messages and notices a day',
      'Paid: bytes of the log a day, and calls',
    ]);
  });

  it('fills rows of 24 columns, and no panel lies on another', () => {
    const cells = widgets.flatMap(({ x, y, width, height }) =>
      Array.from({ length: width * height }, (_, cell) => `${x + (cell % width)} ${y + Math.floor(cell / width)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    const rows = Math.max(...widgets.map(({ y, height }) => y + height));
    expect(cells.length).toBe(rows * 24);
  });

  it('shows the limits of the config', () => {
    const limits = widgets.flatMap(({ properties }) => properties.annotations ?? []);
    expect(limits).toEqual([
      { horizontal: [{ label: 'maxClosesPerHour', value: 25 }] },
      { horizontal: [{ label: 'overdue', value: 7 }] },
    ]);
  });

  it('counts a GB-second as 1,024 MB for a second', () => {
    const expressions = widgets.flatMap(({ properties }) =>
      (properties.metrics ?? []).flatMap((metric) => (typeof metric[0] === 'string' ? [] : [metric[0]])),
    );
    expect(expressions).toMatchObject([{ expression: 'duration / 1000 * 1024 / 1024' }]);
  });
});

describe('the readers of this test', () => {
  it.each<[string, Line, boolean]>([
    ['{ $.kind = "tick" }', { kind: 'tick' }, true],
    ['{ $.kind = "tick" }', { kind: 'sweep' }, false],
    ['{ $.a[1].b >= 2 && ($.c = "x" || $.c = "y") }', { a: [0, { b: 2 }], c: 'y' }, true],
    ['{ $.a[1].b >= 2 && ($.c = "x" || $.c = "y") }', { a: [0, { b: 2 }], c: 'z' }, false],
    ['{ $.a >= 0 }', {}, false],
    ['{ $.a IS TRUE }', { a: true }, true],
    ['{ $.a IS FALSE }', {}, false],
  ])('know that %s of %j is %s', (pattern, line, expected) => {
    expect(matches(pattern, line)).toBe(expected);
  });

  it('refuse what they do not know', () => {
    expect(() => matches('{ $.a EXISTS }', {})).toThrow('cannot be read');
    expect(() => fieldsOf('filter a = 1 | dedup b')).toThrow('the command dedup');
    expect(() => fieldsOf('stats stddev(a)')).toThrow('the function stddev');
  });

  it('find the fields of a query, and not the names that it makes', () => {
    expect(
      fieldsOf('filter kind in ["a", "b"] and x.0 > 5 | stats pct(y, 95) as p by z, bin(1d) | sort p desc | limit 5'),
    ).toEqual(['kind', 'x.0', 'y', 'z']);
  });
});
