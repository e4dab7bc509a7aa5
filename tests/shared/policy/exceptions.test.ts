// Exceptions in the config: when each ends, and which have expired.
import { describe, expect, it } from 'vitest';
import { expiredExceptions } from '../../../shared/policy/exceptions.ts';
import { type Policy, parsePolicy } from '../../../shared/policy/policy.ts';
import { exception, hoursLater, NOW, policy } from '../samples.ts';

function parsed(severityThreshold: unknown, refinements: unknown): Policy {
  const result = parsePolicy(severityThreshold, refinements);
  if (!result.ok) throw new Error(`expected a policy, was given problems: ${JSON.stringify(result.problems)}`);
  return result.value;
}

/** The end of an exception with this `expires`. */
function expiresAt(expires: string): string | undefined {
  const exceptions = [{ id: 'CVE-2024-6119', expires, reason: 'not reachable' }];
  return parsed(undefined, { exceptions }).exceptions[0]?.expiresAt;
}

describe('the end of an exception', () => {
  it.each([
    ['of a date is the end of that day in UTC', '2026-12-31', '2027-01-01T00:00:00.000Z'],
    ['of the last day of February is the first of March', '2026-02-28', '2026-03-01T00:00:00.000Z'],
    ['of a leap day is the first of March', '2028-02-29', '2028-03-01T00:00:00.000Z'],
    ['of a date without quotes in YAML is the same', '2026-12-31 00:00:00 +0000 UTC', '2027-01-01T00:00:00.000Z'],
    ['of a time without quotes in YAML is that time', '2026-12-31 18:00:00 +0200 +0200', '2026-12-31T16:00:00.000Z'],
    ['of midnight elsewhere is that time', '2026-12-31 00:00:00 +0200 EET', '2026-12-30T22:00:00.000Z'],
    ['of a time with nanoseconds is that time', '2026-12-31 18:00:00.123456789 +0000 UTC', '2026-12-31T18:00:00.123Z'],
    ['of a time is that time', '2026-12-31T18:30:00Z', '2026-12-31T18:30:00.000Z'],
    ['of a time without seconds is that time', '2026-12-31T18:30Z', '2026-12-31T18:30:00.000Z'],
    ['of a time with milliseconds is that time', '2026-12-31T18:30:00.5Z', '2026-12-31T18:30:00.500Z'],
    ['of a time in another zone is converted to UTC', '2026-12-31T23:30:00-05:00', '2027-01-01T04:30:00.000Z'],
    ['of a time in a zone ahead of UTC is converted to UTC', '2027-01-01T01:00:00+02:00', '2026-12-31T23:00:00.000Z'],
    ['of the last day of the year 9999 is later than today', '9999-12-31', '9999-12-31T23:59:59.999Z'],
    [
      'of the last time in the year 9999 in a zone behind UTC is the latest possible time',
      '9999-12-31T23:00:00-05:00',
      '9999-12-31T23:59:59.999Z',
    ],
  ])('%s', (_name, expires, moment) => {
    expect(expiresAt(expires)).toBe(moment);
  });
});

describe('expired exceptions', () => {
  it('are those whose end has passed', () => {
    const ended = exception({ expiresAt: NOW, reason: 'ended just now' });
    const old = exception({ expiresAt: hoursLater(-48), reason: 'ended long ago' });
    const live = exception({ expiresAt: '2026-06-15T12:00:00.001Z', reason: 'ends in a millisecond' });
    expect(expiredExceptions(policy({ exceptions: [ended, live, old] }), NOW)).toEqual([ended, old]);
  });
});
