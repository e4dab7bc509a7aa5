// What a function's process says and how its invocations end, on either cloud.

export interface LogLine {
  readonly text: string;
  /**
   * The line's fields, where the line is a JSON object and nothing else: what a metric filter or an alert's query sees.
   */
  readonly json: Readonly<Record<string, unknown>> | undefined;
  /** The cloud's time. */
  readonly at: Date;
}

export type Outcome =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'failed'; readonly error: string }
  | { readonly kind: 'timedOut' }
  | { readonly kind: 'crashed' };

/** A line of the log as it was written. */
export function logLine(text: string, at: Date): LogLine {
  return { text, json: jsonObject(text), at };
}

/** A text that is a JSON object and nothing else. */
export function jsonObject(text: string): LogLine['json'] {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
