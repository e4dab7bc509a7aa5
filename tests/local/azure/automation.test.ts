// Which of Defender's events an automation receives.
import { describe, expect, it } from 'vitest';
import { type Automation, checkAutomation, matchesAutomation } from '../../../local/azure/automation.ts';
import { rule } from './fixture-graph.ts';

const event = {
  source: 'Assessments',
  body: {
    id: '/subscriptions/S/resourceGroups/g/providers/Microsoft.ContainerRegistry/registries/acme/providers/Microsoft.Security/assessments/1',
    properties: { status: { code: 'Unhealthy' }, resourceDetails: { Source: 'Azure' }, number: 3, nothing: null },
  },
} as const;

const automation = (change: Partial<Automation>): Automation => ({
  id: 'one',
  isEnabled: true,
  scopes: ['/subscriptions/s'],
  sources: [{ eventSource: 'Assessments' }],
  actions: [],
  ...change,
});
const withRules = (...ruleSets: readonly (readonly ReturnType<typeof rule>[])[]) =>
  automation({ sources: [{ eventSource: 'Assessments', ruleSets: ruleSets.map((rules) => ({ rules })) }] });
const yes = rule('properties.status.code', 'Equals', 'unhealthy');
const no = rule('properties.status.code', 'Equals', 'Healthy');

describe('an automation', () => {
  it.each<[string, Automation, boolean]>([
    ['receives every event of its sources without rules', automation({}), true],
    ['receives nothing from another source', automation({ sources: [{ eventSource: 'SubAssessments' }] }), false],
    [
      'receives nothing if its source is the snapshots',
      automation({ sources: [{ eventSource: 'AssessmentsSnapshot' }] }),
      false,
    ],
    ['receives nothing if it is disabled', automation({ isEnabled: false }), false],
    ['receives nothing from another subscription', automation({ scopes: ['/subscriptions/other'] }), false],
    ['receives the events of its resource group', automation({ scopes: ['/subscriptions/S/resourceGroups/G'] }), true],
    [
      'receives nothing from a group whose name only starts the same',
      automation({ scopes: ['/subscriptions/S/resourceGroups/gg'] }),
      false,
    ],
    ['receives an event that matches its rule, ignoring the case of the value', withRules([yes]), true],
    ['receives nothing if one rule of the set does not match', withRules([yes, no]), false],
    ['receives an event that matches one of the sets', withRules([no], [yes]), true],
    ['compares with Contains', withRules([rule('id', 'Contains', '/REGISTRIES/')]), true],
    ['compares with StartsWith', withRules([rule('id', 'StartsWith', '/subscriptions/')]), true],
    ['compares with EndsWith', withRules([rule('id', 'EndsWith', '/2')]), false],
    ['compares with NotEquals', withRules([rule('properties.status.code', 'NotEquals', 'Healthy')]), true],
    [
      'does not match NotEquals on a missing value (an assumption)',
      withRules([rule('properties.status.cause', 'NotEquals', 'x')]),
      false,
    ],
    ['does not match a rule on a missing value', withRules([rule('properties.nothing', 'Equals', 'null')]), false],
    [
      'does not match a key in another case',
      withRules([rule('properties.resourceDetails.source', 'Equals', 'Azure')]),
      false,
    ],
  ])('%s', (_what, given, wanted) => {
    checkAutomation(given);
    expect(matchesAutomation(given, event)).toBe(wanted);
  });

  it.each<[string, Automation, RegExp]>([
    [
      'an unknown operator',
      withRules([rule('id', 'Matches', 'x')]),
      /supports the text operators Equals, .*; got Matches/,
    ],
    ['an operator on numbers', withRules([rule('id', 'GreaterThan', '1', 'Number')]), /of type Number/],
    ['a path with an index', withRules([rule('properties.list[0]', 'Equals', 'x')]), /got properties\.list\[0\]/],
    ['an empty rule set', withRules([]), /has no rule/],
    ['an unknown source', automation({ sources: [{ eventSource: 'Alerts' }] }), /does not send Alerts events/],
    ['no scope', automation({ scopes: [] }), /has no scope/],
    ['a resource as its scope', automation({ scopes: [event.body.id] }), /must be a subscription or a resource group/],
  ])('is rejected with %s', (_what, given, message) => {
    expect(() => checkAutomation(given)).toThrow(message);
  });
});
