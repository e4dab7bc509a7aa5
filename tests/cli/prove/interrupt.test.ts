// Tests which signals end a run, and that one Ctrl-C is not taken for two.
import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { listenForInterrupts } from '../../../cli/prove/interrupt.ts';

/** Listens with a clock that the test sets, and notes what is called. */
function listening() {
  const from = new EventEmitter();
  const called: string[] = [];
  let time = 5_000;
  const interrupts = listenForInterrupts(
    () => void called.push('first'),
    () => void called.push('second'),
    from,
    () => time,
  );
  const send = (signal: string, later = 0) => {
    time += later;
    from.emit(signal);
  };
  return { interrupts, called, send, from };
}

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'])('%s ends the run', (signal) => {
  const { interrupts, called, send } = listening();
  expect(interrupts.signal.aborted).toBe(false);
  send(signal);
  expect([interrupts.signal.aborted, called]).toEqual([true, ['first']]);
});

it('a signal that npm forwards is the same Ctrl-C; one a second later is another, and ends the process once', () => {
  const { called, send } = listening();
  send('SIGINT');
  send('SIGINT', 5);
  send('SIGINT', 990);
  expect(called).toEqual(['first']);
  send('SIGINT', 10);
  send('SIGINT', 10);
  expect(called).toEqual(['first', 'second']);
});

it('nothing listens after the end', () => {
  const { interrupts, from } = listening();
  interrupts.end();
  expect(from.eventNames()).toEqual([]);
});
