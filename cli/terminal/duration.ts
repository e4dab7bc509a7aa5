// Durations on the command line: `30m`, `4h`, `1h30m`.
import type { Instant } from '../../shared/policy/finding.ts';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';

const DURATION = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?$/;

/** Reads a duration in minutes; undefined if it is none, shorter than a minute or longer than `maxHours`. */
export function parseMinutes(given: string | undefined, maxHours: number): number | undefined {
  const parts = DURATION.exec(given?.trim() ?? '');
  if (parts === null) return undefined;
  const [, hours = '0', minutes = '0'] = parts;
  const all = Number(hours) * 60 + Number(minutes);
  return all >= 1 && all <= maxHours * 60 ? all : undefined;
}

/** What a duration may be, in words. */
export function durationForms(maxHours: number): string {
  return `hours, minutes or both, such as 30m, 4h or 1h30m; at least 1m, at most ${maxHours}h`;
}

export function minutesAfter(at: Instant, minutes: number): Instant {
  return new Date(Date.parse(at) + minutes * MINUTE_MILLISECONDS).toISOString();
}

/** An option's value as an error shows it: quoted, and not too long. */
export function shownOption(given: string | undefined): string {
  return given === undefined ? 'is missing' : JSON.stringify(given.length > 80 ? `${given.slice(0, 80)}…` : given);
}
