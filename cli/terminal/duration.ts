// Durations on the command line: `30m`, `4h`, `1h30m`.
import type { Instant } from '../../shared/policy/finding.ts';
import { MINUTE_MILLISECONDS } from '../../shared/runtime/time.ts';

const DURATION = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?$/;

/** Parses a duration into minutes. Undefined if it is invalid, under one minute or over `maxHours`. */
export function parseMinutes(given: string | undefined, maxHours: number): number | undefined {
  const parts = DURATION.exec(given?.trim() ?? '');
  if (parts === null) return undefined;
  const [, hours = '0', minutes = '0'] = parts;
  const all = Number(hours) * 60 + Number(minutes);
  return all >= 1 && all <= maxHours * 60 ? all : undefined;
}

/** Describes the valid durations. */
export function durationForms(maxHours: number): string {
  return `hours, minutes or both, such as 30m, 4h or 1h30m; at least 1m, at most ${maxHours}h`;
}

export function minutesAfter(at: Instant, minutes: number): Instant {
  return new Date(Date.parse(at) + minutes * MINUTE_MILLISECONDS).toISOString();
}

/** An option's value as an error message shows it: quoted, and shortened if it is long. */
export function shownOption(given: string | undefined): string {
  return given === undefined ? 'is missing' : JSON.stringify(given.length > 80 ? `${given.slice(0, 80)}…` : given);
}
