// The stack's policy from its config: every field, its default, and what each value comes to.
import { describe, expect, it } from 'vitest';
import { expiredExceptions } from '../../../shared/policy/exceptions.ts';
import { type Policy, parsePolicy } from '../../../shared/policy/policy.ts';
import { exception, hoursLater, NOW, policy } from '../samples.ts';

function parsed(severityThreshold: unknown, refinements: unknown): Policy {
  const result = parsePolicy(severityThreshold, refinements);
  if (!result.ok) throw new Error(`expected a policy, was given problems: ${JSON.stringify(result.problems)}`);
  return result.value;
}

/** What `expires` of one exception comes to. */
function expiresAt(expires: string): string | undefined {
  const exceptions = [{ id: 'CVE-2024-6119', expires, reason: 'not reachable' }];
  return parsed(undefined, { exceptions }).exceptions[0]?.expiresAt;
}

describe('a policy', () => {
  it('has a default for everything', () => {
    expect(parsed(undefined, undefined)).toEqual({
      severityThreshold: 'high',
      unfixable: 'high',
      unknownSeverity: 'inherit',
      exploited: 'never',
      graceDays: {},
      images: 'tagged',
      exceptions: [],
    });
  });

  it('takes every field', () => {
    const refinements = {
      unfixable: 'never',
      unknownSeverity: 'block',
      exploited: 'medium',
      graceDays: { informational: 0, low: 3650, medium: 30, high: 7, critical: 1 },
      images: 'all',
      exceptions: [
        {
          id: 'GHSA-jfh8-c2jp-5v3q',
          repository: 'team/**',
          digest: `sha256:${'0a'.repeat(32)}`,
          package: 'log4j-core',
          expires: '2026-12-31',
          reason: 'not reachable',
          approvedBy: 'security@example.com',
          untilFixed: true,
        },
      ],
    };
    expect(parsed('critical', refinements)).toEqual({
      severityThreshold: 'critical',
      unfixable: 'never',
      unknownSeverity: 'block',
      exploited: 'medium',
      graceDays: { informational: 0, low: 3650, medium: 30, high: 7, critical: 1 },
      images: 'all',
      exceptions: [
        {
          id: 'GHSA-jfh8-c2jp-5v3q',
          repository: 'team/**',
          digest: `sha256:${'0a'.repeat(32)}`,
          package: 'log4j-core',
          expiresAt: '2027-01-01T00:00:00.000Z',
          reason: 'not reachable',
          approvedBy: 'security@example.com',
          untilFixed: true,
        },
      ],
    });
  });

  it.each(['critical', 'high', 'medium', 'low', 'informational'])(
    'may begin at %s, also for what has no fix',
    (severity) => {
      const { severityThreshold, unfixable } = parsed(severity, {});
      expect({ severityThreshold, unfixable }).toEqual({ severityThreshold: severity, unfixable: severity });
    },
  );

  it.each(['critical', 'high', 'medium', 'low', 'informational', 'never'])(
    'may begin at %s for what has no fix, and for exploits',
    (threshold) => {
      const { severityThreshold, unfixable, exploited } = parsed('low', { unfixable: threshold, exploited: threshold });
      expect([severityThreshold, unfixable, exploited]).toEqual(['low', threshold, threshold]);
    },
  );

  it.each(['inherit', 'block', 'ignore'])('may read an unknown severity as %s', (unknownSeverity) => {
    expect(parsed(undefined, { unknownSeverity }).unknownSeverity).toBe(unknownSeverity);
  });

  it('takes spaces off the texts that people write', () => {
    const one = {
      id: 'CVE-2024-6119',
      expires: '2026-12-31',
      reason: ' not reachable ',
      package: ' openssl ',
      approvedBy: ' me ',
    };
    expect(parsed(undefined, { exceptions: [one] }).exceptions).toEqual([
      {
        id: 'CVE-2024-6119',
        expiresAt: '2027-01-01T00:00:00.000Z',
        reason: 'not reachable',
        package: 'openssl',
        approvedBy: 'me',
        untilFixed: false,
      },
    ]);
  });

  it.each([
    'CVE-2024-6119',
    'cve-2024-6119',
    'GHSA-jfh8-c2jp-5v3q',
    'ALAS2-2024-2500',
    'RHSA-2024:1234',
    'TEMP-0841856-B18BAF',
    'SNYK-JS-LODASH-590103',
  ])('may except %s', (id) => {
    const exceptions = [{ id, expires: '2026-12-31', reason: 'not reachable' }];
    expect(parsed(undefined, { exceptions }).exceptions.map((one) => one.id)).toEqual([id]);
  });
});

describe('the end of an exception', () => {
  it.each([
    ['of a date is the end of that day in UTC', '2026-12-31', '2027-01-01T00:00:00.000Z'],
    ['of the last day of February is the first of March', '2026-02-28', '2026-03-01T00:00:00.000Z'],
    ['of a leap day is the first of March', '2028-02-29', '2028-03-01T00:00:00.000Z'],
    ['of a time is that time', '2026-12-31T18:30:00Z', '2026-12-31T18:30:00.000Z'],
    ['of a time without seconds is that time', '2026-12-31T18:30Z', '2026-12-31T18:30:00.000Z'],
    ['of a time with milliseconds is that time', '2026-12-31T18:30:00.5Z', '2026-12-31T18:30:00.500Z'],
    ['of a time in another zone is that moment in UTC', '2026-12-31T23:30:00-05:00', '2027-01-01T04:30:00.000Z'],
    ['of a time east of Greenwich is that moment in UTC', '2027-01-01T01:00:00+02:00', '2026-12-31T23:00:00.000Z'],
    ['of the last day that four digits can write is later than today', '9999-12-31', '9999-12-31T23:59:59.999Z'],
    [
      'of the last moment that four digits can write, in the west, too',
      '9999-12-31T23:00:00-05:00',
      '9999-12-31T23:59:59.999Z',
    ],
  ])('%s', (_name, expires, moment) => {
    expect(expiresAt(expires)).toBe(moment);
  });
});

describe('expired exceptions', () => {
  it('are those whose end has come', () => {
    const ended = exception({ expiresAt: NOW, reason: 'ended just now' });
    const old = exception({ expiresAt: hoursLater(-48), reason: 'ended long ago' });
    const live = exception({ expiresAt: '2026-06-15T12:00:00.001Z', reason: 'ends in a millisecond' });
    expect(expiredExceptions(policy({ exceptions: [ended, live, old] }), NOW)).toEqual([ended, old]);
  });
});
