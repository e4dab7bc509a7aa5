// Proves that every command in the docs is one that a test runs or checks, and that a new one that nobody tests fails
// here, with its file and line.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Command, commandsIn, pages, snippetsIn } from './doc-commands.ts';
import { problemsOf, RULES, ruleOf } from './doc-rules.ts';

const REGISTRY =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/shop/providers/Microsoft.ContainerRegistry/registries/acmeimages';
/** What a command answers that another one needs. */
const SUBNET =
  '/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/GROUP/providers/Microsoft.Network/virtualNetworks/VNET/subnets/NAME';
const ANSWERS = {
  'az acr show --name NAME --query id': REGISTRY,
  'az network vnet subnet show --resource-group GROUP --vnet-name VNET --name SUBNET --query id': SUBNET,
};

const COMMANDS = commandsIn(
  pages().flatMap((file) => snippetsIn(file, readFileSync(file, 'utf8'))),
  ANSWERS,
);

/** The problems of a page with this text. */
function problemsIn(page: string): readonly string[] {
  return problemsOf(commandsIn(snippetsIn('page.md', page), ANSWERS));
}

function block(...lines: readonly string[]): string {
  return ['Do this:', '', '```sh', ...lines, '```', ''].join('\n');
}

describe('the commands', () => {
  it.each(pages())('of %s are each of a kind that a test runs or checks', (file) => {
    expect(problemsOf(COMMANDS.filter((command) => command.file === file))).toEqual([]);
  });

  it('are found, where pages have them', () => {
    const found = (file: string) => COMMANDS.filter((command) => command.file === file).length;
    const without = pages().filter((file) => found(file) === 0);
    expect(without).toEqual(['docs/compare.md']);
    expect(found('README.md')).toBeGreaterThan(20);
    expect(found('docs/cli.md')).toBeGreaterThan(15);
    expect(found('docs/undo.md')).toBeGreaterThan(20);
    expect(found('docs/operations.md')).toBeGreaterThan(40);
  });
});

