// Formats the state of a stack as lines: first what requires action, then the gates and the rest.
import type { BrakeCounts } from '../../shared/gate/brake.ts';
import type { Gate } from '../../shared/gate/gate.ts';
import { isClosed } from '../../shared/gate/record.ts';
import type { Instant } from '../../shared/policy/finding.ts';
import { describeUnscanned, type Unscanned } from '../../shared/reconcile/unscanned.ts';
import { counted, describeState } from '../../shared/report/sentences.ts';
import { plain } from '../../shared/runtime/unseen.ts';
import type { Obstacle } from '../stack/client.ts';
import { CLOUD_NAMES } from '../stack/cloud.ts';
import { columns, paint, repositories, type Style } from '../terminal/terminal.ts';
import { endOf, exceptionName, gateNames, minute } from '../terminal/words.ts';
import { evidenceLines } from './evidence.ts';
import type { ImageStatus } from './live.ts';
import type { CloudStatus, GateStatus, Status } from './status.ts';

/** Formats the answer as lines, in colour if stdout is a terminal. */
export function statusLines({ stack, at, clouds, exceptions, concerns }: Status): readonly string[] {
  return [
    `Status of the stack ${plain(stack)} at ${minute(at)}`,
    '',
    ...(concerns.length === 0
      ? [paint('green', 'No action required.')]
      : [paint('red', 'Action required:'), ...concerns.map((concern) => `  - ${plain(concern)}`)]),
    ...clouds.flatMap((cloud) => cloudLines(cloud, at)),
    ...(exceptions.length === 0 ? [] : ['', 'Exceptions that have expired or expire soon:']),
    ...columns(
      exceptions.map(({ exception, end }) => [
        end === 'expired' ? 'expired' : `within ${counted(end, 'day')}`,
        plain(exceptionName(exception)),
        endOf(exception.expiresAt, at),
        plain(exception.reason),
      ]),
    ).map((line, index) => paint(exceptions[index]?.end === 14 ? 'yellow' : 'red', `  ${line}`)),
  ];
}

function modeLine({ mode, rules, pause }: CloudStatus, now: Instant): string {
  if (pause !== undefined) {
    const end = pause.until === undefined ? '`pullgate resume`' : endOf(pause.until, now);
    return `paused since ${minute(pause.at)} by ${plain(pause.by)} (no gate closes until ${end})`;
  }
  const without = rules.length === 0 ? '' : ' without a rule';
  return mode === 'audit'
    ? `mode audit (no gate${without} closes)`
    : `mode enforce (policy violations close gates${without})`;
}

/** The rules in their order: the first that matches applies. */
function ruleLines({ rules }: CloudStatus): readonly string[] {
  return rules.map(({ rule, mode }, index) => `  ${index === 0 ? 'Rules       ' : '            '}  ${rule}: ${mode}`);
}

function cloudLines(status: CloudStatus, now: Instant): readonly string[] {
  const { cloud, sweep, sweepAgeHours, sweepHours, deadLetters, brake, gates, untaggedImages, live } = status;
  const groups: readonly (readonly [title: string, style: Style, gates: readonly GateStatus[]])[] = [
    ['Closed by pullgate', 'red', gates.filter(({ state }) => isClosed(state))],
    ['Closing or opening', 'yellow', gates.filter(({ state }) => state.kind === 'closing' || state.kind === 'opening')],
    ['Closed by someone else', 'yellow', gates.filter(isOthers)],
    [
      'Not closed although they violate the policy',
      'yellow',
      gates.filter((gate) => gate.state.kind === 'waiting' && !isOthers(gate)),
    ],
    ['Open', 'green', gates.filter(({ state }) => state.kind === 'open')],
  ];
  const said = evidenceLines(status.inherited, live);
  const evidence = said.length === 0 ? [] : ['', '  Evidence:', ...said.map((line) => `    ${plain(line)}`)];
  const nameOf = gateNames(gates.map(({ gate }) => gate));
  const age = sweepAgeHours === undefined ? '' : `, ${sweepAgeHours.toFixed(1)} hours ago`;
  return [
    '',
    paint('bold', `${CLOUD_NAMES[cloud]}: ${modeLine(status, now)}`),
    `  Last sweep    ${sweep === undefined ? 'none yet' : `${minute(sweep.sweptAt)}${age}, ${repositories(sweep.gates)}`} (every ${counted(sweepHours, 'hour')})`,
    ...ruleLines(status),
    `  Dead letters  ${deadLetters ?? 'unknown'}`,
    `  Brake         ${brakeLine(brake)}`,
    ...(gates.length === 0 ? ['  No gates are closed or waiting.'] : []),
    ...groups.flatMap(([title, style, found]) =>
      found.length === 0
        ? []
        : [
            '',
            `  ${paint(style, `${title}: ${found.length}`)}`,
            ...columns(found.map((gate) => gateRow(gate, nameOf, now))).map((line) => `    ${line}`),
          ],
    ),
    ...untaggedLines(untaggedImages),
    ...evidence,
    ...(live === undefined
      ? []
      : [
          ...imageLines('Undetermined, because the severity is unknown', live.undetermined),
          ...imageLines('Violating and not closed yet; the next event or sweep closes them', live.missed),
          ...(live.closedByOthers.length === 0 ? [] : ['', '  Closed by someone else, as observed now:']),
          ...live.closedByOthers.flatMap(({ repository, obstacles }) =>
            obstacles.map((obstacle) => `    ${plain(repository)}  ${obstacleText(obstacle)}`),
          ),
          ...(live.unscanned === undefined || live.unscanned.images === 0 ? [] : unscannedLines(live.unscanned)),
          ...live.unsure.map((why) => `  Not certain: ${plain(why)}.`),
        ]),
  ];
}

