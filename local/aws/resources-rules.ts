// The event rules and schedules of a resource graph, each with its targets.
import { DAY_MILLISECONDS, HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Graph } from '../graph.ts';
import { all, type Fields, isNamed, json, text } from './resources-fields.ts';

export interface RuleResource {
  readonly arn: string;
  readonly pattern: unknown;
  /** The period of `rate(5 minutes)`. */
  readonly everyMilliseconds: number | undefined;
  readonly enabled: boolean;
  readonly targets: readonly {
    readonly queueArn: string;
    readonly input: string | undefined;
    readonly deadLetterArn: string | undefined;
  }[];
}

export function readRules(graph: Graph): readonly RuleResource[] {
  const targets = all(graph, 'aws:cloudwatch/eventTarget:EventTarget');
  return all(graph, 'aws:cloudwatch/eventRule:EventRule').map((rule) => {
    const schedule = rule['scheduleExpression'];
    return {
      arn: text(rule, 'arn'),
      pattern: json(rule['eventPattern']),
      everyMilliseconds: schedule === undefined ? undefined : rateOf(String(schedule)),
      enabled: (rule['state'] ?? 'ENABLED') !== 'DISABLED',
      targets: targets.filter((target) => isNamed(rule, target['rule'])).map(targetOf),
    };
  });
}

function targetOf(target: Fields): RuleResource['targets'][number] {
  for (const unknown of ['inputPath', 'inputTransformer', 'roleArn']) {
    if (target[unknown] !== undefined)
      throw new Error(`the local cloud does not support event targets with ${unknown}`);
  }
  const deadLetter = json(target['deadLetterConfig']);
  return {
    queueArn: text(target, 'arn'),
    input: target['input'] === undefined ? undefined : String(target['input']),
    deadLetterArn: deadLetter === undefined ? undefined : text(deadLetter, 'arn'),
  };
}

const UNITS: Readonly<Record<string, number>> = {
  minute: MINUTE_MILLISECONDS,
  hour: HOUR_MILLISECONDS,
  day: DAY_MILLISECONDS,
};

function rateOf(expression: string): number {
  const [, count, unit] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(expression) ?? [];
  const milliseconds = Number(count) * (UNITS[unit ?? ''] ?? Number.NaN);
  if (!(milliseconds > 0))
    throw new Error(`the local cloud supports only schedules such as rate(5 minutes); got ${expression}`);
  return milliseconds;
}
