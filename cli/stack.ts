// Finds a deployed stack: its outputs, as `pulumi stack output --json` prints them, become the settings that the function itself has.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { parseStackSettings, type Settings, type StackSettings } from '../aws/function/settings.ts';
import { describeProblem, problemsFrom, required } from '../shared/problem.ts';
import { sentenceOf, UsageError } from './ending.ts';

/** Where to find the stack. */
export interface StackOptions {
  /** The name of the stack; default: the one that `pulumi stack select` selected. */
  readonly stack?: string | undefined;
  /** A file with the output of `pulumi stack output --json`, in place of asking the Pulumi CLI. */
  readonly outputs?: string | undefined;
}

const text = required(v.string('text'));
const outputsSchema = v.object({
  aws: required(
    v.object(
      {
        region: text,
        accountId: text,
        partition: text,
        statementId: text,
        tableName: text,
        queueUrl: text,
        deadLetterQueueUrl: text,
        changesTopicArn: text,
        roleArn: text,
        settings: required(v.record(v.string(), v.unknown(), 'the settings of the function')),
      },
      'the outputs of the AWS side',
    ),
  ),
});

/**
 * The settings of the deployed function, and the region that it is in.
 *
 * @throws UsageError where the outputs cannot be had, or are not those of this version of pullgate
 */
export async function findStack(options: StackOptions): Promise<Settings & { readonly region: string }> {
  const printed = options.outputs === undefined ? await askPulumi(options.stack) : await readOutputs(options.outputs);
  const outputs = v.safeParse(outputsSchema, parseJson(printed));
  if (!outputs.success) {
    const problems = problemsFrom(outputs.issues, '').map(describeProblem).join('\n  ');
    throw new UsageError(`the stack's outputs are not those of pullgate (has \`pulumi up\` run?):\n  ${problems}`);
  }
  const { settings, changesTopicArn: topicArn, ...rest } = outputs.output.aws;
  return { ...rest, topicArn, ...stackSettings(settings) };
}

function stackSettings(settings: Readonly<Record<string, unknown>>): StackSettings {
  try {
    return parseStackSettings(JSON.stringify(settings));
  } catch (cause) {
    throw new UsageError(
      `the settings in the stack's outputs are not those of this version of pullgate: run the version that \`pulumi up\` ran, or \`pulumi up\` again\n${sentenceOf(cause)}`,
      { cause },
    );
  }
}

async function askPulumi(stack: string | undefined): Promise<string> {
  const args = ['stack', 'output', '--json', ...(stack === undefined ? [] : ['--stack', stack])];
  try {
    const { stdout } = await promisify(execFile)('pulumi', args);
    return stdout;
  } catch (cause) {
    throw new UsageError(
      `\`pulumi ${args.join(' ')}\` did not work: ${pulumisWords(cause)}\n` +
        'Log in (`pulumi login`) and name the stack (--stack NAME), or give its outputs (--outputs FILE).',
      { cause },
    );
  }
}

function pulumisWords(error: unknown): string {
  const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
  if (code === 'ENOENT')
    return 'there is no command `pulumi` here. https://www.pulumi.com/docs/install/ says how to get it.';
  return stderr.trim() === '' ? sentenceOf(error) : stderr.trim();
}

async function readOutputs(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(
      `--outputs ${file} cannot be read (${sentenceOf(cause)}): give a file that \`pulumi stack output --json\` wrote`,
      { cause },
    );
  }
}

function parseJson(printed: string): unknown {
  try {
    return JSON.parse(printed);
  } catch (cause) {
    throw new UsageError(
      "the stack's outputs are not JSON: give a file that `pulumi stack output --json` wrote (--outputs FILE)",
      { cause },
    );
  }
}
