// The log of one invocation.
import type { LogLine } from '../../shared/report/log-line.ts';

export type Log = (line: LogLine) => void;
