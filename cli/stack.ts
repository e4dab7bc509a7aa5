// Finds a deployed stack: its outputs, as `pulumi stack output --json` prints them, become the settings that the function itself has.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import * as v from 'valibot';
import { parseStackSettings, type Settings } from '../aws/function/settings.ts';
import { describeProblem, problemsFrom, required } from '../shared/problem.ts';

/** Where to find the stack. */
export interface StackOptions {
  /** The name of the stack; default: the one that `pulumi stack select` selected. */
  readonly stack?: string | undefined;
  /** A file with the output of `pulumi stack output --json`, in place of asking the Pulumi CLI. */
  readonly outputs?: string | undefined;
}

/** Something that the user can put right: shown without a stack trace, and the command exits with 2. */
export class UsageError extends Error {}

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

/** The settings of the deployed function, and the region that it is in. */
export async function findStack(options: StackOptions): Promise<Settings & { readonly region: string }> {
  const printed =
    options.outputs === undefined ? await askPulumi(options.stack) : await readFile(options.outputs, 'utf8');
  const outputs = v.safeParse(outputsSchema, parseJson(printed));
  if (!outputs.success) {
    const problems = problemsFrom(outputs.issues, '').map(describeProblem).join('\n  ');
    throw new UsageError(`the stack's outputs are not those of pullgate (has \`pulumi up\` run?):\n  ${problems}`);
  }
  const { settings, changesTopicArn: topicArn, ...rest } = outputs.output.aws;
  return { ...rest, topicArn, ...parseStackSettings(JSON.stringify(settings)) };
}

async function askPulumi(stack: string | undefined): Promise<string> {
  const args = ['stack', 'output', '--json', ...(stack === undefined ? [] : ['--stack', stack])];
  try {
    const { stdout } = await promisify(execFile)('pulumi', args);
    return stdout;
  } catch (cause) {
    throw new UsageError(
      `\`pulumi ${args.join(' ')}\` did not work: ${cause instanceof Error ? cause.message.trim() : String(cause)}\n` +
        'Log in and select the stack, or give its outputs: --outputs FILE',
      { cause },
    );
  }
}

function parseJson(printed: string): unknown {
  try {
    return JSON.parse(printed);
  } catch (cause) {
    throw new UsageError('the stack’s outputs are not JSON: give a file that `pulumi stack output --json` wrote', {
      cause,
    });
  }
}
