// The log of one invocation, and the length of its lines.
import type { LogLine } from '../../shared/report/log-line.ts';

export type Log = (line: LogLine) => void;

/**
 * Application Insights accepts 32,768 characters per message.
 * Source: https://learn.microsoft.com/azure/azure-monitor/app/data-model-complete#trace
 */
export const MAX_LINE_CHARACTERS = 30_000;
