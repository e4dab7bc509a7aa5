// The text output of `pullgate simulate`: which gates would close, for which findings, and what is exempted until when.
import type { BrakeLimits } from '../../shared/gate/brake.ts';
import { counted, describeExemption, describeFinding, number } from '../../shared/report/sentences.ts';
import { SEVERITY_WORDS, type SeverityCounts } from '../reports/counts.ts';
import { paint, type Style } from '../terminal/terminal.ts';
import { exemptedIn } from './exempted.ts';
import type { Change, GateOutcome, InImages, Outcome, Simulation, Worst } from './simulation.ts';
import { totalUsageLines, usageSentence } from './usage.ts';

export interface TextInput {
  readonly simulation: Simulation;
  readonly reported: SeverityCounts;
  /** The names of the policy and of the policy that it is compared with. */
  readonly policy: string;
  readonly against: string | undefined;
  /** Show everything, or only the beginning of each list. */
  readonly all: boolean;
  /** The brake on each cloud of the stack; empty without a stack. */
  readonly limits: readonly (BrakeLimits & { readonly where: string })[];
}

/** Describes a gate that stays open because it serves Lambda functions. */
export const STAYS_OPEN = 'serves Lambda functions, so it stays open unless aws.closeLambdaRepositories is true';

const GATES = 20;
const FINDINGS = 3;

export const OUTCOMES: Readonly<Record<Outcome, string>> = {
  closes: 'closes',
  undetermined: 'undetermined',
  open: 'open',
};
export const CHANGES: Readonly<Record<Change, string>> = {
  closes: 'closes',
  opens: 'opens',
  staysClosed: 'stays closed',
  staysOpen: 'stays open',
};
const STYLES: Readonly<Record<string, Style>> = {
  closes: ['red', 'bold'],
  opens: ['green', 'bold'],
  'stays closed': 'red',
  undetermined: 'yellow',
};

/** The lines of a simulation. */
export function* linesOf(input: TextInput): Generator<string> {
  const { simulation, all, against, limits } = input;
  yield* summary(input);
  const shown = simulation.gates.filter((gate) => all || against === undefined || isWorthARow(gate));
  const gates = all ? shown : shown.slice(0, GATES);
  const width = Math.max(0, ...gates.map((gate) => wordOf(gate).length));
  if (gates.length > 0) yield '';
  const nameOf = namesOf(simulation.gates);
  for (const gate of gates) yield* gateLines(gate, nameOf(gate), width, all);
  if (shown.length > gates.length) yield `  and ${counted(shown.length - gates.length, 'more gate')} (use --all)`;
  yield* exemptedLines(input, nameOf);
  const closing = simulation.gates.filter((gate) => (gate.change ?? gate.outcome) === 'closes').length;
  for (const { where, maxClosesPerHour, maxClosesPerDay } of limits) {
    if (closing <= Math.min(maxClosesPerHour, maxClosesPerDay)) continue;
    yield '';
    yield `On ${where} the brake lets at most ${counted(maxClosesPerHour, 'gate')} close within an hour (maxClosesPerHour), and ${maxClosesPerDay} within 24 hours (maxClosesPerDay).`;
  }
}

function isWorthARow({ change, outcome, waitingFor }: GateOutcome): boolean {
  return change !== 'staysOpen' || outcome === 'undetermined' || waitingFor !== undefined;
}

function* summary({ simulation, policy, against, reported }: TextInput): Generator<string> {
  const { gates, plain, images } = simulation;
  const count = (word: string) => gates.filter((gate) => (gate.change ?? gate.outcome) === word).length;
  const total = gates.length + plain;
  if (against === undefined) {
    const [closing, unknown] = [count('closes'), count('undetermined')];
    const undetermined = unknown > 0 ? `, ${number(unknown)} of them undetermined` : '';
    yield `With ${policy}, ${number(closing)} of ${counted(total, 'gate')} would close and ${number(total - closing)} would stay open${undetermined}.`;
  } else {
    const [closing, opening, closed] = [count('closes'), count('opens'), count('staysClosed')].map(number);
    yield `With ${policy}, compared with ${against}: of ${counted(total, 'gate')}, ${closing} would close, ${opening} would open, ${closed} would stay closed and ${number(count('staysOpen') + plain)} would stay open.`;
  }
  const parts = SEVERITY_WORDS.flatMap((word) => (reported[word] > 0 ? [`${number(reported[word])} ${word}`] : []));
  const findings = SEVERITY_WORDS.reduce((sum, word) => sum + reported[word], 0);
  yield `${counted(images, 'image')}, ${counted(findings, 'finding')}${parts.length > 0 ? `: ${parts.join(', ')}` : ''}.`;
  yield* totalUsageLines(gates.filter((gate) => (gate.change ?? gate.outcome) === 'closes'));
}

