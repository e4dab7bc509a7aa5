// Runs `override open`, `override close` and `override clear`, and prints the result.

import type { NewOverride, Override } from '../../shared/gate/override.ts';
import { isClosed } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { describeOverride } from '../../shared/report/override-text.ts';
import { counted, describeState, gateName } from '../../shared/report/sentences.ts';
import { endOf } from '../../shared/report/times.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import type { Client } from '../stack/client.ts';
import type { ImageName } from '../stack/image-name.ts';
import type { ExitCode } from '../terminal/ending.ts';
import { columns, DRY_RUN } from '../terminal/terminal.ts';
import { documentOf, plainLines } from '../terminal/words.ts';
import { gatesToClear, imageAt } from './clear.ts';
import {
  type GateInRun,
  gatesFor,
  loadGate,
  locate,
  locateImage,
  type OverrideResult,
  recordClear,
  recordOrder,
  recordThenApply,
  refuseIneffective,
  type Verb,
} from './override.ts';

interface Run {
  readonly stack: string;
  readonly clients: readonly Client[];
  readonly name: ImageName;
  readonly now: () => Instant;
  readonly dryRun: boolean;
  readonly json: boolean;
  /** Prints the answer. Default: on stdout. */
  readonly print?: (text: string) => void;
}

/** Sets an override for the gates of one image. */
export async function setOverride(run: Run & { readonly order: NewOverride }): Promise<ExitCode> {
  const { order, name, dryRun } = run;
  const located = await locateImage(name, run.clients, run.now);
  const before = await Promise.all(
    gatesFor(order.kind, located.found).map((gate) => loadGate(gate, located, order.at)),
  );
  await refuseIneffective(order.kind, before, located);
  const gates = dryRun ? before : await recordThenApply(before, (gate) => recordOrder(gate, order, located));
  const verb = order.kind === 'open' ? 'open' : 'close';
  answer(run, { command: verb, override: order, gates }, () => [
    `${dryRun ? 'This would set an override' : 'Override set'}: ${order.kind} until ${endOf(order.until, order.at)}, approved by ${plain(order.approvedBy)}. Reason: ${plain(order.reason)}`,
    '',
    ...gateLines(gates),
    '',
    ...(located.client.cloud === 'aws'
      ? [`On AWS, the gate is the whole repository ${name.repository} with all its images.`]
      : []),
    order.kind === 'open'
      ? `When the override ends, pullgate closes ${it(gates)} again if ${gates.length === 1 ? 'it still has a blocker' : 'they still have blockers'}.`
      : 'When the override ends, pullgate opens it unless it has a blocker.',
    // By then, the tag may have moved to another image.
    `To end it earlier: pullgate override clear ${gates[0]?.gate.digest === undefined ? name.text : imageAt(name, gates[0].gate.digest)}`,
    ...(dryRun ? [DRY_RUN] : []),
  ]);
  return codeOf(gates);
}

/** Ends the overrides of an image's gates, or of the image that had this name before. */
export async function clearOverride(run: Run & { readonly by: string }): Promise<ExitCode> {
  const { by, dryRun, name, now } = run;
  const at = now();
  const located = await locate(name, run.clients, now);
  const { gates: before, notes } = await gatesToClear(name, located, at);
  const gates = dryRun ? before : await recordThenApply(before, (gate) => recordClear(gate, by, at, located));
  answer(run, { command: 'clear', gates }, () =>
    gates.length === 0
      ? [`${name.text} has no override: there is nothing to do.`, ...notes]
      : [
          dryRun
            ? 'This would clear the override, and the policy would apply again:'
            : 'Override cleared. The policy applies again:',
          '',
          ...gateLines(gates),
          ...(notes.length === 0 ? [] : ['', ...notes]),
          ...(dryRun ? [DRY_RUN] : []),
        ],
  );
  return codeOf(gates);
}

interface Answer {
  readonly command: Verb;
  readonly override?: NewOverride;
  readonly gates: readonly GateInRun[];
}

function answer(run: Run, { gates, ...rest }: Answer, lines: () => readonly string[]): void {
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
    gates: gates.map(({ gate, record, blockers, override, result }) => ({
      ...gate,
      before: {
        state: record === undefined ? 'open' : describeState(record.state),
        blockers,
        override: overrideJson(override),
      },
      ...(result === undefined ? {} : resultJson(result)),
    })),
  };
  print(documentOf(document));
}

function resultJson({ word, state, problem, notifyError }: OverrideResult) {
  return { action: word, state: state && describeState(state), problem, notifyError };
}

function overrideJson(override: Override | undefined) {
  if (override === undefined) return undefined;
  const { kind, at, until, reason, approvedBy, by } = override;
  return { kind, at, until, reason, approvedBy, by };
}

function gateLines(gates: readonly GateInRun[]): readonly string[] {
  const rows = gates.map(({ gate, record, blockers, result }) => {
    const was = record === undefined ? 'open' : record.state.kind;
    const blockerNote = blockers === 0 ? '' : `; ${counted(blockers, 'blocker')}`;
    return [wordOf(result), plain(gateName(gate)), `was ${was}${blockerNote}`];
  });
  const lines = columns(rows);
  return gates.flatMap(({ override, result: { problem, notifyError } = {} }, index) => [
    `  ${lines[index] ?? ''}`,
    ...(override === undefined ? [] : [`      before: ${plain(describeOverride(override))}`]),
    ...(problem === undefined ? [] : [`      ${plain(problem)}`]),
    ...(notifyError === undefined ? [] : [`      the notice could not be sent yet: ${plain(notifyError)}`]),
  ]);
}

/** The result as a word; a dash in a dry run. */
function wordOf(result: OverrideResult | undefined): string {
  if (result === undefined) return '-';
  const { word, state } = result;
  if (word === 'failed' || word === 'refused') return word.toUpperCase();
  if (word === 'opened' || word === 'closed') return word;
  if (word === 'restored') return 'closed';
  if (word === 'gone') return 'is gone';
  return state !== undefined && isClosed(state) ? 'is closed' : 'is open';
}

function it(gates: readonly GateInRun[]): string {
  return gates.length === 1 ? 'it' : 'them';
}

function codeOf(gates: readonly GateInRun[]): ExitCode {
  const hasFailed = gates.some(
    ({ result }) => result?.word === 'failed' || result?.problem !== undefined || result?.notifyError !== undefined,
  );
  return hasFailed ? 1 : 0;
}
