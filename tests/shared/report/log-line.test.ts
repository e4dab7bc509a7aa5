// A decision as one line of JSON: the fields that queries read, and the limit on its length.
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../shared/policy/finding.ts';
import type { Verdict } from '../../../shared/policy/verdict.ts';
import type { Decision, ImageDecision } from '../../../shared/report/decision.ts';
import { decisionLine } from '../../../shared/report/log-line.ts';
import { aBlockedFix, decision, digest, exception, finding, GATE, NOW } from '../samples.ts';

/** The line after it is written and parsed again. */
function line(changes: Partial<Decision>): Record<string, unknown> {
  const observed = decision({ triggers: ['finding', 'sweep'], ...changes });
  return JSON.parse(JSON.stringify(decisionLine({ cloud: 'aws', maxCharacters: 200_000 }, observed, 12)));
}

const reason = { finding: finding({ exploited: true }), rule: 'severityThreshold', severity: 'critical' } as const;
const BLOCK: Verdict = { kind: 'block', reasons: [reason], undetermined: [], exempted: [] };
const UNDETERMINED: Verdict = {
  kind: 'undetermined',
  undetermined: [finding({ severity: 'UNTRIAGED' })],
  exempted: [],
};
const ALLOW: Verdict = { kind: 'allow', exempted: [] };
const VIOLATES: ImageDecision = { digest: digest(1), kind: 'holds', why: { kind: 'violates' }, verdict: BLOCK };

const DIGEST = 'sha256:0000000000000000000000000000000000000000000000000000000000000001';
const OPENSSL = {
  vulnerability: 'CVE-2024-6119',
  package: 'openssl',
  installedVersion: '3.0.1',
  fixedVersion: '3.0.15',
};

describe('the line of a decision', () => {
  it('without a change is short', () => {
    expect(line({ allowed: 3 })).toEqual({
      kind: 'decision',
      cloud: 'aws',
      gate: '123456789012/team/app',
      registry: '123456789012',
      repository: 'team/app',
      verdict: 'allow',
      action: 'nothing',
      from: 'open',
      to: 'open',
      mode: 'enforce',
      triggers: ['finding', 'sweep'],
      undeterminedImages: 0,
      message: 'team/app stays open',
      images: [],
      allowedImages: 3,
      durationMilliseconds: 12,
    });
  });

  it('to close on an inherited severity marks the reason as inherited', () => {
    const verdict: Verdict = { ...BLOCK, reasons: [{ ...reason, inherited: true }] };
    const { images } = line({ images: [{ ...VIOLATES, verdict }] });
    expect(images).toMatchObject([{ reasons: [{ severity: 'critical', inherited: true, rule: 'severityThreshold' }] }]);
  });

  it('to close has the image, the reasons, and the policy before and after', () => {
    const change = { before: '{}', after: '{"Statement":[]}' };
    expect(line({ images: [VIOLATES], action: 'closed', to: { kind: 'closed' }, change })).toEqual({
      kind: 'decision',
      cloud: 'aws',
      gate: '123456789012/team/app',
      registry: '123456789012',
      repository: 'team/app',
      digest: DIGEST,
      verdict: 'block',
      action: 'closed',
      from: 'open',
      to: 'closed',
      mode: 'enforce',
      triggers: ['finding', 'sweep'],
      onlyInherited: false,
      undeterminedImages: 0,
      message:
        'team/app is closed now: sha256:000000000000 violates the policy with CVE-2024-6119 in openssl (critical, severityThreshold)',
      images: [
        {
          digest: DIGEST,
          outcome: 'holds',
          why: { kind: 'violates' },
          verdict: 'block',
          reasons: [{ ...OPENSSL, severity: 'critical', rule: 'severityThreshold', exploited: true }],
        },
      ],
      allowedImages: 0,
      change,
      durationMilliseconds: 12,
    });
  });

  it('to wait, or that the registry refuses, has the reason', () => {
    const { from, to, action, problem } = line({
      from: { kind: 'waiting', for: 'brake' },
      to: { kind: 'closing' },
      action: 'refused',
      problem: 'the policy is too long',
    });
    expect({ from, to, action, problem }).toEqual({
      from: 'waiting: brake',
      to: 'closing',
      action: 'refused',
      problem: 'the policy is too long',
    });
  });

  it.each<[string, Partial<Decision>, string | undefined]>([
    ['the gate, if it is an image', { gate: { ...GATE, digest: digest(2) }, images: [VIOLATES] }, digest(2)],
    ['the only image', { images: [VIOLATES] }, digest(1)],
    ['no image if there are several', { images: [VIOLATES, { ...VIOLATES, digest: digest(2) }] }, undefined],
    ['no image if there is none', {}, undefined],
  ])('has the digest of %s', (_name, changes, expected) => {
    expect(line(changes)['digest']).toBe(expected);
  });

  it.each<[string, readonly ImageDecision[], string]>([
    ['block if any image violates', [{ ...VIOLATES, verdict: UNDETERMINED }, VIOLATES], 'block'],
    [
      'undetermined if an image is undetermined and none violates',
      [{ digest: digest(1), kind: 'none', verdict: UNDETERMINED }],
      'undetermined',
    ],
    ['allow if all are cleared', [{ digest: digest(1), kind: 'cleared', how: 'gone' }], 'allow'],
    ['allow if all are exempt', [{ digest: digest(1), kind: 'none', verdict: ALLOW }], 'allow'],
  ])('has the verdict %s', (_name, images, verdict) => {
    expect(line({ images })['verdict']).toBe(verdict);
  });
});

