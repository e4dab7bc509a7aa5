// The vulnerabilities of the parity table, in neutral types.
import { START } from '../../local/clock.ts';
import { HOUR_MILLISECONDS } from '../../shared/runtime/time.ts';
import type { Vulnerability } from './world.ts';

const DAY_HOURS = 24;
const FIX = { version: '3.0.14' };

function vulnerability(id: string, severity: Vulnerability['severity']): Vulnerability {
  return { id, severity, package: { name: 'openssl', version: '3.0.13' }, fix: FIX, link: `https://example.com/${id}` };
}

export const CRITICAL: Vulnerability = { ...vulnerability('CVE-2026-1001', 'critical'), score: 9.8 };
export const HIGH = vulnerability('CVE-2026-1002', 'high');
export const MEDIUM = vulnerability('CVE-2026-1003', 'medium');
export const LOW = vulnerability('CVE-2026-1004', 'low');
export const UNKNOWN = vulnerability('CVE-2026-1005', 'unknown');

/** The time this many days before the rows begin. */
export function daysAgo(days: number): Date {
  return new Date(START.getTime() - days * DAY_HOURS * HOUR_MILLISECONDS);
}
