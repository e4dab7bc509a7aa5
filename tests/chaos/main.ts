// `npm run chaos`: runs many seeds, or repeats one seed and prints its log.
import { parseArgs } from 'node:util';
import type { Program } from './cloud.ts';
import { describeFailure, describeTotal, runMany, seedsFrom } from './many.ts';
import { MUTANTS, type Mutant, programWith } from './mutants.ts';
import { type CloudName, run } from './run.ts';

const HELP = `npm run chaos -- [--seeds 200] [--from 1] [--cloud aws|azure] [--at-once 2] [--mutant NAME]
npm run chaos -- --seed N --cloud aws|azure [--mutant NAME]     repeats one seed and prints the function's log

The planted faults: ${Object.keys(MUTANTS).join('; ')}.
`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    cloud: { type: 'string' },
    'at-once': { type: 'string', default: '2' },
    mutant: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

const print = (text: string) => void process.stdout.write(`${text}\n`);

/** A whole number of at least 1. */
function count(name: 'seeds' | 'from' | 'seed' | 'at-once'): number {
  const given = Number(values[name]);
  if (Number.isInteger(given) && given >= 1) return given;
  throw new Error(`--${name} must be a whole number of at least 1, not "${values[name]}"`);
}

/** By default both clouds, or those that have the planted fault. */
function clouds(planted: Mutant | undefined): readonly CloudName[] {
  const { cloud } = values;
  if (cloud === undefined)
    return (['aws', 'azure'] as const).filter(
      (name) => planted === undefined || MUTANTS[planted].changes[name].length > 0,
    );
  if (cloud === 'aws' || cloud === 'azure') return [cloud];
  throw new Error(`--cloud must be aws or azure, not "${cloud}"`);
}

function mutant(): Mutant | undefined {
  const { mutant: name } = values;
  if (name === undefined || name in MUTANTS) return name as Mutant | undefined;
  throw new Error(`unknown --mutant "${name}"; must be one of: ${Object.keys(MUTANTS).join('; ')}`);
}

/** Returns whether all runs ended without complaints. */
async function main(): Promise<boolean> {
  if (values.help) {
    print(HELP);
    return true;
  }
  const planted = mutant();
  const of = clouds(planted);
  const programs = new Map<CloudName, Program>();
  if (planted !== undefined) for (const cloud of of) programs.set(cloud, await programWith(planted, cloud));
  if (values.seed !== undefined) {
    let isWell = true;
    for (const cloud of of) {
      const result = await run(cloud, count('seed'), programs.get(cloud));
      for (const line of result.logs) print(line);
      for (const complaint of result.complaints) print(complaint);
      print(`complaints of seed ${result.seed} on ${cloud}: ${result.complaints.length}`);
      isWell &&= result.complaints.length === 0;
    }
    return isWell;
  }
  let isWell = true;
  for (const cloud of of) {
    const total = await runMany({
      clouds: [cloud],
      seeds: seedsFrom(count('from'), count('seeds')),
      atOnce: count('at-once'),
      ...programs.get(cloud),
      heard: (result) => {
        if (result.complaints.length > 0) print(describeFailure(result));
        else if (result.seed % 100 === 0) print(`${cloud}: seed ${result.seed} done`);
      },
    });
    print(`${cloud}, from seed ${count('from')}: ${describeTotal(total)}`);
    isWell &&= total.failed.length === 0;
  }
  return isWell;
}

try {
  process.exit((await main()) ? 0 : 1);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(2);
}
