// What people are told: every notice, its subject, its findings and what exempted them, word for word.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Notice, NoticeImage, Waiting } from '../../../shared/gate/record.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import type { Exemption } from '../../../shared/policy/verdict.ts';
import { renderNotice } from '../../../shared/report/notice-text.ts';
import { describeExemption, describeFinding, gateName } from '../../../shared/report/sentences.ts';
import { daysLater, digest, exception, finding, GATE, NOW, notice } from '../samples.ts';

const IMAGE: NoticeImage = { digest: digest(1), tags: ['1.0', 'latest'], findings: [finding()], moreFindings: 0 };

/** The notice of a closing because of one image. */
const withImage = (changes: Partial<Notice>) => notice({ images: [IMAGE], ...changes });

/** The text, line by line, without the empty line at its end. */
function told(changes: Partial<Notice>): readonly string[] {
  return renderNotice(GATE, withImage(changes)).text.replace(/\n$/, '').split('\n');
}

const DIGEST = 'sha256:0000000000000000000000000000000000000000000000000000000000000001';
const WHY = [
  '',
  'Why:',
  `  ${DIGEST} (1.0, latest)`,
  '    CVE-2024-6119 (critical) in openssl 3.0.1: fixed in 3.0.15.',
];
const HOW_TO_OPEN = [
  '',
  'How to reopen it:',
  '  1. Push an image with the fixed versions under the same tag, or delete the images above; it opens by itself once none of them is left.',
  '  2. Or have the finding reviewed and add an exception (id, expires, reason) to the policy of the stack, then `pulumi up`.',
  '  3. Or suppress the finding at the provider.',
  "A finding that merely disappears opens nothing: only an image that is gone, an exception, or the scanner's proof that it is clean does.",
];
const HOW_TO_KEEP_OPEN = [
  '',
  'How to keep it open:',
  '  1. Push an image with the fixed versions under the same tag, or delete the images above; nothing would close it any more once none of them is left.',
  '  2. Or have the finding reviewed and add an exception (id, expires, reason) to the policy of the stack, then `pulumi up`.',
  '  3. Or suppress the finding at the provider.',
  "A finding that merely disappears clears nothing: only an image that is gone, an exception, or the scanner's proof that it is clean does.",
];

