// What `pulumi config set` and `rm` make of a stack's config, so that the commands of the docs can be followed to the
// config that they lead to.
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** A stack's config by full keys, as its file has it. */
export type StackConfig = Record<string, unknown>;

/** The keys of the providers that the docs set. All others are the project's own, and the program checks them. */
const OF_PROVIDERS = ['aws:region', 'azure-native:location'];

/** The config with which every stack of the docs begins. */
export function devConfig(): StackConfig {
  return (parse(readFileSync('Pulumi.dev.yaml', 'utf8')) as { readonly config: StackConfig }).config;
}

/**
 * Does to the config what the command would do.
 * Source: https://www.pulumi.com/docs/iac/cli/commands/pulumi_config_set/
 *
 * @param words what stands behind `pulumi config`: `set --path policy.unfixable never`
 * @throws Error that says what is wrong with the command
 */
export function changeConfig(config: StackConfig, words: readonly string[]): void {
  const [verb, ...rest] = words;
  const isPath = rest[0] === '--path';
  const [given = '', value, ...more] = isPath ? rest.slice(1) : rest;
  if ((verb !== 'set' && verb !== 'rm') || (value === undefined) !== (verb === 'rm') || more.length > 0)
    throw new Error('expected pulumi config set [--path] KEY VALUE, or pulumi config rm [--path] KEY');
  const [first = '', ...path] = isPath ? pathOf(given) : [given];
  const key = String(first).includes(':') ? String(first) : `pullgate:${first}`;
  if (!key.startsWith('pullgate:') && !OF_PROVIDERS.includes(key))
    throw new Error(`${key} is no key of the project or of ${OF_PROVIDERS.join(', ')}`);
  // Top level entries are always text.
  put(config, [key, ...path], value === undefined || path.length === 0 ? value : typed(value));
}

type Step = string | number;

/** `policy.exceptions[0].id` as steps. */
function pathOf(text: string): readonly Step[] {
  const steps = [...text.matchAll(/(?:^|[.])([^.[\]]+)|\[(\d+)\]/g)];
  if (steps.map(([part]) => part).join('') !== text) throw new Error(`${text} is no path`);
  return steps.map(([, name, index]) => (index === undefined ? (name ?? '') : Number(index)));
}

/** Below the top, true, false and whole numbers are what they look like. */
function typed(value: string): unknown {
  if (value === 'true' || value === 'false') return value === 'true';
  return /^-?\d+$/.test(value) ? Number(value) : value;
}

/** An `undefined` takes the place away. A list grows at its end only. */
function put(holder: Record<Step, unknown> | unknown[], [step = '', ...rest]: readonly Step[], value: unknown): void {
  const at = holder as Record<Step, unknown>;
  if (Array.isArray(holder) && (typeof step !== 'number' || step > holder.length))
    throw new Error(`[${step}] is behind the end of a list of ${holder.length}`);
  if (rest.length > 0) {
    at[step] ??= typeof rest[0] === 'number' ? [] : {};
    put(at[step] as Record<Step, unknown>, rest, value);
  } else if (value === undefined) delete at[step];
  else at[step] = value;
}
