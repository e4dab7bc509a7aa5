// Finds a deployed stack. Turns its outputs, as `pulumi stack output --json` prints them, into the settings of its
// functions.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import * as v from 'valibot';
import * as aws from '../../aws/function/settings.ts';
import * as azure from '../../azure/function/settings.ts';
import { CLOUDS } from '../../config/config.ts';
import { describeProblem, problemsFrom, required } from '../../shared/runtime/problem.ts';
import { sentenceOf, UsageError } from '../terminal/ending.ts';
import { CLOUD_NAMES } from './cloud.ts';

/** Where to find the stack, and which of its clouds to use. */
export interface StackOptions {
  /** The name of the stack. Default: the stack selected with `pulumi stack select`. */
  readonly stack?: string | undefined;
  /** A file with the output of `pulumi stack output --json`. Default: run the Pulumi CLI. */
  readonly outputs?: string | undefined;
  /** Use only the clouds that are set to true. Default: all clouds of the stack. */
  readonly aws?: boolean | undefined;
  readonly azure?: boolean | undefined;
}

const text = required(v.string('text'));
const settingsObject = required(v.record(v.string(), v.unknown(), 'the settings of the function'));
const outputsSchema = v.object({
  /** The name of the stack. Absent if a program of the user's own exports the components' outputs. */
  stack: v.optional(v.string('text')),
  aws: v.optional(
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
        settings: settingsObject,
      },
      'the outputs of AWS',
    ),
  ),
  azure: v.optional(
    v.object(
      {
        resourceGroup: text,
        queueUrl: text,
        poisonQueueUrl: text,
        tableUrl: text,
        tableName: text,
        workspaceId: text,
        mailEndpoint: v.optional(v.string('text')),
        mailSender: v.optional(v.string('text')),
        subnetId: v.optional(v.string('text')),
        settings: settingsObject,
      },
      'the outputs of Azure',
    ),
  ),
});
type Outputs = v.InferOutput<typeof outputsSchema>;

/** The settings of the deployed functions, on at least one cloud. */
export interface Stack {
  readonly name: string;
  /**
   * The stack as part of a sentence: `the stack dev`, or `the stack dev on AWS` if the options exclude another cloud.
   */
  readonly label: string;
  /** Do the options include every cloud of the stack? */
  readonly isWhole: boolean;
  readonly aws: AwsStack | undefined;
  readonly azure: AzureStack | undefined;
}
export type AwsStack = aws.Settings & { readonly region: string };
export interface AzureStack extends azure.Settings {
  /** The subnet from which the function reaches registries. Undefined: it reaches them from the Internet. */
  readonly subnetId?: string | undefined;
}

/**
 * Finds a deployed stack.
 *
 * @throws UsageError if the outputs cannot be read, do not match this version of pullgate, or lack a cloud that the
 *   options name
 */
export async function findStack(options: StackOptions): Promise<Stack> {
  const printed = options.outputs === undefined ? await askPulumi(options.stack) : await readOutputs(options.outputs);
  const outputs = v.safeParse(outputsSchema, parseJson(printed));
  if (!outputs.success) throw strangeOutputs(problemsFrom(outputs.issues, '').map(describeProblem));
  const { aws, azure, stack } = outputs.output;
  const clouds = { aws: aws && awsStack(aws), azure: azure && azureStack(azure) };
  const id = aws?.statementId ?? azure?.resourceGroup;
  if (id === undefined) throw strangeOutputs(['aws and azure are missing: expected the outputs of at least one cloud']);
  const name = stack ?? options.stack ?? id;
  return restricted({ name, label: `the stack ${name}`, isWhole: true, ...clouds }, options);
}

/** Removes the clouds that the options exclude. */
function restricted(stack: Stack, options: StackOptions): Stack {
  const named = CLOUDS.filter((cloud) => options[cloud] === true);
  const missing = named.find((cloud) => stack[cloud] === undefined);
  if (missing !== undefined)
    throw new UsageError(`--${missing}: ${stack.label} is not deployed to ${CLOUD_NAMES[missing]}`);
  const left = CLOUDS.filter((cloud) => stack[cloud] !== undefined && (named.length === 0 || named.includes(cloud)));
  const [only] = left;
  if (only === undefined || CLOUDS.every((cloud) => stack[cloud] === undefined || left.includes(cloud))) return stack;
  return {
    ...stack,
    aws: undefined,
    azure: undefined,
    [only]: stack[only],
    label: `${stack.label} on ${CLOUD_NAMES[only]}`,
    isWhole: false,
  };
}

function strangeOutputs(problems: readonly string[]): UsageError {
  return new UsageError(
    `the stack's outputs do not come from pullgate (did \`pulumi up\` run?):\n  ${problems.join('\n  ')}`,
  );
}

function awsStack({ settings, changesTopicArn: topicArn, ...rest }: NonNullable<Outputs['aws']>): AwsStack {
  const targetOf = aws.targetsIn({ topicArn });
  return { ...rest, topicArn, targetOf, ...stackSettings(settings, aws.parseStackSettings) };
}

function azureStack({ settings, mailEndpoint, mailSender, ...rest }: NonNullable<Outputs['azure']>): AzureStack {
  const mail =
    mailEndpoint === undefined || mailSender === undefined ? undefined : { endpoint: mailEndpoint, sender: mailSender };
  return {
    ...rest,
    mail,
    findingsQuery: azure.readFindingsQuery(),
    ...stackSettings(settings, azure.parseStackSettings),
  };
}

function stackSettings<T>(settings: Readonly<Record<string, unknown>>, parse: (text: string) => T): T {
  try {
    return parse(JSON.stringify(settings));
  } catch (cause) {
    throw new UsageError(
      `the settings in the stack's outputs do not match this version of pullgate: use the version that deployed the stack, or run \`pulumi up\` with this version\n${sentenceOf(cause)}`,
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
      `\`pulumi ${args.join(' ')}\` failed: ${pulumiMessage(cause)}\n` +
        'Log in (`pulumi login`) and select the stack (--stack NAME), or give its outputs (--outputs FILE).',
      { cause },
    );
  }
}

function pulumiMessage(error: unknown): string {
  const { code, stderr = '' } = error as { code?: unknown; stderr?: string };
  if (code === 'ENOENT') return 'the command `pulumi` is not installed. See https://www.pulumi.com/docs/install/.';
  return stderr.trim() === '' ? sentenceOf(error) : stderr.trim();
}

async function readOutputs(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError(
      `--outputs ${file} cannot be read (${sentenceOf(cause)}): give a file with the output of \`pulumi stack output --json\``,
      { cause },
    );
  }
}

function parseJson(printed: string): unknown {
  try {
    return JSON.parse(printed);
  } catch (cause) {
    throw new UsageError(
      "the stack's outputs are not JSON: give a file with the output of `pulumi stack output --json` (--outputs FILE)",
      { cause },
    );
  }
}