describe('a kind of command', () => {
  it.each(RULES.map((rule) => [rule.words, rule] as const))(
    'is run by a test that is there, or says why not: %s',
    (_words, { shown }) => {
      if ('test' in shown) {
        expect([shown.test, existsSync(shown.test)]).toEqual([shown.test, true]);
        expect(readFileSync(shown.test, 'utf8')).toContain(shown.by);
      } else {
        expect(shown.reason.length).toBeGreaterThan(20);
        expect(shown.source).toMatch(/^https:\/\//);
      }
    },
  );

  it('is in the docs: a rule that no page needs would let a new command slip through', () => {
    const used = new Set(COMMANDS.map((command) => ruleOf(command)?.words));
    expect(RULES.map(({ words }) => words).filter((words) => !used.has(words))).toEqual([]);
  });

  it('of npm is a script of the project', () => {
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const named = COMMANDS.flatMap(({ argv }) =>
      (argv[0] === 'npm' && argv[1] === 'run' ? argv.slice(2) : [])
        .filter((word) => !word.startsWith('--'))
        .slice(0, 1),
    );
    expect(named.length).toBeGreaterThan(10);
    for (const name of ['start', 'test', ...new Set(named)]) expect(Object.keys(scripts)).toContain(name);
    expect(scripts['pullgate']).toMatch(/ node cli\/pullgate[.]ts$/);
    expect(scripts['up']).toMatch(/ pulumi up$/);
  });
});

describe('a command that nobody tests is found', () => {
  it.each([
    [
      'a program that no rule knows',
      ['terraform apply'],
      4,
      'terraform apply: no rule in tests/repository/doc-rules.ts',
    ],
    ['a script that is none', ['npm ci', 'npm run deploy'], 5, 'npm run deploy: no rule'],
    ['within a pipe', ['npx pulumi stack output --json aws | yq .queueUrl'], 4, 'yq .queueUrl: no rule'],
    ['within an argument', ['az acr show --name "$(gh repo view)"'], 4, 'gh repo view: no rule'],
    ['a cloud of the story that is none', ['npm start -- gcp'], 4, 'npm start -- gcp: expected one of'],
    ['a part of the bench that is none', ['npm run bench -- speed'], 4, 'npm run bench -- speed: '],
    ['an option that is none', ['npm run fuzz -- --run 7'], 4, '--run: expected --runs, --seed, --target, --path'],
    ['tests that are none', ['npx vitest run tests/nothing'], 4, 'there are no tests in tests/nothing'],
    [
      'a key that is none',
      ['npx pulumi config set treshold high', 'npm run up'],
      5,
      'pullgate:treshold: unknown key; did you mean "severityThreshold"?',
    ],
    ['a value that is none', ['npx pulumi config set severityThreshold worst', 'npm run up'], 5, 'is "worst"'],
    [
      'a value of the wrong type',
      ["npx pulumi config set --path 'aws.logRetentionDays' soon", 'npm run up'],
      5,
      'is "soon"',
    ],
    [
      'a place behind the end of a list',
      ["npx pulumi config set --path 'notifyEmails[1]' a@example.com"],
      4,
      '[1] is behind the end of a list of 0',
    ],
    ['a key of an unknown provider', ['npx pulumi config set gcp:project p'], 4, 'gcp:project is no key'],
    ['a key without a value', ['npx pulumi config set mode'], 4, 'expected pulumi config set'],
    [
      'Azure without its registries',
      ["npx pulumi config set --path 'clouds[0]' azure", 'npm run up'],
      5,
      'pullgate:azure.registries is missing',
    ],
    [
      'a call that the SDK does not have',
      ['aws sqs recieve-message --queue-url Q'],
      4,
      'the SDK has no RecieveMessageCommand',
    ],
    ['an option that the call does not have', ['aws sqs purge-queue --queue Q'], 4, '--queue: expected --queue-url'],
    [
      'an option that its input does not have',
      ['aws sns get-topic-attributes --topic T'],
      4,
      '--topic: expected --topic-arn',
    ],
    [
      'another address of Azure',
      ['az rest --method post --url "https://management.azure.com/x"'],
      4,
      'expected one of "--method',
    ],
    ['a file that is not JSON', ['jq -r .rules scanning-before.yaml'], 4, 'expected the name of one output'],
    ['an option of az that is not in the list', ['az acr show --registry NAME'], 4, '--registry: expected --name'],
  ])('%s', (_name, lines, line, says) => {
    const problems = problemsIn(block(...lines));
    expect(problems).toEqual([expect.stringContaining(says)]);
    expect(problems[0]).toMatch(new RegExp(`^page[.]md:${line}: `));
  });

  it.each([
    ['in a sentence', 'Run `npm run nothing` now.', 'page.md:1: npm run nothing: no rule'],
    ['in an indented block', 'Now:\n\n    npx nothing\n', 'page.md:3: npx nothing: no rule'],
    ['in a block of a list', '- Now:\n\n  ```sh\n  npx nothing\n  ```\n', 'page.md:4: npx nothing: no rule'],
  ])('%s', (_name, page, says) => {
    expect(problemsIn(page)).toEqual([expect.stringContaining(says)]);
  });

  it('and shell that is none, with its file and line', () => {
    expect(() => problemsIn(block('echo "unfinished'))).toThrow(/^page[.]md:\d+: the shell cannot read this: /);
    expect(() => problemsIn('```sh\nnpm ci\n')).toThrow('page.md:2: a block begins here and does not end');
  });

  it('and nothing else: comments, roles that are named, other languages', () => {
    const page = `${block('# npx nothing', 'npm ci # or nothing')}The role \`pullgate gatekeeper\`.\n\n\`\`\`kusto\nnothing | take 1\n\`\`\`\n`;
    const commands: readonly Command[] = commandsIn(snippetsIn('page.md', page));
    expect(commands.map(({ argv, line }) => [line, ...argv])).toEqual([[5, 'npm', 'ci']]);
  });
});