describe('the fields for queries', () => {
  const undetermined = (...severities: readonly string[]): Verdict => ({
    kind: 'undetermined',
    undetermined: severities.map((severity) => finding({ severity })) as [Finding, ...Finding[]],
    exempted: [],
  });

  it('list the trigger `finding` first, if it is among the triggers', () => {
    expect(line({ triggers: ['sweep', 'push', 'finding', 'scan'] })['triggers']).toEqual([
      'finding',
      'scan',
      'push',
      'sweep',
    ]);
  });

  it('have the duration of a closing', () => {
    expect(line({ images: [VIOLATES], action: 'closed', secondsSinceFinding: 7.5 })['secondsSinceFinding']).toBe(7.5);
  });

  it('count every undetermined image, even if the list is shortened, and have each unknown label once', () => {
    const images = Array.from(
      { length: 30 },
      (_, place): ImageDecision => ({
        digest: digest(place + 2),
        kind: 'none',
        verdict: undetermined('UNTRIAGED', `w${place % 2}`),
      }),
    );
    const blocked: ImageDecision = { ...VIOLATES, verdict: { ...BLOCK, undetermined: [finding({ severity: 'odd' })] } };
    const { undeterminedImages, undeterminedWhy } = line({
      images: [...images, blocked, { digest: digest(40), kind: 'cleared', how: 'gone' }],
    });
    expect([undeterminedImages, undeterminedWhy]).toEqual([30, 'UNTRIAGED, w0, w1']);
  });

  it('count the judged images', () => {
    expect(line({ images: [VIOLATES], allowed: 4, judged: 5 })['judgedImages']).toBe(5);
  });

  const inherited: Verdict = { ...BLOCK, reasons: [{ ...reason, inherited: true }] };
  const mixed: Verdict = { ...BLOCK, reasons: [reason, { ...reason, inherited: true }] };
  it.each<[string, readonly ImageDecision[], boolean | undefined]>([
    ['for a closing on inherited severities', [{ ...VIOLATES, verdict: inherited }], true],
    ['for a closing on a severity of its own, too', [{ ...VIOLATES, verdict: mixed }], false],
    ['for a closing by two images', [{ ...VIOLATES, verdict: inherited }, VIOLATES], false],
    ['not for a closing without a finding, such as that of an override', [], undefined],
    [
      'not for a closing on what the record remembers',
      [{ ...VIOLATES, why: { kind: 'undetermined' }, verdict: UNDETERMINED }],
      undefined,
    ],
    ['not for a cleared image', [{ digest: digest(1), kind: 'cleared', how: 'gone' }], undefined],
  ])('say whether a closing rests only on inherited severities: %s', (_name, images, expected) => {
    expect(line({ action: 'closed', images })['onlyInherited']).toBe(expected);
    expect(line({ action: 'nothing', images })['onlyInherited']).toBeUndefined();
  });

  it('have at most five unknown labels, each shortened', () => {
    const verdict = undetermined(...Array.from({ length: 9 }, (_, place) => `${place}${'x'.repeat(100)}`));
    const { undeterminedWhy } = line({ images: [{ digest: digest(1), kind: 'none', verdict }] });
    expect(String(undeterminedWhy).split(', ')).toEqual([0, 1, 2, 3, 4].map((place) => `${place}${'x'.repeat(59)}`));
  });

  it('come before fields that may be long', () => {
    const keys = Object.keys(line({ images: [VIOLATES], action: 'closed', secondsSinceFinding: 1, judged: 7 }));
    const long = keys.indexOf('message');
    for (const key of [
      'gate',
      'action',
      'to',
      'triggers',
      'secondsSinceFinding',
      'judgedImages',
      'onlyInherited',
      'undeterminedImages',
      'durationMilliseconds',
    ])
      expect(keys.indexOf(key)).toBeLessThan(long);
  });
});

