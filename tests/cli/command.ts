// Runs the real `pullgate` command in a child process, as a principal of the local cloud with only the permissions that
// the command needs.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { LocalAws } from '../../local/aws/cloud.ts';
import type { PolicyDocument } from '../../local/aws/principals.ts';
import type { Graph } from '../../local/graph.ts';
import { COMPILED } from '../process-group.ts';
import { folderOfRun } from '../shared-program.ts';

export const OPERATOR = 'arn:aws:iam::123456789012:role/operator';
export const COMMAND = join(import.meta.dirname, '../../cli/pullgate.ts');

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** An empty folder, for a PATH that contains no commands. */
export const FOLDER = mkdtempSync(join(folderOfRun(), 'cli-'));

/** Creates a file with this text. */
export function fileOf(text: string): string {
  const file = join(mkdtempSync(join(FOLDER, 'file-')), 'outputs.json');
  writeFileSync(file, text);
  return file;
}

/** Creates a file with the output of `pulumi stack output --json`. */
export function outputsOf(graph: Graph): string {
  return fileOf(JSON.stringify(graph.outputs));
}

/** The environment of a command that runs as the operator with this policy. Inherits nothing from this process. */
export function asOperator(cloud: LocalAws, policy: PolicyDocument): Record<string, string> {
  return { PATH: FOLDER, ...cloud.environment(cloud.principals.add(OPERATOR, [policy])) };
}

/** Runs the command without a terminal. */
export function pullgate(
  args: readonly string[],
  environment: Record<string, string> = { PATH: FOLDER },
): Promise<Ran> {
  return new Promise((resolve) => {
    const env = { ...environment, ...COMPILED };
    const child = execFile(process.execPath, [COMMAND, ...args], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

/** Runs the command with a stdout that cannot be written to. Returns the exit code and stderr. */
export async function withBrokenStdout(
  args: readonly string[],
  stdout: 'pipe' | number,
  environment: Record<string, string> = { PATH: FOLDER },
): Promise<readonly [code: number, said: string]> {
  const env = { ...environment, ...COMPILED };
  const child = spawn(process.execPath, [COMMAND, ...args], { env, stdio: ['ignore', stdout, 'pipe'] });
  child.stdout?.destroy();
  if (child.stderr === null) throw new Error('stderr is a pipe');
  const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  return [code, said];
}

/** What `pause` and `release` need. */
export function leastToOpen(graph: Graph): PolicyDocument {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'ReadAndMarkRecords',
        Effect: 'Allow',
        Action: ['dynamodb:Scan', 'dynamodb:GetItem', 'dynamodb:PutItem'],
        Resource: arnOf(graph, 'aws:dynamodb/table:Table'),
      },
      {
        Sid: 'OpenRepositories',
        Effect: 'Allow',
        Action: ['ecr:GetRepositoryPolicy', 'ecr:SetRepositoryPolicy', 'ecr:DeleteRepositoryPolicy'],
        Resource: 'arn:aws:ecr:eu-west-1:123456789012:repository/*',
      },
      { Sid: 'Notify', Effect: 'Allow', Action: 'sns:Publish', Resource: changesTopicOf(graph) },
      {
        Sid: 'NotifyEncrypted',
        Effect: 'Allow',
        Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
        Resource: arnOf(graph, 'aws:kms/key:Key'),
      },
    ],
  };
}

/** What `release --orphans` needs. */
export const LEAST_FOR_ORPHANS: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    {
      Sid: 'FindAndOpenRepositories',
      Effect: 'Allow',
      Action: [
        'ecr:DescribeRepositories',
        'ecr:GetRepositoryPolicy',
        'ecr:SetRepositoryPolicy',
        'ecr:DeleteRepositoryPolicy',
      ],
      Resource: 'arn:aws:ecr:eu-west-1:123456789012:repository/*',
    },
  ],
};

/** Removes one action from a policy. */
export function without(policy: PolicyDocument, action: string): PolicyDocument {
  const statements = policy.Statement as readonly { readonly Action: string | readonly string[] }[];
  const rest = statements.map((statement) => ({
    ...statement,
    Action: [statement.Action].flat().filter((one) => one !== action),
  }));
  return { ...policy, Statement: rest.filter(({ Action: actions }) => actions.length > 0) };
}

/** Every action that a policy allows. */
export function actionsOf({ Statement: statements }: PolicyDocument): readonly string[] {
  return (statements as readonly { readonly Action: string | readonly string[] }[]).flatMap(({ Action }) => Action);
}

function arnOf(graph: Graph, type: string): unknown {
  const found = graph.resources.filter((resource) => resource.type === type);
  if (found.length !== 1) throw new Error(`one ${type} was expected in the graph; there are ${found.length}`);
  return found[0]?.outputs['arn'];
}

function changesTopicOf({ outputs }: Graph): string {
  return (outputs['aws'] as { readonly changesTopicArn: string }).changesTopicArn;
}
