// The function of a resource graph, and the event source mapping that feeds it.
import type { Graph } from '../graph.ts';
import { nameOf } from './place.ts';
import { all, json, only, text } from './resources-fields.ts';

export interface FunctionResource {
  readonly name: string;
  readonly arn: string;
  readonly handler: string;
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly roleArn: string;
  readonly logGroupArn: string;
  /** The archive: file name to text. */
  readonly files: Readonly<Record<string, string>>;
}

export interface MappingResource {
  readonly queueArn: string;
  readonly batchSize: number;
  readonly reportsItemFailures: boolean;
  readonly enabled: boolean;
}

export function readFunction(graph: Graph): FunctionResource {
  const lambda = only(graph, 'aws:lambda/function:Function');
  const urn = graph.resources.find(({ type }) => type === 'aws:lambda/function:Function')?.urn ?? '';
  const files = graph.archives[urn];
  if (files === undefined) throw new Error(`the graph has no archive for the function ${urn}`);
  const name = String(lambda['name'] ?? nameOf(text(lambda, 'arn')));
  const wanted = String(json(lambda['loggingConfig'])?.['logGroup'] ?? `/aws/lambda/${name}`);
  const group = all(graph, 'aws:cloudwatch/logGroup:LogGroup').find(
    ({ name: own, id }) => own === wanted || id === wanted,
  );
  const arn = text(lambda, 'arn');
  const environment = json(json(lambda['environment'])?.['variables']) ?? {};
  return {
    name,
    arn,
    handler: text(lambda, 'handler'),
    timeoutSeconds: Number(lambda['timeout'] ?? 3),
    memoryMegabytes: Number(lambda['memorySize'] ?? 128),
    environment: Object.fromEntries(Object.entries(environment).map(([key, value]) => [key, String(value)])),
    roleArn: text(lambda, 'role'),
    logGroupArn: String(
      group?.['arn'] ?? arn.replace(/^(arn:[^:]+):lambda:(.*):function:.*$/, `$1:logs:$2:log-group:${wanted}`),
    ).replace(/:\*$/, ''),
    files,
  };
}

export function readMapping(graph: Graph): MappingResource {
  const mapping = only(graph, 'aws:lambda/eventSourceMapping:EventSourceMapping');
  const responseTypes = mapping['functionResponseTypes'] ?? [];
  const batchSize = Number(mapping['batchSize'] ?? 10);
  if (batchSize > 10 && !(Number(mapping['maximumBatchingWindowInSeconds'] ?? 0) >= 1)) {
    throw new Error(
      `a batch size above 10 needs a batch window of at least 1 second; the mapping has the batch size ${batchSize} and no window`,
    );
  }
  return {
    queueArn: text(mapping, 'eventSourceArn'),
    batchSize,
    reportsItemFailures: Array.isArray(responseTypes) && responseTypes.includes('ReportBatchItemFailures'),
    enabled: mapping['enabled'] !== false,
  };
}
