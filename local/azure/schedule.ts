// When a timer trigger fires, for the few NCRONTAB schedules that the local Functions host supports.
// Source: https://learn.microsoft.com/en-us/azure/azure-functions/functions-bindings-timer#ncrontab-expressions

import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';

/** The next time after the given one, in milliseconds since the epoch, UTC. */
export type Schedule = (after: number) => number;

const DAY_MINUTES = 24 * 60;

/**
 * Reads a schedule of second, minute and hour, every day: `0 *\/5 * * * *`.
 *
 * @throws Error on any other form
 */
export function readSchedule(text: string): Schedule {
  const [second = '', minute = '', hour = '', ...days] = text.split(' ');
  const isEveryDay = days.length === 3 && days.every((field) => field === '*');
  const [inMinute, inHour] = [matcherOf(minute, 59), matcherOf(hour, 23)];
  if (!/^\d+$/.test(second) || Number(second) > 59 || inMinute === undefined || inHour === undefined || !isEveryDay) {
    throw new Error(
      `the local Functions host supports only schedules such as "0 */5 * * * *" (a second, then minutes and hours as *, a number or */STEP, every day); got "${text}"`,
    );
  }
  return (after) => {
    const first = Math.floor(after / MINUTE_MILLISECONDS);
    for (let at = first; at <= first + DAY_MINUTES; at++) {
      const time = at * MINUTE_MILLISECONDS + Number(second) * 1000;
      if (time > after && inMinute(at % 60) && inHour(Math.floor(at / 60) % 24)) return time;
    }
    throw new Error(`the schedule "${text}" never fires`);
  };
}

function matcherOf(field: string, max: number): ((value: number) => boolean) | undefined {
  if (field === '*') return () => true;
  const [, step, number] = /^(?:\*\/(\d+)|(\d+))$/.exec(field) ?? [];
  if (step !== undefined && Number(step) > 0) return (value) => value % Number(step) === 0;
  if (number !== undefined && Number(number) <= max) return (value) => value === Number(number);
  return undefined;
}
