// Runs the command `pullgate plan`: reads the config and a snapshot, or observes the clouds, and prints the plan.
import { globFilter } from '../../shared/policy/glob.ts';
import { policiesOf } from '../../shared/policy/rule.ts';
import { counted } from '../../shared/report/sentences.ts';
import { type JsonOption, now } from '../command.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { askPulumi, findStack, type StackOptions } from '../stack/stack.ts';
import { type AnswerCode, printAnswer } from '../terminal/answer.ts';
import { UsageError } from '../terminal/ending.ts';
import { writeWhole } from '../terminal/file.ts';
import { plainLines } from '../terminal/words.ts';
import { readConfig, type WorkingConfig } from './config.ts';
import { readSnapshot, textOf } from './file.ts';
import { jsonOf } from './json.ts';
import { makePlan, oldSnapshot, type Plan } from './make-plan.ts';
import { markdownOf } from './markdown.ts';
import { observeStack, type Wanted } from './observe.ts';
import { type StackSettings, settingsFor } from './settings.ts';
import type { Snapshot, Target } from './snapshot.ts';
import { linesOf } from './text.ts';
import { totalsOf } from './totals.ts';

export interface PlanOptions extends StackOptions, JsonOption {
  readonly config?: string;
  readonly save?: string;
  readonly maxCloses?: number;
  readonly markdown?: boolean;
  readonly all?: boolean;
}

export async function planCommand(file: string | undefined, options: PlanOptions): Promise<AnswerCode> {
  refuseConflicts(file, options);
  if (options.save !== undefined) return save(options.save, options);
  const config = await readConfig(options, now());
  const snapshot = file === undefined ? await observe(options, config) : await readPart(file, options);
  const ofFile = file === undefined ? [] : [await stackNote(snapshot, options), oldSnapshot(snapshot.at, now())];
  const made = await makePlan(snapshot, config);
  const plan: Plan = { ...made, notes: [...ofFile.filter((note) => note !== undefined), ...made.notes] };
  const { maxCloses = 0, json, markdown = false, all = false } = options;
  for (const note of plan.notes) process.stderr.write(`pullgate: note: ${plainLines(note)}\n`);
  if (markdown) process.stdout.write(markdownOf(plan));
  else printAnswer(json, jsonOf(plan, maxCloses), () => [...linesOf(plan, all)]);
  if (totalsOf(plan).closes > maxCloses) return 1;
  refuseBlind(snapshot, plan);
  return 0;
}

/** Fails if a scanner cannot see the registries: what would close is then not all known. */
function refuseBlind({ targets }: Snapshot, plan: Plan): void {
  const planned = targets.filter(({ cloud }) => plan.targets.some((target) => target.cloud === cloud));
  const blind = planned.flatMap(({ cloud, scannerProblem }) =>
    scannerProblem === undefined ? [] : [`${CLOUD_NAMES[cloud]}: ${scannerProblem}`],
  );
  if (blind.length === 0) return;
  throw new UsageError(
    `more gates may close than the plan shows, because findings may be missing (${blind.join('; ')}): let the scanner see the registries, and run the command again`,
  );
}

function refuseConflicts(file: string | undefined, { save: to, ...options }: PlanOptions): void {
  if (options.json === true && options.markdown === true)
    throw new UsageError('--json and --markdown are two forms of the answer: give one of them');
  if (options.all === true && (options.json === true || options.markdown === true))
    throw new UsageError('--all is for the text: --json has every gate, and --markdown as many as a comment may have');
  if (file !== undefined && options.outputs !== undefined)
    throw new UsageError(`${file} has the deployed settings, so --outputs has no effect: leave out one of them`);
  if (to === undefined) return;
  const given = [
    ...(file === undefined ? [] : [file]),
    ...(['config', 'maxCloses', 'json', 'markdown', 'all'] as const).filter((name) => options[name] !== undefined),
  ];
  if (given.length > 0)
    throw new UsageError("--save only writes a snapshot and makes no plan: use it alone, or with the stack's options");
}

/** Every finding is kept, because the config that is planned later is not known yet. */
async function save(to: string, options: PlanOptions): Promise<AnswerCode> {
  const everything = ({ policy }: StackSettings): Wanted => ({
    policies: [policy, { ...policy, severityThreshold: 'informational', unfixable: 'informational' }],
    includes: () => true,
  });
  const snapshot = answered(await observeStack(await findStack(options), everything, now));
  writeWhole(to, textOf(snapshot));
  for (const note of snapshot.targets.flatMap(({ notes }) => notes)) {
    process.stderr.write(`pullgate: note: ${plainLines(note)}\n`);
  }
  const repositories = snapshot.targets.reduce((sum, target) => sum + target.repositories.length, 0);
  process.stdout.write(
    `Saved a snapshot of the stack ${plainLines(snapshot.stack)} with ${counted(repositories, 'repository', 'repositories')} to ${plainLines(to)}.\n`,
  );
  return 0;
}

async function observe(options: PlanOptions, config: WorkingConfig): Promise<Snapshot> {
  const stack = await findStack(options);
  const wantedOn = (deployed: StackSettings, cloud: Target['cloud']): Wanted => {
    const next = settingsFor(cloud, config.settings, deployed.targetOf);
    const filters = [deployed, next].map(({ repositories: { include, exclude } }) => globFilter(include, exclude));
    return {
      policies: [deployed.policy, ...policiesOf(deployed), ...policiesOf(next)],
      includes: (repository) => filters.some((includes) => includes(repository)),
    };
  };
  return answered(await observeStack(stack, wantedOn, now));
}

/** Fails if the scanners cannot see the registries, because the plan would look like one that closes nothing. */
function answered(snapshot: Snapshot): Snapshot {
  const { targets } = snapshot;
  const isEmpty = targets.every(({ repositories }) => repositories.length === 0);
  const notes = targets.flatMap((target) => target.notes);
  if (isEmpty && notes.length > 0) throw new UsageError(`there is nothing to evaluate: ${notes.join('; ')}`);
  return snapshot;
}

/**
 * Which stack a snapshot is of. Undefined: that of the config. A config in a file does not name its stack.
 *
 * @throws UsageError if it is not that of the config
 */
async function stackNote({ stack }: Snapshot, options: PlanOptions): Promise<string | undefined> {
  if (options.config !== undefined) return `the snapshot is of the stack ${stack}`;
  const selected = options.stack ?? (await askPulumi(['stack', '--show-name'], undefined, 'its name (--stack NAME)'));
  // A name may have its organization and project before it.
  const name = selected.trim().split('/').at(-1);
  if (name === stack) return undefined;
  throw new UsageError(
    `the snapshot is of the stack ${stack}, and the config of the stack ${name}: select ${stack} (--stack), or give its config (--config FILE)`,
  );
}

/** The snapshot in a file, with the clouds that the options name. */
async function readPart(file: string, { aws, azure }: PlanOptions): Promise<Snapshot> {
  const snapshot = await readSnapshot(file);
  if (aws === undefined && azure === undefined) return snapshot;
  const targets = snapshot.targets.filter(({ cloud }) => ({ aws, azure })[cloud] === true);
  if (targets.length === 0) throw new UsageError(`${file} has none of the clouds that the options name`);
  return { ...snapshot, targets, isWhole: false };
}
