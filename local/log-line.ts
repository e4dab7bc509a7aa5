// The lines that a function's process logs and how its invocations end, on either cloud.

export interface LogLine {
  readonly text: string;
  /** The fields of a line that is one JSON object: what a metric filter or an alert's query sees. */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** The cloud's time. */
  readonly at: Date;
}

export type Outcome =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'timedOut' }
  | { readonly kind: 'crashed' };

/** Creates a line of the log from its text. */
export function logLine(text: string, at: Date): LogLine {
  return { text, json: jsonObject(text), at };
}

/** Parses a text that is exactly one JSON object; otherwise undefined. */
export function jsonObject(text: string): LogLine['json'] {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
