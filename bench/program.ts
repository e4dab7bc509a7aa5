// How long the Pulumi program takes on the deployer's machine, bundling included, and without the cloud's own time.
import { startProgram } from '../local/graph.ts';
import { median, type Part, ratio } from './part.ts';

const RUNS = { full: { processes: 3, later: 5 }, tiny: { processes: 1, later: 1 } };

export const program: Part = {
  title: 'Pulumi program',
  async measure(scale) {
    const { processes, later: laterRuns } = RUNS[scale];
    const first: number[] = [];
    const later: number[] = [];
    for (let process = 0; process < processes; process++) {
      const { graphOf, stop } = startProgram();
      const run = async () => {
        const startedAt = performance.now();
        await graphOf({ 'pullgate:severityThreshold': 'high' });
        return performance.now() - startedAt;
      };
      first.push(await run());
      for (let number = 0; number < laterRuns; number++) later.push(await run());
      stop();
    }
    return [
      {
        title: `A run of index.ts under Pulumi's mocks, median of ${processes} first and ${processes * laterRuns} later runs`,
        head: ['', 'time to a later run', 'milliseconds here'],
        rows: [
          ['the first run of a process, from its start', ratio(median(first), median(later)), median(first).toFixed(0)],
          ['a later run in the same process', '1.00', median(later).toFixed(0)],
        ],
      },
    ];
  },
};
