// How the log of the page of `npm start -- --watch` shows a function's log lines and the mails.
import { describe, expect, test } from 'vitest';
import type { Acts, Mail } from '../../../demo/acts.ts';
import { createJournal, type Entry } from '../../../demo/watch/journal.ts';
import { virtualClock } from '../../../local/clock.ts';
import { logLine } from '../../../local/log-line.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

describe('the log', () => {
  /** A journal that has read the given log lines and mails; the times are in seconds. */
  function journalOf(lines: readonly (readonly [second: number, text: string])[], mails: readonly Mail[] = []) {
    const entries: Entry[] = [];
    let id = 0;
    const journal = createJournal(
      () => ++id,
      (entry) => entries.push(entry),
    );
    const takeLog = () => lines.map(([second, text]) => logLine(text, new Date(second * 1_000)));
    journal.read({
      ...{ name: 'AWS', clock: virtualClock() },
      ...{ takeLog, takeMails: () => mails, takeGaps: () => ['no such operation'] },
    } as unknown as Acts);
    return { journal, entries };
  }
  const decision = (action: string, to: string, digest?: string) => {
    const gate = digest === undefined ? 'team/app' : `team/app@${digest}`;
    return JSON.stringify({
      kind: 'decision',
      registry: '1234',
      gate: `1234/${gate}`,
      message: `${gate} …`,
      action,
      to,
    });
  };

  test.each([
    ['closed', 'closed', 'closed'],
    ['restored', 'closed', 'closed'],
    ['opened', 'open', 'opened'],
    ['cleared', 'open', 'opened'],
    ['waiting', 'waiting: brake', 'waiting'],
    ['nothing', 'closed', undefined],
  ])('shows the decision "%s" with the gate’s state "%s" and the tone %s', (done, to, tone) => {
    const { journal, entries } = journalOf([[1, decision(done, to, DIGEST)]]);
    expect(entries[0]).toMatchObject({ kind: 'decision', cloud: 'AWS', text: `team/app@${DIGEST} ….` });
    expect(entries[0]?.tone).toBe(tone);
    expect(journal.saidOf('AWS', `team/app@${DIGEST}`)).toEqual({ message: `team/app@${DIGEST} …`, state: to });
    expect(journal.saidOf('Azure', `team/app@${DIGEST}`)).toBeUndefined();
  });

  test('orders the function’s lines and the mails by time, and shows what the local cloud does not support', () => {
    const { entries } = journalOf(
      [
        [1, '{"kind":"tick","waiting":2}'],
        [3, '{"kind":"failed","error":"throttled"}'],
        [4, 'not JSON'],
      ],
      [{ subject: '[pullgate] closed: team/app', text: 'Why:', at: new Date(2_000) }],
    );
    expect(entries.map(({ id, kind, text }) => [id, kind, text])).toEqual([
      [1, 'line', 'tick: waiting 2'],
      [2, 'mail', '[pullgate] closed: team/app'],
      [3, 'problem', 'failed: error "throttled"'],
      [4, 'line', 'not JSON'],
      [5, 'problem', 'The local cloud does not support this: no such operation'],
    ]);
  });

  test('keeps the last 1,000 lines, and truncates a long line', () => {
    const { journal } = journalOf(
      Array.from({ length: 1_200 }, (_none, second) => [second, 'x'.repeat(7_000)] as const),
    );
    expect(journal.entries()).toHaveLength(1_000);
    expect(journal.entries()[0]?.id).toBe(202);
    expect(journal.entries()[0]?.text).toHaveLength('… '.length + 6_000);
  });
});
