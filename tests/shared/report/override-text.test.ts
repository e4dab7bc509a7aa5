// What people read of overrides: mails at both ends, and the lines of the log.
import { describe, expect, it } from 'vitest';
import type { OverrideStep, RecordedOverride } from '../../../shared/gate/override.ts';
import type { Notice } from '../../../shared/gate/record.ts';
import type { Decision } from '../../../shared/report/decision.ts';
import { decisionLine } from '../../../shared/report/log-line.ts';
import { renderNotice } from '../../../shared/report/notice-text.ts';
import { summarize } from '../../../shared/report/sentences.ts';
import { anOverride, decision, digest, finding, GATE, hoursLater, NOW, notice } from '../samples.ts';

const OPEN = anOverride();
const CLOSED = anOverride({ kind: 'closed' });
const IMAGES = [{ digest: digest(1), tags: ['1.0'], findings: [finding()], moreFindings: 0 }];
const WHERE = 'team/app (registry 123456789012)';
const WHY = ['Reason: the shop is down', 'Approved by: Grace'];
const FINDING = '    CVE-2024-6119 (critical) in openssl 3.0.1: fixed in 3.0.15.';
const HELD_BY = ['', 'Why:', `  ${digest(1)} (1.0)`, FINDING];

const LOG = { cloud: 'aws', maxCharacters: 200_000 };

function news(
  step: OverrideStep['step'],
  { order, delivery: { notified } }: RecordedOverride,
  changes: Partial<Notice>,
  isNews = true,
): Notice {
  return notice({ kind: 'override', override: { step, order, notified, isNews }, ...changes });
}

describe('the beginning of an order', () => {
  const endOpen = [
    '',
    'At 2026-06-15T15:00:00.000Z pullgate closes it if anything holds it then. `pullgate override clear` with the name of the image ends it earlier.',
  ];
  const endClosed = [endOpen[0], endOpen[1]?.replace('closes it if anything', 'opens it if nothing')];
  const keeps = (kind: string) =>
    `An override by ada keeps ${WHERE} ${kind}: from 2026-06-15T11:00:00.000Z until 2026-06-15T15:00:00.000Z, whatever the policy says.`;
  it.each<[string, Notice, string, readonly (string | undefined)[]]>([
    [
      'that opens a closed gate',
      news('begins', OPEN, {
        kind: 'opened',
        waiting: { for: 'override' },
        closedSince: hoursLater(-24),
        images: IMAGES,
      }),
      'open by override',
      [
        keeps('open'),
        ...WHY,
        '',
        `It is open now; it had been closed since ${hoursLater(-24)}.`,
        ...HELD_BY,
        ...endOpen,
      ],
    ],
    [
      'that opens a gate that somebody had ordered closed',
      news('begins', anOverride({ replaces: { kind: 'closed', by: 'bob', until: NOW } }), { kind: 'opened' }),
      'open by override',
      [
        keeps('open'),
        ...WHY,
        `It replaces an override by bob that kept it closed until ${NOW}.`,
        '',
        'It is open now.',
        ...endOpen,
      ],
    ],
    [
      'that keeps open what was open',
      news('begins', OPEN, {}),
      'open by override',
      [keeps('open'), ...WHY, '', 'It was open already.', ...endOpen],
    ],
    [
      'that keeps open what was to be closed',
      news('begins', OPEN, { kind: 'waiting', waiting: { for: 'override' }, images: IMAGES }),
      'open by override',
      [
        keeps('open'),
        ...WHY,
        '',
        'It is open now, and stays so although something would close it.',
        ...HELD_BY,
        ...endOpen,
      ],
    ],
    [
      'that closes a gate',
      news('begins', CLOSED, { kind: 'closed' }),
      'closed by override',
      [keeps('closed'), ...WHY, '', 'It is closed now.', ...endClosed],
    ],
    [
      'that keeps closed what was closed',
      news('begins', CLOSED, { images: IMAGES }),
      'closed by override',
      [keeps('closed'), ...WHY, '', 'It was closed already.', ...HELD_BY, ...endClosed],
    ],
    [
      'that comes to nothing',
      news('begins', CLOSED, { kind: 'waiting', waiting: { for: 'audit' } }),
      'NOT closed by override',
      [
        keeps('closed'),
        ...WHY,
        '',
        'It is not closed for now: the stack is in audit mode, which closes nothing.',
        ...endClosed,
      ],
    ],
  ])('%s', (_name, notice, subject, lines) => {
    expect(renderNotice(GATE, notice)).toEqual({
      subject: `[pullgate] ${subject}: team/app`,
      text: `${lines.join('\n')}\n`,
    });
  });
});

