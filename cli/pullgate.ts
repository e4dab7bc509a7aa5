#!/usr/bin/env node
// The command `pullgate`. Each subcommand has its own folder.
import { Command } from 'commander';
import manifest from '../package.json' with { type: 'json' };
import { addCheck } from './check/command.ts';
import { addLimit } from './limit/command.ts';
import { addOverride } from './override/command.ts';
import { addPause, addResume } from './pause/command.ts';
import { addPlan } from './plan/command.ts';
import { addProve } from './prove/command.ts';
import { addRelease } from './release/command.ts';
import { addSimulate } from './simulate/command.ts';
import { addStatus } from './status/command.ts';
import { addWhy } from './why/command.ts';

const program = new Command('pullgate')
  .description('Blocks pulls of vulnerable container images. Operators use these commands to inspect and control it.')
  .addHelpText('after', '\nExamples:\n  pullgate status\n  pullgate why --help')
  .version(`pullgate ${manifest.version}`, '-V, --version', 'print the version')
  .configureOutput({ outputError: (text, write) => write(inOneLine(text)) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

/** A wrong option or argument in one line, because the help would hide it. */
function inOneLine(error: string): string {
  const [what = '', guess = ''] = error
    .trim()
    .replace(/^error: /, '')
    .split('\n');
  return `pullgate: ${what.replace(/[.]$/, '')}${guess === '' ? '' : ` ${guess}`}; see --help\n`;
}

const COMMANDS = [
  addSimulate,
  addPlan,
  addCheck,
  addStatus,
  addWhy,
  addLimit,
  addOverride,
  addRelease,
  addPause,
  addResume,
  addProve,
];
for (const add of COMMANDS) add(program);

await program.parseAsync();
