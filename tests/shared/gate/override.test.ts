// Overrides as data: what replaces what, when they are in force, what a reconciliation makes of them, and when the tick
// reconciles their gates.
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
/** What may be changed of an override. */
type Changes = Partial<Override & OverrideDelivery>;
const BY_FUNCTION = { byFunction: true, givesUp: false };
const BY_COMMAND = { byFunction: false, givesUp: false };

describe('a new order', () => {
  const existing = (changes: Changes = {}) =>
    anOverride({ kind: 'closed', by: 'bob', until: hoursLater(2), ...changes });
  const replacing = (replaces: Override['replaces']) => ({ ...NEW, order: { ...ORDER, replaces } });
  const REPLACED = { kind: 'closed', by: 'bob', until: hoursLater(2) } as const;
  it.each<[string, RecordedOverride | undefined, RecordedOverride]>([
    ['stands alone where there was none', undefined, NEW],
    ['stands alone where the one before is over', existing({ until: NOW }), NEW],
    ['stands alone where there was a notice of the end of the one before', existing({ notified: 'end' }), NEW],
    ['replaces one that counts, and says so', existing(), replacing(REPLACED)],
    [
      'that replaces one of which nobody has heard says what that one had replaced',
      existing({ notified: 'nothing', replaces: { kind: 'open', by: 'eve', until: hoursLater(1) } }),
      replacing({ kind: 'open', by: 'eve', until: hoursLater(1) }),
    ],
  ])('%s', (_name, before, recorded) => {
    expect(recordOverride(ORDER, before)).toEqual(recorded);
  });
});

describe('an order counts', () => {
  it.each<[string, Changes, boolean]>([
    ['until its end', { until: hoursLater(0.001) }, true],
    ['not at its end', { until: NOW }, false],
    ['not where there was a notice of its end', { until: hoursLater(1), notified: 'end' }, false],
    ['for a day, by a clock that is ten minutes ahead', { until: hoursLater(24 + 1 / 6) }, true],
    ['not for longer than a day, whoever wrote that', { until: hoursLater(24.2) }, false],
    ['not until a moment that is none', { until: 'whenever' }, false],
  ])('%s', (_name, changes, counts) => {
    expect(isInForce(anOverride(changes), NOW)).toBe(counts);
  });
});

describe('a reconciliation of an order', () => {
  it('where there is none: nothing', () => {
    expect(stepOverride(undefined, NOW, BY_FUNCTION)).toBeUndefined();
  });

  it.each<[string, Changes, { byFunction: boolean; givesUp: boolean }, unknown]>([
    [
      'by the command that gave it begins it, and makes a notice',
      { notified: 'nothing', logged: false },
      BY_COMMAND,
      ['begins', true, 'begin', false],
    ],
    [
      'by the function, first of all, begins it, tells and logs',
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
    ['in between changes nothing', {}, BY_FUNCTION, ['runs', false, 'begin', true]],
    [
      'of the function at its end ends it, and makes a notice',
      { until: NOW },
      BY_FUNCTION,
      ['ends', true, undefined, undefined],
    ],
    [
      'of the command that ends it tells, and leaves the log to the function',
      { until: NOW },
      BY_COMMAND,
      ['ends', true, 'end', true],
    ],
    [
      'of the function after that command ends it, and makes no notice again',
      { until: NOW, notified: 'end' },
      BY_FUNCTION,
      ['ends', false, undefined, undefined],
    ],
    [
      'of a release ends one that keeps closed',
      { kind: 'closed' },
      { byFunction: false, givesUp: true },
      ['ends', true, 'end', true],
    ],
    [
      'of a release leaves one alone that keeps open',
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

  it('forgets that the registry had refused', () => {
    const refused = (changes: Changes = {}) => anOverride({ refused: true, ...changes });
    expect(stepOverride(refused(), NOW, BY_FUNCTION)?.next?.delivery.refused).toBeUndefined();
    expect(stepOverride(refused({ until: NOW }), NOW, BY_COMMAND)?.next?.delivery.refused).toBeUndefined();
  });
});

describe('an order by a clock that is ahead', () => {
  const ahead = (hours: number, lasts: number) =>
    anOverride({ logged: false, at: hoursLater(hours), until: hoursLater(hours + lasts) });

  it.each([
    ['lasts as long as was approved, from the first observation of the function on', ahead(5, 4), hoursLater(4)],
    ['lasts a day where a day was approved', ahead(0.25, 24), hoursLater(24)],
  ])('%s', (_name, order, until) => {
    const found = stepOverride(order, NOW, BY_FUNCTION);
    expect(found).toMatchObject({ step: 'begins', next: { order: { at: NOW, until }, delivery: { logged: true } } });
    expect(stepOverride(found?.next, hoursLater(1), BY_FUNCTION)).toMatchObject({
      step: 'runs',
      next: { order: { until } },
    });
    expect(stepOverride(found?.next, until, BY_FUNCTION)?.step).toBe('ends');
  });

  it('is not moved once the function has seen it, nor longer than a day', () => {
    const order = anOverride({ logged: true, at: hoursLater(1), until: hoursLater(2) });
    expect(stepOverride(order, NOW, BY_FUNCTION)?.next?.order).toMatchObject({
      at: hoursLater(1),
      until: hoursLater(2),
    });
    expect(stepOverride(ahead(5, 25), NOW, BY_FUNCTION)?.step).toBe('ends');
  });
});

it('an order that was ended early is over, whoever’s clock is right', () => {
  const order = anOverride({ logged: false, at: hoursLater(5), until: hoursLater(5.5), endedBy: 'eve' });
  expect(stepOverride(order, NOW, BY_FUNCTION)).toMatchObject({ step: 'ends', order: order.order });
});

it('an order that is ended early ends now, by whoever ended it', () => {
  const ended = endEarly(anOverride({ refused: true }), 'eve', NOW);
  expect(ended).toEqual(anOverride({ until: NOW, endedBy: 'eve' }));
});

describe('the tick sees to an order', () => {
  const AT_ONCE = '1970-01-01T00:00:00.000Z';
  it.each<[string, RecordedOverride | undefined, string | undefined]>([
    ['never where there is none', undefined, undefined],
    ['at once if no notice was made of it', NEW, AT_ONCE],
    [
      'at once where the function has not seen it, whose clock may be behind',
      anOverride({ logged: false, at: hoursLater(5) }),
      AT_ONCE,
    ],
    ['at its end where all of that is done', anOverride(), hoursLater(3)],
    ['at once where a command has ended it', anOverride({ notified: 'end' }), AT_ONCE],
    ['never where the registry refused: the sweep does', anOverride({ refused: true }), undefined],
  ])('%s', (_name, order, due) => {
    expect(overrideDue(order)).toBe(due);
  });
});