describe('a notice', () => {
  it('of a closing says what, when, why, and the ways out', () => {
    expect(told({})).toEqual([
      'pullgate closed team/app (registry 123456789012) at 2026-06-15T12:00:00.000Z: no one can pull it except the principals that the config exempts.',
      ...WHY,
      ...HOW_TO_OPEN,
    ]);
  });

  it('of a closing that was put back says what may have taken it away', () => {
    expect(told({ kind: 'restored' })).toEqual([
      'Something had removed or changed what keeps team/app (registry 123456789012) closed; pullgate put it back at 2026-06-15T12:00:00.000Z.',
      'If your own infrastructure code did this, its next run will do it again: configure it to ignore what pullgate sets there.',
      ...WHY,
      ...HOW_TO_OPEN,
    ]);
  });

  it.each<[Waiting, string]>([
    [{ for: 'audit' }, 'the stack is in audit mode, which closes nothing'],
    [{ for: 'pause' }, 'pullgate is paused; `pullgate resume` ends the pause'],
    [{ for: 'brake' }, 'the limit on closings an hour (maxClosesPerHour) is reached; it closes when its turn comes'],
    [
      { for: 'inUse', by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' },
      'it is in use by Lambda functions, which would fail if it closed; set aws.closeLambdaRepositories to close such gates too',
    ],
  ])('of a gate that waits says for what: %j', (waiting, reason) => {
    expect(told({ kind: 'waiting', waiting })).toEqual([
      `team/app (registry 123456789012) would be closed, and is still open: ${reason}.`,
      ...WHY,
      ...HOW_TO_KEEP_OPEN,
    ]);
  });

  it('of a gate that somebody else has closed says that it is not pullgate who did, and what happens once that ends', () => {
    expect(told({ kind: 'waiting', waiting: { for: 'foreignLock' } })).toEqual([
      'team/app (registry 123456789012) would be closed, and is not closed by pullgate: somebody else has locked it, and pullgate leaves that lock alone; once it is removed, pullgate closes the gate itself.',
      ...WHY,
      ...HOW_TO_KEEP_OPEN,
    ]);
  });

  it('of an image that is a gate of its own names it in full', () => {
    const { text } = renderNotice({ ...GATE, digest: digest(1) }, withImage({}));
    expect(text.split('\n')[0]).toBe(
      `pullgate closed team/app@${DIGEST} (registry 123456789012) at 2026-06-15T12:00:00.000Z: no one can pull it except the principals that the config exempts.`,
    );
  });

  it('of a gate that waited and need not any more says how each image was accounted for', () => {
    const clearances = [
      { digest: digest(1), how: 'gone' },
      { digest: digest(2), how: 'exempted' },
    ] as const;
    expect(told({ kind: 'cleared', images: [], clearances })).toEqual([
      'team/app (registry 123456789012) had to be closed and waited; nothing holds it any more, since 2026-06-15T12:00:00.000Z.',
      `  ${DIGEST}: it is gone from the registry (deleted or archived).`,
      `  ${DIGEST.replace(/1$/, '2')}: its findings do not violate any more (policy, exception or suppression).`,
    ]);
  });

  it('of an opening says since when it had been closed, and what is still pullable', () => {
    const clearances = [
      { digest: digest(1), how: 'scanned' },
      { digest: digest(1), how: 'outOfScope' },
      { digest: digest(1), how: 'resolved' },
    ] as const;
    const stillPullable = [
      { digest: digest(1), tags: [], why: 'outOfScope', vulnerabilities: ['CVE-2024-1', 'CVE-2024-2'] },
      { digest: digest(1), tags: ['1.0'], why: 'exempted', vulnerabilities: ['CVE-2024-3'] },
      { digest: digest(1), tags: ['1.0', '1'], why: 'undetermined', vulnerabilities: ['CVE-2024-4'] },
    ] as const;
    expect(told({ kind: 'opened', images: [], closedSince: daysLater(-1), clearances, stillPullable })).toEqual([
      'pullgate opened team/app (registry 123456789012) at 2026-06-15T12:00:00.000Z; it had been closed since 2026-06-14T12:00:00.000Z.',
      `  ${DIGEST}: a newer scan shows nothing that violates.`,
      `  ${DIGEST}: it does not count any more (no tag leads to it, or the config leaves its repository out).`,
      `  ${DIGEST}: the provider says that each of its findings is resolved.`,
      '',
      'Still pullable, although it has findings:',
      `  ${DIGEST} with CVE-2024-1, CVE-2024-2: it does not count, since no tag leads to it or the config leaves its repository out.`,
      `  ${DIGEST} (1.0) with CVE-2024-3: since the policy exempts its findings.`,
      `  ${DIGEST} (1.0, 1) with CVE-2024-4: since nobody knows how severe its findings are.`,
    ]);
  });

  it('of an opening by a person or by the mode says that the reason to close is still there', () => {
    expect(told({ kind: 'opened', waiting: { for: 'pause' } })).toEqual([
      'pullgate opened team/app (registry 123456789012) at 2026-06-15T12:00:00.000Z.',
      'It still has a reason to be closed, but pullgate is paused; `pullgate resume` ends the pause.',
      ...WHY,
    ]);
  });

  it('says of images that the record had no room for that the gate is opened by a person only', () => {
    expect(told({ omittedImages: 3 })).toContain(
      '  and 3 more that its record has no room for: it opens only by `pullgate release`',
    );
  });

  it('counts what it does not name', () => {
    const image: NoticeImage = { digest: digest(1), tags: [], findings: [finding()], moreFindings: 195 };
    expect(told({ images: [image], moreImages: 7 }).slice(2, 7)).toEqual([
      'Why:',
      `  ${DIGEST}`,
      '    CVE-2024-6119 (critical) in openssl 3.0.1: fixed in 3.0.15.',
      '    and 195 more findings',
      '  and 7 more images',
    ]);
  });

  it('names ten tags of an image and counts the others', () => {
    const tags = Array.from({ length: 1_000 }, (_, number) => `build-${number}`);
    expect(told({ images: [{ ...IMAGE, tags }] }).at(3)).toBe(
      `  ${DIGEST} (build-0, build-1, build-2, build-3, build-4, build-5, build-6, build-7, build-8, build-9 and 990 more)`,
    );
  });
});

describe('the subject', () => {
  it.each<[Notice['kind'], string]>([
    ['closed', '[pullgate] closed: team/app'],
    ['restored', '[pullgate] closed again: team/app'],
    ['waiting', '[pullgate] NOT closed: team/app'],
    ['cleared', '[pullgate] clear: team/app'],
    ['opened', '[pullgate] opened: team/app'],
  ])('of %s', (kind, subject) => {
    expect(renderNotice(GATE, withImage({ kind })).subject).toBe(subject);
  });

  it('names an image where the gate is one', () => {
    expect(gateName({ ...GATE, digest: digest(1) })).toBe(`team/app@${DIGEST}`);
    expect(renderNotice({ ...GATE, digest: digest(1) }, withImage({})).subject).toBe(
      '[pullgate] closed: team/app@sha256:000000000000',
    );
  });

  it('is at most 100 printable ASCII characters in one line, for any repository name', () => {
    const part = fc.string({ unit: fc.constantFrom('a', 'z', '0', '9'), minLength: 1, maxLength: 60 });
    const names = fc
      .tuple(part, fc.array(fc.tuple(fc.constantFrom('/', '.', '_', '-'), part), { maxLength: 8 }))
      .map(([first, others]) => [first, ...others.flat()].join(''));
    const kinds = fc.constantFrom<Notice['kind'][]>('closed', 'opened', 'waiting', 'cleared', 'restored');
    fc.assert(
      fc.property(names, kinds, fc.boolean(), (repository, kind, isImage) => {
        const gate = { ...GATE, repository, digest: isImage ? digest(1) : undefined };
        expect(renderNotice(gate, withImage({ kind })).subject).toMatch(/^\[pullgate\] [ -~]{1,89}$/);
      }),
    );
  });
});

describe('a finding', () => {
  it.each<[string, Finding, string]>([
    [
      'with all that is known',
      finding({ score: 9.8, exploited: true, link: 'https://nvd.nist.gov/vuln/detail/CVE-2024-6119' }),
      'CVE-2024-6119 (critical, CVSS 9.8, known exploit) in openssl 3.0.1: fixed in 3.0.15. https://nvd.nist.gov/vuln/detail/CVE-2024-6119',
    ],
    [
      'of a severity that says nothing',
      finding({ severity: 'UNTRIAGED', score: 0 }),
      'CVE-2024-6119 (severity "UNTRIAGED", CVSS 0) in openssl 3.0.1: fixed in 3.0.15.',
    ],
    [
      'of a severity that is inherited',
      finding({ severity: 'none given', reportSeverity: 'critical' }),
      'CVE-2024-6119 (critical, inherited from the report) in openssl 3.0.1: fixed in 3.0.15.',
    ],
    [
      'of a severity that says nothing, with a score, in a report',
      finding({ severity: 'UNTRIAGED', score: 5, reportSeverity: 'critical' }),
      'CVE-2024-6119 (severity "UNTRIAGED", CVSS 5) in openssl 3.0.1: fixed in 3.0.15.',
    ],
    [
      'without a fix',
      finding({ fix: 'none', package: { name: 'openssl', version: '3.0.1' } }),
      'CVE-2024-6119 (critical) in openssl 3.0.1: no fix yet.',
    ],
    [
      'with a fix of unknown version',
      finding({ package: { name: 'openssl', version: '3.0.1' } }),
      'CVE-2024-6119 (critical) in openssl 3.0.1: a fix is available.',
    ],
    [
      'of the image itself, and nobody knows of a fix',
      finding({ fix: 'unknown', package: { name: 'the image', version: '' } }),
      'CVE-2024-6119 (critical) in the image: whether there is a fix is not known.',
    ],
  ])('%s', (_name, one, sentence) => {
    expect(describeFinding(one)).toBe(sentence);
  });
});

describe('what exempted a finding', () => {
  it.each<[Exemption, string]>([
    [
      { kind: 'exception', exception: exception({ reason: 'not reachable' }) },
      'excepted until 2026-06-16T12:00:00.000Z: not reachable',
    ],
    [
      { kind: 'exception', exception: exception({ reason: 'no fix yet', untilFixed: true }) },
      'excepted until 2026-06-16T12:00:00.000Z or until a fix exists: no fix yet',
    ],
    [{ kind: 'grace', until: NOW }, 'in its grace period until 2026-06-15T12:00:00.000Z'],
    [{ kind: 'suppressed' }, 'suppressed at the provider'],
    [{ kind: 'unknownIgnored' }, 'of unknown severity, which the policy ignores'],
  ])('%j', (rule, words) => {
    expect(describeExemption(rule)).toBe(words);
  });
});
