// What `open`, `close` and `resume IMAGE` do and print.

import type { HandOrder, HandWish } from '../../shared/gate/override.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { describeOrder } from '../../shared/report/override-text.ts';
import { describeState, gateName } from '../../shared/report/sentences.ts';
import type { ImageName } from '../stack/image-name.ts';
import type { Side } from '../stack/side.ts';
import type { ExitCode } from '../terminal/ending.ts';
import { columns } from '../terminal/terminal.ts';
import { documentOf, minute, plain, plainLines } from '../terminal/words.ts';
import { gatesToEnd, imageAt } from './end.ts';
import {
  type Before,
  before,
  gatesFor,
  inTwoSteps,
  type Outcome,
  placeOf,
  recordEnd,
  recordOrder,
  refuseInVain,
  targetOf,
} from './override.ts';
import type { Hand } from './side.ts';

interface Run {
  readonly stack: string;
  readonly sides: readonly Side[];
  readonly handOf: (cloud: Side['cloud']) => Promise<Hand>;
  readonly name: ImageName;
  readonly dryRun: boolean;
  readonly json: boolean;
  /** Where the answer goes; default: stdout. */
  readonly print?: (text: string) => void;
}

/** Gives an order for the gates of one image. */
export async function orderByHand(run: Run & { readonly wish: HandWish }): Promise<ExitCode> {
  const { wish, name, dryRun } = run;
  const target = await targetOf(name, run.sides, run.handOf);
  const gates = await Promise.all(gatesFor(wish.kind, target.found).map((gate) => before(gate, target, wish.at)));
  await refuseInVain(wish.kind, gates, target);
  const outcomes = dryRun ? [] : await inTwoSteps(gates, (gate) => recordOrder(gate, wish, target));
  // The tag may lead to another image by then.
  const named = gates[0]?.gate.digest === undefined ? name.text : imageAt(name, gates[0].gate.digest);
  const command = wish.kind === 'open' ? 'open' : 'close';
  answer(run, { command, order: wish, gates, outcomes }, () => [
    `${dryRun ? 'Would keep' : 'Kept'} ${wish.kind} by hand until ${minute(wish.until)}, approved by ${plain(wish.approvedBy)}: ${plain(wish.reason)}`,
    '',
    ...gateLines(gates, outcomes),
    '',
    ...(target.side.cloud === 'aws'
      ? [`On AWS that is the whole repository ${name.repository}, with all of its images.`]
      : []),
    wish.kind === 'open'
      ? `Then pullgate closes ${it(gates)} again if anything holds ${it(gates)}. To end it before: pullgate resume ${named}`
      : `Then pullgate opens it unless findings hold it. To end it before: pullgate resume ${named}`,
    ...(dryRun ? ['', 'Nothing was changed: this was a dry run.'] : []),
  ]);
  return codeOf(outcomes);
}

/** Ends the orders that the gates of one image have, or of the image that had the name before. */
export async function endByHand(run: Run & { readonly by: string; readonly at: Instant }): Promise<ExitCode> {
  const { by, at, dryRun, name } = run;
  const place = await placeOf(name, run.sides, run.handOf);
  const { gates, notes } = await gatesToEnd(name, place, at);
  const outcomes = dryRun ? [] : await inTwoSteps(gates, (gate) => recordEnd(gate, by, at, place));
  answer(run, { command: 'resume', gates, outcomes }, () =>
    gates.length === 0
      ? [`Nobody keeps ${name.text} open or closed by hand: there is nothing to do.`, ...notes]
      : [
          `${dryRun ? 'Would leave' : 'Left'} to the policy again:`,
          '',
          ...gateLines(gates, outcomes),
          ...(notes.length === 0 ? [] : ['', ...notes]),
          ...(dryRun ? ['', 'Nothing was changed: this was a dry run.'] : []),
        ],
  );
  return codeOf(outcomes);
}

interface Answer {
  readonly command: 'open' | 'close' | 'resume';
  readonly order?: HandWish;
  readonly gates: readonly Before[];
  /** In the same order; none of a dry run. */
  readonly outcomes: readonly Outcome[];
}

function answer(run: Run, { gates, outcomes, ...rest }: Answer, lines: () => readonly string[]): void {
  const { stack, name, dryRun, json, print = (text) => void process.stdout.write(text) } = run;
  if (!json) {
    print(`${plainLines(lines().join('\n'))}\n`);
    return;
  }
  const document = {
    stack,
    image: name.text,
    dryRun,
    ...rest,
    gates: gates.map(({ gate, record, held, order }, place) => {
      const { word, state, problem, untold } = outcomes[place] ?? {};
      return {
        ...gate,
        before: {
          state: record === undefined ? 'open' : describeState(record.state),
          heldBy: held,
          byHand: orderOf(order),
        },
        ...(word === undefined ? {} : { done: word, state, problem, untold }),
      };
    }),
  };
  print(documentOf(document));
}

function orderOf(order: HandOrder | undefined) {
  if (order === undefined) return undefined;
  const { kind, at, until, reason, approvedBy, by } = order;
  return { kind, at, until, reason, approvedBy, by };
}

function gateLines(gates: readonly Before[], outcomes: readonly Outcome[]): readonly string[] {
  const rows = gates.map(({ gate, record, held }, place) => {
    const was = record === undefined ? 'open' : record.state.kind;
    const images = held === 1 ? '1 image holds it' : `${held} images hold it`;
    return [wordOf(outcomes[place]), plain(gateName(gate)), `was ${was}${held === 0 ? '' : `; ${images}`}`];
  });
  const lines = columns(rows);
  return gates.flatMap(({ order }, place) => {
    const { problem, untold } = outcomes[place] ?? {};
    return [
      `  ${lines[place] ?? ''}`,
      ...(order === undefined ? [] : [`      until now: ${plain(describeOrder(order))}`]),
      ...(problem === undefined ? [] : [`      ${plain(problem)}`]),
      ...(untold === undefined
        ? []
        : [`      nobody could be told of it yet: ${plain(untold.replace(/^Error: /, ''))}`]),
    ];
  });
}

/** What was done, as a person reads it; nothing in a dry run. */
function wordOf(outcome: Outcome | undefined): string {
  if (outcome === undefined) return '-';
  const { word, state = '' } = outcome;
  if (word === 'failed' || word === 'refused') return word.toUpperCase();
  if (word === 'opened' || word === 'closed') return word;
  if (word === 'gone') return 'is gone';
  return state.startsWith('closed') ? 'is closed' : 'is open';
}

function it(gates: readonly Before[]): string {
  return gates.length === 1 ? 'it' : 'them';
}

function codeOf(outcomes: readonly Outcome[]): ExitCode {
  return outcomes.some(
    ({ word, problem, untold }) => word === 'failed' || problem !== undefined || untold !== undefined,
  )
    ? 1
    : 0;
}
