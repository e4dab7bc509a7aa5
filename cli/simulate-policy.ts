// A policy from a file, in any of the forms in which people have it: plain, as the stack's config has it, or as Pulumi prints it.
import { readFile } from 'node:fs/promises';
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { type Policy, parsePolicy } from '../shared/policy.ts';
import { describeProblem } from '../shared/problem.ts';
import { sentenceOf, UsageError } from './ending.ts';

const NAMESPACE = 'pullgate:';
const THRESHOLD = 'severityThreshold';
const FORM = `give JSON (comments are fine): {"severityThreshold": "high", "unfixable": "never", "exceptions": [...]}, or what \`pulumi config --json\` prints`;

/**
 * Reads a policy.
 *
 * @param file JSON with comments: the fields of a policy beside `severityThreshold`, or below `policy`, or the output of `pulumi config --json`
 * @throws UsageError that names every problem
 */
export async function readPolicy(file: string): Promise<Policy> {
  const { severityThreshold, policy } = partsOf(objectFrom(await textOf(file), file));
  const parsed = parsePolicy(severityThreshold, policy);
  if (parsed.ok) return parsed.value;
  throw new UsageError(`${file} is not a policy:\n  ${parsed.problems.map(describeProblem).join('\n  ')}\n${FORM}`);
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(`${file} cannot be read (${sentenceOf(cause)}): ${FORM}`, { cause });
  }
}

function objectFrom(text: string, file: string): Readonly<Record<string, unknown>> {
  const errors: ParseError[] = [];
  const value: unknown = parse(text, errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error !== undefined) {
    const line = text.slice(0, error.offset).split('\n').length;
    throw new UsageError(`${file} is not JSON (line ${line}: ${printParseErrorCode(error.error)}): ${FORM}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`${file} is not a policy: ${FORM}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

interface Parts {
  readonly severityThreshold: unknown;
  readonly policy: unknown;
}

function partsOf(given: Readonly<Record<string, unknown>>): Parts {
  if (Object.keys(given).some((key) => key.startsWith(NAMESPACE))) {
    return { severityThreshold: configValue(given, THRESHOLD), policy: configValue(given, 'policy') };
  }
  if ('policy' in given) return { severityThreshold: given[THRESHOLD], policy: given['policy'] };
  // Whether the stack only audits decides nothing here.
  const { [THRESHOLD]: severityThreshold, mode: _, ...policy } = given;
  return { severityThreshold, policy };
}

/** `pulumi config --json` prints an object both as text and as `objectValue`. */
function configValue(given: Readonly<Record<string, unknown>>, key: string): unknown {
  const entry = given[`${NAMESPACE}${key}`];
  if (typeof entry !== 'object' || entry === null) return entry;
  if ('objectValue' in entry) return entry.objectValue;
  return 'value' in entry ? entry.value : entry;
}
