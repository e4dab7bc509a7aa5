// The month of docs/cost.md: every meter has a price, every resource type is accounted for, and the page says what the
// program makes today.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { added, costTable } from '../../bench/month.ts';
import { AWS_STANDING, AZURE_STANDING, retentionDaysOf, standingOf } from '../../bench/month-resources.ts';
import { AWS_MONTH_PRICES, AZURE_MONTH_PRICES, dollarsOf } from '../../bench/prices.ts';
import { markersOf } from '../../bench/report.ts';
import { AZURE_CONFIG } from '../../bench/world-azure.ts';
import { type Graph, graphOf } from '../../local/graph.ts';

const COST = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'cost.md'), 'utf8');

/** The cost table of a part in the page: its cells by meter. */
function metersOf(part: string): ReadonlyMap<string, readonly string[]> {
  const [begin, end] = markersOf(part);
  const [, table = ''] = (COST.split(begin)[1]?.split(end)[0] ?? '').split('**What it costs');
  const rows = table.split('\n').filter((line) => line.startsWith('| '));
  return new Map(
    rows.slice(2).map((line) => {
      const [name = '', ...cells] = line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim());
      return [name, cells];
    }),
  );
}

const CLOUDS = [
  ['aws', 'month', {}, AWS_STANDING, AWS_MONTH_PRICES],
  ['azure', 'azure-month', AZURE_CONFIG, AZURE_STANDING, AZURE_MONTH_PRICES],
] as const;

describe.each(CLOUDS)('a month on %s', (_cloud, part, config, standing, prices) => {
  const meters = metersOf(part);

  it('has a row for each meter that has a price, and for no other', () => {
    expect([...meters.keys()].toSorted()).toEqual([...Object.keys(prices), 'in all'].toSorted());
  });

  it('has a total that is the sum of its rows', () => {
    const dollars = [...meters].map(([name, cells]) => [name, Number(cells[2])] as const);
    const sum = dollars.reduce((total, [name, value]) => total + (name === 'in all' ? 0 : value), 0);
    const total = Number(meters.get('in all')?.[2]);
    expect(sum).toBeGreaterThan(1);
    // Each row is rounded to a cent.
    expect(Math.abs(total - sum)).toBeLessThan(0.01 * meters.size);
  });

  it('counts the resources that the program makes today', async () => {
    const counted = added(standingOf(await graphOf(config), standing));
    const byExisting = Object.entries(counted).filter(([name]) => !/requests|transactions/.test(name));
    expect(byExisting.length).toBeGreaterThan(1);
    for (const [name, units] of byExisting) expect([name, meters.get(name)?.[0]]).toEqual([name, String(units)]);
    // As the page says in its first lines.
    expect(dollarsOf(Object.fromEntries(byExisting), prices)).toBeGreaterThan(Number(meters.get('in all')?.[2]) / 2);
  });

  it('names a source for every price', () => {
    for (const { dollars, source } of Object.values(prices)) expect(dollars > 0).toBe(source !== undefined);
  });
});

describe('what exists', () => {
  const resource = (type: string, inputs: Readonly<Record<string, unknown>> = {}): Graph['resources'][number] => ({
    ...{ type, inputs, name: 'x', urn: 'urn:x', parent: undefined, outputs: {}, id: 'x' },
  });

  it('is an error if a resource type has no entry', () => {
    const resources = [resource('aws:kms/key:Key'), resource('aws:ec2/natGateway:NatGateway')];
    expect(() => standingOf({ resources }, AWS_STANDING)).toThrow(
      'the program makes aws:ec2/natGateway:NatGateway: say in bench/month-resources.ts what it costs',
    );
  });

  it('counts a metric once, however many filters write it', () => {
    const filter = (name: string) =>
      resource('aws:cloudwatch/logMetricFilter:LogMetricFilter', { metricTransformation: { name } });
    expect(standingOf({ resources: [filter('Closes'), filter('Closes'), filter('Opens')] }, AWS_STANDING)).toEqual([
      { 'CloudWatch metrics of the log': 2 },
    ]);
  });

  it('is an error if an alert rule runs at an interval that has no price', () => {
    const rule = (evaluationFrequency: string) =>
      resource('azure-native:monitor:ScheduledQueryRule', { evaluationFrequency });
    const costs = (...rules: readonly string[]) => standingOf({ resources: rules.map(rule) }, AZURE_STANDING);
    expect(costs('PT5M', 'PT15M', 'PT60M')).toEqual([
      { 'alert rules, every 5 minutes': 1, 'alert rules, every 15 minutes or less often': 2 },
    ]);
    expect(() => costs('PT5M', 'PT1M')).toThrow('no price for alert rules that run every 5,1 minutes');
    expect(() => costs('P1D')).toThrow('no price for alert rules that run every NaN minutes');
  });

  it('says how long the log is kept', () => {
    expect(retentionDaysOf({ resources: [resource('a'), resource('b', { retentionInDays: 90 })] })).toBe(90);
    expect(() => retentionDaysOf({ resources: [resource('a')] })).toThrow(
      'no resource of the program has retentionInDays',
    );
  });
});

describe('the table', () => {
  it('has the dearest meter first, the price of each unit, and the sources below', () => {
    const prices = {
      cheap: { dollars: 0.000_000_4, source: 'https://example.com/a' },
      dear: { dollars: 3, source: 'https://example.com/b' },
      free: { dollars: 0, source: undefined },
    };
    expect(costTable({ cheap: 1_500_000, dear: 1, free: 0.25 }, prices)).toMatchObject({
      rows: [
        ['dear', '1', '3', '3.00', '1'],
        ['cheap', '1,500,000', '0.0000004', '0.60', '2'],
        ['free', '0.25', '0', '0.00', ''],
        ['in all', '', '', '3.60', ''],
      ],
      note: 'Sources of the prices: [1](https://example.com/b), [2](https://example.com/a).',
    });
  });

  it('is an error if a meter has no price', () => {
    expect(() => costTable({ rockets: 1 }, AWS_MONTH_PRICES)).toThrow('"rockets" is metered but has no price');
  });
});
