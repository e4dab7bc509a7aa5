// The process that test files share to run the Pulumi program: it answers requests on its socket, or reports an error
// if it cannot listen.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { SHARED_PROGRAM, shareProgram } from '../../local/graph.ts';

it('also serves this file', () => {
  expect(process.env[SHARED_PROGRAM]).toMatch(/[/]pullgate-program-\w+[/]socket$/);
});

it('is an error if it cannot listen, instead of an endless wait', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pullgate-nowhere-'));
  const socket = join(folder, 'missing', 'socket');
  try {
    await expect(shareProgram(socket)).rejects.toThrow(
      `the program's process did not listen on ${socket}: it ended (1) without an answer`,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
