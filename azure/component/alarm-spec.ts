// What an alert is, as plain data.

/** One alert. It is raised when its query finds a row. */
export interface AlarmSpec {
  /** The suffix of the resource's name. */
  readonly name: string;
  /** The data that the query reads: the function's log lines, or the results of its invocations. */
  readonly source: 'log' | 'invocations';
  /** The end of the query. `line` is the log line, parsed as JSON. */
  readonly query: string;
  /** The period that the query reads, and how often it runs. The log lags by minutes, so the windows overlap. */
  readonly windowMinutes: number;
  readonly frequencyMinutes: number;
  /** Reads a longer period than the window, for rare lines. */
  readonly lookbackDays?: number;
  /** 1 is an error, 2 a warning. Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview */
  readonly severity: 1 | 2;
  readonly description: string;
}

/** Alerts about what persists read the lines of several sweeps, once an hour. */
export const PERSISTENT = { windowMinutes: 60, frequencyMinutes: 60, lookbackDays: 2, severity: 2 } as const;
