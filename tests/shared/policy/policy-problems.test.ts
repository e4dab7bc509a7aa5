// Problems with a policy: every bad value with its key, the given value and what is allowed, all at once.
import { describe, expect, it } from 'vitest';
import { parsePolicy } from '../../../shared/policy/policy.ts';
import { describeProblem } from '../../../shared/runtime/problem.ts';

/** Every problem as a sentence. */
function problems(severityThreshold: unknown, policy: unknown, now?: string): readonly string[] {
  const result = parsePolicy(severityThreshold, policy, now);
  return result.ok ? [] : result.problems.map(describeProblem);
}

/** Every problem of a policy with one exception, which is valid except for these changes. */
function exceptionProblems(changes: object): readonly string[] {
  const good = { id: 'CVE-2024-6119', expires: '2026-12-31', reason: 'not reachable' };
  return problems('high', { exceptions: [{ ...good, ...changes }] });
}

const SEVERITIES = 'one of informational, low, medium, high, critical';
const THRESHOLDS = 'one of informational, low, medium, high, critical, never';
const EPSS = 'a number, 0 to 1, or never';
const DAYS = 'a whole number of days, 0 to 3650';
const ID = 'the id of one advisory, such as CVE-2024-6119 or GHSA-xxxx-xxxx-xxxx, or * with a package';
const PACKAGE_ONLY =
  'the id of one advisory, or * together with package and with repository or digest (an exception for all findings is not allowed)';
const GLOB = 'a glob for repository names, such as "team/*" or "team/**"';
const DIGEST = 'a digest: sha256: and 64 hexadecimal digits';
const EXPIRES = 'a date (2026-12-31, including that day in UTC) or a time with its zone (2026-12-31T18:00:00Z)';
const REFINEMENTS = 'an object of refinements, such as { "unfixable": "never" }';
const EXCEPTION = 'an object with id, expires and reason';

describe('a bad threshold', () => {
  it.each([
    ['hihg', `severityThreshold is "hihg": expected ${SEVERITIES}`],
    ['High', `severityThreshold is "High": expected ${SEVERITIES}`],
    ['never', `severityThreshold is "never": expected ${SEVERITIES}`],
    ['', `severityThreshold is "": expected ${SEVERITIES}`],
    [7, `severityThreshold is 7: expected ${SEVERITIES}`],
    [null, `severityThreshold is null: expected ${SEVERITIES}`],
  ])('%j is reported', (given, problem) => {
    expect(problems(given, {})).toEqual([problem]);
  });
});

describe('a bad refinement', () => {
  it.each([
    ['policy', null, `policy is null: expected ${REFINEMENTS}`],
    ['policy', 'never', `policy is "never": expected ${REFINEMENTS}`],
    ['policy', ['never'], `policy is ["never"]: expected ${REFINEMENTS}`],
    ['unfixable', { unfixable: 'no' }, `policy.unfixable is "no": expected ${THRESHOLDS}`],
    [
      'unknownSeverity',
      { unknownSeverity: 'cvs' },
      'policy.unknownSeverity is "cvs": expected one of inherit, block, ignore',
    ],
    ['exploited', { exploited: true }, `policy.exploited is true: expected ${THRESHOLDS}`],
    ['epss above 1', { exploited: 'low', epss: 1.5 }, `policy.epss is 1.5: expected ${EPSS}`],
    ['epss below 0', { exploited: 'low', epss: -0.1 }, `policy.epss is -0.1: expected ${EPSS}`],
    ['epss above 1 as text', { exploited: 'low', epss: '1.5' }, `policy.epss is 1.5: expected ${EPSS}`],
    ['epss that is no number', { exploited: 'low', epss: 'high' }, `policy.epss is "high": expected ${EPSS}`],
    ['epss as a percentage', { exploited: 'low', epss: '50%' }, `policy.epss is "50%": expected ${EPSS}`],
    [
      'epss without exploited',
      { epss: 0.5 },
      'policy.epss is 0.5: expected a score only together with policy.exploited, which is never; set policy.exploited, or remove policy.epss',
    ],
    ['images', { images: 'untagged' }, 'policy.images is "untagged": expected one of tagged, all'],
    [
      'graceDays',
      { graceDays: 7 },
      'policy.graceDays is 7: expected an object from severity to days, such as { "high": 7 }',
    ],
    ['graceDays that is a text', { graceDays: { high: '7' } }, `policy.graceDays.high is "7": expected ${DAYS}`],
    [
      'graceDays that is not a whole number',
      { graceDays: { low: 1.5 } },
      `policy.graceDays.low is 1.5: expected ${DAYS}`,
    ],
    ['graceDays below 0', { graceDays: { medium: -1 } }, `policy.graceDays.medium is -1: expected ${DAYS}`],
    [
      'graceDays below 0 that is not a whole number',
      { graceDays: { high: -1.5 } },
      `policy.graceDays.high is -1.5: expected ${DAYS}`,
    ],
    [
      'graceDays above ten years',
      { graceDays: { critical: 3651 } },
      `policy.graceDays.critical is 3651: expected ${DAYS}`,
    ],
    [
      'graceDays for an unknown severity',
      { graceDays: { hihg: 7 } },
      'policy.graceDays.hihg: unknown key; did you mean "high"?',
    ],
    ['exceptions', { exceptions: {} }, 'policy.exceptions is {}: expected a list of exceptions'],
    ['an unknown key', { unfixible: 'never' }, 'policy.unfixible: unknown key; did you mean "unfixable"?'],
    ['a key that belongs elsewhere', { severityThreshold: 'low' }, 'policy.severityThreshold: unknown key'],
  ])('of %s is reported: %j', (_key, policy, problem) => {
    expect(problems('high', policy)).toEqual([problem]);
  });
});

