// Tests a report that is larger than the heap: only the needed parts of a finding are kept.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { inspectorReport } from '../../../bench/simulate.ts';
import { COMMAND, FOLDER, fileOf } from '../command.ts';

const HEAP_MEGABYTES = 64;
const FINDINGS = 2_000;
/** A long description, which the policy does not read. It makes each finding as long as the longest real ones. */
const PADDING = 'x'.repeat(60_000);

test('reads a report twice as large as the heap from a pipe, and counts every finding', async () => {
  const policy = fileOf('{ "severityThreshold": "low" }');
  const args = [`--max-old-space-size=${HEAP_MEGABYTES}`, COMMAND, 'simulate', '-', '--policy', policy, '--json'];
  const child = spawn(process.execPath, args, { env: { PATH: FOLDER }, stdio: ['pipe', 'pipe', 'pipe'] });
  const [stdout, stderr] = [child.stdout, child.stderr].map(textOf);
  let bytes = 0;
  const closed = once(child, 'close');
  await pipeline(Readable.from(padded()), child.stdin);
  const [code] = await closed;
  expect([code, await stderr]).toEqual([1, '']);
  expect(JSON.parse((await stdout) ?? '').totals).toMatchObject({
    images: 10,
    gates: 1,
    closes: 1,
    findings: { critical: 500, high: 500, medium: 500, low: 500 },
  });
  expect(bytes).toBeGreaterThan(1.8 * HEAP_MEGABYTES * 1024 * 1024);

  function* padded(): Generator<string> {
    for (const piece of inspectorReport(FINDINGS, 'shared')) {
      const text = piece.replace('"description":"', `"description":"${PADDING}`);
      bytes += text.length;
      yield text;
    }
  }
});

async function textOf(stream: Readable): Promise<string> {
  let text = '';
  for await (const part of stream.setEncoding('utf8')) text += part;
  return text;
}
