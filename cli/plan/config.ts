// Reads the config of the working tree: the stack's file as the Pulumi CLI prints it, or a file with that output.
import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser';
import { AZURE_ENVIRONMENT, parseConfig, type Settings } from '../../config/config.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import { askPulumi } from '../stack/stack.ts';
import { UsageError } from '../terminal/ending.ts';
import { readText } from '../terminal/file.ts';

/** A config, and what it is called in a sentence. */
export interface WorkingConfig {
  readonly name: string;
  readonly settings: Settings;
  /** `aws:region`. Undefined: the config does not say. */
  readonly region: string | undefined;
}

export interface ConfigOptions {
  /** A file with the output of `pulumi config --json`. Default: run the Pulumi CLI. */
  readonly config?: string | undefined;
  readonly stack?: string | undefined;
}

const FORM = 'the output of `pulumi config --json`';
const NAMESPACE = 'pullgate:';

/**
 * Reads and checks the config as the program does.
 *
 * @param environment the environment that the Azure provider would see
 * @throws UsageError that names every problem
 */
export async function readConfig(
  { config: file, stack }: ConfigOptions,
  now: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<WorkingConfig> {
  const text =
    file === undefined
      ? await askPulumi(['config', '--json'], stack, 'its config (--config FILE)')
      : await readText(file, `a file with ${FORM}`, `--config ${file}`);
  const name = file === undefined ? 'the config of the working tree' : `the config ${file}`;
  const raw = valuesIn(text, name);
  const parsed = parseConfig({ [AZURE_ENVIRONMENT]: environment['ARM_ENVIRONMENT'], ...raw }, now);
  if (!parsed.ok) throw new UsageError(`${name} is invalid:\n  ${parsed.problems.map(describeProblem).join('\n  ')}`);
  const region = raw['aws:region'];
  return { name, settings: parsed.value, region: typeof region === 'string' ? region : undefined };
}

type Raw = Readonly<Record<string, unknown>>;

/** The values by their full keys. */
function valuesIn(text: string, name: string): Raw {
  const errors: ParseError[] = [];
  const given: unknown = parse(text.replace(/^\uFEFF/, ''), errors, { allowTrailingComma: true });
  const [error] = errors;
  if (error !== undefined)
    throw new UsageError(`${name} is not JSON (${printParseErrorCode(error.error)}): give ${FORM}`);
  if (!isObject(given) || !Object.keys(given).some((key) => key.startsWith(NAMESPACE)))
    throw new UsageError(`${name} has no key that begins with ${NAMESPACE}: give ${FORM}`);
  const secret = Object.keys(given).find((key) => key.startsWith(NAMESPACE) && isHidden(given[key]));
  if (secret !== undefined)
    throw new UsageError(`${secret} is a secret, so the plan cannot read it: set it without --secret`);
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, unwrapped(value)]));
}

function isObject(given: unknown): given is Raw {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}

/** Pulumi prints no value of a secret without `--show-secrets`. */
function isHidden(given: unknown): boolean {
  return isObject(given) && given['secret'] === true && given['value'] === undefined;
}

/** Pulumi wraps each value, and prints an object a second time as `objectValue`. */
function unwrapped(given: unknown): unknown {
  if (!isObject(given) || typeof given['secret'] !== 'boolean') return given;
  return given['objectValue'] ?? given['value'];
}
