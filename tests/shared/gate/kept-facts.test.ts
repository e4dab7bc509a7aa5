// What was once read of a finding stays with it: the highest EPSS score, and its details if a later read fails.
import { describe, expect, it } from 'vitest';
import { sameBlocker } from '../../../shared/gate/image-evaluation.ts';
import { shareFacts } from '../../../shared/gate/kept-facts.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import { blocker, digest, finding, NOW, present } from '../samples.ts';
import { type Changes, evaluateChanges, GONE, inShort, OTHER } from './evaluating.ts';

const MEDIUM = finding({ severity: 'MEDIUM' });
const LIKELY: Changes['policy'] = { exploited: 'medium', epss: 0.5 };
const recorded = (epss: number | undefined) => blocker({ findings: [{ ...MEDIUM, epss }] });
const observed = (epss: number | undefined) => present({ findings: [{ ...MEDIUM, epss }] });

describe('an EPSS score', () => {
  it.each<[string, Changes, string]>([
    ['that falls opens nothing', { blocker: recorded(0.51), image: observed(0.49) }, 'holds: violates'],
    ['that is missing opens nothing', { blocker: recorded(0.51), image: observed(undefined) }, 'holds: violates'],
    ['that rises closes', { blocker: recorded(0.49), image: observed(0.5) }, 'holds: violates'],
    [
      'below the limit in record and observation does not violate',
      { blocker: recorded(0.49), image: observed(0.3) },
      'inactive: exempted',
    ],
    [
      'of another finding does not count',
      { blocker: blocker({ findings: [{ ...OTHER, epss: 0.9 }] }), image: observed(0.3), policy: LIKELY },
      'needsScan',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges({ policy: LIKELY, ...changes }))).toBe(expected);
  });

  it('is recorded with the blocker, the highest of all reports', () => {
    const image = present({ findings: [{ ...MEDIUM, epss: 0.6 }, { ...MEDIUM, epss: 0.7 }, OTHER] });
    const known = { image, blocker: recorded(0.5) };
    expect(shareFacts(known).blocker.findings).toEqual([{ ...MEDIUM, epss: 0.7 }]);
    expect(sameBlocker(known.blocker, shareFacts(known).blocker)).toBe(false);
  });

  it('that did not rise changes nothing in the record', () => {
    const known = { image: observed(0.4), blocker: recorded(0.5) };
    expect(shareFacts(known).blocker).toEqual(known.blocker);
    expect(sameBlocker(known.blocker, shareFacts(known).blocker)).toBe(true);
  });

  it('of an image that is gone stays recorded', () => {
    const known = { image: GONE, blocker: blocker({ digest: digest(1), findings: [{ ...MEDIUM, epss: 0.5 }] }) };
    expect(shareFacts(known)).toEqual(known);
  });
});

describe('details that were read once', () => {
  const bare = finding({ severity: 'none given', reportSeverity: 'critical' });
  const detailed = (severity: string, changes: Partial<Finding> = {}): Finding => ({
    ...finding({ severity, score: 5 }),
    reportSeverity: 'critical',
    ...changes,
  });
  const of = (one: Finding) => ({ blocker: blocker({ findings: [one] }) });

  it.each<[string, Changes, string]>([
    [
      'count if the next read fails: still severe',
      {
        ...of({ ...detailed('CRITICAL'), reportSeverity: 'low' }),
        image: present({ findings: [{ ...bare, reportSeverity: 'low' }] }),
      },
      'holds: violates',
    ],
    [
      'count if the next read fails: still mild',
      { ...of(detailed('LOW')), image: present({ findings: [bare] }) },
      'inactive: exempted',
    ],
    [
      'replace an inherited severity',
      { ...of(bare), image: present({ findings: [detailed('LOW')] }) },
      'inactive: exempted',
    ],
    [
      'include the date and the exploit',
      {
        ...of(detailed('MEDIUM', { exploited: true })),
        image: present({ findings: [{ ...bare, reportSeverity: 'low' }] }),
        policy: { exploited: 'medium' },
      },
      'holds: violates',
    ],
    [
      'count for a finding that has a date and nothing else',
      {
        ...of({ ...detailed('CRITICAL'), reportSeverity: 'low' }),
        image: present({ findings: [{ ...bare, reportSeverity: 'low', disclosedAt: NOW }] }),
      },
      'holds: violates',
    ],
    [
      'include a rejection',
      { ...of({ ...bare, state: 'rejected' }), image: present({ findings: [bare] }) },
      'inactive: exempted',
    ],
    [
      'do not outweigh newer ones',
      { ...of(detailed('LOW')), image: present({ findings: [detailed('CRITICAL')] }) },
      'holds: violates',
    ],
    [
      'do not undo a suppression',
      { ...of(detailed('CRITICAL')), image: present({ findings: [{ ...bare, state: 'suppressed' }] }) },
      'inactive: exempted',
    ],
    [
      'need not exist: an inherited severity is kept, too',
      { ...of(bare), image: present({ findings: [finding({ severity: 'none given' })] }) },
      'holds: violates',
    ],
    [
      'need not exist: an inherited severity is kept with a date, too',
      { ...of(bare), image: present({ findings: [finding({ severity: 'none given', disclosedAt: NOW })] }) },
      'holds: violates',
    ],
    [
      'need not exist: without any severity the image stays undetermined',
      {
        ...of(finding({ severity: 'none given' })),
        image: present({ findings: [finding({ severity: 'none given' })] }),
      },
      'holds: undetermined',
    ],
  ])('%s', (_name, changes, expected) => {
    expect(inShort(evaluateChanges(changes))).toBe(expected);
  });

  it('are recorded, so that a later failed read finds them', () => {
    const known = { ...of(bare), image: present({ findings: [detailed('LOW', { disclosedAt: NOW })] }) };
    expect(shareFacts(known).blocker.findings).toMatchObject([{ severity: { severity: 'low' }, disclosedAt: NOW }]);
  });
});