function brakeLine({ closedThisHour, maxClosesPerHour, closedThisDay, maxClosesPerDay, left }: BrakeCounts): string {
  return `${closedThisHour} of ${maxClosesPerHour} closings in the last hour, ${closedThisDay} of ${maxClosesPerDay} in the last 24 hours, ${left} left`;
}

/** A closed image stays closed when its tag moves, because what runs may name its digest. */
function untaggedLines(images: number): readonly string[] {
  if (images === 0) return [];
  const have = images === 1 ? 'has' : 'have';
  return ['', `  ${counted(images, 'closed image')} ${have} no tag. Delete what nothing runs.`];
}

function unscannedLines(unscanned: Unscanned): readonly string[] {
  const { images, repositories, moreRepositories } = unscanned;
  const more = moreRepositories === 0 ? '' : ` and ${moreRepositories} more`;
  return [
    '',
    `  Images that no scan judges: ${images} (${plain(describeUnscanned(unscanned))})`,
    `    in ${plain(repositories.join(', '))}${more}`,
  ];
}

function obstacleText({ by, what, for: who }: Obstacle): string {
  if (by === 'anotherStack') return `still refused by ${plain(what)}, which another pullgate deployment wrote`;
  return `${plain(what)}${who === 'some' ? ', for some principals' : ''}`;
}

function isOthers({ state }: GateStatus): boolean {
  return state.kind === 'waiting' && state.for === 'foreignLock';
}

function gateRow(status: GateStatus, nameOf: (gate: Gate) => string, now: Instant): readonly string[] {
  const { gate, rule, state, since, closedSince, blockers, worst, override, pendingNotices } = status;
  const needsWords = state.kind === 'waiting' || state.kind === 'unexplained';
  const notes = [
    needsWords ? describeState(state) : undefined,
    worst === undefined
      ? undefined
      : `${counted(blockers, 'blocker')}, worst: ${worst.vulnerability} in ${worst.package.name}`,
    override === undefined
      ? undefined
      : `override: ${override.kind} until ${endOf(override.until, now)}, ${override.reason} (approved by ${override.approvedBy})`,
    pendingNotices === 0 ? undefined : 'notice pending',
    rule === null ? undefined : `by ${rule}`,
  ].filter((note) => note !== undefined);
  const word = needsWords ? '' : `${state.kind} `;
  return [nameOf(gate), `${word}since ${minute(closedSince ?? since)}`, notes.join('; ')].map(plain);
}

function imageLines(title: string, images: readonly ImageStatus[]): readonly string[] {
  if (images.length === 0) return [];
  const rows = images.map(({ repository, digest, tags, vulnerabilities }) =>
    [`${repository}@${digest}`, tags.join(', ') || 'untagged', vulnerabilities.slice(0, 5).join(', ')].map(plain),
  );
  return ['', `  ${title}: ${images.length}`, ...columns(rows).map((line) => `    ${line}`)];
}
