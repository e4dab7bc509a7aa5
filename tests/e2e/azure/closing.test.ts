// The forms in which Defender reports findings, and the gates that they close. The case table's rows about findings.
import { describe, expect, test } from 'vitest';
import type { Cve } from '../../../local/azure/assessment.ts';
import type { AssessOptions } from '../../../local/azure/defender.ts';
import { CRITICAL, stage, UNTOUCHED, type World } from './stage.ts';

const CLOSED: World = {
  locked: ['team/app:v1 readEnabled'],
  records: { 'team/app:v1': 'closed' },
  notified: ['closed team/app:v1'],
  poison: [],
};

describe('findings', () => {
  test('an individual assessment, Critical, fixable: manifest closed, record written, one mail', async () => {
    const { cloud, push, report, runUntilIdle, pull, world, record, decisions, calls } = await stage();
    const good = push('v0');
    const image = push('v1');
    expect(await pull('v1')).toBe('pulled');
    await report(image);
    await runUntilIdle();
    expect(await world()).toEqual(CLOSED);
    expect(await pull('v1')).toBe('refused');
    expect(await pull(image.digest)).toBe('refused');
    expect(await pull('v0')).toBe('pulled');
    expect(decisions()).toMatchObject([
      {
        cloud: 'azure',
        ...image,
        verdict: 'block',
        action: 'closed',
        from: 'open',
        to: 'closed',
        mode: 'enforce',
        triggers: ['finding'],
        change: { before: '{"readEnabled":true}', after: '{"readEnabled":false}' },
      },
    ]);
    expect(await record(image)).toMatchObject({
      state: { kind: 'closed' },
      claimed: true,
      pending: [],
      blockers: [{ digest: image.digest, tags: ['v1'], findings: [{ vulnerability: 'CVE-2026-1001' }] }],
    });
    expect(cloud.mails).toMatchObject([{ to: ['security@example.com'] }]);
    expect(cloud.mails[0]?.plainText).toContain(
      'CVE-2026-1001 (critical, inherited from the report) in openssl 3.0.13: fixed in 3.0.14.',
    );
    expect(calls('acr:UpdateManifest')).toBe(1);
    expect(good.digest).not.toBe(image.digest);
  });

  test('40 assessments (packages) of one image, in any order: closed once, one mail', async () => {
    const { cloud, push, report, runUntilIdle, world, record, decisions, calls } = await stage();
    const image = push('v1');
    cloud.faults.addToBus({ kind: 'reorder' });
    for (let number = 0; number < 40; number++) {
      const cves = [{ ...CRITICAL, id: `CVE-2026-${2000 + number}` }];
      await report(image, { package: `package-${number}`, cves });
    }
    await runUntilIdle();
    expect(await world()).toEqual(CLOSED);
    expect(calls('acr:UpdateManifest')).toBe(1);
    expect(decisions().filter(({ action }) => action !== 'nothing')).toHaveLength(1);
    // The first message of the first second causes an observation, and at most one more serves all others.
    expect(decisions().length).toBeLessThanOrEqual(2);
    expect((await record(image))?.blockers[0]?.findings).toHaveLength(40);
  });

  const closing: readonly (readonly [string, Partial<AssessOptions>])[] = [
    ['grouped sub-assessment, Unhealthy: closes', { shape: 'grouped' }],
    ['`CvesDetails` as a JSON string: parsed', { cvesAs: 'text' }],
    ['camelCase keys: parsed', { casing: 'camel' }],
    ['camelCase keys and a JSON string: parsed', { casing: 'camel', cvesAs: 'text' }],
    [
      'severity "" and score 9.1: critical, derived from the score',
      { severity: 'Low', details: 'rich', cves: [{ id: 'CVE-2026-1002', severity: '', score: 9.1 }] },
    ],
    ["no CVE details: the assessment's own severity", { severity: 'High', cvesAs: 'missing' }],
  ];

  test.each(closing)('%s', async (_name, options) => {
    const { push, report, runUntilIdle, pull, world, lastDecision } = await stage();
    const image = push('v1');
    await report(image, options);
    await runUntilIdle();
    expect(await world()).toEqual(CLOSED);
    expect(await pull('v1')).toBe('refused');
    expect(lastDecision(image)).toMatchObject({ verdict: 'block', action: 'closed' });
  });

  const below: Cve = { ...CRITICAL, severity: 'Medium', score: 5 };
  const open: readonly (readonly [string, Partial<AssessOptions>, string])[] = [
    [
      'grouped sub-assessment, NotApplicable/Exempt: does not close',
      { shape: 'grouped', status: 'NotApplicable' },
      'allow',
    ],
    ['an individual assessment, NotApplicable/Exempt: does not close', { status: 'NotApplicable' }, 'allow'],
    ['an individual assessment, Healthy: does not close', { status: 'Healthy' }, 'allow'],
    ['below the threshold: does not close', { severity: 'Critical', details: 'rich', cves: [below] }, 'allow'],
    ['only a CVE id, and a recommendation below the threshold: does not close', { severity: 'Medium' }, 'allow'],
    [
      "no CVE details, and the assessment's own severity is Low: does not close",
      { severity: 'Low', cvesAs: 'missing' },
      'allow',
    ],
    [
      'an unknown severity and no score: undetermined',
      { severity: 'Unknown', details: 'rich', cves: [{ id: 'CVE-2026-1003', severity: 'Dire' }] },
      'undetermined',
    ],
  ];

  test.each(open)('%s', async (_name, options, verdict) => {
    const { push, report, runUntilIdle, pull, world, decisions } = await stage();
    const image = push('v1');
    await report(image, options);
    await runUntilIdle();
    expect(await world()).toEqual(UNTOUCHED);
    expect(await pull('v1')).toBe('pulled');
    expect(decisions()).toMatchObject([{ verdict, action: 'nothing', to: 'open' }]);
  });
});
