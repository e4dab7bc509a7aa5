// Placeholders in the reason and the approver of an exception.
import { describe, expect, it } from 'vitest';
import { isPlaceholder } from '../../../shared/policy/placeholder.ts';
import { parsePolicy } from '../../../shared/policy/policy.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';

it.each([
  'TO DO: say why it does not affect this image',
  'TO DO',
  'TODO',
  'todo',
  'To do: ask Ana',
  'to-do.',
  'FIXME',
  'fixme: a better reason',
  'tbd',
  'TBC after the review',
  'xxx',
  'TODO list SEC-12',
  'XXXX',
  'n/a',
  'placeholder',
  'Fill this in',
  '<reason>',
  '[why it is safe]',
  '{{ reason }}',
  '[TODO]',
  '<why\nit is safe>',
  '...',
  '\u2026',
  '-',
  '?',
  '',
])('%j is a placeholder', (text) => {
  expect(isPlaceholder(text)).toBe(true);
});

it.each([
  'not reachable from outside',
  'It has to do with the build only',
  'to do with the build only',
  'todo el paquete es de prueba',
  'the image is a todo app',
  'n/a in our build: the module is not loaded',
  '本番では使われない',
  'A-1',
  '<script> is never parsed here',
  '[SEC-1234]',
  '<https://issues.example/1234>',
  '{SEC-1}',
  '[SEC] accepted by [ops]',
  'tracked in TODO list SEC-12',
  'not reachable (TODO: check with Ana)',
])('%j is not', (text) => {
  expect(isPlaceholder(text)).toBe(false);
});

describe('an exception with a placeholder', () => {
  const good = { id: 'CVE-2024-6119', expires: '2026-12-31', reason: 'not reachable', approvedBy: 'Grace' };
  const NOW = '2026-11-01T00:00:00.000Z';
  it.each([
    ['reason', 'TODO', 'the reason for the exception, not a placeholder'],
    ['approvedBy', '...', 'the name of the approver, not a placeholder'],
  ])('as its %s is refused when the policy is written', (key, text, allowed) => {
    const policy = { exceptions: [good, { ...good, [key]: text }] };
    const checked = parsePolicy('high', policy, NOW);
    expect(checked.ok ? [] : checked.problems.map(describeProblem)).toEqual([
      `policy.exceptions[1].${key} is "${text}": expected ${allowed}`,
    ]);
    // A function that an older version deployed does not stop because of it.
    expect(parsePolicy('high', policy).ok).toBe(true);
  });

  it('nowhere is accepted, with or without an approver', () => {
    const { approvedBy: _, ...anonymous } = good;
    expect(parsePolicy('high', { exceptions: [good, anonymous] }, NOW).ok).toBe(true);
  });
});
