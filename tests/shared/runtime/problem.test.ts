// Problems as sentences: the key, what was given, and what is allowed.
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import {
  check,
  closedObject,
  describeProblem,
  type Problem,
  problemsFrom,
  required,
  withoutConsequences,
} from '../../../shared/runtime/problem.ts';

describe('a problem as a sentence', () => {
  it.each<[string, Problem, string]>([
    [
      'quotes a text',
      { key: 'mode', given: 'off', allowed: 'enforce or audit' },
      'mode is "off": expected enforce or audit',
    ],
    ['shows a number', { key: 'sweepHours', given: 48, allowed: '1 to 24' }, 'sweepHours is 48: expected 1 to 24'],
    ['shows an object', { key: 'aws', given: { a: 1 }, allowed: 'a list' }, 'aws is {"a":1}: expected a list'],
    ['shows null', { key: 'policy', given: null, allowed: 'an object' }, 'policy is null: expected an object'],
    [
      'says that a value is missing',
      { key: 'id', given: undefined, allowed: 'an id' },
      'id is missing: expected an id',
    ],
    [
      'shows a value that JSON cannot express',
      { key: 'id', given: Symbol('x'), allowed: 'an id' },
      'id is Symbol(x): expected an id',
    ],
    [
      'says that a value is nested too deeply to show',
      { key: 'id', given: JSON.parse('['.repeat(100_000) + ']'.repeat(100_000)), allowed: 'an id' },
      'id is too deeply nested to show: expected an id',
    ],
    [
      'shows 120 characters in full',
      { key: 'id', given: 'a'.repeat(118), allowed: 'an id' },
      `id is "${'a'.repeat(118)}": expected an id`,
    ],
    [
      'shortens a longer value',
      { key: 'id', given: 'a'.repeat(119), allowed: 'an id' },
      `id is "${'a'.repeat(119)}…: expected an id`,
    ],
    [
      'escapes control characters in the key and in the value',
      { key: 'policy.a\u001b]0;x\u0007\n\u009b2J', given: 'b\u009b2J\u202ec\u{e0041}', allowed: 'a text' },
      'policy.a\\u001b]0;x\\u0007\\u000a\\u009b2J is "b\\u009b2J\\u202ec\\udb40\\udc41": expected a text',
    ],
    [
      'names an unknown key without its value',
      { key: 'aws.regoin', given: 'eu-west-1', allowed: 'unknown key; did you mean "region"?' },
      'aws.regoin: unknown key; did you mean "region"?',
    ],
    [
      'escapes the key of a missing value',
      { key: 'a\u001b[2J', given: undefined, allowed: 'an id' },
      'a\\u001b[2J is missing: expected an id',
    ],
  ])('%s', (_name, problem, sentence) => {
    expect(describeProblem(problem)).toBe(sentence);
  });
});

describe('problems from a failed check', () => {
  const schema = closedObject({ list: v.array(v.object({ 'odd key': v.string('a text') }, 'an object')) }, 'an object');
  const problems = (given: unknown, root: string) => {
    const { issues } = v.safeParse(schema, given);
    return issues === undefined ? [] : problemsFrom(issues, root);
  };

  it.each([
    [
      'under a root',
      { list: [{ 'odd key': 1 }] },
      'root',
      [{ key: 'root.list[0].odd key', given: 1, allowed: 'a text' }],
    ],
    ['without a root', { list: [{ 'odd key': 1 }] }, '', [{ key: 'list[0].odd key', given: 1, allowed: 'a text' }]],
    [
      'in order, if there are several',
      { list: [{ 'odd key': 1 }, 2] },
      'root',
      [
        { key: 'root.list[0].odd key', given: 1, allowed: 'a text' },
        { key: 'root.list[1]', given: 2, allowed: 'an object' },
      ],
    ],
    ['at the root itself', 7, 'root', [{ key: 'root', given: 7, allowed: 'an object' }]],
    [
      'for an unknown key, with its value',
      { list: [], lits: 5 },
      'root',
      [{ key: 'root.lits', given: 5, allowed: 'unknown key; did you mean "list"?' }],
    ],
    [
      'for every unknown key',
      { list: [], one: 1, other: 2 },
      'root',
      [
        { key: 'root.one', given: 1, allowed: 'unknown key' },
        { key: 'root.other', given: 2, allowed: 'unknown key' },
      ],
    ],
    ['for a list instead of an object', [], 'root', [{ key: 'root', given: [], allowed: 'an object' }]],
    ['for null instead of an object', null, 'root', [{ key: 'root', given: null, allowed: 'an object' }]],
  ])('are reported %s', (_name, given, root, expected) => {
    expect(problems(given, root)).toEqual(expected);
  });
});

