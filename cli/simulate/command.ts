// The command `pullgate simulate`: its options and help.
import { Argument, type Command, Option } from 'commander';
import { withJson, withStack } from '../command.ts';
import { FORMAT_NAMES, FORMATS } from '../reports/formats.ts';
import { runAnswering } from '../terminal/answer.ts';
import type { SimulateOptions } from './simulate.ts';

const HELP = `
Without files it observes the clouds of the stack, as a sweep does, and changes nothing. A file is
a report of findings, of any size; - is stdin.
The format is detected:
${FORMATS.map((format) => `  ${format.padEnd(9)}  ${FORMAT_NAMES[format]}`).join('\n')}

A policy file is JSON, and comments are allowed, in one of these forms:
  {"severityThreshold": "high", "unfixable": "never", "graceDays": {"high": 7}, "exceptions": [...]}
  {"severityThreshold": "high", "policy": {"unfixable": "never"}}
  the output of \`pulumi config --json\`
--against shows what changes from the policy in force to the simulated one. The word \`stack\`
means the stack's policy.

Exit codes: 0 nothing would close (with --against: nothing that is open would); 1 something would;
2 bad input or no answer.

Examples:
  pullgate simulate --policy stricter.json --against stack --html report.html
  aws inspector2 list-findings > findings.json && pullgate simulate findings.json --policy policy.json
  trivy image --format json nginx:1.27 | pullgate simulate - --policy policy.json
`;

export function addSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description(
      'show what a policy would do: which gates would close, for which findings, and what is exempted until when',
    )
    .addArgument(new Argument('[file...]', 'reports of findings (default: observe the clouds of the stack)'))
    .addOption(new Option('--format <format>', 'the format of the reports, if it cannot be detected').choices(FORMATS))
    .option('--policy <file>', "the policy to simulate (default: the stack's)")
    .option('--against <file>', 'compare with this policy, or with the policy of the stack (the word `stack`)')
    .addOption(
      new Option('--granularity <gate>', 'what a gate is on Azure (default: as in the stack, else image)').choices([
        'image',
        'repository',
      ]),
    )
    .option('--html <file>', 'also write a self-contained HTML page')
    .option('--all', 'show all gates and exemptions, and up to 200 findings of each gate');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((files: readonly string[], options: SimulateOptions) =>
      runAnswering(async () => (await import('./simulate.ts')).simulateCommand(files, options)),
    );
}
