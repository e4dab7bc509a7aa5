// What a command of the docs may be: for each kind the test that runs it, or how it is checked where this machine
// cannot run it. A command of no kind is a mistake.
import { existsSync, readFileSync } from 'node:fs';
import * as ecr from '@aws-sdk/client-ecr';
import * as inspector2 from '@aws-sdk/client-inspector2';
import * as sns from '@aws-sdk/client-sns';
import * as sqs from '@aws-sdk/client-sqs';
import { CLOUDS, parseConfig } from '../../config/config.ts';
import { describeProblem } from '../../shared/runtime/problem.ts';
import type { Command } from './doc-commands.ts';
import { changeConfig, devConfig, type StackConfig } from './doc-config.ts';

/** One kind of command. */
export interface Rule {
  /** The words that it begins with. Of several rules that match, the longest counts. */
  readonly words: string;
  /**
   * The test that runs it, with a text that is in that file because it does; or why no test can, with the source of
   * what is checked.
   */
  readonly shown: { readonly test: string; readonly by: string } | { readonly reason: string; readonly source: string };
  /** What may follow. Throws an error that says what is wrong. Default: nothing may. */
  readonly rest?: (words: readonly string[], page: Page) => void;
}

/** What the commands of a page have led to so far. */
export interface Page {
  readonly config: StackConfig;
}

const PULUMI = 'it needs the Pulumi CLI, a backend and an account';
/** Runs the README's deploy section, and what follows it, on Pulumi's CLI. */
const ENGINE = 'tests/engine/engine.test.ts';
const AWS = 'it needs an AWS account; the call and its options are held against the SDK';
const AWS_WITHOUT_SDK = 'it needs an AWS account; the command and its options are those of the reference';
const AZURE = 'it needs an Azure subscription; the command and its options are those of the reference';
const TOOL = 'it is a tool of every machine';
const pulumiDocs = (name: string) => `https://www.pulumi.com/docs/iac/cli/commands/pulumi_${name}/`;
const azDocs = (name: string) => `https://learn.microsoft.com/cli/azure/${name}`;

/** Every option is one of these, and behind `--` where the words begin with it. */
function options(...allowed: readonly string[]): NonNullable<Rule['rest']> {
  return (words) => {
    const given = words
      .map((word) => word.replace(/^\[|\]$/g, ''))
      .filter((word) => word.startsWith('--') && word !== '--');
    const unknown = given.filter((word) => !allowed.includes(word));
    if (unknown.length > 0) throw new Error(`${unknown.join(', ')}: expected ${allowed.join(', ')}`);
  };
}

function exactly(...allowed: readonly string[]): NonNullable<Rule['rest']> {
  return (words) => {
    if (!allowed.includes(words.join(' '))) throw new Error(`expected one of "${allowed.join('", "')}"`);
  };
}

