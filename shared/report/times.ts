// Formats times for people: always in UTC, to the minute, and an end with the time that is left.
import type { Instant } from '../policy/finding.ts';
import { DAY_MILLISECONDS, HOUR_MILLISECONDS, MINUTE_MILLISECONDS } from '../runtime/time.ts';

/** `2026-03-02 09:00 UTC` */
export function minute(at: Instant): string {
  return `${at.slice(0, 16).replace('T', ' ')} UTC`;
}

/** Describes when something ends: `2026-03-02 09:00 UTC (in 3 days)`. */
export function endOf(at: Instant, now: Instant): string {
  return `${minute(at)} (${at <= now ? 'ended' : distance(Date.parse(at) - Date.parse(now))})`;
}

/** To the nearest minute: an order for 4 hours is written some milliseconds later. */
function distance(milliseconds: number): string {
  const rounded = milliseconds + MINUTE_MILLISECONDS / 2;
  const hours = Math.floor(rounded / HOUR_MILLISECONDS);
  if (hours === 0) return 'within the hour';
  const days = Math.floor(rounded / DAY_MILLISECONDS);
  const [count, unit] = days === 0 ? [hours, 'hour'] : [days, 'day'];
  return `in ${count} ${unit}${count === 1 ? '' : 's'}`;
}
