// The long run: `npm run fuzz -- --runs 1000000 [--seed 42] [--target NAME] [--path 1:2:3]`. One thread does the work,
// and another watches it.
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { runTarget } from './target.ts';
import { TARGETS } from './targets.ts';

/** The number of inputs per seed, so that a failure can be replayed without all earlier inputs. */
const CHUNK = 5_000;
/** A chunk takes seconds. One that takes this long hangs. */
const HANGS_AFTER_SECONDS = 300;

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 30)) },
    target: { type: 'string' },
    path: { type: 'string' },
  },
});

/** A report of the working thread: the chunk that it starts, or the result of a target. */
type Told =
  | { readonly kind: 'begins'; readonly target: string; readonly seed: number }
  | { readonly kind: 'held'; readonly target: string; readonly runs: number; readonly seconds: number };

function tell(told: Told): void {
  parentPort?.postMessage(told);
}

async function work(): Promise<void> {
  const [runs, firstSeed] = [Number(values.runs), Number(values.seed)];
  const targets = TARGETS.filter(({ name }) => values.target === undefined || name === values.target);
  if (targets.length === 0 || !(runs > 0) || Number.isNaN(firstSeed))
    throw new Error(`the targets are ${TARGETS.map(({ name }) => name).join(', ')}; --runs and --seed are numbers`);
  const each = Math.ceil(runs / targets.length);
  for (const target of targets) {
    const startedAt = performance.now();
    for (let [done, seed] = [0, firstSeed]; done < each; done += CHUNK, seed++) {
      tell({ kind: 'begins', target: target.name, seed });
      const replay = values.path === undefined ? {} : { path: values.path };
      await runTarget(target, { runs: Math.min(CHUNK, each - done), seed, ...replay });
      if (values.path !== undefined) break;
    }
    tell({ kind: 'held', target: target.name, runs: each, seconds: (performance.now() - startedAt) / 1000 });
  }
}

function watch(): void {
  const say = (text: string) => void process.stdout.write(`${text}\n`);
  say(`seed ${values.seed}`);
  const worker = new Worker(new URL(import.meta.url), { argv: ['--seed', values.seed, ...process.argv.slice(2)] });
  let last = 'the first chunk';
  const hangs = () => {
    say(`${last} hangs: not finished within ${HANGS_AFTER_SECONDS} seconds`);
    process.exit(1);
  };
  let timer = setTimeout(hangs, HANGS_AFTER_SECONDS * 1000);
  let [runs, seconds] = [0, 0];
  worker.on('message', (told: Told) => {
    clearTimeout(timer);
    timer = setTimeout(hangs, HANGS_AFTER_SECONDS * 1000);
    if (told.kind === 'begins') {
      last = `${told.target} with --seed ${told.seed}`;
      return;
    }
    runs += told.runs;
    seconds += told.seconds;
    say(`${told.target}: ${told.runs} inputs, ${Math.round(told.runs / told.seconds)} a second`);
  });
  worker.on('error', (error) => {
    say(error.message);
    process.exitCode = 1;
  });
  worker.on('exit', () => {
    clearTimeout(timer);
    if (process.exitCode !== 1) say(`${runs} inputs at ${Math.round(runs / seconds)} per second, all passed`);
  });
}

if (isMainThread) watch();
else await work();
