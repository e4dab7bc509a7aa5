// Formats times, counts, names and untrusted text for the commands' output.

import type { Gate } from '../../shared/gate/gate.ts';
import type { Exception } from '../../shared/policy/exceptions.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import type { Exemption } from '../../shared/policy/verdict.ts';
import { gateName } from '../../shared/report/sentences.ts';
import { DAY_MILLISECONDS } from '../../shared/runtime/time.ts';
import { escapeUnseen, plain } from '../../shared/runtime/unseen.ts';

/** Replaces unseen characters as `plain` does, but keeps line ends. */
export function plainLines(text: string): string {
  return text.replaceAll(IN_LINES, '\u{fffd}');
}

/** Formats an answer as one JSON document. */
export function documentOf(answer: unknown): string {
  return `${jsonText(answer, 2)}\n`;
}

/** Formats a value as JSON. Escapes the characters that a terminal would interpret. */
export function jsonText(value: unknown, indent?: number): string {
  return escapeUnseen(JSON.stringify(value, undefined, indent), IN_LINES);
}

/** Unseen characters except line ends. */
const IN_LINES = /[^\P{Cc}\n]|\p{Cf}|\p{Zl}|\p{Zp}/gu;

/** The days before its end at which an exception gets a warning. */
export const WARNING_DAYS = [1, 3, 14] as const;

/** `expired`, or the smallest of `days` within which the end is; undefined if the end is further away. */
export function nearEnd(
  at: Instant,
  now: Instant,
  days: readonly number[] = WARNING_DAYS,
): 'expired' | number | undefined {
  if (at <= now) return 'expired';
  return days.find((most) => Date.parse(at) - Date.parse(now) <= most * DAY_MILLISECONDS);
}

/** Names gates, with their registry if there is more than one. An AWS account is one registry. */
export function gateNames(gates: readonly Gate[]): (gate: Gate) => string {
  const registries = new Set(gates.map(({ registry }) => registry));
  return (gate) => plain(registries.size > 1 ? `${gate.registry.split('/').at(-1)}/${gateName(gate)}` : gateName(gate));
}

/** Describes what an exception covers: `CVE-2026-1001 in openssl, team/*`. */
export function exceptionName({ id, package: name, repository, digest }: Exception): string {
  const where = [repository, digest?.slice(0, 'sha256:'.length + 12)].filter((part) => part !== undefined);
  return `${id}${name === undefined ? '' : ` in ${name}`}${where.length === 0 ? '' : `, ${where.join(' ')}`}`;
}

/** When an exemption ends; undefined if it has no end date. */
export function endOfExemption(exemption: Exemption): Instant | undefined {
  switch (exemption.kind) {
    case 'exception':
      return exemption.exception.expiresAt;
    case 'grace':
      return exemption.until;
    case 'suppressed':
    case 'rejected':
    case 'unknownIgnored':
      return undefined;
  }
}
