// The demo and all its processes end with npm, even if only the npm process receives the signal.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { commandsIn, expectNoneLeft, killGroup, startNpm, startProgramOf, waitForOutput } from '../process-group.ts';

const PROGRAM = 'local/graph-program.ts';
const FUNCTIONS = ['local/aws/lambda-child.ts', 'local/azure/functions-child.ts'];
/** In the middle of the story, when every kind of child process runs. */
const STORY = {
  words: [],
  output: 'The scanner reports a finding',
  children: [PROGRAM, ...FUNCTIONS],
  end: 'Interrupted.',
} as const;
const WATCH = {
  words: ['--watch'],
  output: 'Press Ctrl-C to stop.',
  children: [PROGRAM],
  end: 'Stopped.',
} as const;

describe('the end of npm', () => {
  test.skipIf(process.platform !== 'linux').each([
    { command: 'npm start', signal: 'SIGKILL', ...STORY },
    { command: 'npm start -- --watch', signal: 'SIGTERM', ...WATCH },
    { command: 'npm start -- --watch', signal: 'SIGINT', ...WATCH },
    { command: 'npm start -- --watch', signal: 'SIGKILL', ...WATCH },
  ] as const)('$command leaves no process and no file behind after $signal to the npm process alone', async (row) => {
    const { words, output, children, signal, end } = row;
    const folder = mkdtempSync(join(tmpdir(), 'pullgate-end-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const started = startNpm(words, { TMPDIR: folder });
    onTestFinished(() => killGroup(started));
    await waitForOutput(started, output);
    const commands = commandsIn(started.child.pid ?? 0).join('\n');
    for (const child of children) expect(commands).toContain(child);

    started.child.kill(signal);

    await expectNoneLeft(started);
    await started.ended;
    expect(started.said()).toContain(end);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test('the demo ends when the reader of its output exits', async () => {
  const started = startProgramOf('demo/start.ts', ['aws']);
  onTestFinished(() => killGroup(started));
  await waitForOutput(started, 'pullgate blocks pulls');
  started.child.stdout?.destroy();
  await started.ended;
  await expectNoneLeft(started);
});
