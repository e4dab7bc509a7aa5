// Exceptions: what they match, for how long, and which of several applies.
import { describe, expect, it } from 'vitest';
import type { Exception } from '../../../shared/policy/exceptions.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { parsePolicy } from '../../../shared/policy/policy.ts';
import { judgeBy } from '../../../shared/policy/verdict.ts';
import { daysLater, digest, exception, finding, hoursLater, NOW, policy } from '../samples.ts';

const IMAGE = { repository: 'team/app', digest: digest(1) };

function verdict(exceptions: readonly Exception[], one: Finding = finding(), now = NOW) {
  return judgeBy(policy({ exceptions }))(IMAGE, [one], now);
}

/** The reason of the exception that applied; undefined if none did. */
function counted(exceptions: readonly Exception[], one: Finding = finding(), now = NOW): string | undefined {
  const { kind, exempted } = verdict(exceptions, one, now);
  const rules = exempted.map(({ exemption }) =>
    exemption.kind === 'exception' ? exemption.exception.reason : exemption.kind,
  );
  return kind === 'allow' ? rules.join() : undefined;
}

describe('an exception', () => {
  it('stays in the verdict, with the finding that it exempted', () => {
    const one = exception();
    expect(verdict([one])).toEqual({
      kind: 'allow',
      exempted: [{ finding: finding(), exemption: { kind: 'exception', exception: one } }],
    });
  });

  it.each<[string, Partial<Exception>, boolean]>([
    ['by the id of the vulnerability', {}, true],
    ['by the id in lower case', { id: 'cve-2024-6119' }, true],
    ['by another id', { id: 'CVE-2024-6120' }, false],
    ['by a part of the id', { id: 'CVE-2024-61' }, false],
    ['by alias (relatedVulnerabilities)', { id: 'GHSA-jfh8-c2jp-5v3q' }, true],
    ['by alias in upper case', { id: 'GHSA-JFH8-C2JP-5V3Q' }, true],
    ['by its repository', { repository: 'team/app' }, true],
    ['by a glob for its repository', { repository: 'team/*' }, true],
    ['by another repository', { repository: 'other/*' }, false],
    ['by its digest', { digest: digest(1) }, true],
    ['by another digest', { digest: digest(2) }, false],
    ['by its package', { package: 'openssl' }, true],
    ['by another package', { package: 'libssl' }, false],
    [
      'by repository, digest and package together',
      { repository: 'team/*', digest: digest(1), package: 'openssl' },
      true,
    ],
    ['by the package alone, for every advisory', { id: '*', package: 'openssl', repository: 'team/*' }, true],
    ['by another package, for every advisory', { id: '*', package: 'libssl', repository: 'team/*' }, false],
    ['by the package in another image', { id: '*', package: 'openssl', digest: digest(2) }, false],
    ['by all but the package', { repository: 'team/*', digest: digest(1), package: 'libssl' }, false],
  ])('%s', (_name, changes, matches) => {
    const one = finding({ aliases: ['OTHER-1', 'GHSA-jfh8-c2jp-5v3q'] });
    expect(counted([exception(changes)], one)).toBe(matches ? 'not reachable' : undefined);
  });

  it.each([
    ['applies in its last second', '2026-12-31T18:00:00Z', '2026-12-31T17:59:59.000Z', true],
    ['applies in its last millisecond', '2026-12-31T18:00:00Z', '2026-12-31T17:59:59.999Z', true],
    ['does not apply at its end', '2026-12-31T18:00:00Z', '2026-12-31T18:00:00.000Z', false],
    ['does not apply one second after its end', '2026-12-31T18:00:00Z', '2026-12-31T18:00:01.000Z', false],
    ['with a date applies in the last second of that day in UTC', '2026-12-31', '2026-12-31T23:59:59.000Z', true],
    ['with a date does not apply after that day in UTC', '2026-12-31', '2027-01-01T00:00:00.000Z', false],
    ['until the last day of the year 9999 applies', '9999-12-31', NOW, true],
  ])('%s', (_name, expires, now, counts) => {
    const parsed = parsePolicy('high', { exceptions: [{ id: 'CVE-2024-6119', expires, reason: 'not reachable' }] });
    expect(parsed.ok && counted(parsed.value.exceptions, finding(), now)).toBe(counts ? 'not reachable' : undefined);
  });

  it.each<[string, Finding['fix'], boolean]>([
    ['with `untilFixed` applies while there is no fix', 'none', true],
    ['with `untilFixed` applies while it is unknown whether a fix exists', 'unknown', true],
    ['with `untilFixed` does not apply once a fix is available', 'available', false],
  ])('%s', (_name, fix, counts) => {
    expect(counted([exception({ untilFixed: true })], finding({ fix }))).toBe(counts ? 'not reachable' : undefined);
  });

  it('also exempts a known exploit, because the exception was reviewed', () => {
    expect(counted([exception()], finding({ exploited: true }))).toBe('not reachable');
  });

  it('exempts an undetermined finding', () => {
    expect(counted([exception()], finding({ severity: 'UNTRIAGED' }))).toBe('not reachable');
  });

  it('is not named if the provider suppresses the finding', () => {
    expect(counted([exception()], finding({ state: 'suppressed' }))).toBe('suppressed');
  });
});

describe('of several exceptions', () => {
  const expired = exception({ expiresAt: hoursLater(-1), reason: 'expired' });
  const short = exception({ expiresAt: daysLater(1), reason: 'short' });
  const long = exception({ expiresAt: daysLater(9), reason: 'long' });
  const byAlias = exception({ id: 'GHSA-1', expiresAt: daysLater(20), reason: 'by alias' });

  it.each([
    ['the unexpired one of two applies', [expired, short], 'short'],
    ['the unexpired one of two applies in the other order', [short, expired], 'short'],
    ['the one that lasts longer applies', [short, long], 'long'],
    ['the one that lasts longer applies in the other order', [long, short], 'long'],
    ['one by alias applies if it lasts longest', [long, byAlias], 'by alias'],
    ['none applies if all have expired', [expired], undefined],
  ])('%s', (_name, exceptions, reason) => {
    expect(counted(exceptions, finding({ aliases: ['GHSA-1'] }))).toBe(reason);
  });
});
