// The report of a run: as data, without names of the account, and as lines for the terminal.
import { isIPv6 } from 'node:net';
import type { Cloud } from '../../config/config.ts';
import { counted } from '../../shared/report/sentences.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import type { Client } from '../stack/client.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { columns, paint, type Style } from '../terminal/terminal.ts';
import type { Proof, StepResult, StepState } from './prove.ts';
import { spanOf } from './wait.ts';

/** What `--json` prints. */
export interface Report extends Proof {
  /** The version of this form. */
  readonly format: 1;
  readonly command: 'prove';
  /** The version of pullgate. */
  readonly pullgate: string;
  readonly cloud: Cloud;
  /** What a gate is. */
  readonly granularity: 'repository' | 'image';
  readonly sweepHours: number;
}

/** @param version the version of pullgate */
export function reportOf(
  proof: Proof,
  { cloud, settings }: Pick<Client, 'cloud' | 'settings'>,
  granularity: Report['granularity'],
  version: string,
): Report {
  const { sweepHours } = settings;
  return { format: 1, command: 'prove', pullgate: version, cloud, granularity, sweepHours, ...proof };
}

/** Words that name the account or the people in it. */
export interface Redaction {
  /** Each name, and what stands in its place. Longer names first, if one contains another. */
  readonly names: readonly (readonly [name: string, instead: string])[];
}

type Pattern = readonly [pattern: RegExp, instead: string | ((found: string) => string)];

/** ARNs of principals, unique ids, mail addresses, hosts and addresses: error texts name who called. */
const PATTERNS: readonly Pattern[] = [
  [/arn:aws[a-z-]*:(?:iam|sts)::[^\s"'\\]+/g, '<principal>'],
  // A guest's name in Azure has #EXT# before the @.
  [/[\w.+#%-]+@[a-z0-9-]+(?:[.][a-z0-9-]+)+/gi, '<mail address>'],
  [/\b[a-z0-9.-]+[.]core[.]windows[.]net\b/gi, '<storage>'],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/gi, '<id>'],
  // A time of day has the form of an address, too.
  [
    /(?<![\w:])[0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}(?:(?:[.]\d{1,3}){3})?(?![\w:])/gi,
    (found) => (isIPv6(found) ? '<address>' : found),
  ],
  [/\b\d{1,3}(?:[.]\d{1,3}){3}\b/g, '<address>'],
  [/\b\d{12}\b/g, '<account>'],
];

/** A report that can be sent to others: what the cloud said has no names of the account or of people. */
export function redacted<T extends Omit<Proof, 'result'>>(report: T, { names }: Redaction): T {
  const patterns = [...names.map(([name, instead]): Pattern => [wholeName(name), instead]), ...PATTERNS];
  const redact = (text: string) =>
    patterns.reduce((so, [pattern, instead]) => so.replaceAll(pattern, (found) => textFor(instead, found)), text);
  return {
    ...report,
    steps: report.steps.map((step) => (step.found === undefined ? step : { ...step, found: redact(step.found) })),
    unknowns: report.unknowns.map((unknown) => ({
      ...unknown,
      answer: redact(unknown.answer),
      ...(unknown.details === undefined ? {} : { details: unknown.details.map(redact) }),
    })),
    left: report.left.map(({ what, toDo }) => ({ what: redact(what), toDo: redact(toDo) })),
    remains: report.remains.map(redact),
  };
}

/** A short name, such as that of a resource group, is no part of another word. Azure ignores the case of names. */
function wholeName(name: string): RegExp {
  const edge = (character: string | undefined, boundary: string) => (/\w/.test(character ?? '') ? boundary : '');
  const literal = name.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
  return new RegExp(`${edge(name[0], '(?<!\\w)')}${literal}${edge(name.at(-1), '(?!\\w)')}`, 'gi');
}

function textFor(instead: Pattern[1], found: string): string {
  return typeof instead === 'string' ? instead : instead(found);
}

const STATES: Readonly<Record<StepState, readonly [word: string, style: Style]>> = {
  done: ['ok', 'green'],
  failed: ['FAILED', 'red'],
  interrupted: ['stopped', 'yellow'],
  notRun: ['not run', 'gray'],
};
const TIME_CHARACTERS = 8;

/** One step as a line: its state, its time, and what was found. */
export function stepLine({ title, state, seconds, found }: StepResult): string {
  const [word, style] = STATES[state];
  const time = seconds === undefined ? '' : spanOf(seconds);
  const text = found === undefined ? title : `${title}: ${found}`;
  return `  ${paint(style, word.padEnd(7))}  ${time.padStart(TIME_CHARACTERS)}  ${plain(text)}`;
}

/** What is said after the steps. */
export function summaryLines({ result, seconds, steps, unknowns, left, remains, cloud }: Report): readonly string[] {
  const notRun = steps.filter(({ state }) => state === 'notRun').length;
  return [
    ...(notRun === 0 ? [] : [`  ${counted(notRun, 'step was', 'steps were')} not run.`]),
    '',
    paint(result === 'proven' ? 'green' : 'red', `${resultOf(result, cloud)} It took ${spanOf(seconds)}.`),
    ...left.flatMap(({ what, toDo }) => [paint('red', `LEFT BEHIND: ${plain(what)}`), `    To do: ${plain(toDo)}`]),
    ...remains.map((what) => `Stays for some time, and has no effect: ${plain(what)}.`),
    '',
    'What the documentation of the cloud leaves open, and what this run shows:',
    ...unknowns.flatMap(({ question, settled, answer }) => [
      `  ${plain(question)}`,
      `    ${paint(settled ? 'green' : 'yellow', settled ? 'settled' : 'open')}: ${plain(answer)}`,
    ]),
  ];
}

function resultOf(result: Proof['result'], cloud: Cloud): string {
  switch (result) {
    case 'proven':
      return `Proven on ${CLOUD_NAMES[cloud]}: found, closed, refused, restored and opened.`;
    case 'failed':
      return `Not proven on ${CLOUD_NAMES[cloud]}: a step failed.`;
    case 'interrupted':
      return `Not proven on ${CLOUD_NAMES[cloud]}: you ended the run.`;
  }
}

/** The plan, which the user confirms. */
export function planLines(rows: readonly (readonly [what: string, text: string])[]): readonly string[] {
  return columns(rows.map(([what, text]) => [`  ${what}`, text]));
}
