// Ends a run with one plain line, such as `12 passed, 0 failed`, that people and scripts can read.
import type { Reporter, TestModule } from 'vitest/node';

/** Counts a file that cannot be loaded, and an error outside tests, as failed. */
export const countReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors) {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const brokenModules = modules.filter((module) => module.errors().length > 0);
    const passed = states.filter((state) => state === 'passed').length;
    const failed = states.filter((state) => state === 'failed').length + brokenModules.length + unhandledErrors.length;
    process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  },
};
