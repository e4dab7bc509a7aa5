#!/usr/bin/env node
// The command `pullgate`: its commands, each in a module of its own.
import { Command } from 'commander';
import { addCheck } from './check/command.ts';
import { addClose, addOpen } from './override/command.ts';
import { addRelease, addResume } from './release/command.ts';
import { addSimulate } from './simulate/command.ts';
import { addStatus } from './status/command.ts';
import { addWhy } from './why/command.ts';

const program = new Command('pullgate')
  .description('Closes the gate on vulnerable container images, and says why.')
  .showHelpAfterError()
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

for (const add of [addSimulate, addCheck, addStatus, addWhy, addOpen, addClose, addRelease, addResume]) add(program);

await program.parseAsync();
