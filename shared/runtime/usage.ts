// Counts the calls that a function makes, for the one line of an invocation that says what it used.
import type { LogLine } from '../report/log-line.ts';

/** What one process has called. */
export interface Usage {
  /** Counts one call of this service, each repetition too. */
  count(service: string): void;
  /**
   * The line of an invocation: every call since the line before, by service. Where invocations overlap in one process,
   * one may count the other's calls; none is counted twice, and none is left out but those of a process that was
   * killed.
   */
  takeLine(facts?: Readonly<Record<string, number>>): LogLine;
}

export function createUsage(): Usage {
  let calls: Record<string, number> = {};
  return {
    count(service) {
      calls[service] = (calls[service] ?? 0) + 1;
    },
    takeLine(facts = {}) {
      const counted = calls;
      calls = {};
      const allCalls = Object.values(counted).reduce((sum, count) => sum + count, 0);
      return { kind: 'usage', ...facts, allCalls, calls: counted };
    },
  };
}
