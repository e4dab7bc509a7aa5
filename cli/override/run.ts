// What `override open`, `override close` and `override clear` do and print.

import type { NewOverride, Override } from '../../shared/gate/override.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { describeOverride } from '../../shared/report/override-text.ts';
import { describeState, gateName } from '../../shared/report/sentences.ts';
import type { Client } from '../stack/client.ts';
import type { ImageName } from '../stack/image-name.ts';
import type { ExitCode } from '../terminal/ending.ts';
import { columns, DRY_RUN } from '../terminal/terminal.ts';
import { documentOf, minute, plain, plainLines } from '../terminal/words.ts';
import { gatesToClear, imageAt } from './clear.ts';
import {
  type GateBefore,
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
  /** Where the answer goes. Default: stdout. */
  readonly print?: (text: string) => void;
}

/** Sets an override for the gates of one image. */
export async function setOverride(run: Run & { readonly wish: NewOverride }): Promise<ExitCode> {
  const { wish, name, dryRun } = run;
  const located = await locateImage(name, run.clients, run.now);
  const gates = await Promise.all(gatesFor(wish.kind, located.found).map((gate) => loadGate(gate, located, wish.at)));
  await refuseIneffective(wish.kind, gates, located);
  const results = dryRun ? [] : await recordThenApply(gates, (gate) => recordOrder(gate, wish, located));
  const verb = wish.kind === 'open' ? 'open' : 'close';
  answer(run, { command: verb, override: wish, gates, results }, () => [
    `${dryRun ? 'This would set an override' : 'Override set'}: ${wish.kind} until ${minute(wish.until)}, approved by ${plain(wish.approvedBy)}. Reason: ${plain(wish.reason)}`,
    '',
    ...gateLines(gates, results),
    '',
    ...(located.client.cloud === 'aws'
      ? [`On AWS the gate is the whole repository ${name.repository}, with all of its images.`]
      : []),
    wish.kind === 'open'
      ? `When the override ends, pullgate closes ${it(gates)} again if ${gates.length === 1 ? 'it still has a blocker' : 'they still have blockers'}.`
      : 'When the override ends, pullgate opens it unless it has a blocker.',
    // The tag may have moved to another image by then.
    `To end it earlier: pullgate override clear ${gates[0]?.gate.digest === undefined ? name.text : imageAt(name, gates[0].gate.digest)}`,
    ...(dryRun ? [DRY_RUN] : []),
  ]);
  return codeOf(results);
}

/** Ends the overrides of one image's gates, or of the image that had the name before. */
export async function clearOverride(run: Run & { readonly by: string }): Promise<ExitCode> {
  const { by, dryRun, name, now } = run;
  const at = now();
  const located = await locate(name, run.clients, now);
  const { gates, notes } = await gatesToClear(name, located, at);
  const results = dryRun ? [] : await recordThenApply(gates, (gate) => recordClear(gate, by, at, located));
  answer(run, { command: 'clear', gates, results }, () =>
    gates.length === 0
      ? [`${name.text} has no override: there is nothing to do.`, ...notes]
      : [
          dryRun
            ? 'This would clear the override; the policy decides again:'
            : 'Override cleared; the policy decides again:',
          '',
          ...gateLines(gates, results),
          ...(notes.length === 0 ? [] : ['', ...notes]),
          ...(dryRun ? [DRY_RUN] : []),
        ],
  );
  return codeOf(results);
}

interface Answer {
  readonly command: Verb;
  readonly override?: NewOverride;
  readonly gates: readonly GateBefore[];
  /** In the same order; empty in a dry run. */
  readonly results: readonly OverrideResult[];
}

function answer(run: Run, { gates, results, ...rest }: Answer, lines: () => readonly string[]): void {
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
    gates: gates.map(({ gate, record, blockers, override }, place) => {
      const { word, state, problem, notifyError } = results[place] ?? {};
      return {
        ...gate,
        before: {
          state: record === undefined ? 'open' : describeState(record.state),
          blockers,
          override: overrideJson(override),
        },
        ...(word === undefined ? {} : { action: word, state, problem, notifyError }),
      };
    }),
  };
  print(documentOf(document));
}

function overrideJson(override: Override | undefined) {
  if (override === undefined) return undefined;
  const { kind, at, until, reason, approvedBy, by } = override;
  return { kind, at, until, reason, approvedBy, by };
}

function gateLines(gates: readonly GateBefore[], results: readonly OverrideResult[]): readonly string[] {
  const rows = gates.map(({ gate, record, blockers }, place) => {
    const was = record === undefined ? 'open' : record.state.kind;
    const images = blockers === 1 ? '1 blocker' : `${blockers} blockers`;
    return [wordOf(results[place]), plain(gateName(gate)), `was ${was}${blockers === 0 ? '' : `; ${images}`}`];
  });
  const lines = columns(rows);
  return gates.flatMap(({ override }, place) => {
    const { problem, notifyError } = results[place] ?? {};
    return [
      `  ${lines[place] ?? ''}`,
      ...(override === undefined ? [] : [`      until now: ${plain(describeOverride(override))}`]),
      ...(problem === undefined ? [] : [`      ${plain(problem)}`]),
      ...(notifyError === undefined
        ? []
        : [`      the notice could not be sent yet: ${plain(notifyError.replace(/^Error: /, ''))}`]),
    ];
  });
}

/** What was done, as people read it; a dash in a dry run. */
function wordOf(result: OverrideResult | undefined): string {
  if (result === undefined) return '-';
  const { word, state = '' } = result;
  if (word === 'failed' || word === 'refused') return word.toUpperCase();
  if (word === 'opened' || word === 'closed') return word;
  if (word === 'gone') return 'is gone';
  return state.startsWith('closed') ? 'is closed' : 'is open';
}

function it(gates: readonly GateBefore[]): string {
  return gates.length === 1 ? 'it' : 'them';
}

function codeOf(results: readonly OverrideResult[]): ExitCode {
  return results.some(
    ({ word, problem, notifyError }) => word === 'failed' || problem !== undefined || notifyError !== undefined,
  )
    ? 1
    : 0;
}
