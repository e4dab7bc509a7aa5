// Reads the notices that the function sends, for tests: as subjects about one change of one gate each.
import type { MailSent } from '../local/azure/mail.ts';

/** The messages in a mail. A mail about several state changes has one part for each, with its subject as heading. */
export function messagesIn({ subject, plainText: text = '' }: Pick<MailSent, 'subject' | 'plainText'>) {
  if (!subject.endsWith(' state changes')) return [{ subject, text }];
  return text.split('\n----\n\n').map((part) => {
    const [heading = '', , ...lines] = part.split('\n');
    return { subject: heading, text: lines.join('\n') };
  });
}

/** The subject of each notice in a mail. */
export function subjectsIn(mail: MailSent): readonly string[] {
  return messagesIn(mail).flatMap(({ subject, text }) => subjectsOf(subject, text));
}

/** The subject of each notice in a message: a summary names its gates, and a notice may count several restorations. */
export function subjectsOf(subject: string, text: string): readonly string[] {
  const [, closedAgain, restorations, name] = /^(\[pullgate\] closed again) (\d+) times?(: .+)$/.exec(subject) ?? [];
  if (closedAgain !== undefined) return Array.from({ length: Number(restorations) }, () => `${closedAgain}${name}`);
  const [, what] = /^\[pullgate\] \d+ ([^:]+)$/.exec(subject) ?? [];
  if (what === undefined) return [subject];
  return [...text.matchAll(/^ {2}(\S+)(?: \(registry [^)]+\))?(?: \((\d+) times\))?$/gm)].flatMap(
    ([, gate, times = 1]) => Array.from({ length: Number(times) }, () => `[pullgate] ${what}: ${gate}`),
  );
}

/** Changes, by their words in a subject. */
export const CHANGES: Readonly<Record<string, string>> = {
  closed: 'closed',
  'closed again': 'restored',
  opened: 'opened',
  'NOT closed': 'waiting',
  'closed by override': 'closed',
  'open by override': 'opened',
  clear: 'cleared',
  'fix blocked': 'remedy',
  'fixes blocked': 'remedy',
};
