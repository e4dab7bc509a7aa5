// Orders by hand, as data: what replaces what, when they count, what an observation makes of them, and when the tick has to see to them.
import { describe, expect, it } from 'vitest';
import { endedEarly, isInForce, type Override, orderFrom, overrideDue, stepOf } from '../../../shared/gate/override.ts';
import { anOverride, hoursLater, NOW } from '../samples.ts';

const WISH = {
  kind: 'open',
  at: NOW,
  until: hoursLater(4),
  reason: 'the shop is down',
  approvedBy: 'Grace',
  by: 'ada',
} as const;
const NEW: Override = { ...WISH, told: 'nothing', logged: false };
const BY_FUNCTION = { byFunction: true, givesUp: false };
const BY_COMMAND = { byFunction: false, givesUp: false };

describe('a new order', () => {
  const closedBefore = anOverride({ kind: 'closed', by: 'bob', until: hoursLater(2) });
  const REPLACED = { kind: 'closed', by: 'bob', until: hoursLater(2) } as const;
  it.each<[string, Override | undefined, Override]>([
    ['stands alone where there was none', undefined, NEW],
    ['stands alone where the one before is over', { ...closedBefore, until: NOW }, NEW],
    ['stands alone where people have heard of the end of the one before', { ...closedBefore, told: 'end' }, NEW],
    ['takes the place of one that counts, and says so', closedBefore, { ...NEW, replaces: REPLACED }],
    [
      'that takes the place of one of which nobody has heard says what that one had replaced',
      { ...closedBefore, told: 'nothing', replaces: { kind: 'open', by: 'eve', until: hoursLater(1) } },
      { ...NEW, replaces: { kind: 'open', by: 'eve', until: hoursLater(1) } },
    ],
  ])('%s', (_name, before, order) => {
    expect(orderFrom(WISH, before)).toEqual(order);
  });
});

describe('an order counts', () => {
  it.each<[string, Partial<Override>, boolean]>([
    ['until its end', { until: hoursLater(0.001) }, true],
    ['not at its end', { until: NOW }, false],
    ['not where people have heard of its end', { until: hoursLater(1), told: 'end' }, false],
    ['for a day, by a clock that is ten minutes ahead', { until: hoursLater(24 + 1 / 6) }, true],
    ['not for longer than a day, whoever wrote that', { until: hoursLater(24.2) }, false],
    ['not until a moment that is none', { until: 'whenever' }, false],
  ])('%s', (_name, changes, counts) => {
    expect(isInForce(anOverride(changes), NOW)).toBe(counts);
  });
});

describe('a look at an order', () => {
  it('where there is none: nothing', () => {
    expect(stepOf(undefined, NOW, BY_FUNCTION)).toBeUndefined();
  });

  it.each<[string, Partial<Override>, { byFunction: boolean; givesUp: boolean }, unknown]>([
    ['by the command that gave it begins it, and tells', NEW, BY_COMMAND, ['begins', true, 'begin', false]],
    ['by the function, first of all, begins it, tells and logs', NEW, BY_FUNCTION, ['begins', true, 'begin', true]],
    [
      'by the function, after the command, logs its beginning',
      { told: 'begin', logged: false },
      BY_FUNCTION,
      ['begins', false, 'begin', true],
    ],
    [
      'by another command changes nothing',
      { told: 'begin', logged: false },
      BY_COMMAND,
      ['runs', false, 'begin', false],
    ],
    ['in between changes nothing', {}, BY_FUNCTION, ['runs', false, 'begin', true]],
    [
      'of the function at its end ends it, and tells',
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
      'of the function after that command ends it, and tells nobody again',
      { until: NOW, told: 'end' },
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
    const found = stepOf(anOverride(changes), NOW, observation);
    expect([found?.step, found?.isNews, found?.next?.told, found?.next?.logged]).toEqual(expected);
  });

  it('forgets that the registry had refused', () => {
    const refused = anOverride({ refused: true });
    expect(stepOf(refused, NOW, BY_FUNCTION)?.next?.refused).toBeUndefined();
    expect(stepOf({ ...refused, until: NOW }, NOW, BY_COMMAND)?.next?.refused).toBeUndefined();
  });
});

describe('an order by a clock that is ahead', () => {
  const ahead = (hours: number, lasts: number) =>
    anOverride({ logged: false, at: hoursLater(hours), until: hoursLater(hours + lasts) });

  it.each([
    ['lasts as long as was approved, from the first look of the function on', ahead(5, 4), hoursLater(4)],
    ['lasts a day where a day was approved', ahead(0.25, 24), hoursLater(24)],
  ])('%s', (_name, order, until) => {
    const found = stepOf(order, NOW, BY_FUNCTION);
    expect(found).toMatchObject({ step: 'begins', next: { at: NOW, until, logged: true } });
    expect(stepOf(found?.next, hoursLater(1), BY_FUNCTION)).toMatchObject({ step: 'runs', next: { until } });
    expect(stepOf(found?.next, until, BY_FUNCTION)?.step).toBe('ends');
  });

  it('is not moved once the function has seen it, nor longer than a day', () => {
    const order = anOverride({ logged: true, at: hoursLater(1), until: hoursLater(2) });
    expect(stepOf(order, NOW, BY_FUNCTION)?.next).toMatchObject({ at: hoursLater(1), until: hoursLater(2) });
    expect(stepOf(ahead(5, 25), NOW, BY_FUNCTION)?.step).toBe('ends');
  });
});

it('an order that was ended early is over, whoever’s clock is right', () => {
  const order = anOverride({ logged: false, at: hoursLater(5), until: hoursLater(5.5), endedBy: 'eve' });
  expect(stepOf(order, NOW, BY_FUNCTION)).toMatchObject({ step: 'ends', order });
});

it('an order that is ended early ends now, by whoever ended it', () => {
  const ended = endedEarly(anOverride({ refused: true }), 'eve', NOW);
  expect(ended).toEqual({ ...anOverride(), until: NOW, endedBy: 'eve', refused: undefined });
});

describe('the tick sees to an order', () => {
  const AT_ONCE = '1970-01-01T00:00:00.000Z';
  it.each<[string, Override | undefined, string | undefined]>([
    ['never where there is none', undefined, undefined],
    ['at once where nobody has been told', NEW, AT_ONCE],
    [
      'at once where the function has not seen it, whose clock may be behind',
      anOverride({ logged: false, at: hoursLater(5) }),
      AT_ONCE,
    ],
    ['at its end where all of that is done', anOverride(), hoursLater(3)],
    ['at once where a command has ended it', anOverride({ told: 'end' }), AT_ONCE],
    ['never where the registry refused: the sweep does', anOverride({ refused: true }), undefined],
  ])('%s', (_name, order, due) => {
    expect(overrideDue(order)).toBe(due);
  });
});
