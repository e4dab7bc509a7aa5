// Runs every `npm run pullgate -- ...` of the docs, by the real executable, on a stack whose images have the names that
// the docs use.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { Inspector2Client, ListFindingsCommand } from '@aws-sdk/client-inspector2';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTable } from '../../aws/function/records.ts';
import type { LocalAws } from '../../local/aws/cloud.ts';
import type { Advisory } from '../../local/aws/inspector-finding.ts';
import { allowing, type PolicyDocument } from '../../local/aws/principals.ts';
import type { Grant } from '../../local/azure/grant.ts';
import type { Graph } from '../../local/graph.ts';
import { mapConcurrently } from '../../shared/runtime/concurrency.ts';
import { actionsOf, COMMAND, FOLDER, leastToOpen, type Ran } from '../cli/command.ts';
import { asAzureOperator, leastToOpenOnAzure } from '../cli/command-azure.ts';
import {
  leastForLive,
  leastForPlan,
  leastForStatus,
  leastForWhy,
  leastToObserveOnAzure,
  leastToTestOnAzure,
} from '../cli/command-observing.ts';
import { leastToProve } from '../cli/prove/aws-proof.ts';
import { stage as awsStage, CRITICAL } from '../e2e/aws/stage.ts';
import { stage as azureStage, REGISTRY } from '../e2e/azure/stage.ts';
import { COMPILED } from '../process-group.ts';
import { type Command, commandsIn, pages, snippetsIn } from './doc-commands.ts';
import { firstLineNotPrinted, outputsShownIn } from './doc-outputs.ts';
import { argvOf, PERMISSIONS, rightsFor } from './doc-rights.ts';

const AWS_IMAGE = '123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/checkout:1.0';
const AZURE_IMAGE = 'acmeimages.azurecr.io/shop/checkout:1.0';
const OVERRIDE = '--for 4h --reason "the fix is being built" --approved-by security@example.com';

/** By the policy that the docs begin with it closes nothing, and by the stricter one it does. */
const HIGH: Advisory = { ...CRITICAL, vulnerability: 'CVE-2026-2002', severity: 'HIGH' };

/** What step 3 of the rollout leads to. */
const EXCEPTING = {
  exceptions: [
    {
      id: 'CVE-2026-1001',
      repository: 'shop/*',
      expires: '2099-12-31',
      reason: 'the vulnerable function is not called',
    },
  ],
};
/** The config of the working tree, as Pulumi prints it. */
const CONFIG = {
  'pullgate:mode': { value: 'enforce', secret: false },
  'pullgate:policy': { value: JSON.stringify(EXCEPTING), objectValue: EXCEPTING, secret: false },
};
/** As docs/cli.md shows it. */
const POLICY = { severityThreshold: 'critical', unfixable: 'never' };

interface Run {
  /** As the docs have it, behind `npm run pullgate --`. */
  readonly line: string;
  /** What it ends with, on this stack. */
  readonly code: 0 | 1 | 2;
  /** A part of what it prints. */
  readonly shows: RegExp;
  /** What it prints to stderr. Default: nothing. */
  readonly stderr?: string;
  /** Which stack is the selected one. Default: that on AWS, which is loaded faster. */
  readonly on?: 'aws' | 'azure';
  /** What this test adds, since nobody sits at a terminal to answer. */
  readonly more?: readonly string[];
}

/** Words of the docs that stand for something, and what this test says in their place. */
const PLACEHOLDERS: Readonly<Record<string, string>> = {
  COMMAND: 'status',
  IMAGE: AWS_IMAGE,
  'NAME.azurecr.io': 'acmeimages.azurecr.io',
};

