// The stack's policy from its config: every field with its default and its values.
import { describe, expect, it } from 'vitest';
import { type Policy, parsePolicy } from '../../../shared/policy/policy.ts';

function parsed(severityThreshold: unknown, refinements: unknown): Policy {
  const result = parsePolicy(severityThreshold, refinements);
  if (!result.ok) throw new Error(`expected a policy, was given problems: ${JSON.stringify(result.problems)}`);
  return result.value;
}

describe('a policy', () => {
  it('has a default for everything', () => {
    expect(parsed(undefined, undefined)).toEqual({
      severityThreshold: 'high',
      unfixable: 'high',
      unknownSeverity: 'inherit',
      exploited: 'never',
      epss: 'never',
      graceDays: {},
      images: 'tagged',
      exceptions: [],
    });
  });

  it.each([
    [0, 0],
    [1, 1],
    [0.5, 0.5],
    ['0.5', 0.5],
    ['.25', 0.25],
    ['1', 1],
    ['never', 'never'],
  ])('accepts the EPSS score %j, which is text if `pulumi config set --path` set it', (given, epss) => {
    expect(parsed(undefined, { exploited: 'low', epss: given }).epss).toBe(epss);
  });

  it('accepts every field', () => {
    const refinements = {
      unfixable: 'never',
      unknownSeverity: 'block',
      exploited: 'medium',
      epss: 0.5,
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
      epss: 0.5,
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
    'may have the threshold %s, also for findings without a fix',
    (severity) => {
      const { severityThreshold, unfixable } = parsed(severity, {});
      expect({ severityThreshold, unfixable }).toEqual({ severityThreshold: severity, unfixable: severity });
    },
  );

  it.each(['critical', 'high', 'medium', 'low', 'informational', 'never'])(
    'may have the threshold %s for findings without a fix, and for exploits',
    (threshold) => {
      const { severityThreshold, unfixable, exploited } = parsed('low', { unfixable: threshold, exploited: threshold });
      expect([severityThreshold, unfixable, exploited]).toEqual(['low', threshold, threshold]);
    },
  );

  it.each(['inherit', 'block', 'ignore'])('may treat an unknown severity with `%s`', (unknownSeverity) => {
    expect(parsed(undefined, { unknownSeverity }).unknownSeverity).toBe(unknownSeverity);
  });

  it('trims texts', () => {
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
  ])('may have an exception for %s', (id) => {
    const exceptions = [{ id, expires: '2026-12-31', reason: 'not reachable' }];
    expect(parsed(undefined, { exceptions }).exceptions.map((one) => one.id)).toEqual([id]);
  });
});
