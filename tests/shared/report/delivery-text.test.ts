// Summaries of many notices, word for word.
import { describe, expect, it } from 'vitest';
import type { Notice } from '../../../shared/gate/record.ts';
import { sumUsage } from '../../../shared/gate/usage.ts';
import { type GateNotice, MAX_SINGLE, renderDelivery } from '../../../shared/report/delivery-text.ts';
import { describeOverride } from '../../../shared/report/override-text.ts';
import { minute } from '../../../shared/report/times.ts';
import { anOverride, CONTEXT, digest, finding, GATE, hoursLater, NOW, notice } from '../samples.ts';

const gateOf = (number: number) => ({ ...GATE, repository: `team/app-${number}` });
const many = (count: number, changes: Partial<Notice>, from = 0): readonly GateNotice[] =>
  Array.from({ length: count }, (_, number) => ({ gate: gateOf(from + number), notice: notice(changes) }));
const subjects = (notices: readonly GateNotice[]) => renderDelivery(notices, CONTEXT).map(({ subject }) => subject);
const linesOf = (notices: readonly GateNotice[]) => renderDelivery(notices, CONTEXT)[0]?.text.split('\n') ?? [];
const reasonOf = (changes: Partial<Notice>) => linesOf(many(21, changes))[1];
const IMAGE = { digest: digest(1), tags: ['1.0'], findings: [finding()], moreFindings: 0 };

describe('the messages of a delivery', () => {
  it('are one for each notice of up to 20 of a kind', () => {
    const messages = renderDelivery(many(MAX_SINGLE, { kind: 'opened' }), CONTEXT);
    expect(messages).toHaveLength(20);
    expect(messages[0]).toMatchObject({ kind: 'opened', subject: '[pullgate] opened: team/app-0', about: [{}] });
  });

  it('are one summary for each kind with more, in the place of its first notice', () => {
    const notices = [
      ...many(1, { kind: 'cleared' }, 500),
      ...many(21, { kind: 'opened' }),
      ...many(1, { kind: 'cleared' }, 501),
      ...many(22, { kind: 'closed' }),
    ];
    expect(subjects(notices)).toEqual([
      '[pullgate] clear: team/app-500',
      '[pullgate] 21 opened',
      '[pullgate] clear: team/app-501',
      '[pullgate] 22 closed',
    ]);
    expect(renderDelivery(notices, CONTEXT)[1]).toMatchObject({ kind: 'opened', about: { length: 21 } });
  });

  it.each([
    ['restored', '21 closed again'],
    ['closedInUse', '21 closed, but in use'],
    ['waiting', '21 NOT closed'],
    ['unexplained', '21 closed, reason unknown'],
    ['cleared', '21 clear'],
    ['remedy', '21 fixes blocked'],
  ] as const)('of kind %s have the subject "%s"', (kind, subject) => {
    expect(subjects(many(21, { kind }))).toEqual([`[pullgate] ${subject}`]);
  });

  it('about overrides that begin or end are counted as such, whatever they changed', () => {
    const override = { step: 'ends', isNews: true, notified: 'begin', order: anOverride().order } as const;
    const notices = [...many(11, { kind: 'opened', override }), ...many(10, { kind: 'restored', override }, 11)];
    expect(subjects(notices)).toEqual(['[pullgate] 21 overrides']);
  });
});