/** What changes nothing: in any order. */
const READS: readonly Run[] = [
  { line: 'simulate findings.json --policy policy.json', code: 1, shows: /shop\/checkout/ },
  {
    line: 'simulate findings.json --policy stricter.json --against policy.json',
    code: 1,
    shows: /closes +shop\/basket/,
  },
  { line: 'simulate --policy stricter.json --against stack', code: 0, shows: /./ },
  { line: 'simulate --html simulation.html', code: 1, shows: /shop\/checkout/ },
  { line: 'plan', code: 0, shows: /\n {2}opens {2}shop\/checkout {2}CVE-2026-1001 / },
  { line: 'check --strict --live', code: 0, shows: /the stack dev: 0 exceptions/ },
  { line: 'check --live', code: 0, shows: /Self-test on Azure: 2 failed[.]\n/, on: 'azure' },
  { line: 'check --policy config.json', code: 0, shows: /1 exception/ },
  { line: 'status', code: 0, shows: /Closed by pullgate: 2\n +shop\/basket .+\n +shop\/checkout / },
  { line: 'status --live', code: 0, shows: /Closed by pullgate: 2\n/ },
  { line: 'status --json', code: 0, shows: /^\{\n {2}"stack": "dev",\n/ },
  { line: `why ${AWS_IMAGE}`, code: 1, shows: /^REFUSED: pullgate .+CVE-2026-1001.+3[.]0[.]14 or newer/ms },
  {
    line: `why ${AZURE_IMAGE}`,
    code: 1,
    shows: /^REFUSED: pullgate .+CVE-2026-1001.+3[.]0[.]14 or newer/ms,
    on: 'azure',
  },
  // There is no answer to its question. tests/cli/prove runs it.
  { line: 'prove --aws', code: 2, shows: /^This makes a scratch repository .+there was no answer/s },
  { line: 'release "shop/**" --dry-run', code: 0, shows: /shop\/checkout/ },
];

/** It waits for work from before the pause. The test makes the pause older, so that there is none. */
const PAUSE_AND_WAIT = 'pause --wait';

const RAISED = '--reason "CVE-2026-1001 is in our base image"';

/** What changes something: in this order. */
const CHANGES: readonly Run[] = [
  { line: 'plan --save snapshot.json', code: 0, shows: /^Saved a snapshot of the stack dev with 2 repositories / },
  {
    line: 'plan snapshot.json --config config.json --markdown --max-closes 5',
    code: 0,
    shows: /^### pullgate plan: 0 would close\n.+shop\/checkout/s,
    stderr: 'pullgate: note: the snapshot is of the stack dev\n',
  },
  {
    line: `override open ${AWS_IMAGE} ${OVERRIDE}`,
    code: 0,
    shows: /^Override set: open until .+\n\n {2}opened {2}shop\/checkout /,
  },
  {
    line: `override close ${AWS_IMAGE} ${OVERRIDE.replace('the fix is being built', 'suspected of being tampered with')}`,
    code: 0,
    shows: /^Override set: closed until .+\n\n {2}closed {2}shop\/checkout /,
  },
  {
    line: `limit --aws --today 200 ${RAISED}`,
    code: 0,
    shows: /^AWS: 23 more gates may close now[.]\n.+\n {2}Last 24 hours {2}2 of 200\n/,
  },
  { line: `limit --azure --today 2000 ${RAISED}`, code: 0, shows: /of 2000\n/, on: 'azure' },
  { line: 'limit --aws --clear', code: 0, shows: /of 100\n$/ },
  { line: 'limit --azure --clear', code: 0, shows: /of 1000\n$/, on: 'azure' },
  { line: `override clear ${AWS_IMAGE}`, code: 0, shows: /shop\/checkout/ },
  // It needs no record, and so the stack may still be there.
  { line: 'release --orphans', code: 0, shows: /\n {2}Pullgate[0-9a-f]{12} {2}closes 2 repositories\n/ },
  { line: 'release --orphans PullgateXXXXXXXXXXXX', code: 0, shows: /\[1\/2\] {2}opened {2}shop\//, more: ['--yes'] },
  {
    line: 'release --orphans acmeimages.azurecr.io --log traces.json',
    code: 0,
    shows: /closed by pullgate, according to the log\n\n {2}\[1\/1\] {2}opened {2}shop\/checkout@/,
    more: ['--yes'],
    on: 'azure',
  },
  { line: 'pause --for 4h', code: 0, shows: /Paused the stack dev: nothing closes until 20.+ UTC/, more: ['--yes'] },
  { line: 'pause', code: 0, shows: /Paused the stack dev: nothing closes until `pullgate resume`/, more: ['--yes'] },
  { line: PAUSE_AND_WAIT, code: 0, shows: /It is safe to run `pulumi destroy` now/, more: ['--yes'] },
  { line: 'resume', code: 0, shows: /^Ended the pause of the stack dev/ },
];

const RUNS = [...READS, ...CHANGES];

/** The lines of the docs, each once, with where it stands first. */
function pullgateLines(): ReadonlyMap<string, Command> {
  const commands = commandsIn(pages().flatMap((file) => snippetsIn(file, readFileSync(file, 'utf8'))));
  const lines = new Map<string, Command>();
  for (const command of commands) {
    const [npm, run, ...rest] = command.argv.filter((word) => word !== '--silent');
    if (npm !== 'npm' || run !== 'run' || rest[0] !== 'pullgate') continue;
    const line = lineOf(rest.slice(2));
    if (!lines.has(line)) lines.set(line, command);
  }
  return lines;
}

function lineOf(argv: readonly string[]): string {
  const words = argv.map((word) => PLACEHOLDERS[word] ?? word);
  return words.map((word) => (/[ *]/.test(word) ? `"${word}"` : word)).join(' ');
}

const lines = pullgateLines();

/** A stack on each cloud, with closed gates, and a folder with the files that the docs name. */
async function shop(onEnd: (stop: () => Promise<void>) => void) {
  const [aws, azure] = [await awsStage({}, onEnd), await azureStage({}, { onEnd })];
  // The command takes its time from this machine, and the stages begin in the past.
  for (const { clock } of [aws.cloud, azure.cloud]) clock.advance(Date.now() - clock.now().getTime());
  await aws.sweep();
  await azure.tick();
  await aws.pushVulnerable('shop/checkout', '1.0', CRITICAL);
  await aws.pushVulnerable('shop/basket', '1.0', HIGH);
  await aws.runUntilIdle();
  await azure.close('1.0', 'shop/checkout');

  const folder = mkdtempSync(join(FOLDER, 'shop-'));
  // A line runs with only the permissions that docs/permissions.md gives its command.
  const environmentOf = ({ line, on = 'aws' }: Run) =>
    on === 'aws'
      ? {
          ...aws.cloud.environment(aws.cloud.principals.add(roleOf(line), policiesFor(line))),
          PATH: pulumi.aws,
        }
      : { ...asAzureOperator(azure.cloud, grantsFor(line), roleOf(line)), PATH: pulumi.azure };
  const grantsFor = (line: string): readonly Grant[] =>
    line.includes('--orphans')
      ? [{ role: 'Contributor', scope: REGISTRY }]
      : [
          ...Object.values(leastToObserveOnAzure(azure.graph)),
          ...(line.startsWith('check') ? leastToTestOnAzure(azure.graph) : []),
          ...(line.startsWith('limit') ? [leastToOpenOnAzure(azure.graph).records] : []),
        ];
  const pulumi = { aws: pulumiOf(aws.graph), azure: pulumiOf(azure.graph) };
  const scanner = aws.cloud.principals.add(roleOf('reader'), [allowing('inspector2:ListFindings')]);
  await writeFiles(folder, aws.cloud.clientConfig(scanner));
  const traces = azure.lines('decision').map((one) => ({ Message: JSON.stringify(one) }));
  writeFileSync(join(folder, 'traces.json'), JSON.stringify(traces));
  const run = (one: Run) =>
    new Promise<Ran>((resolve) => {
      const { line, more = [] } = one;
      const { statementId } = aws.graph.outputs['aws'] as { readonly statementId: string };
      const argv = argvOf(line).map((word) => (word === 'PullgateXXXXXXXXXXXX' ? statementId : word));
      const env = { ...environmentOf(one), ...COMPILED };
      const child = execFile(
        process.execPath,
        [COMMAND, ...argv, ...more],
        { cwd: folder, env },
        (_error, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
      child.stdin?.end();
    });
  const agePause = async () => {
    const { tableName } = aws.graph.outputs['aws'] as { readonly tableName: string };
    const writer = aws.cloud.principals.add(roleOf('writer'), [allowing('dynamodb:GetItem', 'dynamodb:PutItem')]);
    const client = new DynamoDBClient(aws.cloud.clientConfig(writer));
    const row = createTable(client, tableName).row('pause');
    const { value, version } = await row.load();
    if (value === undefined) throw new Error('the stack was paused before');
    await row.save({ ...value, at: new Date(Date.parse(value.at) - 3_600_000).toISOString() }, version);
    client.destroy();
  };
  return { run, agePause, graphs: { aws: aws.graph, azure: azure.graph } };
}

/** None where nothing is needed. */
function policiesFor(line: string): readonly PolicyDocument[] {
  const rights = rightsFor(line);
  return rights.length === 0 ? [] : [allowing(...rights)];
}

/** Each line has a role of its own. */
function roleOf(line: string): string {
  return `arn:aws:iam::123456789012:role/${line.replaceAll(/[^a-z]+/g, '-').slice(0, 60)}`;
}

/** What the docs have people make beforehand; the report as `aws inspector2 list-findings` prints it. */
async function writeFiles(folder: string, config: ReturnType<LocalAws['clientConfig']>): Promise<void> {
  const inspector = new Inspector2Client(config);
  const { findings } = await inspector.send(new ListFindingsCommand({}));
  inspector.destroy();
  const files = {
    'findings.json': { findings },
    'policy.json': POLICY,
    'stricter.json': { severityThreshold: 'high' },
    'config.json': CONFIG,
  };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(content));
}

/** A folder with a Pulumi CLI that knows one stack, and nothing but its outputs and the config. */
function pulumiOf(graph: Graph): string {
  const folder = mkdtempSync(join(FOLDER, 'bin-'));
  const script = `#!${process.execPath}
const asked = process.argv.slice(2).join(' ');
if (asked === 'config --json') process.stdout.write(${JSON.stringify(JSON.stringify(CONFIG))});
else if (asked === 'stack output --json') process.stdout.write(${JSON.stringify(JSON.stringify(graph.outputs))});
else process.exit(1);
`;
  writeFileSync(join(folder, 'pulumi'), script, { mode: 0o755 });
  return folder;
}

/** What each line printed, and its exit code. */
const told = new Map<string, Ran>();
/** The stacks. */
let deployed: { readonly aws: Graph; readonly azure: Graph };

beforeAll(async () => {
  const ends: (() => Promise<void>)[] = [];
  const { run, agePause, graphs } = await shop((stop) => void ends.push(stop));
  deployed = graphs;
  const tell = async (one: Run) => void told.set(one.line, await run(one));
  await mapConcurrently(READS, 2, tell);
  for (const change of CHANGES) {
    if (change.line === PAUSE_AND_WAIT) await agePause();
    await tell(change);
  }
  for (const stop of ends) await stop();
});

const shown = outputsShownIn(readFileSync('docs/cli.md', 'utf8'));

describe('the output that docs/cli.md shows', () => {
  it.each(shown)('is what the command prints: $command', ({ command, output }) => {
    const line = lineOf(argvOf(command.replaceAll("'", '"')));
    expect(firstLineNotPrinted(output, told.get(line)?.stdout ?? 'nothing ran it')).toBeUndefined();
  });

  it('is found, and a line that is not printed, or printed elsewhere, too', () => {
    expect(shown.length).toBeGreaterThan(9);
    const printed = 'one\ntwo at 2026-01-01 00:00 UTC\nthree';
    expect(firstLineNotPrinted('one\n...\nthree', printed)).toBeUndefined();
    expect(firstLineNotPrinted('two at 2030-12-31 23:59 UTC\nthree', printed)).toBeUndefined();
    expect(firstLineNotPrinted('one\nthree', printed)).toBe('three');
    expect(firstLineNotPrinted('one\n...\nfour', printed)).toBe('four');
    expect(firstLineNotPrinted('three\n...\none', printed)).toBe('one');
  });
});

describe('a command of the docs', () => {
  it('is one of those that are run here, and those are all in the docs', () => {
    const run = new Set(RUNS.map(({ line }) => line));
    const unknown = [...lines].filter(([line]) => !run.has(line));
    expect(unknown.map(([line, { file, line: number }]) => `${file}:${number}: ${line}`)).toEqual([]);
    expect(RUNS.map(({ line }) => line).filter((line) => !lines.has(line))).toEqual([]);
    expect(readFileSync('docs/cli.md', 'utf8')).toContain(
      JSON.stringify(POLICY, undefined, 1).replaceAll(/\n ?/g, ' '),
    );
  });

  it.each(RUNS)('does what the docs say: $line', ({ line, code, shows, stderr = '' }) => {
    expect(told.get(line)).toEqual({ code, stdout: expect.stringMatching(shows), stderr });
  });

  it.each([
    ['why', leastForWhy],
    ['status', leastForStatus],
    ['status --live', leastForLive],
    ['plan', leastForPlan],
    ['pause', leastToOpen],
    ['release', leastToOpen],
    ['prove', leastToProve],
  ])('needs what its own tests show that it needs, and docs/permissions.md says no more: %s', (command, least) => {
    expect(rightsFor(command).toSorted()).toEqual(actionsOf(least(deployed.aws)).toSorted());
  });

  it('needs the roles on Azure that docs/permissions.md names', () => {
    const roles = [...Object.values(leastToObserveOnAzure(deployed.azure)), ...leastToTestOnAzure(deployed.azure)].map(
      ({ role }) => role,
    );
    for (const role of roles) expect(PERMISSIONS).toContain(`\`${role}\``);
  });
});
