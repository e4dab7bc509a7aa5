// Counts the calls that a function makes, for one log line per invocation.
import type { LogLine } from '../report/log-line.ts';

/** The call counts of one process. */
export interface Usage {
  /** Counts a call to a service. Each retry counts. */
  count(service: string): void;
  /**
   * The log line of an invocation: all calls since the previous line, by service. If invocations overlap in one
   * process, a line may include calls of another invocation. Each call is counted once, unless the process is killed.
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
