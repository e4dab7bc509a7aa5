// Which of Defender's events an automation hears of.
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
    ['without rules hears of every event of its sources', automation({}), true],
    ['without the source does not', automation({ sources: [{ eventSource: 'SubAssessments' }] }), false],
    ['of the snapshots does not', automation({ sources: [{ eventSource: 'AssessmentsSnapshot' }] }), false],
    ['that is disabled does not', automation({ isEnabled: false }), false],
    ['of another subscription does not', automation({ scopes: ['/subscriptions/other'] }), false],
    ['of the resource group does', automation({ scopes: ['/subscriptions/S/resourceGroups/G'] }), true],
    [
      'of a group whose name begins alike does not',
      automation({ scopes: ['/subscriptions/S/resourceGroups/gg'] }),
      false,
    ],
    ['whose rule holds does, whatever the case of the value', withRules([yes]), true],
    ['one of whose rules of a set does not hold does not', withRules([yes, no]), false],
    ['one of whose sets holds does', withRules([no], [yes]), true],
    ['with Contains', withRules([rule('id', 'Contains', '/REGISTRIES/')]), true],
    ['with StartsWith', withRules([rule('id', 'StartsWith', '/subscriptions/')]), true],
    ['with EndsWith', withRules([rule('id', 'EndsWith', '/2')]), false],
    ['with NotEquals', withRules([rule('properties.status.code', 'NotEquals', 'Healthy')]), true],
    [
      'with NotEquals on what is absent: a choice',
      withRules([rule('properties.status.cause', 'NotEquals', 'x')]),
      false,
    ],
    ['with a rule on what is null', withRules([rule('properties.nothing', 'Equals', 'null')]), false],
    [
      'with a rule on a key of another case',
      withRules([rule('properties.resourceDetails.source', 'Equals', 'Azure')]),
      false,
    ],
  ])('%s', (_what, given, wanted) => {
    checkAutomation(given);
    expect(matchesAutomation(given, event)).toBe(wanted);
  });

  it.each<[string, Automation, RegExp]>([
    [
      'an operator that is not known',
      withRules([rule('id', 'Matches', 'x')]),
      /supports the text operators Equals, .*; got Matches/,
    ],
    ['an operator on numbers', withRules([rule('id', 'GreaterThan', '1', 'Number')]), /of type Number/],
    [
      'a path with more than names',
      withRules([rule('properties.list[0]', 'Equals', 'x')]),
      /got properties\.list\[0\]/,
    ],
    ['an empty rule set', withRules([]), /has no rule/],
    ['a source that is not known', automation({ sources: [{ eventSource: 'Alerts' }] }), /no events Alerts/],
    ['no scope', automation({ scopes: [] }), /has no scope/],
    ['a resource as its scope', automation({ scopes: [event.body.id] }), /is a subscription or a resource group/],
  ])('with %s is refused', (_what, given, message) => {
    expect(() => checkAutomation(given)).toThrow(message);
  });
});
