// What the policy could not judge, or judged by less than it could: one line for each kind.
import { activeBlockers, type GateRecord, isClosed } from '../../shared/gate/record.ts';
import { knownSeverity } from '../../shared/policy/finding.ts';
import { counted } from '../../shared/report/sentences.ts';
import { describeUnreadDetails } from '../stack/unread-details.ts';
import type { LiveStatus } from './live.ts';

/** Closed gates by their findings, and how many of them rest only on severities inherited from reports. */
export interface InheritedShare {
  readonly closed: number;
  readonly inherited: number;
}

export function countInherited(records: readonly GateRecord[]): InheritedShare {
  const closed = records
    .filter(({ state }) => isClosed(state))
    .map((record) => activeBlockers(record).flatMap(({ findings }) => findings))
    .filter((findings) => findings.length > 0);
  const inherited = closed.filter((findings) => findings.every((finding) => knownSeverity(finding)?.from === 'report'));
  return { closed: closed.length, inherited: inherited.length };
}

/** The most images that a line names. */
const MAX_NAMED = 3;

/** One line for each kind that occurs. */
export function evidenceLines(
  { closed, inherited }: InheritedShare,
  live: Partial<LiveStatus> | undefined,
): readonly string[] {
  const { judgedImages = 0, undetermined = [], unattributed, withoutRow = [], unreadDetails } = live ?? {};
  return [
    ...(undetermined.length === 0
      ? []
      : [`undetermined: ${undetermined.length} of ${counted(judgedImages, 'image')}, because a severity is unknown`]),
    ...(inherited === 0 ? [] : [`only inherited severities: ${inherited} of ${counted(closed, 'closed gate')}`]),
    ...(unattributed === undefined ? [] : [unattributedLine(unattributed)]),
    ...(withoutRow.length === 0 ? [] : [withoutRowLine(withoutRow)]),
    ...(unreadDetails === undefined ? [] : [describeUnreadDetails(unreadDetails)]),
  ];
}

function unattributedLine({ unattributed, unread, assessments }: NonNullable<LiveStatus['unattributed']>): string {
  const [example] = assessments;
  const named = example === undefined ? '' : `, such as the assessment ${example}`;
  const absent = unattributed === 0 ? [] : [`${counted(unattributed, 'image')} in no registry of the stack`];
  const unknown = unread === 0 ? [] : [`${counted(unread, 'image')} that may be in a registry which does not respond`];
  return `unattributed: recommendations for ${[...absent, ...unknown].join(', and for ')}${named}`;
}

function withoutRowLine(images: readonly string[]): string {
  const more = images.length > MAX_NAMED ? ` and ${images.length - MAX_NAMED} more` : '';
  const named = images.slice(0, MAX_NAMED).join(', ');
  return `no row: ${counted(images.length, 'image')} with events in the poison queue that Log Analytics does not confirm: ${named}${more}`;
}
