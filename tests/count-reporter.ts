// Ends a run with one plain line, `12 passed, 0 failed`, for people and machines that read only that.
import type { Reporter, TestModule } from 'vitest/node';

/** A file that could not be loaded, and an error outside any test, count as failed. */
export const countReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors) {
    const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state));
    const brokenModules = modules.filter((module) => module.errors().length > 0);
    const passed = states.filter((state) => state === 'passed').length;
    const failed = states.filter((state) => state === 'failed').length + brokenModules.length + unhandledErrors.length;
    process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
  },
};
