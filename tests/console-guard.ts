// Fails a test that makes a stray console call. A test that expects a call replaces the method itself.
import { afterAll, afterEach } from 'vitest';

const METHODS = ['debug', 'dir', 'error', 'info', 'log', 'table', 'trace', 'warn'] as const;
const calls: string[] = [];

for (const method of METHODS) {
  console[method] = (...args: unknown[]) => {
    calls.push(`console.${method}(${args.map(String).join(', ')})`);
  };
}

function failOnCalls(): void {
  const stray = calls.splice(0);
  if (stray.length > 0) {
    throw new Error(
      `no console call was expected; take it out, or expect it by replacing the method:\n${stray.join('\n')}`,
    );
  }
}

afterEach(failOnCalls);
// Catches calls outside tests: while a file loads, or after its last test.
afterAll(failOnCalls);
