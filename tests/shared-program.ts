// One process for all test files that run the Pulumi program, because loading Pulumi takes longer than most tests.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SHARED_PROGRAM, shareProgram } from '../local/graph.ts';

export async function setup(): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'pullgate-program-'));
  const socket = join(folder, 'socket');
  const program = await shareProgram(socket);
  process.env[SHARED_PROGRAM] = socket;
  return () => {
    program.stop();
    rmSync(folder, { recursive: true });
  };
}

/** A folder that is removed when all tests have ended. */
export function folderOfRun(): string {
  const socket = process.env[SHARED_PROGRAM];
  if (socket === undefined) throw new Error(`expected ${SHARED_PROGRAM} to be set: run the tests with vitest`);
  return dirname(socket);
}
