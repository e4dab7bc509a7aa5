// The command `pullgate simulate`: its options and help.
import { Argument, type Command, Option } from 'commander';
import { withJson, withStack } from '../command.ts';
import { FORMAT_NAMES, FORMATS } from '../reports/formats.ts';
import { runAnswering } from '../terminal/answer.ts';
import type { SimulateOptions } from './simulate.ts';

const HELP = `
The command changes nothing. Without files, it observes the clouds of the stack as a sweep does.
With files, it reads reports of findings of any size; - is stdin.
It detects these formats:
${FORMATS.map((format) => `  ${format.padEnd(9)}  ${FORMAT_NAMES[format]}`).join('\n')}

A policy file is JSON, may contain comments, and has one of these forms:
  {"severityThreshold": "high", "unfixable": "never", "graceDays": {"high": 7}, "exceptions": [...]}
  {"severityThreshold": "high", "policy": {"unfixable": "never"}}
  the output of \`pulumi config --json\`
--against shows what would change from this policy to the simulated one. Give the word \`stack\` for
the stack's policy.

Exit codes: 0 no gate would close (with --against, no open gate would close); 1 a gate would close;
2 invalid input or no answer.

Examples:
  pullgate simulate --policy stricter.json --against stack --html report.html
  aws inspector2 list-findings > findings.json && pullgate simulate findings.json --policy policy.json
  trivy image --format json nginx:1.27 | pullgate simulate - --policy policy.json
`;

export function addSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description(
      'show which gates a policy would close, for which findings, and which findings are exempted until when',
    )
    .addArgument(new Argument('[file...]', 'reports of findings (default: observe the clouds of the stack)'))
    .addOption(new Option('--format <format>', 'the format of the reports, if it cannot be detected').choices(FORMATS))
    .option('--policy <file>', "the policy to simulate (default: the stack's policy)")
    .option('--against <file>', 'compare with this policy; `stack` means the policy of the stack')
    .addOption(
      new Option('--granularity <gate>', "what a gate is on Azure (default: the stack's setting, or image)").choices([
        'image',
        'repository',
      ]),
    )
    .option('--html <file>', 'also write a self-contained HTML page')
    .option('--all', 'show all gates and exemptions, and up to 200 findings for each gate');
  withJson(withStack(command))
    .addHelpText('after', HELP)
    .action((files: readonly string[], options: SimulateOptions) =>
      runAnswering(async () => (await import('./simulate.ts')).simulateCommand(files, options)),
    );
}
