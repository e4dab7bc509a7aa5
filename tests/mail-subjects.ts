// Reads the mails that the function sends, for tests.
import type { MailSent } from '../local/azure/mail.ts';

/** The subject of each notice in a mail. A mail about several state changes has them as lines of its text. */
export function subjectsIn({ subject, plainText = '' }: MailSent): readonly string[] {
  if (!subject.endsWith(' state changes')) return [subject];
  return plainText.split('\n').filter((line) => line.startsWith('[pullgate] '));
}
