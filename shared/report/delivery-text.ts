// Renders the notices of one delivery: each as a message of its own, but many of one kind as one summary.
import { type Gate, gateKey } from '../gate/gate.ts';
import type { Notice } from '../gate/record.ts';
import {
  type Message,
  message,
  type NoticeContext,
  OVER,
  reasonToWait,
  renderNotice,
  waitingOf,
} from './notice-text.ts';
import { totalUsageLines } from './notice-usage.ts';
import { describeOverride } from './override-text.ts';
import { CLEARANCES, counted, gateName, number } from './sentences.ts';
import { minute } from './times.ts';

/** A notice, and the gate that it is about. */
export interface GateNotice {
  readonly gate: Gate;
  readonly notice: Notice;
}

/** A message about one notice, or about all notices of a kind. */
export interface NoticeMessage extends Message {
  readonly kind: Notice['kind'];
  readonly about: readonly GateNotice[];
}

/** If a delivery has more notices of one kind, they are one summary. */
export const MAX_SINGLE = 20;
/** The most gates that a summary names. */
const MAX_NAMES = 100;

/** The notices that have a message of their own. */
export function singleNotices(notices: readonly GateNotice[]): readonly GateNotice[] {
  const byKind = Map.groupBy(notices, kindOf);
  return [...byKind.values()].flatMap((about) => (about.length > MAX_SINGLE ? [] : about));
}

/** The messages for some notices, in their order. A summary takes the place of the first notice of its kind. */
export function renderDelivery(notices: readonly GateNotice[], context: NoticeContext): readonly NoticeMessage[] {
  const placed = [...Map.groupBy(notices, kindOf)].flatMap(([kind, about]) =>
    about.length > MAX_SINGLE
      ? [{ place: notices.findIndex((one) => kindOf(one) === kind), message: summarize(kind, about, context) }]
      : about.map((one) => ({
          place: notices.indexOf(one),
          message: { kind: one.notice.kind, about: [one], ...renderNotice(one.gate, one.notice, context) },
        })),
  );
  return placed.toSorted((a, b) => a.place - b.place).map((one) => one.message);
}

/** The kind of a notice. An override that begins or ends is what its notice is about, whatever else changed. */
function kindOf({ notice: { kind, override } }: GateNotice): Notice['kind'] {
  return override?.isNews === true ? 'override' : kind;
}

/** For each kind the words after the number of notices in the subject, and what happened to the gates. */
const WORDS: Readonly<Record<Notice['kind'], { readonly subject: string; readonly change: string }>> = {
  closed: { subject: 'closed', change: 'pullgate closed' },
  restored: { subject: 'closed again', change: 'pullgate closed again' },
  unexplained: {
    subject: 'closed, reason unknown',
    change: 'These have a lock of pullgate, and their records do not say why they were closed:',
  },
  closedInUse: { subject: 'closed, but in use', change: 'These are closed although they are in use:' },
  remedy: {
    subject: 'fixes blocked',
    change: 'These are closed, and block the fix for the images that keep them closed:',
  },
  waiting: { subject: 'NOT closed', change: 'These should be closed, but pullgate did not close them:' },
  cleared: { subject: 'clear', change: 'These no longer need to be closed:' },
  opened: { subject: 'opened', change: 'pullgate opened' },
  override: { subject: 'overrides', change: 'An override began or ended for' },
};

function summarize(kind: Notice['kind'], about: readonly GateNotice[], context: NoticeContext): NoticeMessage {
  const { subject, change } = WORDS[kind];
  const gates = [...Map.groupBy(about, ({ gate }) => gateKey(gate)).values()];
  const times = about.map(({ notice: { at } }) => minute(at)).toSorted();
  const isClosing = kind === 'closed' || kind === 'restored';
  const rendered = message(`${about.length} ${subject}`, [
    `${change} ${counted(gates.length, 'gate')}, from ${times[0]} to ${times.at(-1)}.${isClosing ? ` ${context.effectOfClosing}` : ''}`,
    ...commonReason(about),
    ...(BLOCKED.includes(kind) ? totalUsageLines(newestOf(gates), context) : []),
    '',
    ...namesOf(gates),
    ...describeDropped(about),
    '',
    'To see all gates, run `pullgate status`; for the reason and the ways out of one, `pullgate why IMAGE`.',
  ]);
  return { kind, about, ...rendered };
}

/** The kinds of notices about gates that have blockers. */
const BLOCKED: readonly Notice['kind'][] = ['closed', 'restored', 'closedInUse', 'waiting'];

/** The newest notice of each gate. */
function newestOf(gates: readonly (readonly GateNotice[])[]): readonly Notice[] {
  return gates.flatMap((notices) => notices.slice(-1).map(({ notice }) => notice));
}

/** The reason, if it is the same for all. */
function commonReason(about: readonly GateNotice[]): readonly string[] {
  const [first, ...others] = new Set(about.map(({ notice }) => reasonOf(notice)));
  return [others.length > 0 ? 'The reasons differ.' : `The reason is the same for each: ${first}.`];
}

/** A reason that several gates can share: what delays a closing, what ended a wait, or the worst finding. */
function reasonOf(notice: Notice): string {
  if (notice.override?.isNews === true) return describeOverride(notice.override.order);
  const waiting = waitingOf(notice);
  if (waiting !== undefined) return reasonToWait(waiting, notice.override);
  if (notice.kind === 'restored') return reasonToRestore(notice.was);
  if (notice.kind === 'opened' || notice.kind === 'cleared') {
    const ways = new Set(notice.clearances.map(({ how }) => CLEARANCES[how]));
    return ways.size === 0 ? 'it has no blocker' : [...ways].toSorted().join('; ');
  }
  if (notice.kind === 'unexplained') return 'the record may be lost, or an older copy of it may have been restored';
  const [worst] = notice.images.flatMap(({ findings }) => findings);
  return worst === undefined ? 'an override' : worst.vulnerability;
}

function reasonToRestore(was: Extract<Notice, { kind: 'restored' }>['was']): string {
  if (was === 'closed') return 'its lock was missing or did not match the config';
  return was === 'open' ? 'an image that had kept it closed violates the policy again' : OVER[was.for];
}

/** The gates by name, each with the number of its notices if it has several. */
function namesOf(gates: readonly (readonly GateNotice[])[]): readonly string[] {
  const [registry, ...others] = new Set(gates.flat().map(({ gate }) => gate.registry));
  const lines = gates.slice(0, MAX_NAMES).flatMap((notices) =>
    notices.slice(0, 1).map(({ gate }) => {
      const where = others.length === 0 ? '' : ` (registry ${gate.registry})`;
      return `  ${gateName(gate)}${where}${notices.length === 1 ? '' : ` (${notices.length} times)`}`;
    }),
  );
  const more = gates.length - MAX_NAMES;
  return [
    others.length === 0 ? `In the registry ${registry}:` : 'The gates:',
    ...lines,
    ...(more > 0 ? [`  and ${number(more)} more`] : []),
  ];
}

function describeDropped(about: readonly GateNotice[]): readonly string[] {
  const dropped = about.reduce((sum, { notice: { droppedBefore = 0 } }) => sum + droppedBefore, 0);
  return dropped === 0
    ? []
    : [
        '',
        `${counted(dropped, 'older notice')} of these gates could not be sent in time, and ${dropped === 1 ? 'was' : 'were'} dropped.`,
      ];
}