describe('a summary', () => {
  it('says how many, when and why, names 100 gates and counts the others', () => {
    const lines = linesOf([
      ...many(299, { kind: 'opened', waiting: { for: 'pause' } } as Partial<Notice>),
      ...many(1, { kind: 'opened', waiting: { for: 'pause' }, at: hoursLater(1) } as Partial<Notice>, 299),
    ]);
    expect(lines.slice(0, 6)).toEqual([
      `pullgate opened 300 gates, from ${minute(NOW)} to ${minute(hoursLater(1))}.`,
      'The reason is the same for each: pullgate is paused; run `pullgate resume` to end the pause.',
      '',
      'In the registry 123456789012:',
      '  team/app-0',
      '  team/app-1',
    ]);
    expect(lines.slice(103)).toEqual([
      '  team/app-99',
      '  and 200 more',
      '',
      'To see all gates, run `pullgate status`; for the reason and the ways out of one, `pullgate why IMAGE`.',
      '',
    ]);
  });

  it('of closings says what they mean for pulls', () => {
    expect(linesOf(many(21, {}))[0]).toBe(
      `pullgate closed 21 gates, from ${minute(NOW)} to ${minute(NOW)}. Pulls are blocked for everyone.`,
    );
    expect(linesOf(many(21, { kind: 'restored' }))[0]).toContain('pullgate closed again 21 gates, ');
  });

  it('of closings says how many of all blockers are in use, and counts each gate once', () => {
    const usage = sumUsage([{ inUseCount: 3, lastPulledAt: NOW }, undefined]);
    const before = many(1, { usage: sumUsage([{ inUseCount: 100 }]) });
    expect(linesOf([...before, ...many(1, { usage }), ...many(20, { images: [IMAGE], moreImages: 1 }, 1)])[2]).toBe(
      `1 of 42 blockers is in use, by 3 tasks; the use of 41 is not known; last pull recorded at ${minute(NOW)}.`,
    );
    expect(linesOf(many(21, { images: [IMAGE] }))[2]).toBe('Whether the 21 blockers run is not known.');
  });

  it('of closings without blockers, or of openings, says nothing about the use', () => {
    expect(linesOf(many(21, {}))[2]).toBe('');
    expect(linesOf(many(21, { kind: 'opened', images: [IMAGE] }))[2]).toBe('');
  });

  it('counts a single one', () => {
    expect(linesOf([...many(20, {}), ...many(1, { droppedBefore: 1 }, 20)])).toContain(
      '1 older notice of these gates could not be sent in time, and was dropped.',
    );
  });

  it('of overrides gives their reason if it is the same', () => {
    const override = { step: 'ends', isNews: true, notified: 'begin', order: anOverride().order } as const;
    expect(linesOf(many(21, { kind: 'opened', override }))[1]).toBe(
      `The reason is the same for each: ${describeOverride(override.order)}.`,
    );
  });

  it('of locks that no record explains says why that may be', () => {
    expect(linesOf(many(21, { kind: 'unexplained' }))[1]).toBe(
      'The reason is the same for each: the record may be lost, or an older copy of it may have been restored.',
    );
  });

  it('names the registries if there are several', () => {
    const other = { gate: { ...GATE, registry: 'other' }, notice: notice() };
    const lines = linesOf([...many(20, {}), other]);
    expect([lines[3], lines[4], lines[24]]).toEqual([
      'The gates:',
      '  team/app-0 (registry 123456789012)',
      '  team/app (registry other)',
    ]);
  });

  it('names a gate once, and says how often it changed', () => {
    const lines = linesOf([...many(20, {}), ...many(19, {})]);
    expect(lines[0]).toContain('pullgate closed 20 gates, ');
    expect(lines.filter((line) => line.startsWith('  team/app-'))).toEqual([
      ...Array.from({ length: 19 }, (_, number) => `  team/app-${number} (2 times)`),
      '  team/app-19',
    ]);
  });

  it('counts the changes that could not be sent in time', () => {
    const lines = linesOf([
      ...many(20, {}),
      ...many(1, { droppedBefore: 3 }, 20),
      ...many(1, { droppedBefore: 4 }, 21),
    ]);
    expect(lines).toContain('7 older notices of these gates could not be sent in time, and were dropped.');
  });

  it.each<[string, Partial<Notice>, string]>([
    ['the worst finding', { images: [IMAGE] }, 'CVE-2024-6119'],
    ['an override', { kind: 'closed' }, 'an override'],
    ['a removed lock', { kind: 'restored', was: 'closed' }, 'its lock was missing or did not match the config'],
    [
      'an image that came back',
      { kind: 'restored', was: 'open' },
      'an image that had kept it closed violates the policy again',
    ],
    ['the end of a pause', { kind: 'restored', was: { for: 'pause' } }, 'the pause is over'],
    [
      'how the blockers were cleared',
      { kind: 'cleared', clearances: [{ digest: digest(1), how: 'scanned' }] },
      'a newer scan shows nothing that violates the policy',
    ],
    ['no blocker', { kind: 'opened' }, 'it has no blocker'],
    ['what it waits for', { kind: 'waiting', waiting: { for: 'audit' } }, 'it is in audit mode, which closes nothing'],
  ])('gives a reason that all share: %s', (_name, changes, reason) => {
    expect(reasonOf(changes)).toBe(`The reason is the same for each: ${reason}.`);
  });

  it('gives no reason if they differ', () => {
    const lines = linesOf([...many(20, { images: [IMAGE] }), ...many(1, {}, 20)]);
    expect(lines[1]).toBe('The reasons differ.');
  });
});
