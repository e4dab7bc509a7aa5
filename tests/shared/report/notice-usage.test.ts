// The use of images in a notice, word for word.
import { describe, expect, it } from 'vitest';
import type { Notice, NoticeImage } from '../../../shared/gate/record.ts';
import { sumUsage } from '../../../shared/gate/usage.ts';
import type { Usage } from '../../../shared/reconcile/observation.ts';
import { renderNotice } from '../../../shared/report/notice-text.ts';
import type { UsageContext } from '../../../shared/report/notice-usage.ts';
import { minute } from '../../../shared/report/times.ts';
import { CONTEXT, digest, finding, GATE, hoursLater, NOW, notice } from '../samples.ts';

const imageOf = (number: number, usage?: Usage): NoticeImage => ({
  ...{ digest: digest(number), tags: [], findings: [finding()], moreFindings: 0 },
  usage,
});

/** The lines of the notice that are neither names nor findings, from `Why:` to the next empty line. */
function useIn(changes: Partial<Notice>, lastPull?: UsageContext['lastPull']): readonly string[] {
  const lines = renderNotice(GATE, notice(changes), { ...CONTEXT, lastPull }).text.split('\n');
  const why = lines.slice(lines.indexOf('Why:') + 1);
  return why.slice(0, why.indexOf('')).filter((line) => !/sha256:|CVE-/.test(line));
}

describe('a notice', () => {
  it('says of each image whether it is in use, and of all how many are', () => {
    const usage = [{ inUseCount: 3, lastInUseAt: NOW }, { inUseCount: 0 }, undefined];
    const images = usage.map((one, number) => imageOf(number, one));
    expect(useIn({ images, moreImages: 1, usage: sumUsage([...usage, { inUseCount: 4 }]) })).toEqual([
      `    In use by 3 tasks, last at ${minute(NOW)}.`,
      '    Not in use by tasks.',
      '    Whether it runs is not known.',
      '  and 1 more image',
      `  2 of 4 blockers are in use, by 7 tasks, last at ${minute(NOW)}; the use of 1 is not known. To find out, look for the digest.`,
    ]);
  });

  it('about one image does not repeat its use', () => {
    const usage = { inUseCount: 0 };
    expect(useIn({ images: [imageOf(1, usage)], usage: sumUsage([usage]) })).toEqual([
      '    Not in use by tasks.',
      '  To find out, look for the digest.',
    ]);
  });

  it('does not say where to look if every image is in use', () => {
    const usage = { inUseCount: 1 };
    expect(useIn({ images: [imageOf(1, usage)], usage: sumUsage([usage]) })).toEqual(['    In use by 1 task.']);
  });

  it('does not add up what is not known', () => {
    expect(useIn({ images: [imageOf(1), imageOf(2)] })).toEqual([
      '    Whether it runs is not known.',
      '    Whether it runs is not known.',
      '  To find out, look for the digest.',
    ]);
  });

  it('has the last pulls that were read for it', () => {
    const lastPull: UsageContext['lastPull'] = ({ repository }, one) =>
      repository === GATE.repository && one === digest(1) ? hoursLater(-5) : undefined;
    const pulled = { lastPulledAt: hoursLater(-9) };
    expect(useIn({ images: [imageOf(1, pulled), imageOf(2, pulled)] }, lastPull)).toEqual([
      `    Whether it runs is not known; last pull recorded at ${minute(hoursLater(-5))}.`,
      `    Whether it runs is not known; last pull recorded at ${minute(hoursLater(-9))}.`,
      '  To find out, look for the digest.',
    ]);
  });

  it('says nothing about use if it names no image', () => {
    const text = renderNotice(GATE, notice({ kind: 'closed' }), CONTEXT).text;
    expect(text).not.toContain('use');
    expect(text).not.toContain(CONTEXT.whereItRuns);
  });
});
