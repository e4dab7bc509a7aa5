// Details of CVEs that a command could not read, as a sentence.
import { counted } from '../../shared/report/sentences.ts';

/** How many CVEs needed details, and for how many none could be read. */
export interface UnreadDetails {
  readonly asked: number;
  readonly unread: number;
  /** Why, if the call failed. Undefined: the answer did not have them. */
  readonly error?: string | undefined;
}

export function describeUnreadDetails({ asked, unread, error }: UnreadDetails): string {
  const why = error === undefined ? '' : ` (${error})`;
  return `details of ${unread} of ${counted(asked, 'CVE')} could not be read, so the severity of their recommendations counts${why}`;
}