/** The options that a program reads, as its source has them. */
function optionsIn(file: string): NonNullable<Rule['rest']> {
  const source = readFileSync(file, 'utf8');
  return options(...[...source.matchAll(/^ {4}'?([a-z-]+)'?: \{ type: '/gm)].map(([, name]) => `--${name}`));
}

/**
 * Each part has a place for its figures, which tests/bench/bench.test.ts sees to: loading the parts themselves would
 * take seconds.
 */
function partsOfBench(words: readonly string[]): void {
  const places = ['bench/README.md', 'docs/cost.md'].map((page) => readFileSync(page, 'utf8')).join('\n');
  const unknown = words.filter((word) => !word.startsWith('--') && !places.includes(`<!-- figures of ${word}: `));
  if (unknown.length > 0)
    throw new Error(`neither bench/README.md nor docs/cost.md has figures of ${unknown.join(', ')}`);
  options('--tiny')(words, { config: {} });
}

/** A deployment: the config that the page has led to must be one. */
function deploys(words: readonly string[], { config }: Page): void {
  options('--refresh')(words, { config });
  const parsed = parseConfig(config);
  if (!parsed.ok)
    throw new Error(`the page's commands lead to no config: ${parsed.problems.map(describeProblem).join('; ')}`);
}

/**
 * What every call of the AWS CLI takes. Sources: https://docs.aws.amazon.com/cli/latest/reference/,
 * .../userguide/cli-usage-skeleton.html
 */
const OF_EVERY_CALL = ['--query', '--output', '--cli-input-json'];

/** What the SDK says of a call's input: the fifth part is the names of its members. */
type Schema = readonly [unknown, unknown, unknown, unknown, readonly string[]];

/** A call by the names that the AWS CLI makes of the SDK's: https://docs.aws.amazon.com/cli/latest/reference/ */
function callOf(client: object): NonNullable<Rule['rest']> {
  const parts = client as Readonly<Record<string, unknown>>;
  return ([operation = '', ...words]) => {
    const name = operation.replaceAll(/(?:^|-)([a-z])/g, (_all, letter: string) => letter.toUpperCase());
    if (parts[`${name}Command`] === undefined)
      throw new Error(`${operation} is no call: the SDK has no ${name}Command`);
    const schema = (parts[`${name}Request$`] ?? parts[`${name}Input$`]) as Schema;
    const members = schema[4].map((member) => member.replaceAll(/(?<=[a-z0-9])([A-Z])/g, '-$1').toLowerCase());
    options(...members.map((member) => `--${member}`), ...OF_EVERY_CALL)(words, { config: {} });
  };
}

/** Takes away the key that a Logic App's address is signed with; what stands in capitals are outputs of the stack. */
const NEW_KEY = [
  '--method post --url https://management.azure.com/subscriptions/SUBSCRIPTION/resourceGroups/GROUP/providers/Microsoft.Logic/workflows/NAME/regenerateAccessKey?api-version=2019-05-01',
  '--body {"keyType":"Primary"}',
].join(' ');

/** The commands about a Lambda function, each with the options that the docs use besides its name. */
const AWS_LAMBDA_COMMANDS: readonly (readonly [words: string, ...options: string[]])[] = [
  ['put-function-concurrency', '--reserved-concurrent-executions'],
  ['delete-function-concurrency'],
  ['get-account-settings'],
  ['get-function-concurrency'],
];

const OF_REPOSITORIES = ['--name', '--image', '--repository', '--read-enabled'];
const OF_MESSAGES = ['--account-name', '--auth-mode', '--num-messages', '--queue-name'];
/** The commands of Azure's CLI, each with its page and the options that the docs use. */
const AZ_COMMANDS: readonly (readonly [words: string, page: string, ...options: string[]])[] = [
  ['acr manifest list-metadata', 'acr/manifest#az-acr-manifest-list-metadata', '--registry', '--name'],
  ['acr repository list', 'acr/repository#az-acr-repository-list', '--name'],
  ['acr repository show', 'acr/repository#az-acr-repository-show', '--name', '--repository'],
  ['acr repository update', 'acr/repository#az-acr-repository-update', ...OF_REPOSITORIES],
  ['acr show', 'acr#az-acr-show', '--name'],
  ['account set', 'account#az-account-set', '--subscription'],
  ['ad signed-in-user show', 'ad/signed-in-user#az-ad-signed-in-user-show'],
  ['functionapp show', 'functionapp#az-functionapp-show', '--resource-group', '--name'],
  ['functionapp start', 'functionapp#az-functionapp-start', '--resource-group', '--name'],
  ['functionapp stop', 'functionapp#az-functionapp-stop', '--resource-group', '--name'],
  ['monitor log-analytics query', 'monitor/log-analytics', '--workspace', '--analytics-query'],
  [
    'network vnet subnet show',
    'network/vnet/subnet#az-network-vnet-subnet-show',
    '--resource-group',
    '--vnet-name',
    '--name',
  ],
  [
    'network vnet subnet update',
    'network/vnet/subnet#az-network-vnet-subnet-update',
    '--resource-group',
    '--vnet-name',
    '--name',
    '--delegations',
  ],
  ['provider register', 'provider#az-provider-register', '--namespace'],
  ['role assignment create', 'role/assignment#az-role-assignment-create', '--assignee', '--role', '--scope'],
  ['security pricing create', 'security/pricing#az-security-pricing-create', '--name', '--tier'],
  ['storage account list', 'storage/account#az-storage-account-list', '--resource-group'],
  ['storage message clear', 'storage/message#az-storage-message-clear', ...OF_MESSAGES],
  ['storage message peek', 'storage/message#az-storage-message-peek', ...OF_MESSAGES],
];

export const RULES: readonly Rule[] = [
  {
    words: 'git pull',
    shown: { reason: 'it needs the remote of a clone', source: 'https://git-scm.com/docs/git-pull' },
  },
  { words: 'npm ci', shown: { test: '.ci/run', by: '\nnpm ci\n' } },
  { words: 'npm test', shown: { test: '.ci/run', by: '\nnpm test\n' } },
  { words: 'npm run check', shown: { test: 'package.json', by: 'npm run check && npm run test:quick' } },
  {
    words: 'npx biome check',
    shown: { test: 'package.json', by: 'biome check' },
    rest: exactly('--write .'),
  },
  { words: 'npm run test:all', shown: { test: '.ci/run', by: '\nnpm run test:slow\n' } },
  { words: 'npm run test:engine', shown: { test: '.ci/engine', by: 'npm run test:engine\n' } },
  {
    words: 'npm start',
    shown: { test: 'tests/demo/start.test.ts', by: './story-output.ts' },
    rest: exactly('', '-- --help', ...CLOUDS.map((cloud) => `-- ${cloud}`)),
  },
  {
    words: 'npm start -- --watch',
    shown: { test: 'tests/demo/watch/watch.test.ts', by: '--watch' },
    rest: exactly('', ...CLOUDS),
  },
  {
    words: 'npm run bench',
    shown: { test: 'tests/bench/bench.test.ts', by: '../../bench/parts.ts' },
    rest: partsOfBench,
  },
  {
    words: 'npm run fuzz',
    shown: { test: 'tests/security/fuzz/fuzz.test.ts', by: './target.ts' },
    rest: optionsIn('tests/security/fuzz/run.ts'),
  },
  {
    words: 'npm run chaos',
    shown: { test: 'tests/chaos/aws.test.ts', by: './many.ts' },
    rest: optionsIn('tests/chaos/main.ts'),
  },
  { words: 'npm run sbom', shown: { test: 'tests/sbom.test.ts', by: '../sbom.ts' } },
  { words: 'npm run up', shown: { test: 'tests/index.test.ts', by: 'graphOf' }, rest: deploys },
  {
    words: 'npm run pullgate --',
    shown: { test: 'tests/repository/docs-pullgate.test.ts', by: 'pullgateLines' },
    rest: () => {},
  },
  {
    words: 'npm run --silent pullgate --',
    shown: { test: 'tests/repository/docs-pullgate.test.ts', by: 'pullgateLines' },
    rest: () => {},
  },
  // Help texts name a command without npm.
  {
    words: 'pullgate',
    shown: { test: 'tests/cli/pause/pause.test.ts', by: "'resume'" },
    rest: exactly('resume'),
  },
  {
    words: 'npx vitest run',
    shown: { test: '.ci/run', by: '\nnpm test\n' },
    rest: (paths) => {
      const missing = paths.filter((path) => !existsSync(path) && !existsSync(`${path}.test.ts`));
      if (missing.length > 0) throw new Error(`there are no tests in ${missing.join(', ')}`);
    },
  },
  { words: 'pulumi login', shown: { test: ENGINE, by: '## Deploy' }, rest: exactly('', '--local') },
  { words: 'pulumi stack init', shown: { test: ENGINE, by: 'npx pulumi stack init' }, rest: exactly('dev') },
  {
    words: 'pulumi stack select',
    shown: { reason: PULUMI, source: pulumiDocs('stack_select') },
    rest: exactly('', 'dev'),
  },
  {
    words: 'pulumi stack rm',
    shown: { test: ENGINE, by: 'npx pulumi stack rm dev --preserve-config' },
    rest: exactly('dev --preserve-config'),
  },
  {
    words: 'pulumi stack output',
    shown: { test: ENGINE, by: 'npx pulumi stack output --json' },
    rest: exactly('--json', ...CLOUDS.map((cloud) => `--json ${cloud}`)),
  },
  { words: 'pulumi config --json', shown: { reason: PULUMI, source: pulumiDocs('config') } },
  {
    words: 'pulumi config',
    shown: { test: ENGINE, by: '## Deploy' },
    rest: (words, { config }) => changeConfig(config, words),
  },
  { words: 'pulumi up', shown: { test: 'tests/index.test.ts', by: 'graphOf' }, rest: deploys },
  { words: 'pulumi preview', shown: { test: 'tests/index.test.ts', by: 'graphOf' }, rest: deploys },
  { words: 'pulumi destroy', shown: { test: ENGINE, by: 'npx pulumi destroy' } },
  {
    words: 'pulumi plugin install',
    shown: { reason: PULUMI, source: pulumiDocs('plugin_install') },
    rest: options('--checksum'),
  },
  { words: 'pulumi state delete', shown: { reason: PULUMI, source: pulumiDocs('state_delete') } },
  {
    words: 'aws sqs',
    shown: { reason: AWS, source: 'https://docs.aws.amazon.com/cli/latest/reference/sqs/' },
    rest: callOf(sqs),
  },
  {
    words: 'aws ecr',
    shown: { reason: AWS, source: 'https://docs.aws.amazon.com/cli/latest/reference/ecr/' },
    rest: callOf(ecr),
  },
  {
    words: 'aws sns',
    shown: { reason: AWS, source: 'https://docs.aws.amazon.com/cli/latest/reference/sns/' },
    rest: callOf(sns),
  },
  {
    words: 'aws inspector2',
    shown: { reason: AWS, source: 'https://docs.aws.amazon.com/cli/latest/reference/inspector2/' },
    rest: callOf(inspector2),
  },
  ...AWS_LAMBDA_COMMANDS.map(
    ([words, ...allowed]): Rule => ({
      words: `aws lambda ${words}`,
      shown: {
        reason: AWS_WITHOUT_SDK,
        source: `https://docs.aws.amazon.com/cli/latest/reference/lambda/${words}.html`,
      },
      rest: options('--function-name', ...allowed),
    }),
  ),
  {
    words: 'aws events list-rules',
    shown: {
      reason: AWS_WITHOUT_SDK,
      source: 'https://docs.aws.amazon.com/cli/latest/reference/events/list-rules.html',
    },
    rest: options('--name-prefix'),
  },
  {
    words: 'aws cloudtrail lookup-events',
    shown: {
      reason: AWS_WITHOUT_SDK,
      source: 'https://docs.aws.amazon.com/cli/latest/reference/cloudtrail/lookup-events.html',
    },
    rest: options('--lookup-attributes', '--max-items'),
  },
  {
    words: 'aws logs tail',
    shown: { reason: AWS, source: 'https://docs.aws.amazon.com/cli/latest/reference/logs/tail.html' },
    rest: options('--since'),
  },
  { words: 'az login', shown: { reason: AZURE, source: azDocs('reference-index#az-login') } },
  ...AZ_COMMANDS.map(
    ([words, page, ...allowed]): Rule => ({
      words: `az ${words}`,
      shown: { reason: AZURE, source: azDocs(page) },
      rest: options(...allowed, '--query', '--output'),
    }),
  ),
  {
    words: 'az rest',
    shown: { reason: AZURE, source: 'https://learn.microsoft.com/rest/api/logic/workflows/regenerate-access-key' },
    rest: exactly(NEW_KEY),
  },
  {
    words: 'jq -r',
    shown: { reason: TOOL, source: 'https://jqlang.org/manual/' },
    rest: ([path = '', file = 'a.json', ...more]) => {
      if (!/^[.]\w+$/.test(path) || !file.endsWith('.json') || more.length > 0)
        throw new Error('expected the name of one output, such as .queueUrl, or of one key and a file of JSON');
    },
  },
  {
    words: 'cut',
    shown: { reason: TOOL, source: 'https://pubs.opengroup.org/onlinepubs/9799919799/utilities/cut.html' },
    rest: () => {},
  },
];

/** The rule that a command is of. The project's Pulumi and the machine's are told apart by `npx` only. */
export function ruleOf({ argv }: Command): Rule | undefined {
  const text = `${argv.join(' ')} `.replace(/^npx pulumi /, 'pulumi ');
  const [longest] = RULES.filter(({ words }) => text.startsWith(`${words} `)).toSorted(
    (a, b) => b.words.length - a.words.length,
  );
  return longest;
}

/** What is wrong with the commands of a page, one after another: each with its file and line. */
export function problemsOf(commands: readonly Command[]): readonly string[] {
  const pages = new Map<string, Page>();
  return commands.flatMap((command) => {
    const { file, line, argv, kind } = command;
    const where = `${file}:${line}: ${argv.join(' ')}`;
    const rule = ruleOf(command);
    if (rule === undefined)
      return [`${where}: no rule in tests/repository/doc-rules.ts says how this command is tested`];
    // What a sentence mentions changes nothing: only blocks are followed from top to bottom.
    const page = kind === 'inline' ? { config: devConfig() } : (pages.get(file) ?? { config: devConfig() });
    if (kind === 'block') pages.set(file, page);
    const skipped = rule.words.split(' ').length + (argv[0] === 'npx' && argv[1] === 'pulumi' ? 1 : 0);
    try {
      (rule.rest ?? exactly(''))(argv.slice(skipped), page);
      return [];
    } catch (error) {
      return [`${where}: ${error instanceof Error ? error.message : String(error)}`];
    }
  });
}