describe('a bad exception', () => {
  it.each([
    ['that matches everything', { id: '*' }, `id is "*": expected ${PACKAGE_ONLY}`],
    ['for a package everywhere', { id: '*', package: 'openssl' }, `id is "*": expected ${PACKAGE_ONLY}`],
    ['for a whole repository', { id: '*', repository: 'team/app' }, `id is "*": expected ${PACKAGE_ONLY}`],
    ['for every CVE', { id: 'CVE-*' }, `id is "CVE-*": expected ${ID}`],
    ['without a number', { id: 'CVE' }, `id is "CVE": expected ${ID}`],
    ['with an empty id', { id: '' }, `id is "": expected ${ID}`],
    ['with an id that is not a text', { id: 6119 }, `id is 6119: expected ${ID}; put it in quotes`],
    ['with a repository that is not a glob', { repository: 'Team/App' }, `repository is "Team/App": expected ${GLOB}`],
    ['with an empty repository', { repository: '' }, `repository is "": expected ${GLOB}`],
    ['with a short digest', { digest: 'sha256:abc' }, `digest is "sha256:abc": expected ${DIGEST}`],
    ['with a tag instead of a digest', { digest: 'latest' }, `digest is "latest": expected ${DIGEST}`],
    ['with an empty package', { package: ' ' }, 'package is "": expected the name of a package'],
    [
      'with a package that is not a text',
      { package: 1 },
      'package is 1: expected the name of a package; put it in quotes',
    ],
    ['that expires in words', { expires: 'tomorrow' }, `expires is "tomorrow": expected ${EXPIRES}`],
    ['that expires in a month', { expires: '2026-12' }, `expires is "2026-12": expected ${EXPIRES}`],
    [
      'that expires on a day that does not exist',
      { expires: '2026-06-31' },
      `expires is "2026-06-31": expected ${EXPIRES}`,
    ],
    ['that expires in a 13th month', { expires: '2026-13-01' }, `expires is "2026-13-01": expected ${EXPIRES}`],
    [
      'that expires at an hour that does not exist',
      { expires: '2026-06-30T25:00:00Z' },
      `expires is "2026-06-30T25:00:00Z": expected ${EXPIRES}`,
    ],
    [
      'that expires at a time without a zone',
      { expires: '2026-06-30T12:00:00' },
      `expires is "2026-06-30T12:00:00": expected ${EXPIRES}`,
    ],
    ['that expires on an American date', { expires: '12/31/2026' }, `expires is "12/31/2026": expected ${EXPIRES}`],
    ['that expires on an English date', { expires: 'June 1 2026' }, `expires is "June 1 2026": expected ${EXPIRES}`],
    ['that expires at a number', { expires: 20261231 }, `expires is 20261231: expected ${EXPIRES}`],
    ['with an empty reason', { reason: '  ' }, 'reason is "": expected the reason for the exception'],
    ['with a reason that is not a text', { reason: true }, 'reason is true: expected the reason for the exception'],
    ['with an empty approver', { approvedBy: '' }, 'approvedBy is "": expected the name of the approver'],
    ['with untilFixed as a text', { untilFixed: 'yes' }, 'untilFixed is "yes": expected true or false'],
    ['with an unknown key', { expiry: '2026-12-31' }, 'expiry: unknown key; did you mean "expires"?'],
  ])('%s is reported: %j', (_name, changes, problem) => {
    expect(exceptionProblems(changes)).toEqual([`policy.exceptions[0].${problem}`]);
  });

  it.each([
    ['a text', 'CVE-2024-6119', `policy.exceptions[0] is "CVE-2024-6119": expected ${EXCEPTION}`],
    ['null', null, `policy.exceptions[0] is null: expected ${EXCEPTION}`],
    ['a list', ['CVE-2024-6119'], `policy.exceptions[0] is ["CVE-2024-6119"]: expected ${EXCEPTION}`],
  ])('that is %s is reported', (_name, given, problem) => {
    expect(problems('high', { exceptions: [given] })).toEqual([problem]);
  });

  const ofPackage = { id: '*', package: 'openssl', repository: 'team/*', reason: 'reviewed' };
  it.each([
    ['a date 30 days ahead', { ...ofPackage, expires: '2026-03-31' }, []],
    [
      'a date 31 days ahead',
      { ...ofPackage, expires: '2026-04-01' },
      [
        'policy.exceptions[0].expires is "2026-04-02T00:00:00.000Z": expected a date at most 30 days ahead, because its id is *',
      ],
    ],
    ['a far date for one advisory', { ...ofPackage, id: 'CVE-2024-6119', expires: '2036-04-01' }, []],
  ])('for a whole package may end at %s: %j', (_name, given, expected) => {
    expect(problems('high', { exceptions: [given] }, '2026-03-01T09:00:00.000Z')).toEqual(expected);
    // The deployed function reads the same settings later, and does not refuse what was accepted.
    expect(problems('high', { exceptions: [given] })).toEqual([]);
  });

  it('without its required keys has a problem for each', () => {
    expect(problems('high', { exceptions: [{}] })).toEqual([
      `policy.exceptions[0].id is missing: expected ${ID}`,
      `policy.exceptions[0].expires is missing: expected ${EXPIRES}`,
      'policy.exceptions[0].reason is missing: expected the reason for the exception',
    ]);
  });
});

