// The text of the daily summary of the images that no scan judges.
import { describe, expect, it } from 'vitest';
import type { UnscannedImage } from '../../../shared/reconcile/unscanned.ts';
import { renderUnscanned } from '../../../shared/report/unscanned-text.ts';
import { digest } from '../samples.ts';

const ADVICE = { explain: (reason: string) => `what ${reason} means`, whatToDo: 'Leave them out.' };
const images = (count: number, repository: string, reason: string): readonly UnscannedImage[] =>
  Array.from({ length: count }, (_, number) => ({ repository, digest: digest(number), reason }));

describe('the summary', () => {
  it('says how many images no scan judges, why and where, and what to do', () => {
    const all = [
      ...images(1, 'team/b', 'TOO_OLD'),
      ...images(2, 'team/a', 'NO_SYSTEM'),
      ...images(2, 'team/a', 'TOO_OLD'),
    ];
    expect(renderUnscanned(all, 24, ADVICE)).toEqual({
      subject: '[pullgate] 5 images that no scan judges',
      text: [
        'The stack has 5 images that no scan judges, for 24 hours or longer. Nothing can find them vulnerable, and they can be pulled.',
        '',
        'Why:',
        '  3 TOO_OLD: what TOO_OLD means.',
        '  2 NO_SYSTEM: what NO_SYSTEM means.',
        '',
        'Where:',
        '  team/a: 2 NO_SYSTEM, 2 TOO_OLD',
        '  team/b: 1 TOO_OLD',
        '',
        'Leave them out.',
        'This summary is sent once a day at most. `pullgate status --live` shows the current counts.',
        '',
      ].join('\n'),
    });
  });

  it.each([
    [20, undefined],
    [21, '  and 1 more repository'],
    [23, '  and 3 more repositories'],
  ])('of images in %i repositories names at most 20', (count, more) => {
    const all = Array.from({ length: count }, (_, number) => images(1, `team/app-${number}`, 'TOO_OLD')).flat();
    const lines = renderUnscanned(all, 1, ADVICE).text.split('\n');
    expect(lines.filter((line) => line.startsWith('  team/'))).toHaveLength(20);
    expect(lines.find((line) => line.startsWith('  and '))).toBe(more);
    expect(lines[0]).toContain('for 1 hour or longer');
  });
});
