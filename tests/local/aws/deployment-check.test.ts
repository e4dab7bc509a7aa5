// What AWS refuses, or leaves without a log, when a function and its event source mapping are created.
import { describe, expect, it } from 'vitest';
import { startAws } from '../../../local/aws/cloud.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';

describe('a deployment is refused', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    [
      'where messages become visible again before the function times out',
      { visibilityTimeoutSeconds: 3 },
      /less than Function timeout/,
    ],
    [
      'where the role may not write its log',
      { statements: [{ Effect: 'Deny', Action: 'logs:PutLogEvents', Resource: '*' }] },
      /logs:PutLogEvents/,
    ],
  ])('%s', async (_what, options, message) => {
    await expect(startAws(fixtureGraph(options))).rejects.toThrow(message);
  });
});
