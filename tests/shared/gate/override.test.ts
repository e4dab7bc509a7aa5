// Overrides as data: which one replaces another, when they are in force, their steps in a reconciliation, and when the
// tick reconciles their gates.
import { describe, expect, it } from 'vitest';
import {
  endEarly,
  isInForce,
  type Override,
  type OverrideDelivery,
  overrideDue,
  type RecordedOverride,
  recordOverride,
  stepOverride,
} from '../../../shared/gate/override.ts';
import { anOverride, hoursLater, NOW } from '../samples.ts';

const ORDER = {
  kind: 'open',
  at: NOW,
  until: hoursLater(4),
  reason: 'the shop is down',
  approvedBy: 'Grace',
  by: 'ada',
} as const;
const NEW: RecordedOverride = { order: ORDER, delivery: { notified: 'nothing', logged: false } };
/** The fields of an override that a test can change. */
type Changes = Partial<Override & OverrideDelivery>;
const BY_FUNCTION = { byFunction: true, givesUp: false };
const BY_COMMAND = { byFunction: false, givesUp: false };

describe('a new override', () => {
  const existing = (changes: Changes = {}) =>
    anOverride({ kind: 'closed', by: 'bob', until: hoursLater(2), ...changes });
  const replacing = (replaces: Override['replaces']) => ({ ...NEW, order: { ...ORDER, replaces } });
  const REPLACED = { kind: 'closed', by: 'bob', until: hoursLater(2) } as const;
  it.each<[string, RecordedOverride | undefined, RecordedOverride]>([
    ['replaces nothing if there was none', undefined, NEW],
    ['replaces nothing if the previous one has ended', existing({ until: NOW }), NEW],
    ['replaces nothing if the end of the previous one was notified', existing({ notified: 'end' }), NEW],
    ['names the override in force that it replaces', existing(), replacing(REPLACED)],
    [
      'that replaces one without a notice names what that one had replaced',
      existing({ notified: 'nothing', replaces: { kind: 'open', by: 'eve', until: hoursLater(1) } }),
      replacing({ kind: 'open', by: 'eve', until: hoursLater(1) }),
    ],
  ])('%s', (_name, before, recorded) => {
    expect(recordOverride(ORDER, before)).toEqual(recorded);
  });
});

describe('an override is in force', () => {
  it.each<[string, Changes, boolean]>([
    ['until its end', { until: hoursLater(0.001) }, true],
    ['not at its end', { until: NOW }, false],
    ['not after its end was notified', { until: hoursLater(1), notified: 'end' }, false],
    ['for a day, with a clock that is ten minutes ahead', { until: hoursLater(24 + 1 / 6) }, true],
    ['not if it lasts longer than a day', { until: hoursLater(24.2) }, false],
    ['not if its end is not a time', { until: 'whenever' }, false],
  ])('%s', (_name, changes, counts) => {
    expect(isInForce(anOverride(changes), NOW)).toBe(counts);
  });
});

