// How the tests run: which files are tests, how long one may take, what must be covered, and that a stray console call
// fails.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { countReporter } from './tests/count-reporter.ts';

/**
 * Paths are the project's own, so that the guards' test can run this same config over a bad example in another folder.
 */
const project = import.meta.dirname;

/**
 * What begins first: what takes longest, the longest first, and then whatever tries how far pullgate can be trusted.
 */
const FIRST = [
  'tests/chaos/aws.test.ts',
  'tests/chaos/azure.test.ts',
  'tests/chaos/mutants.test.ts',
  'tests/bench/load.test.ts',
  'tests/security/',
  'tests/e2e/azure/crashes.test.ts',
  'tests/parity/parity.test.ts',
  'tests/e2e/azure/scale.test.ts',
  'tests/demo/start.test.ts',
];

/** Begins with what takes longest, so that at the end no core waits for the other. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = FIRST.findIndex((start) => moduleId.includes(`/${start}`));
      return place === -1 ? FIRST.length : place;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((a, b) => placeOf(a) - placeOf(b));
  }
}

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: [`${project}/tests/shared-program.ts`],
    setupFiles: [`${project}/tests/console-guard.ts`],
    reporters: ['default', countReporter],
    pool: 'forks',
    // Two more have something to do while two wait, as the longest do most of the time.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // Bundling and the local cloud share two cores with the other tests: the limits are for what hangs, not for what is
    // slow.
    testTimeout: 90_000,
    hookTimeout: 120_000,
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
