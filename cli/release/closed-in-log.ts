// The gates that a log of the function names as closed. It replaces lost records after a `pulumi destroy` without a
// pause.
import * as v from 'valibot';
import type { Gate } from '../../shared/gate/gate.ts';
import { UsageError } from '../terminal/ending.ts';

/** The fields of a decision in the log that say what was closed. */
const decision = v.object({
  kind: v.literal('decision'),
  gate: v.string(),
  registry: v.string(),
  repository: v.string(),
  to: v.string(),
});

/**
 * Finds the closed gates in a log: lines of JSON, or an export of the table AppTraces as JSON or CSV, whose column
 * `Message` holds them. Other lines and columns are ignored.
 *
 * @throws UsageError if it contains no decision
 */
export function closedInLog(text: string): readonly Gate[] {
  const decisions = valuesIn(text).flatMap(decisionsIn);
  if (decisions.length === 0)
    throw new UsageError(
      'the log has no decision of pullgate: give its lines of JSON, or the table AppTraces exported as JSON or CSV',
    );
  return decisions
    .filter(({ to }) => to === 'closed' || to === 'closing')
    .map(({ gate, registry, repository }) => {
      const digest = gate.slice(`${registry}/${repository}@`.length);
      return { registry, repository, digest: digest === '' ? undefined : digest };
    });
}

/** The document, or its lines, or the quoted fields of its rows: https://www.rfc-editor.org/rfc/rfc4180 */
function valuesIn(text: string): readonly unknown[] {
  const whole = parsed(text);
  if (whole !== undefined) return [whole];
  const lines = text.split('\n').flatMap((line) => parsed(line) ?? []);
  if (lines.length > 0) return lines;
  return [...text.matchAll(/"((?:[^"]|"")*)"/g)].map(([, field = '']) => field.replaceAll('""', '"'));
}

/** The decisions in a value. A text can be JSON itself. */
function decisionsIn(value: unknown): readonly v.InferOutput<typeof decision>[] {
  if (typeof value === 'string') return value.startsWith('{') ? decisionsIn(parsed(value)) : [];
  if (typeof value !== 'object' || value === null) return [];
  const checked = v.safeParse(decision, value);
  return checked.success ? [checked.output] : Object.values(value).flatMap(decisionsIn);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
