// The text output of `pullgate plan`: one line for each gate that changes, then the totals.
import { shortName } from '../../shared/report/sentences.ts';
import { minute } from '../../shared/report/times.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import { paint, type Style } from '../terminal/terminal.ts';
import type { Change, GateChange } from './compare.ts';
import { describeDifference } from './differences.ts';
import type { Plan } from './make-plan.ts';
import { CHANGE_WORDS, reasonOf, ruleOf } from './reason.ts';
import { closingSentence, limitSentence, otherCounts, totalsOf, useText } from './totals.ts';

/** The width of the output. */
export const COLUMNS = 100;
const GATES = 50;
const STYLES: Readonly<Record<Change, Style | undefined>> = {
  closes: ['red', 'bold'],
  opens: ['green', 'bold'],
  staysClosed: 'red',
  waits: 'yellow',
  clears: undefined,
  mode: undefined,
};

/** The lines of a plan. `all`: every gate, instead of the first ones. */
export function* linesOf(plan: Plan, all: boolean): Generator<string> {
  const { stack, config, at, targets } = plan;
  yield* wrapped(`Plan for the stack ${stack} as of ${minute(at)}`, '');
  const changed = [...new Set(targets.flatMap((target) => target.differences.map(describeDifference)))];
  if (changed.length === 0) yield* wrapped(`With ${config}, no setting that decides about gates differs.`, '');
  else yield* wrapped(`With ${config}, these settings differ from the deployed ones:`, '');
  for (const difference of changed) yield* wrapped(difference, '  ');
  const changes = targets.flatMap((target) => target.changes);
  const shown = all ? changes : changes.slice(0, GATES);
  if (shown.length > 0) yield '';
  const width = Math.max(0, ...shown.map(({ change }) => CHANGE_WORDS[change].length));
  const registries = new Set(changes.map(({ gate }) => gate.registry));
  for (const change of shown) yield* gateLines(change, width, registries.size > 1);
  if (shown.length < changes.length) yield `  and ${changes.length - shown.length} more (use --all)`;
  yield '';
  const totals = totalsOf(plan);
  yield* wrapped(`${closingSentence(totals)}.`, '');
  yield* wrapped(`${otherCounts(totals)}.`, '');
  for (const target of targets) {
    const limit = limitSentence(target);
    if (limit !== undefined) yield* wrapped(`${limit}.`, '');
  }
}

/** One line, or further ones if its parts do not fit. */
function* gateLines(gate: GateChange, width: number, withRegistry: boolean): Generator<string> {
  const { change } = gate;
  const word = CHANGE_WORDS[change].padEnd(width);
  const style = STYLES[change];
  const name = `${withRegistry ? `${gate.gate.registry.split('/').at(-1)}/` : ''}${shortName(gate.gate)}`;
  const rule = ruleOf(gate);
  const parts = [name, reasonOf(gate), useText(gate), rule === undefined ? '' : `by ${rule}`]
    .filter((part) => part !== '')
    .map(plain);
  const indent = ' '.repeat(width + 4);
  const [first = '', ...others] = joined(parts, COLUMNS - indent.length);
  yield `  ${style === undefined ? word : paint(style, word)}  ${first}`;
  for (const line of others) yield `${indent}  ${line}`;
}

/** Joins parts to lines of this length. A part that is longer is broken at its spaces. */
function joined(parts: readonly string[], length: number): readonly string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 2 + part.length <= length) lines[lines.length - 1] = `${last}  ${part}`;
    else lines.push(...wordLines(part, length - 2));
  }
  return lines;
}

/** Breaks a sentence at its spaces. */
function* wrapped(text: string, indent: string): Generator<string> {
  for (const line of wordLines(plain(text), COLUMNS - indent.length)) yield `${indent}${line}`;
}

function wordLines(text: string, length: number): readonly string[] {
  const lines: string[] = [''];
  for (const word of text.split(' ').flatMap((one) => one.match(new RegExp(`.{1,${length}}`, 'gu')) ?? [])) {
    const last = lines.at(-1) ?? '';
    if (last === '') lines[lines.length - 1] = word;
    else if (last.length + 1 + word.length <= length) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
