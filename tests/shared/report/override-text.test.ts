// What people read about overrides: a mail when one begins, a mail when it ends, and the log.
import { describe, expect, it } from 'vitest';
import type { OverrideStep, RecordedOverride } from '../../../shared/gate/override.ts';
import type { Notice } from '../../../shared/gate/record.ts';
import type { Decision } from '../../../shared/report/decision.ts';
import { decisionLine } from '../../../shared/report/log-line.ts';
import { renderNotice } from '../../../shared/report/notice-text.ts';
import { summarize } from '../../../shared/report/sentences.ts';
import { anOverride, CONTEXT, decision, digest, finding, GATE, hoursLater, NOW, notice } from '../samples.ts';

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

describe('the notice of an override that begins', () => {
  const endOpen = [
    '',
    "The override ends at 2026-06-15T15:00:00.000Z; pullgate then closes it if it has blockers. To end it earlier, run `pullgate override clear` with the image's name.",
  ];
  const endClosed = [endOpen[0], endOpen[1]?.replace('closes it if it has blockers', 'opens it if it has no blockers')];
  const keeps = (kind: string) =>
    `An override by ada keeps ${WHERE} ${kind} from 2026-06-15T11:00:00.000Z until 2026-06-15T15:00:00.000Z, regardless of the policy.`;
  it.each<[string, Notice, string, readonly (string | undefined)[]]>([
    [
      'and opens a closed gate',
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
        `It is open now. It had been closed since ${hoursLater(-24)}.`,
        ...HELD_BY,
        ...endOpen,
      ],
    ],
    [
      'and replaces one that kept the gate closed',
      news('begins', anOverride({ replaces: { kind: 'closed', by: 'bob', until: NOW } }), { kind: 'opened' }),
      'open by override',
      [
        keeps('open'),
        ...WHY,
        `It replaces an override by bob that would have kept it closed until ${NOW}.`,
        '',
        'It is open now.',
        ...endOpen,
      ],
    ],
    [
      'and keeps an open gate open',
      news('begins', OPEN, {}),
      'open by override',
      [keeps('open'), ...WHY, '', 'It was already open.', ...endOpen],
    ],
    [
      'and keeps a gate with blockers open',
      news('begins', OPEN, { kind: 'waiting', waiting: { for: 'override' }, images: IMAGES }),
      'open by override',
      [keeps('open'), ...WHY, '', 'It is open now, although it has blockers.', ...HELD_BY, ...endOpen],
    ],
    [
      'and closes an open gate',
      news('begins', CLOSED, { kind: 'closed' }),
      'closed by override',
      [keeps('closed'), ...WHY, '', 'It is closed now.', ...endClosed],
    ],
    [
      'and keeps a closed gate closed',
      news('begins', CLOSED, { images: IMAGES }),
      'closed by override',
      [keeps('closed'), ...WHY, '', 'It was already closed.', ...HELD_BY, ...endClosed],
    ],
    [
      'but has no effect in audit mode',
      news('begins', CLOSED, { kind: 'waiting', waiting: { for: 'audit' } }),
      'NOT closed by override',
      [keeps('closed'), ...WHY, '', 'It is not closed yet: it is in audit mode, which closes nothing.', ...endClosed],
    ],
  ])('%s', (_name, notice, subject, lines) => {
    expect(renderNotice(GATE, notice, CONTEXT)).toEqual({
      subject: `[pullgate] ${subject}: team/app`,
      text: `${lines.join('\n')}\n`,
    });
  });
});

