// The peak memory of a process itself. On Linux, Node's own figure starts at the parent's peak.
import { readFileSync } from 'node:fs';

/**
 * The peak memory of this process, in bytes.
 * On Linux, `process.resourceUsage().maxRSS` is never less than the parent's memory when it started the process,
 * because the kernel carries it over `exec`. A local cloud with a million findings uses more memory than its function
 * does. `VmHWM` starts at zero. Sources: https://github.com/oven-sh/bun/issues/43304 and, for macOS, which also starts
 * at zero, https://github.com/rsalesc/rbx/pull/726
 */
export function peakMemoryBytes(): number {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS * 1024;
  const status = readFileSync('/proc/self/status', 'utf8');
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  if (kilobytes === undefined) throw new Error(`/proc/self/status has no line VmHWM: ${status}`);
  return Number(kilobytes) * 1024;
}
