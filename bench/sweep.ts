// What a sweep takes: the peak memory of the function, and its calls for each repository.
import type { Invocation } from '../local/aws/lambda.ts';
import { readResources } from '../local/aws/resources.ts';
import { graphOf } from '../local/graph.ts';
import { count, type Part, type Table } from './part.ts';
import { deployStack, fillRegistry, runAll } from './world.ts';

const REPOSITORIES = { full: 10_000, tiny: 20 };
const BRAKE = 25;

export const sweep: Part = {
  title: 'Sweep',
  async measure(scale) {
    const repositories = REPOSITORIES[scale];
    const cloud = await deployStack({ 'pullgate:maxClosesPerHour': BRAKE });
    try {
      await fillRegistry(cloud, { repositories, imagesEach: 1, findingsEach: 1 });
      const fresh = async (message: string) => {
        // A new process each time, whose peak is its own.
        await cloud.lambda.kill();
        cloud.calls.reset();
        const invocations = await runAll(cloud, message);
        return { invocations, calls: cloud.calls.count() };
      };
      const idle = await fresh('{"pullgate":"tick"}');
      const first = await fresh('{"pullgate":"sweep"}');
      checkSwept(first.calls, repositories);
      const next = await fresh('{"pullgate":"sweep"}');
      checkSwept(next.calls, repositories);
      const { memoryMegabytes } = readResources(await graphOf({})).lambda;
      return [
        {
          title: `Peak memory of the function's process, in megabytes; the function has ${memoryMegabytes}`,
          head: ['', 'the first invocation, which lists', 'all invocations', 'how many'],
          rows: [
            memoryRow('a tick when no sweep is due', idle.invocations),
            memoryRow(`the first sweep over ${count(repositories)} repositories`, first.invocations),
            memoryRow('the next sweep, with nothing new', next.invocations),
          ],
        },
        callsTable(repositories, first.calls, next.calls),
      ];
    } finally {
      await cloud.stop();
    }
  },
};

function checkSwept(calls: Readonly<Record<string, number>>, repositories: number): void {
  const looks = calls['ecr:DescribeImages'] ?? 0;
  if (looks < repositories) throw new Error(`the sweep looked at ${looks} of ${repositories} repositories`);
}

function memoryRow(name: string, invocations: readonly Invocation[]): readonly string[] {
  const peaks = invocations.map(({ peakMemoryMegabytes }) => peakMemoryMegabytes ?? Number.NaN);
  return [name, count(peaks[0] ?? Number.NaN), count(Math.max(...peaks)), count(peaks.length)];
}

function callsTable(
  repositories: number,
  first: Readonly<Record<string, number>>,
  next: Readonly<Record<string, number>>,
): Table {
  const names = [...new Set([...Object.keys(first), ...Object.keys(next)])].sort();
  const perRepository = (calls: number) => (calls / repositories).toFixed(4);
  return {
    title: `Calls of a sweep over ${count(repositories)} repositories with one violating image each; the brake lets ${BRAKE} close`,
    head: ['', 'the first sweep', 'for each repository', 'the next sweep', 'for each repository'],
    rows: names.map((name) => [
      name,
      ...[first, next].flatMap((calls) => [count(calls[name] ?? 0), perRepository(calls[name] ?? 0)]),
    ]),
  };
}
