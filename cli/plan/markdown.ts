// The output of `pullgate plan --markdown`: a comment for a pull request. Text from images is escaped.
import { capitalized, gateName, number } from '../../shared/report/sentences.ts';
import { minute } from '../../shared/report/times.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import type { Change, GateChange } from './compare.ts';
import { describeDifference } from './differences.ts';
import type { Plan } from './make-plan.ts';
import { CHANGE_WORDS, reasonOf, ruleOf } from './reason.ts';
import { closingSentence, limitSentence, otherCounts, totalsOf, useText } from './totals.ts';

/**
 * GitHub's limit for a comment, in characters. "Body is too long (maximum is 65536 characters)".
 * Source: https://github.com/orgs/community/discussions/27190
 */
const MOST_CHARACTERS = 65_536;
/** The most characters of a cell, before it is escaped. */
const MOST_IN_CELL = 300;

const SUMMARIES: readonly (readonly [summary: string, changes: readonly Change[], isOpen: boolean])[] = [
  ['Would close', ['closes'], true],
  ['Would open', ['opens'], false],
  ['Other changes', ['staysClosed', 'waits', 'clears', 'mode'], false],
];
const HEAD = '| change | gate | why | rule | use |\n|---|---|---|---|---|\n';
/** What a table may need besides its rows. */
const ROOM_FOR_END = 400;

/** The comment, at most as long as GitHub accepts. */
export function markdownOf(plan: Plan): string {
  const { stack, config, at, targets, notes } = plan;
  const totals = totalsOf(plan);
  const changed = [...new Set(targets.flatMap((target) => target.differences.map(describeDifference)))];
  const limits = targets.flatMap((target) => limitSentence(target) ?? []);
  const sentences = [closingSentence(totals), otherCounts(totals), ...limits].map((one) => `${escaped(one)}.`);
  const top = [
    `### pullgate plan: ${number(totals.closes)} would close`,
    `${escaped(capitalized(config))}, compared with the deployed one of the stack ${code(stack)}, as of ${minute(at)}.`,
    sentences.join(' '),
    ...(changed.length === 0 ? [] : [bounded(changed.map((one) => `- ${code(one)}`))]),
    ...(notes.length === 0 ? [] : [`**Notes**\n\n${bounded(notes.map((note) => `- ${code(note)}`))}`]),
  ];
  let text = `${top.join('\n\n')}\n`;
  const changes = targets.flatMap((target) => target.changes);
  for (const [summary, words, isOpen] of SUMMARIES) {
    const own = changes.filter(({ change }) => words.includes(change));
    if (own.length > 0) text += section(`${summary}: ${own.length}`, own, isOpen, MOST_CHARACTERS - text.length);
  }
  return text;
}

const MOST_LINES = 20;
/** Of each list, so that there is room for the tables. */
const MOST_IN_LIST = 12_000;

function bounded(lines: readonly string[]): string {
  const shown: string[] = [];
  let left = MOST_IN_LIST;
  for (const line of lines.slice(0, MOST_LINES)) {
    left -= line.length + 1;
    if (left < 0) break;
    shown.push(line);
  }
  const more = lines.length - shown.length;
  return [...shown, ...(more > 0 ? [`- and ${more} more`] : [])].join('\n');
}

/** A folded table with as many rows as there is room for. Empty if there is none. */
function section(summary: string, changes: readonly GateChange[], isOpen: boolean, room: number): string {
  const begin = `\n<details${isOpen ? ' open' : ''}><summary>${summary}</summary>\n\n${HEAD}`;
  let left = room - begin.length - ROOM_FOR_END;
  if (left < 0) return '';
  const rows: string[] = [];
  for (const change of changes) {
    const row = rowOf(change);
    if (row.length > left) break;
    left -= row.length;
    rows.push(row);
  }
  const more = changes.length - rows.length;
  return `${begin}${rows.join('')}${more > 0 ? `\nand ${more} more\n` : ''}\n</details>\n`;
}

function rowOf(change: GateChange): string {
  const name = `${change.gate.registry.split('/').at(-1)}/${gateName(change.gate)}`;
  const rule = ruleOf(change);
  return `| ${CHANGE_WORDS[change.change]} | ${code(name)} | ${code(reasonOf(change))} | ${rule === undefined ? '' : code(rule)} | ${escaped(useText(change))} |\n`;
}

/** GitHub turns no name in code into a mention or a link. */
function code(text: string): string {
  return `<code>${escaped(text)}</code>`;
}

/** Each character that Markdown, HTML or a table could interpret becomes an entity. */
function escaped(text: string): string {
  const line = plain(text);
  const short = line.length > MOST_IN_CELL ? `${line.slice(0, MOST_IN_CELL)}…` : line;
  return short.replaceAll(/[^\p{L}\p{N} ,;/()…-]/gu, (character) => `&#${character.codePointAt(0)};`);
}