describe('the end of an order', () => {
  const ended = (kind: string, how = '') => [
    `An override by ada had kept ${WHERE} ${kind} since 2026-06-15T11:00:00.000Z. It ended at ${NOW}${how}.`,
    ...WHY,
    '',
  ];
  it.each<[string, Notice, string, readonly string[]]>([
    [
      'of one that kept open: it closes',
      news('ends', OPEN, { kind: 'closed', images: IMAGES }),
      'closed',
      [
        ...ended('open'),
        `pullgate closed ${WHERE} at ${NOW}: no one can pull it except the principals that the config exempts.`,
        ...HELD_BY,
      ],
    ],
    [
      'of one that kept open, with nothing to close',
      news('ends', anOverride({ endedBy: 'eve' }), {}),
      'override ended',
      [...ended('open', ', before its time, by eve'), 'It stays open, since nothing holds it.'],
    ],
    [
      'of one of which nobody had heard',
      news('ends', anOverride({ notified: 'nothing' }), {}),
      'override ended',
      [
        ...ended('open').slice(0, 3),
        'It was over before pullgate saw it.',
        '',
        'It stays open, since nothing holds it.',
      ],
    ],
    [
      'of one that kept open, in audit mode all the while',
      news('ends', OPEN, { waiting: { for: 'audit' }, images: IMAGES }),
      'override ended',
      [...ended('open'), 'It is still open: the stack is in audit mode, which closes nothing.', ...HELD_BY],
    ],
    [
      'of one that kept closed: it opens',
      news('ends', CLOSED, { kind: 'opened', closedSince: hoursLater(-1) }),
      'opened',
      [...ended('closed'), `pullgate opened ${WHERE} at ${NOW}; it had been closed since ${hoursLater(-1)}.`],
    ],
    [
      'of one that kept closed what something else holds',
      news('ends', CLOSED, { images: IMAGES }),
      'override ended',
      [...ended('closed'), 'It stays closed, since something holds it.', ...HELD_BY],
    ],
    [
      'of one that kept closed what a record has no room for',
      news('ends', CLOSED, { omittedImages: 2 }),
      'override ended',
      [
        ...ended('closed'),
        'It stays closed, since something holds it.',
        '',
        'Why:',
        '  and 2 more that its record has no room for: it opens only by `pullgate release`',
      ],
    ],
  ])('%s', (_name, notice, subject, lines) => {
    const told = renderNotice(GATE, notice);
    expect(told.subject).toBe(`[pullgate] ${subject}: team/app`);
    expect(told.text.slice(0, lines.join('\n').length + 1)).toBe(`${lines.join('\n')}\n`);
  });
});

describe('a notice while an order runs', () => {
  it('says of a new finding who keeps the gate open, until when and why', () => {
    const { subject, text } = renderNotice(
      GATE,
      news('runs', OPEN, { kind: 'waiting', waiting: { for: 'override' }, images: IMAGES }, false),
    );
    expect(subject).toBe('[pullgate] NOT closed: team/app');
    expect(text.split('\n')[0]).toBe(
      `${WHERE} would be closed, and is still open: an override by ada keeps it open until 2026-06-15T15:00:00.000Z, approved by Grace: the shop is down.`,
    );
  });

  it('says of a closing that was put back who keeps it closed, and how that ends', () => {
    const { text } = renderNotice(GATE, news('runs', CLOSED, { kind: 'restored' }, false));
    expect(text.split('\n').slice(2)).toEqual([
      '',
      'Why:',
      '  an override by ada keeps it closed until 2026-06-15T15:00:00.000Z, approved by Grace: the shop is down',
      '',
      'At 2026-06-15T15:00:00.000Z pullgate opens it if nothing holds it then. `pullgate override clear` with the name of the image ends it earlier.',
      '',
    ]);
  });
});

describe('the log', () => {
  const of = (step: OverrideStep['step'], { order }: RecordedOverride, changes: Partial<Decision> = {}) =>
    decision({ override: { step, order }, ...changes });

  it.each<[string, Decision, string]>([
    [
      'of an order that runs',
      of('runs', OPEN, { to: { kind: 'waiting', for: 'override' } }),
      'team/app stays open, waiting: an override keeps it open for a while: an override by ada keeps it open until 2026-06-15T15:00:00.000Z, approved by Grace: the shop is down',
    ],
    [
      'of its end',
      of('ends', OPEN, { action: 'closed' }),
      'team/app is closed now: the override by ada that kept it open has ended',
    ],
    [
      'of its end before its time',
      of('ends', anOverride({ endedBy: 'eve' })),
      'team/app stays open: the override by ada that kept it open has ended, since eve ended it',
    ],
    [
      'of a release',
      decision({ action: 'opened', to: { kind: 'waiting', for: 'release' } }),
      'team/app is open now, though it was released for now; the next reconciliation closes it again if something still holds it',
    ],
  ])('%s says so in a sentence', (_name, made, sentence) => {
    expect(summarize(made)).toBe(sentence);
  });

  it('has the order as data, with its reason and its approver', () => {
    const ended = anOverride({ endedBy: 'eve', replaces: { kind: 'closed', by: 'bob', until: NOW } });
    expect(decisionLine(LOG, of('ends', ended), 5)).toMatchObject({ override: { step: 'ends', ...ended.order } });
    expect(decisionLine(LOG, decision(), 5)).not.toHaveProperty('override');
  });
});
