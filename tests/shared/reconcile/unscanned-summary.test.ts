// The daily summary of the images that no scan judges: since when an image counts, and how often it is sent.
import { describe, expect, it } from 'vitest';
import type { Version } from '../../../shared/reconcile/ports.ts';
import type { UnscannedImage, UnscannedState } from '../../../shared/reconcile/unscanned.ts';
import { MAX_REMEMBERED, summarizeUnscanned } from '../../../shared/reconcile/unscanned-summary.ts';
import type { Message } from '../../../shared/report/notice-text.ts';
import { hoursLater } from '../samples.ts';

/** An image whose digest begins with this number. */
const image = (number: number, repository = 'team/app'): UnscannedImage => ({
  repository,
  digest: `sha256:${number.toString(16).padStart(16, '0')}${'0'.repeat(48)}`,
  reason: 'UNSUPPORTED_OS',
});

/** A stack whose sweeps report images, with 24 hours. Counts the writes to the row. */
function stage() {
  let row: { value: UnscannedState | undefined; version: Version } = { value: undefined, version: 0 };
  const sent: string[] = [];
  const faults = { sending: false, isOvertaken: false };
  let writes = 0;
  const ports = {
    images: async () => [],
    hours: 24,
    advice: { explain: () => 'unknown to it', whatToDo: 'Scan them.' },
    row: {
      load: async () => row,
      async save(value: UnscannedState, version: Version) {
        if (faults.isOvertaken || version !== row.version) return undefined;
        writes++;
        row = { value, version: Number(version) + 1 };
        return row.version;
      },
    },
    async notify({ subject }: Message) {
      if (faults.sending) throw new Error('no such topic');
      sent.push(subject);
    },
  };
  return {
    faults,
    sent,
    state: () => row.value,
    writes: () => writes,
    /** A sweep this many hours after the first. */
    sweep: (hours: number, ...images: readonly UnscannedImage[]) =>
      summarizeUnscanned(images, ports, hoursLater(hours)),
  };
}

const ONE = '[pullgate] 1 image that no scan judges';
const TWO = '[pullgate] 2 images that no scan judges';

describe('the summary', () => {
  it('names an image once a sweep has seen it for 24 hours, and then once a day', async () => {
    const s = stage();
    const sentAt: number[] = [];
    for (const hours of [0, 6, 23.9, 24, 30, 47.9, 48, 54]) {
      await s.sweep(hours, image(1));
      if (s.sent.length > sentAt.length) sentAt.push(hours);
    }
    expect([sentAt, s.sent]).toEqual([
      [24, 48],
      [ONE, ONE],
    ]);
  });

  it('leaves out an image that is unscanned for less', async () => {
    const s = stage();
    await s.sweep(0, image(1));
    await s.sweep(10, image(1), image(2));
    await s.sweep(24, image(1), image(2));
    expect(s.sent).toEqual([ONE]);
    await s.sweep(48, image(1), image(2));
    expect(s.sent).toEqual([ONE, TWO]);
  });

  it('counts from the beginning again for an image that was scanned in between', async () => {
    const s = stage();
    await s.sweep(0, image(1));
    await s.sweep(12);
    await s.sweep(18, image(1));
    await s.sweep(24, image(1));
    expect(s.sent).toEqual([]);
    await s.sweep(42, image(1));
    expect(s.sent).toEqual([ONE]);
  });

  it('is sent by the next sweep if it could not be sent', async () => {
    const s = stage();
    await s.sweep(0, image(1));
    s.faults.sending = true;
    await expect(s.sweep(24, image(1))).rejects.toThrow('no such topic');
    s.faults.sending = false;
    await s.sweep(30, image(1));
    await s.sweep(36, image(1));
    expect(s.sent).toEqual([ONE]);
  });

  it('is left to a concurrent sweep that saved first', async () => {
    const s = stage();
    await s.sweep(0, image(1));
    s.faults.isOvertaken = true;
    await s.sweep(24, image(1));
    expect(s.sent).toEqual([]);
  });

  it('writes nothing if nothing is new', async () => {
    const s = stage();
    await s.sweep(0);
    expect([s.writes(), s.state()]).toEqual([0, undefined]);
    await s.sweep(6, image(2), image(1));
    await s.sweep(12, image(1), image(2));
    expect([s.writes(), s.state()]).toEqual([
      1,
      { since: { '0000000000000001': hoursLater(6), '0000000000000002': hoursLater(6) }, notifiedAt: undefined },
    ]);
  });

  it('counts images that the row has no room for as unscanned for long', async () => {
    const s = stage();
    const many = Array.from({ length: MAX_REMEMBERED + 2 }, (_, number) => image(number));
    await s.sweep(0, ...many);
    expect(s.sent).toEqual([TWO]);
    const remembered = s.state();
    expect(Object.keys(remembered?.since ?? {})).toHaveLength(MAX_REMEMBERED);
    // DynamoDB limits a row to 400 KB.
    expect(JSON.stringify(remembered).length).toBeLessThan(250_000);
  });
});
