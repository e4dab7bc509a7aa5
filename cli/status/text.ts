// The state of a stack as people read it: what needs a person first, then the gates, and what else is worth knowing.
import { styleText } from 'node:util';
import type { Gate } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { describeState, gateName } from '../../shared/report/sentences.ts';
import { columns } from '../terminal/terminal.ts';
import { endOf, exceptionName, minute, plain } from '../terminal/words.ts';
import type { GateStatus, ImageStatus, SideStatus, Status } from './status.ts';

type Style = Parameters<typeof styleText>[0];

/** The answer in lines. Colour only where stdout is a terminal. */
export function statusLines({ stack, at, sides, exceptions, concerns }: Status): readonly string[] {
  return [
    `The stack ${plain(stack)} at ${minute(at)}.`,
    '',
    ...(concerns.length === 0
      ? [paint('green', 'Nothing needs a person.')]
      : [paint('red', 'Needs a person:'), ...concerns.map((concern) => `  - ${plain(concern)}`)]),
    ...sides.flatMap((side) => sideLines(side, at)),
    ...(exceptions.length === 0 ? [] : ['', 'Exceptions that end soon, or have ended:']),
    ...columns(
      exceptions.map(({ exception, end }) => [
        end === 'expired' ? 'ended' : end === 1 ? '1 day' : `${end} days`,
        plain(exceptionName(exception)),
        endOf(exception.expiresAt, at),
        plain(exception.reason),
      ]),
    ).map((line, place) => paint(exceptions[place]?.end === 14 ? 'yellow' : 'red', `  ${line}`)),
  ];
}

function paint(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

const MODES = {
  enforce: 'it closes what the policy names',
  audit: 'audit: it closes nothing',
  pause: 'paused: it closes nothing until `pullgate resume`',
  release: 'releasing',
} as const;

function sideLines(side: SideStatus, now: Instant): readonly string[] {
  const { cloud, mode, pause, sweep, sweepAgeHours, sweepHours, deadLetters, brake, gates, look } = side;
  const groups: readonly (readonly [title: string, style: Style, gates: readonly GateStatus[]])[] = [
    ['Closed by pullgate', 'red', gates.filter(({ state }) => state.kind === 'closed')],
    ['On their way', 'yellow', gates.filter(({ state }) => state.kind === 'closing' || state.kind === 'opening')],
    ['Closed by somebody else', 'yellow', gates.filter(isOthers)],
    [
      'Not closed, though the policy names them',
      'yellow',
      gates.filter((gate) => gate.state.kind === 'waiting' && !isOthers(gate)),
    ],
    ['Open', 'green', gates.filter(({ state }) => state.kind === 'open')],
  ];
  const name = namesOf(gates);
  const age = sweepAgeHours === undefined ? '' : `, ${sweepAgeHours.toFixed(1)} hours ago`;
  return [
    '',
    paint(
      'bold',
      `${cloud === 'aws' ? 'AWS' : 'Azure'}: ${MODES[mode]}${pause === undefined ? '' : ` (since ${minute(pause.at)}, by ${plain(pause.by)})`}`,
    ),
    `  Last sweep    ${sweep === undefined ? 'none yet' : `${minute(sweep.sweptAt)}${age}, of ${sweep.gates} repositories`} (every ${sweepHours} hours)`,
    `  Dead letters  ${deadLetters ?? 'not known'}`,
    `  Brake         ${brake.closedThisHour} of ${brake.maxClosesPerHour} closed within the hour, ${brake.left} left`,
    ...(gates.length === 0 ? ['  No gate is closed or waits.'] : []),
    ...groups.flatMap(([title, style, found]) =>
      found.length === 0
        ? []
        : [
            '',
            `  ${paint(style, `${title}: ${found.length}`)}`,
            ...columns(found.map((gate) => gateRow(gate, name, now))).map((line) => `    ${line}`),
          ],
    ),
    ...(look === undefined
      ? []
      : [
          ...imageLines('Undetermined, nobody knows the severity of', look.undetermined),
          ...imageLines('Violate, and are not closed yet: the next event or sweep sees to it', look.missed),
          ...(look.closedByOthers.length === 0 ? [] : ['', '  Closed by somebody else, as a look shows:']),
          ...look.closedByOthers.flatMap(({ repository, obstacles }) =>
            obstacles.map(
              ({ what, for: who }) => `    ${plain(repository)}  ${plain(what)}${who === 'some' ? ', for some' : ''}`,
            ),
          ),
          ...look.unsure.map((why) => `  Not certain: ${plain(why)}.`),
        ]),
  ];
}

function isOthers({ state }: GateStatus): boolean {
  return state.kind === 'waiting' && state.for === 'lockedByOthers';
}

/** With the registry's name, where there are several. An AWS account is one. */
function namesOf(gates: readonly GateStatus[]): (gate: Gate) => string {
  const registries = new Set(gates.map(({ gate }) => gate.registry));
  return (gate) => (registries.size > 1 ? `${gate.registry.split('/').at(-1)}/${gateName(gate)}` : gateName(gate));
}

function gateRow(status: GateStatus, nameOf: (gate: Gate) => string, now: Instant): readonly string[] {
  const { gate, state, since, closedSince, images, worst, byHand, untold } = status;
  const notes = [
    state.kind === 'waiting' ? describeState(state) : undefined,
    worst === undefined
      ? undefined
      : `${images === 1 ? '1 image' : `${images} images`}, worst: ${worst.vulnerability} in ${worst.package.name}`,
    byHand === undefined
      ? undefined
      : `${byHand.kind} by hand until ${endOf(byHand.until, now)}: ${byHand.reason} (approved by ${byHand.approvedBy})`,
    untold === 0 ? undefined : 'nobody told yet',
  ].filter((note) => note !== undefined);
  const word = state.kind === 'waiting' ? '' : `${state.kind} `;
  return [nameOf(gate), `${word}since ${minute(closedSince ?? since)}`, notes.join('; ')].map(plain);
}

function imageLines(title: string, images: readonly ImageStatus[]): readonly string[] {
  if (images.length === 0) return [];
  const rows = images.map(({ repository, digest, tags, vulnerabilities }) =>
    [`${repository}@${digest}`, tags.join(', ') || 'without a tag', vulnerabilities.slice(0, 5).join(', ')].map(plain),
  );
  return ['', `  ${title}: ${images.length}`, ...columns(rows).map((line) => `    ${line}`)];
}
