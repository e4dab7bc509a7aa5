// A deployment is rejected if AWS would reject it, or if the function could not write its log.
import { describe, expect, it } from 'vitest';
import { startAws } from '../../../local/aws/cloud.ts';
import { type FixtureOptions, fixtureGraph } from './fixture-graph.ts';

describe('a deployment is rejected', () => {
  it.each<[string, FixtureOptions, RegExp]>([
    [
      'if messages become visible again before the function times out',
      { visibilityTimeoutSeconds: 3 },
      /less than Function timeout/,
    ],
    [
      'if the role may not write the log',
      { statements: [{ Effect: 'Deny', Action: 'logs:PutLogEvents', Resource: '*' }] },
      /logs:PutLogEvents/,
    ],
  ])('%s', async (_what, options, message) => {
    await expect(startAws(fixtureGraph(options))).rejects.toThrow(message);
  });
});