describe('a reconciliation of an override', () => {
  it('has no step if there is none', () => {
    expect(stepOverride(undefined, NOW, BY_FUNCTION)).toBeUndefined();
  });

  it.each<[string, Changes, { byFunction: boolean; givesUp: boolean }, unknown]>([
    [
      'by its own command begins it and creates a notice',
      { notified: 'nothing', logged: false },
      BY_COMMAND,
      ['begins', true, 'begin', false],
    ],
    [
      'by the function, before the command, begins it, creates a notice and logs it',
      { notified: 'nothing', logged: false },
      BY_FUNCTION,
      ['begins', true, 'begin', true],
    ],
    [
      'by the function, after the command, logs its beginning',
      { notified: 'begin', logged: false },
      BY_FUNCTION,
      ['begins', false, 'begin', true],
    ],
    [
      'by another command changes nothing',
      { notified: 'begin', logged: false },
      BY_COMMAND,
      ['runs', false, 'begin', false],
    ],
    ['while it is in force changes nothing', {}, BY_FUNCTION, ['runs', false, 'begin', true]],
    [
      'by the function at its end ends it and creates a notice',
      { until: NOW },
      BY_FUNCTION,
      ['ends', true, undefined, undefined],
    ],
    [
      'by the command that ends it creates a notice, and leaves the log to the function',
      { until: NOW },
      BY_COMMAND,
      ['ends', true, 'end', true],
    ],
    [
      'by the function after that command ends it without another notice',
      { until: NOW, notified: 'end' },
      BY_FUNCTION,
      ['ends', false, undefined, undefined],
    ],
    [
      'by a release ends an override that keeps the gate closed',
      { kind: 'closed' },
      { byFunction: false, givesUp: true },
      ['ends', true, 'end', true],
    ],
    [
      'by a release does not end an override that keeps the gate open',
      { kind: 'open' },
      { byFunction: false, givesUp: true },
      ['runs', false, 'begin', true],
    ],
  ])('%s', (_name, changes, observation, expected) => {
    const found = stepOverride(anOverride(changes), NOW, observation);
    expect([found?.step, found?.isNews, found?.next?.delivery.notified, found?.next?.delivery.logged]).toEqual(
      expected,
    );
  });

  it('clears an earlier refusal by the registry', () => {
    const refused = (changes: Changes = {}) => anOverride({ refused: true, ...changes });
    expect(stepOverride(refused(), NOW, BY_FUNCTION)?.next?.delivery.refused).toBeUndefined();
    expect(stepOverride(refused({ until: NOW }), NOW, BY_COMMAND)?.next?.delivery.refused).toBeUndefined();
  });
});

describe('an override from a clock that is ahead', () => {
  const ahead = (hours: number, lasts: number) =>
    anOverride({ logged: false, at: hoursLater(hours), until: hoursLater(hours + lasts) });

  it.each([
    ['lasts as long as was approved, from when the function first processes it', ahead(5, 4), hoursLater(4)],
    ['lasts a day if a day was approved', ahead(0.25, 24), hoursLater(24)],
  ])('%s', (_name, order, until) => {
    const found = stepOverride(order, NOW, BY_FUNCTION);
    expect(found).toMatchObject({ step: 'begins', next: { order: { at: NOW, until }, delivery: { logged: true } } });
    expect(stepOverride(found?.next, hoursLater(1), BY_FUNCTION)).toMatchObject({
      step: 'runs',
      next: { order: { until } },
    });
    expect(stepOverride(found?.next, until, BY_FUNCTION)?.step).toBe('ends');
  });

  it('is not moved after the function has processed it, and never lasts longer than a day', () => {
    const order = anOverride({ logged: true, at: hoursLater(1), until: hoursLater(2) });
    expect(stepOverride(order, NOW, BY_FUNCTION)?.next?.order).toMatchObject({
      at: hoursLater(1),
      until: hoursLater(2),
    });
    expect(stepOverride(ahead(5, 25), NOW, BY_FUNCTION)?.step).toBe('ends');
  });
});

it('an override that was ended early is not in force, whichever clock is right', () => {
  const order = anOverride({ logged: false, at: hoursLater(5), until: hoursLater(5.5), endedBy: 'eve' });
  expect(stepOverride(order, NOW, BY_FUNCTION)).toMatchObject({ step: 'ends', order: order.order });
});

it('an override that is ended early ends now and names the person', () => {
  const ended = endEarly(anOverride({ refused: true }), 'eve', NOW);
  expect(ended).toEqual(anOverride({ until: NOW, endedBy: 'eve' }));
});

describe('the tick reconciles the gate of an override', () => {
  const AT_ONCE = '1970-01-01T00:00:00.000Z';
  it.each<[string, RecordedOverride | undefined, string | undefined]>([
    ['never if there is none', undefined, undefined],
    ['at once if it has no notice', NEW, AT_ONCE],
    [
      'at once if the function has not processed it, even if its clock is behind',
      anOverride({ logged: false, at: hoursLater(5) }),
      AT_ONCE,
    ],
    ['at its end if it was notified and logged', anOverride(), hoursLater(3)],
    ['at once if a command ended it', anOverride({ notified: 'end' }), AT_ONCE],
    ['never if the registry refused, because the sweep does', anOverride({ refused: true }), undefined],
  ])('%s', (_name, order, due) => {
    expect(overrideDue(order)).toBe(due);
  });
});
