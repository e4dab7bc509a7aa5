// An AWS resource graph that the local cloud cannot run is rejected with the reason.
import { describe, expect, it } from 'vitest';
import { readResources } from '../../../local/aws/resources.ts';
import { fixtureGraph, QUEUE } from './fixture-graph.ts';

describe('a graph is rejected', () => {
  it.each<[string, string, Readonly<Record<string, unknown>>, RegExp]>([
    [
      'with a managed policy',
      'aws:iam/rolePolicyAttachment:RolePolicyAttachment',
      { role: 'fixture', policyArn: 'arn:aws:iam::aws:policy/X' },
      /does not know the managed policy arn:aws:iam::aws:policy\/X/,
    ],
    [
      'with a cron schedule',
      'aws:cloudwatch/eventRule:EventRule',
      { name: 'x', arn: 'arn:x', scheduleExpression: 'cron(0 1 * * ? *)' },
      /got cron/,
    ],
    [
      'with an input transformer on a target',
      'aws:cloudwatch/eventTarget:EventTarget',
      { rule: 'fixture', arn: QUEUE, inputTransformer: {} },
      /does not support event targets with inputTransformer/,
    ],
    [
      'with a topic whose key does not exist',
      'aws:sns/topic:Topic',
      { name: 'x', arn: 'arn:x', kmsMasterKeyId: 'alias/absent' },
      /alias\/absent, which the graph does not have/,
    ],
    [
      'with a second function',
      'aws:lambda/function:Function',
      { name: 'x' },
      /runs one aws:lambda\/function:Function per stack; the graph has 2/,
    ],
  ])('%s', (_what, type, fields, message) => {
    const graph = fixtureGraph();
    const added = {
      type,
      name: 'added',
      urn: 'urn:added',
      parent: undefined,
      inputs: fields,
      outputs: fields,
      id: 'added',
    };
    expect(() => readResources({ ...graph, resources: [...graph.resources, added] })).toThrow(message);
  });
});
