// `resume`: ends the pause of a stack.

import type { Instant } from '../../shared/policy/finding.ts';
import { isPaused } from '../../shared/reconcile/schedule.ts';
import type { Client } from '../stack/client.ts';
import type { ExitCode } from '../terminal/ending.ts';
import { DRY_RUN, type Terminal } from '../terminal/terminal.ts';
import { loadPauses, setPause } from './state.ts';

export interface Resume {
  readonly stack: string;
  /** The stack as part of a sentence: `the stack dev`. */
  readonly label: string;
  readonly clients: readonly Client[];
  readonly terminal: Terminal;
  readonly now: () => Instant;
  /** The user who ends the pause, for the record. */
  readonly by: string;
  /** Show what would be done, and change nothing. Default: false. */
  readonly dryRun?: boolean;
  /** Prints the answer as data. Default: prints nothing. */
  readonly printJson?: (answer: ResumeAnswer) => void;
}

export interface ResumeAnswer {
  readonly stack: string;
  readonly dryRun: boolean;
  readonly wasPaused: boolean;
}

/** Ends the pause. The next tick, within five minutes, starts a sweep. */
export async function resumeStack(resume: Resume): Promise<ExitCode> {
  const { stack, label, clients, terminal, now, by, dryRun = false, printJson = () => {} } = resume;
  // All rows are read before any is changed, so that nothing changes if one cannot be read.
  const wasPaused = (await loadPauses(clients)).some(({ pause }) => isPaused(pause, now()));
  if (!dryRun) for (const client of clients) await setPause(client, { paused: false, by, at: now() });
  printJson({ stack, dryRun, wasPaused });
  if (!wasPaused) terminal.print(`There is nothing to do: ${label} is not paused.`);
  else if (dryRun)
    terminal.print(
      `This would end the pause of ${label}. The gates that violate the policy would close within five minutes.${DRY_RUN}`,
    );
  else {
    terminal.print(`Ended the pause of ${label}. Within five minutes, the gates that violate the policy close.`);
  }
  return 0;
}