describe('many problems', () => {
  it('are reported at once', () => {
    const policy = {
      unfixable: 'no',
      unknownSeverity: 1,
      exploited: 'always',
      graceDays: { high: -1, critical: 1.5 },
      images: [],
      exceptions: [
        { id: 'CVE-*', expires: 'soon', reason: '' },
        { id: 'CVE-2024-6119', reason: 'not reachable', digest: 'latest' },
      ],
    };
    expect(problems('hihg', policy)).toEqual([
      `severityThreshold is "hihg": expected ${SEVERITIES}`,
      `policy.unfixable is "no": expected ${THRESHOLDS}`,
      'policy.unknownSeverity is 1: expected one of inherit, block, ignore',
      `policy.exploited is "always": expected ${THRESHOLDS}`,
      `policy.graceDays.high is -1: expected ${DAYS}`,
      `policy.graceDays.critical is 1.5: expected ${DAYS}`,
      'policy.images is []: expected one of tagged, all',
      `policy.exceptions[0].id is "CVE-*": expected ${ID}`,
      `policy.exceptions[0].expires is "soon": expected ${EXPIRES}`,
      'policy.exceptions[0].reason is "": expected the reason for the exception',
      `policy.exceptions[1].digest is "latest": expected ${DIGEST}`,
      `policy.exceptions[1].expires is missing: expected ${EXPIRES}`,
    ]);
  });

  it('include every unknown key', () => {
    expect(problems('high', { unfixible: 'never', mode: 'audit' })).toEqual([
      'policy.unfixible: unknown key; did you mean "unfixable"?',
      'policy.mode: unknown key',
    ]);
  });
});
