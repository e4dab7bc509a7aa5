// How the tests run: which files are tests, how long one may take, what must be covered, and that a stray console call fails.
import { defineConfig } from 'vitest/config';
import { countReporter } from './tests/count-reporter.ts';

/** Paths are the project's own, so that the guards' test can run this same config over a bad example in another folder. */
const project = import.meta.dirname;

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    setupFiles: [`${project}/tests/console-guard.ts`],
    reporters: ['default', countReporter],
    pool: 'forks',
    maxWorkers: 2,
    // Bundling and the local cloud share two cores with the other tests: the limits are for what hangs, not for what is slow.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    allowOnly: false,
    coverage: {
      provider: 'v8',
      include: ['shared/**/*.ts'],
      reporter: [['text', { skipFull: true }]],
      reportsDirectory: 'coverage',
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
  },
});