describe('the notice of an override that ends', () => {
  const ended = (kind: string, how = '') => [
    `The override by ada that had kept ${WHERE} ${kind} since 2026-06-15T11:00:00.000Z ended at ${NOW}.${how}`,
    ...WHY,
    '',
  ];
  it.each<[string, Notice, string, readonly string[]]>([
    [
      'and had kept a gate with blockers open: the gate closes',
      news('ends', OPEN, { kind: 'closed', images: IMAGES }),
      'closed',
      [...ended('open'), `pullgate closed ${WHERE} at ${NOW}. Pulls are blocked for everyone.`, ...HELD_BY],
    ],
    [
      'early, and had kept a gate without blockers open: the gate stays open',
      news('ends', anOverride({ endedBy: 'eve' }), {}),
      'override ended',
      [...ended('open', ' eve ended it early.'), 'It stays open because it has no blockers.'],
    ],
    [
      'before its first notice was sent',
      news('ends', anOverride({ notified: 'nothing' }), {}),
      'override ended',
      [
        ...ended('open').slice(0, 3),
        'It ended before pullgate processed it.',
        '',
        'It stays open because it has no blockers.',
      ],
    ],
    [
      'in audit mode: the gate stays open',
      news('ends', OPEN, { waiting: { for: 'audit' }, images: IMAGES }),
      'override ended',
      [...ended('open'), 'It is still open: it is in audit mode, which closes nothing.', ...HELD_BY],
    ],
    [
      'and had kept a gate without blockers closed: the gate opens',
      news('ends', CLOSED, { kind: 'opened', closedSince: hoursLater(-1) }),
      'opened',
      [...ended('closed'), `pullgate opened ${WHERE} at ${NOW}. It had been closed since ${hoursLater(-1)}.`],
    ],
    [
      'and had kept a gate with blockers closed: the gate stays closed',
      news('ends', CLOSED, { images: IMAGES }),
      'override ended',
      [...ended('closed'), 'It stays closed because it has blockers.', ...HELD_BY],
    ],
    [
      'and had kept a gate closed whose blockers did not fit into the record: the gate stays closed',
      news('ends', CLOSED, { omittedImages: 2 }),
      'override ended',
      [
        ...ended('closed'),
        'It stays closed because it has blockers.',
        '',
        'Why:',
        '  and 2 more images that did not fit into the record: to open the gate, run `pullgate release`',
      ],
    ],
  ])('%s', (_name, notice, subject, lines) => {
    const { subject: given, text } = renderNotice(GATE, notice, CONTEXT);
    expect(given).toBe(`[pullgate] ${subject}: team/app`);
    expect(text.slice(0, lines.join('\n').length + 1)).toBe(`${lines.join('\n')}\n`);
  });
});

describe('a notice while an override is in force', () => {
  it('about a new finding says who keeps the gate open, until when, and why', () => {
    const { subject, text } = renderNotice(
      GATE,
      news('runs', OPEN, { kind: 'waiting', waiting: { for: 'override' }, images: IMAGES }, false),
      CONTEXT,
    );
    expect(subject).toBe('[pullgate] NOT closed: team/app');
    expect(text.split('\n')[0]).toBe(
      `${WHERE} should be closed, but is still open: an override by ada keeps it open until 2026-06-15T15:00:00.000Z, approved by Grace: the shop is down.`,
    );
  });

  it('about a restored lock says who keeps the gate closed, and how to end the override', () => {
    const { text } = renderNotice(GATE, news('runs', CLOSED, { kind: 'restored' }, false), CONTEXT);
    expect(text.split('\n').slice(3)).toEqual([
      '',
      'Why:',
      '  an override by ada keeps it closed until 2026-06-15T15:00:00.000Z, approved by Grace: the shop is down',
      '',
      "The override ends at 2026-06-15T15:00:00.000Z; pullgate then opens it if it has no blockers. To end it earlier, run `pullgate override clear` with the image's name.",
      '',
    ]);
  });
});

describe('the log line', () => {
  const of = (step: OverrideStep['step'], { order }: RecordedOverride, changes: Partial<Decision> = {}) =>
    decision({ override: { step, order }, ...changes });

  it.each<[string, Decision, string]>([
    [
      'of an override in force',
      of('runs', OPEN, { to: { kind: 'waiting', for: 'override' } }),
      'team/app stays open, waiting: an override is in force: an override by ada keeps it open until 2026-06-15T15:00:00.000Z, approved by Grace: the shop is down',
    ],
    [
      'of an override that ended',
      of('ends', OPEN, { action: 'closed' }),
      'team/app is closed now: the override by ada that kept it open has ended',
    ],
    [
      'of an override that was ended early',
      of('ends', anOverride({ endedBy: 'eve' })),
      'team/app stays open: the override by ada that kept it open has ended (eve ended it early)',
    ],
    [
      'of a released gate',
      decision({ action: 'opened', to: { kind: 'waiting', for: 'release' } }),
      'team/app is open now, waiting: it was released; the next reconciliation closes it again if it still has blockers',
    ],
  ])('%s describes it in a sentence', (_name, made, sentence) => {
    expect(summarize(made)).toBe(sentence);
  });

  it('has the override as data, with its reason and approver', () => {
    const ended = anOverride({ endedBy: 'eve', replaces: { kind: 'closed', by: 'bob', until: NOW } });
    expect(decisionLine(LOG, of('ends', ended), 5)).toMatchObject({ override: { step: 'ends', ...ended.order } });
    expect(decisionLine(LOG, decision(), 5)).not.toHaveProperty('override');
  });
});
