// How the tests run: which of them are quick, how long one may take, what must be covered, and that a stray console
// call fails.
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { countReporter } from './tests/count-reporter.ts';

/**
 * Paths are the project's own, so that the guards' test can run this same config over a bad example in another folder.
 */
const project = import.meta.dirname;

/**
 * What `npm test` leaves to `npm run test:all`: many seeds and interleavings, loads, attacks and the browser; whole
 * stacks and commands on the local clouds; the processes of the local clouds; the proofs that a check bites.
 */
const SLOW = [
  'tests/{bench,chaos,parity,security}/**/*.test.ts',
  'tests/shared/reconcile/reconcile-workers.test.ts',
  'tests/demo/{end-signal,start-ends}.test.ts',
  'tests/demo/watch/watch.test.ts',
  'tests/e2e/**/!(triggers).test.ts',
  'tests/cli/{pause/pause*,release/orphans*,stack/*,override/override*,status/status,why/why,why/why-azure}.test.ts',
  'tests/cli/plan/plan-live.test.ts',
  'tests/cli/prove/{aws,azure,command,preflight}.test.ts',
  'tests/cli/simulate/{page,simulate,simulate-live,simulate-stream}.test.ts',
  'tests/local/{peak-memory,aws/lambda,azure/azurite-*,azure/functions-host,azure/log-analytics,azure/kql}.test.ts',
  'tests/{bundle,sbom}.test.ts',
  'tests/repository/{architecture,guards,supply-chain,docs-pullgate,docs-cli,docs-prove}.test.ts',
];

/** What needs the Pulumi CLI: `npm run test:engine`. */
const ENGINE = ['tests/engine/**/*.test.ts'];

/** The slow files that take longest, the longest first: so that no core is idle at the end. */
const FIRST = [
  'tests/chaos/aws.test.ts',
  'tests/chaos/azure.test.ts',
  'tests/chaos/mutants.test.ts',
  'tests/bench/load.test.ts',
  'tests/security/',
  'tests/e2e/azure/crashes.test.ts',
  'tests/parity/parity.test.ts',
  'tests/e2e/azure/scale.test.ts',
];

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
    globalSetup: [`${project}/tests/shared-program.ts`],
    setupFiles: [`${project}/tests/console-guard.ts`],
    reporters: ['default', countReporter],
    pool: 'forks',
    // Four workers on two cores: the longest tests spend most of their time waiting.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    // The limits are for what hangs, not for what is slow: a loaded machine fails no test.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    allowOnly: false,
    projects: [
      {
        extends: true,
        // Files share a process, because loading the modules again takes longer than most tests.
        test: { name: 'quick', include: ['tests/**/*.test.ts'], exclude: [...SLOW, ...ENGINE], isolate: false },
      },
      { extends: true, test: { name: 'slow', include: SLOW } },
      { extends: true, test: { name: 'engine', include: ENGINE } },
    ],
    coverage: {
      provider: 'v8',
      include: ['shared/**/*.ts'],
      reporter: [['text', { skipFull: true }]],
      reportsDirectory: 'coverage',
      thresholds: { lines: 100, branches: 100, functions: 100, statements: 100 },
    },
  },
});
