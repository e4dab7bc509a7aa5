// The command `pullgate simulate`: what its words mean.
import { Argument, type Command, Option } from 'commander';
import { withJson, withStack } from '../command.ts';
import { FORMAT_NAMES, FORMATS } from '../reports/formats.ts';
import { runAnswering } from '../terminal/answer.ts';
import type { SimulateOptions } from './simulate.ts';

const HELP = `
FILE is a report of findings, however large; - is stdin. What it is, it says itself:
${FORMATS.map((format) => `  ${format.padEnd(9)}  ${FORMAT_NAMES[format]}`).join('\n')}

A policy file is JSON (comments are fine), in one of these forms:
  {"severityThreshold": "high", "unfixable": "never", "graceDays": {"high": 7}, "exceptions": [...]}
  {"severityThreshold": "high", "policy": {"unfixable": "never"}}
  what \`pulumi config --json\` prints
--against FILE takes the policy in force, and the word \`stack\` the stack's: what changes from it to the other is shown.

Exit codes: 0 nothing would close (with --against: nothing that is open would), 1 something would, 2 bad input or no answer.

Examples:
  aws inspector2 list-findings > findings.json && pullgate simulate findings.json --policy policy.json
  trivy image --format json nginx:1.27 | pullgate simulate - --policy policy.json
  pullgate simulate --aws --policy stricter.json --against stack --html report.html
`;

export function addSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description(
      'say what a policy would do: which gates would close, for which findings, and what is exempted until when',
    )
    .addArgument(new Argument('[file...]', 'reports of findings'))
    .addOption(new Option('--format <format>', 'what the reports are, where they do not say').choices(FORMATS))
    .option('--aws', 'look at the AWS side of the stack, as its function does, in place of files')
    .option('--azure', 'look at the Azure side of the stack')
    .option('--policy <file>', "the policy to simulate (default: the stack's)")
    .option('--against <file>', 'compare with this policy, the one in force; `stack`: with that of the stack')
    .addOption(
      new Option('--granularity <gate>', 'what a gate is on Azure (default: as the stack has it, or image)').choices([
        'image',
        'repository',
      ]),
    )
    .option('--html <file>', 'write one self-contained page for people, too')
    .option('--all', 'name every gate and exception, and up to 200 findings of a gate, and not only the first');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((files: readonly string[], options: SimulateOptions) =>
      runAnswering(async () => (await import('./simulate.ts')).simulateCommand(files, options)),
    );
}