function* gateLines(gate: GateOutcome, name: string, width: number, all: boolean): Generator<string> {
  const word = wordOf(gate);
  const notes = [
    tagNote(gate),
    gate.images === 1 ? undefined : counted(gate.images, 'image'),
    gate.waitingFor === undefined ? undefined : STAYS_OPEN,
    gate.rule === null ? undefined : `by ${clean(gate.rule)}`,
    gate.mayNotCount ? 'untagged: in scope only if a tagged index contains it' : undefined,
    gate.change === 'staysOpen' && gate.outcome === 'undetermined' ? 'undetermined' : undefined,
  ].filter((note) => note !== undefined);
  yield `  ${coloured(word, word.padEnd(width))}  ${clean(name)}${notes.length > 0 ? `  (${notes.join('; ')})` : ''}`;
  const indent = ' '.repeat(width + 6);
  const most = all ? Number.POSITIVE_INFINITY : FINDINGS;
  const say = (list: Worst<InImages<{ finding: Parameters<typeof describeFinding>[0] }>>, prefix: string) =>
    findingLines(list, most, prefix, gate.images).map((line) => `${indent}${line}`);
  yield* say(gate.reasons, '');
  const usage = usageSentence(gate);
  if (usage !== undefined) yield `${indent}${usage}`;
  if (gate.reasons.first.length === 0) yield* say(gate.undetermined, 'severity unknown: ');
  if (gate.change === 'opens') yield* say(gate.formerReasons, 'no longer violates: ');
}

function findingLines(
  { first, more }: Worst<InImages<{ finding: Parameters<typeof describeFinding>[0] }>>,
  most: number,
  prefix: string,
  images: number,
): readonly string[] {
  const shown = first.slice(0, most);
  const left = first.length - shown.length + more;
  const lines = shown.map(({ finding, images: inImages }) => {
    const where = images > 1 ? ` [${number(inImages)} of ${counted(images, 'image')}]` : '';
    return clean(`${prefix}${describeFinding(finding)}${where}`);
  });
  return left > 0 ? [...lines, `and ${counted(left, 'more finding')}`] : lines;
}

function tagNote({ tags, name }: GateOutcome): string | undefined {
  if (tags.length === 0 || name.endsWith(`:${tags[0]}`)) return undefined;
  const more = tags.length - FINDINGS;
  return clean(`${tags.slice(0, FINDINGS).join(', ')}${more > 0 ? ` and ${counted(more, 'more tag')}` : ''}`);
}

/** The exempted findings: one line for each finding and exemption, even if it applies to several gates. */
function* exemptedLines({ simulation, all }: TextInput, nameOf: (gate: GateOutcome) => string): Generator<string> {
  const { exempted, more } = exemptedIn(simulation);
  if (exempted.length === 0) return;
  const shown = all ? exempted : exempted.slice(0, GATES);
  yield '';
  yield 'Exempted findings, which would otherwise violate the policy:';
  for (const { finding, exemption, gates } of shown) {
    const [first, ...others] = gates.map(nameOf);
    const where = `${first}${others.length > 0 ? ` and ${counted(others.length, 'more gate')}` : ''}`;
    const { vulnerability, package: found } = finding;
    yield clean(`  ${vulnerability} in ${found.name} ${found.version}  ${describeExemption(exemption)}  (${where})`);
  }
  const left = exempted.length - shown.length + more;
  if (left > 0) yield `  and ${counted(left, 'more finding')}${all ? '' : ' (use --all)'}`;
}

/** The first word of a gate's row. */
export function wordOf({ change, outcome }: GateOutcome): string {
  return change === undefined ? OUTCOMES[outcome] : CHANGES[change];
}

/** Names gates, with their registry and region if there is more than one. */
export function namesOf(gates: readonly GateOutcome[]): (gate: GateOutcome) => string {
  const isOneRegistry = new Set(gates.map(({ gate }) => gate.registry)).size === 1;
  const isOneRegion = new Set(gates.map(({ region }) => region)).size === 1;
  return ({ gate, region, name }) =>
    [isOneRegistry ? undefined : gate.registry.split('/').at(-1), isOneRegion ? undefined : region, name]
      .filter((part) => part !== undefined)
      .join('/');
}

function coloured(word: string, text: string): string {
  const style = STYLES[word];
  return style === undefined ? text : paint(style, text);
}

/** Replaces control characters in names from reports: a terminal would interpret them. */
export function clean(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: this expression removes them
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, '\uFFFD');
}
