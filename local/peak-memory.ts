// What a process has taken of memory at most, itself: on Linux Node's own figure begins with what the parent had.
import { readFileSync } from 'node:fs';

/**
 * The most memory that this process has held at once, in bytes.
 *
 * On Linux `process.resourceUsage().maxRSS` is never less than what the parent held when it started the process: the
 * kernel carries that over `exec`. A local cloud with a million findings holds more than its function does. `VmHWM`
 * begins anew. Sources: https://github.com/oven-sh/bun/issues/43304 and, for macOS, which begins anew,
 * https://github.com/rsalesc/rbx/pull/726
 */
export function peakMemoryBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const status = readFileSync('/proc/self/status', 'utf8');
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  if (kilobytes === undefined) throw new Error(`/proc/self/status should have a line VmHWM; it is ${status}`);
  return Number(kilobytes) * 1024;
}