describe('an unknown key', () => {
  const schema = closedObject({ severityThreshold: v.optional(v.string()), mode: v.optional(v.string()) }, 'an object');
  it.each([
    ['with one typing error', 'severityTreshold', 'unknown key; did you mean "severityThreshold"?'],
    ['with different case', 'SeverityThreshold', 'unknown key; did you mean "severityThreshold"?'],
    ['with only the last word of a key', 'threshold', 'unknown key; did you mean "severityThreshold"?'],
    ['with only the first word of a key', 'severity', 'unknown key; did you mean "severityThreshold"?'],
    ['with other separators', 'severity_threshold', 'unknown key; did you mean "severityThreshold"?'],
    ['with two typing errors', 'moed', 'unknown key; did you mean "mode"?'],
    ['with three typing errors', 'mdxy', 'unknown key'],
    ['with no similar key', 'region', 'unknown key'],
  ])('%s: %s', (_name, key, allowed) => {
    const { issues } = v.safeParse(schema, { [key]: 'x' });
    expect(issues === undefined ? [] : problemsFrom(issues, '')).toEqual([{ key, given: 'x', allowed }]);
  });

  it('gets the most similar of several keys as suggestion', () => {
    const similar = closedObject({ maxHours: v.optional(v.number()), maxHour: v.optional(v.number()) }, 'an object');
    const { issues } = v.safeParse(similar, { maxHou: 1 });
    expect(issues?.map(({ message }) => message)).toEqual(['unknown key; did you mean "maxHour"?']);
  });

  it.each<[string, object, readonly string[]]>([
    ['is not also missing', { expiry: 1 }, ['expiry: unknown key; did you mean "expires"?']],
    [
      'is not also missing in a list',
      { list: [{ nmae: 1 }], expires: 1 },
      ['list[0].nmae: unknown key; did you mean "name"?'],
    ],
    [
      'is missing if nothing similar is there',
      { until: 1 },
      ['expires is missing: expected a date', 'until: unknown key'],
    ],
    [
      'is reported if it is there twice, once with a wrong value',
      { expires: 'x', expiry: 1 },
      ['expires is "x": expected a date', 'expiry: unknown key; did you mean "expires"?'],
    ],
  ])('that is a required key with a typing error %s', (_name, given, expected) => {
    const named = closedObject({ name: required(v.number('a name')) }, 'an object');
    const dated = closedObject(
      { expires: required(v.number('a date')), list: v.optional(v.array(named)) },
      'an object',
    );
    const { issues } = v.safeParse(dated, given);
    expect(issues && problemsFrom(issues, '').map(describeProblem)).toEqual(expected);
  });

  it('is reported together with the problems of known keys', () => {
    const { issues } = v.safeParse(schema, { mode: 1, mood: 'x' });
    expect(issues?.map(({ message }) => message)).toEqual([
      expect.stringContaining('Expected string'),
      'unknown key; did you mean "mode"?',
    ]);
  });
});

describe('a checked part of a message', () => {
  const schema = v.array(v.number('a number'), 'a list');

  it('is the value, if it is valid', () => {
    expect(check(schema, [1, 2], 'list')).toEqual({ ok: true, value: [1, 2] });
  });

  it('has at most five problems, each with its key', () => {
    const checked = check(schema, Array.from('abcdefg'), 'list');
    expect(checked.ok ? [] : checked.problems).toEqual(
      Array.from('abcde', (given, index) => ({ key: `list[${index}]`, given, allowed: 'a number' })),
    );
  });
});

it('a failed check without a problem is a bug', () => {
  expect(() => withoutConsequences([])).toThrow('pullgate bug: a failed check names no problem');
});