describe('an image of the line', () => {
  it.each<[string, ImageDecision, Record<string, unknown>]>([
    [
      'that is cleared says how',
      { digest: digest(1), kind: 'cleared', how: 'scanned' },
      { digest: DIGEST, outcome: 'cleared', how: 'scanned' },
    ],
    [
      'that stays a blocker for lack of proof says what is missing',
      { digest: digest(1), kind: 'holds', why: { kind: 'unproven', detail: 'not scanned' }, verdict: ALLOW },
      { digest: DIGEST, outcome: 'holds', why: { kind: 'unproven', detail: 'not scanned' }, verdict: 'allow' },
    ],
    [
      'that stays a blocker until its scan has settled says so',
      { digest: digest(1), kind: 'holds', why: { kind: 'recentScan', detail: 'only just scanned' }, verdict: ALLOW },
      { digest: DIGEST, outcome: 'holds', why: { kind: 'recentScan', detail: 'only just scanned' }, verdict: 'allow' },
    ],
    [
      'that is undetermined has the unknown label',
      { digest: digest(1), kind: 'none', verdict: UNDETERMINED },
      { digest: DIGEST, outcome: 'none', verdict: 'undetermined', undetermined: [{ ...OPENSSL, label: 'UNTRIAGED' }] },
    ],
    [
      'that violates also has its undetermined findings',
      { ...VIOLATES, verdict: { ...BLOCK, undetermined: [finding({ severity: 'high' })] } },
      {
        digest: DIGEST,
        outcome: 'holds',
        why: { kind: 'violates' },
        verdict: 'block',
        reasons: [{ ...OPENSSL, severity: 'critical', rule: 'severityThreshold', exploited: true }],
        undetermined: [{ ...OPENSSL, label: 'high' }],
      },
    ],
    [
      'that is exempt has each exemption and its end',
      {
        digest: digest(1),
        kind: 'none',
        verdict: {
          kind: 'allow',
          exempted: [
            { finding: finding(), exemption: { kind: 'exception', exception: exception() } },
            { finding: finding(), exemption: { kind: 'grace', until: NOW } },
            { finding: finding(), exemption: { kind: 'suppressed' } },
          ],
        },
      },
      {
        digest: DIGEST,
        outcome: 'none',
        verdict: 'allow',
        exempted: [
          {
            ...OPENSSL,
            exemption: 'exception',
            exception: {
              id: 'CVE-2024-6119',
              expiresAt: '2026-06-16T12:00:00.000Z',
              reason: 'not reachable',
              untilFixed: false,
            },
            until: '2026-06-16T12:00:00.000Z',
          },
          { ...OPENSSL, exemption: 'grace', until: '2026-06-15T12:00:00.000Z' },
          { ...OPENSSL, exemption: 'suppressed' },
        ],
      },
    ],
  ])('%s', (_name, image, expected) => {
    expect(line({ images: [image] })['images']).toEqual([expected]);
  });
});

describe('a long list', () => {
  it('of images keeps the blockers, is shortened, and counts the rest', () => {
    const others = Array.from(
      { length: 30 },
      (_, place): ImageDecision => ({ digest: digest(place + 2), kind: 'none', verdict: UNDETERMINED }),
    );
    const { images, moreImages } = line({ images: [...others, VIOLATES] });
    expect(images).toHaveLength(20);
    expect(images).toEqual(expect.arrayContaining([expect.objectContaining({ digest: DIGEST, outcome: 'holds' })]));
    expect(moreImages).toBe(11);
  });

  it('of findings is shortened, and counts the rest', () => {
    const verdict: Verdict = { ...BLOCK, reasons: [reason, ...Array(10).fill(reason)] };
    const image = { digest: digest(1), outcome: 'holds', why: { kind: 'violates' }, verdict: 'block', moreReasons: 3 };
    expect(line({ images: [{ ...VIOLATES, verdict }] })['images']).toEqual([
      {
        ...image,
        reasons: Array(8).fill({ ...OPENSSL, severity: 'critical', rule: 'severityThreshold', exploited: true }),
      },
    ]);
  });

  it('of awaited findings, or of expired exceptions, is shortened', () => {
    const { awaited, expiredExceptions } = line({
      awaited: Array.from({ length: 9 }, (_, place) => `arn:${place}`),
      expiredExceptions: Array(9).fill(exception()),
    });
    expect(awaited).toEqual(['arn:0', 'arn:1', 'arn:2', 'arn:3', 'arn:4', 'arn:5', 'arn:6', 'arn:7']);
    expect(expiredExceptions).toHaveLength(8);
  });

  it('never makes a line longer than CloudWatch accepts', () => {
    const findings = Array(200).fill(
      finding({ package: { name: 'a'.repeat(40), version: '1'.repeat(20), fixedVersion: '2'.repeat(20) } }),
    );
    const excepted = exception({ reason: 'r'.repeat(500), approvedBy: 'security@example.com', repository: 'team/**' });
    const verdict: Verdict = {
      kind: 'block',
      reasons: [reason, ...findings.map((one) => ({ ...reason, finding: one }))],
      undetermined: findings,
      exempted: findings.map((one) => ({ finding: one, exemption: { kind: 'exception', exception: excepted } })),
    };
    const images = Array.from({ length: 1_000 }, (_, place) => ({ ...VIOLATES, digest: digest(place), verdict }));
    const change = { before: 'x'.repeat(10_240), after: 'x'.repeat(10_240) };
    expect(Buffer.byteLength(JSON.stringify(line({ images, change })))).toBeLessThan(256 * 1024);
  });
});

it('the fix that a gate blocks is named by its digest, with the error if none could be looked for', () => {
  expect(line({ blockedFix: aBlockedFix() })).toMatchObject({ blockedFix: digest(5) });
  expect(line({ remedyError: 'Error: throttled' })).toMatchObject({ remedyError: 'Error: throttled' });
  expect(Object.keys(line({})).filter((key) => /fix|remedy/i.test(key))).toEqual([]);
});
